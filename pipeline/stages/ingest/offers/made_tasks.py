"""Records that hold no question and no answer: what a task may be made of, as shapes that people choose and word."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any

from pipeline.stages.ingest.detect.columns import are_texts
from pipeline.stages.ingest.detect.turns import ANSWERS, ASKS, NUMBER, word_and_number
from pipeline.stages.ingest.fields.names import CHOICES, INSTRUCTION, NOTES, ORIGIN, OUTPUT, named, numbered_choices
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.unmapped import HANGUL, NO_TEXT, is_sentence
from pipeline.stages.ingest.fields.written import spelled
from pipeline.stages.ingest.offers.translations import LANGUAGES
from pipeline.stages.ingest.shapes.columns import labelled
from pipeline.stages.ingest.shapes.wording import MOST_LABELS, worded
from schemas.shapes import Columns, Conversation, Shape, Template

#: What is translated, and its translation: one that somebody has checked comes before the one of a machine.
SOURCES = ("source", "src", "source_text", "src_text", "source_sentence", "원문", "원문장")
TARGETS = (
    *("번역문_검수", "번역문 검수", "검수번역문", "검수_번역문", "최종번역문", "post_edit", "post_edited", "pe", "ref"),
    *("reference", "target", "tgt", "target_text", "tgt_text", "target_sentence", "번역문"),
)
#: The language of a translation.
TARGET_LANGUAGES = (
    *("target_lang", "tgt_lang", "target_language", "output_language", "목표언어", "목표 언어", "번역언어"),
)
#: Where in a text, or in a table, a mark is.
POSITIONS = {
    *("start", "end", "begin", "offset", "start_offset", "end_offset", "start_idx", "end_idx", "span", "row", "col"),
}
#: Names of what is above a part of a text, and of nobody who speaks.
HEADINGS = ("heading", "header", "title", "subtitle", "section", "label", "type", "제목", "소제목", "항목")
#: What is to be put in words by people.
OWN = "…"


def made_tasks(records: Sequence[Record]) -> Iterator[Shape]:
    """The shapes of records of one of these kinds; none for others."""
    record = records[0]
    if not named(record, INSTRUCTION) and (shapes := list(_of_cells(records))):
        yield from shapes
        return
    if named(record, (*INSTRUCTION, *OUTPUT, *CHOICES)) or numbered_choices(record):
        return
    for kind in (_translated, _answered_often, _compared, _written_often, _marked, _in_parts, _in_lists, _of_classes):
        if shapes := list(kind(records)):
            yield from shapes
            return


def about_talk(records: Sequence[Record], talk: Conversation) -> Iterator[Template]:
    """The one text beside a conversation of people, as what is made of it: a summary."""
    names = [name for name in _texts(records) if all(is_sentence(record[name]) for record in records)]
    if len(names) == 1 and "*" not in talk.turns and not named(records[0], (*INSTRUCTION, *OUTPUT)):
        yield _own([talk.turns], names[0], {talk.turns: f"{{{talk.role}}}: {{{talk.text}}}"})


def _own(given: Sequence[str], output: str, items: Mapping[str, str] = MappingProxyType({})) -> Template:
    """The template of a task that people put in words: a text in `output` for what is in `given`."""
    return labelled("", given, output).model_copy(update={"instruction": OWN, "items": dict(items)})


def _translated(records: Sequence[Record]) -> Iterator[Shape]:
    """A text and its translation, by their names."""
    pair = [names[0] for names in (named(records[0], SOURCES), named(records[0], TARGETS)) if names]
    if len(pair) < 2 or not all(isinstance(record.get(name), str) for name in pair for record in records):
        return
    source, target = pair
    shape = _own([source], target)
    languages = named(records[0], TARGET_LANGUAGES)
    if languages and (words := _languages(records, languages[0])):
        task = f"다음 글을 {{{languages[0]}}}로 옮기세요."
        yield shape.model_copy(update={"instruction": task, "labels": {languages[0]: words}})
    elif all(HANGUL.search(record[target]) and not HANGUL.search(record[source]) for record in records):
        yield shape.model_copy(update={"instruction": "다음 글을 한국어로 옮기세요."})
    else:
        yield shape


def _languages(records: Sequence[Record], name: str) -> dict[str, str]:
    """The words for the languages in a field; none where one of them is not known."""
    values = {spelled(record.get(name)).strip() for record in records}
    words = {value: LANGUAGES.get(value.casefold().partition("-")[0].partition("_")[0]) for value in sorted(values)}
    return {value: word for value, word in words.items() if word} if all(words.values()) else {}


def _answered_often(records: Sequence[Record]) -> Iterator[Shape]:
    """A question in one or several wordings, and more answers than that: each of them answers it."""
    families = _families(records[0])
    asks, answers = ([family for word, family in families.items() if word in words] for words in (ASKS, ANSWERS))
    if len(asks) == len(answers) == 1 and len(answers[0]) > len(asks[0]):
        yield Columns(instruction=asks[0][0], output=answers[0][0], input=None)


def _compared(records: Sequence[Record]) -> Iterator[Shape]:
    """Two texts of one name with numbers, and what is said of both."""
    texts = _texts(records)
    pairs = [family for family in _families(records[0]).values() if len(family) == 2 and set(family) <= set(texts)]
    if len(pairs) == 1 and len(texts) == 2:
        for name in _classes(records, pairs[0]):
            yield worded(_own(pairs[0], name), records)


def _written_often(records: Sequence[Record]) -> Iterator[Shape]:
    """A text, and several that are made of it, under one name with numbers: the first of them counts."""
    texts = _texts(records)
    families = [family for family in _families(records[0]).values() if set(family) <= set(texts)]
    others = [name for name in texts if name not in families[0]] if len(families) == 1 else []
    if len(others) == 1 and len(families[0]) > 1:
        yield _own(others, families[0][0])


def _marked(records: Sequence[Record]) -> Iterator[Shape]:
    """A text, and the marks in it or the parts of it, which a list of objects holds."""
    texts = _texts(records)
    for key, items in records[0].items():
        if not is_marks(items) or len(texts) != 1:
            continue
        said = [name for name, value in items[0].items() if isinstance(value, str)]
        line = ": ".join(f"{{{name}}}" for name in sorted(said or items[0], key=lambda name: name in ("label", "type")))
        yield _own(texts, key, {key: line})


def _of_cells(records: Sequence[Record]) -> Iterator[Shape]:
    """The cells of a table, and the one text, or list of texts, that is made of it."""
    objects = {name: value for name, value in records[0].items() if isinstance(value, dict)}
    inside = {f"{name}.{key}": item for name, value in objects.items() for key, item in value.items()}
    cells = [path for path, value in {**records[0], **inside}.items() if is_marks(value) and _are_cells(value)]
    told = [name for name, value in records[0].items() if are_texts(value) and any(map(is_sentence, value))]
    texts = [*_texts(records), *told]
    if len(cells) == len(texts) == 1:
        yield _own(cells, texts[0], {cells[0]: "{value}"})


def _are_cells(items: Sequence[Record]) -> bool:
    return all(isinstance(item.get("value"), str) and {"row", "col"} <= item.keys() for item in items)


def _in_parts(records: Sequence[Record]) -> Iterator[Shape]:
    """A text in parts under headings."""
    for key, items in records[0].items():
        if (
            _texts(records)
            or not isinstance(items, list)
            or not items
            or not all(isinstance(item, dict) for item in items)
        ):
            continue
        heads = named(items[0], HEADINGS)
        texts = [name for name, value in items[0].items() if name not in heads and isinstance(value, str)]
        if len(texts) == 1 and heads and is_sentence(items[0][texts[0]]):
            line = "\n".join(f"{{{name}}}" for name in (heads[0], texts[0]))
            yield _own(named(records[0], ("title", "제목"))[:1], key, {key: line})


def _in_lists(records: Sequence[Record]) -> Iterator[Shape]:
    """Sentences in lists alone: those in the last list are made of those in the first."""
    lists = [name for name, value in records[0].items() if are_texts(value) and any(map(is_sentence, value))]
    if lists and not _texts(records) and len(lists) < 3:
        yield _own(lists[:-1], lists[-1])


def is_marks(value: Any) -> bool:
    """Whether a value is a list of marks with their places in a text or a table."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and POSITIONS & {name.casefold() for name in item} for item in value)
    )


def _of_classes(records: Sequence[Record]) -> Iterator[Shape]:
    """A text, and the classes that it is in: each of them is a task."""
    texts = [name for name in _texts(records) if any(is_sentence(record[name]) for record in records)]
    if len(texts) == 1 and all(isinstance(value, str | int | None) for value in records[0].values()):
        for name in _classes(records, texts):
            yield worded(_own(texts, name), records)


def _classes(records: Sequence[Record], but: Sequence[str]) -> list[str]:
    """The fields of few values, each of one word or a truth value, which repeat from record to record."""
    found = []
    for name in records[0]:
        values = [record.get(name) for record in records]
        if name in but or name.strip().casefold() in {*ORIGIN, *NOTES} or not all(map(_is_class, values)):
            continue
        count = len({spelled(value) for value in values})
        repeats = count < len(values) or not isinstance(values[0], str)
        if repeats and 1 < count <= min(MOST_LABELS, max(2, len(records) // 2)):
            found.append(name)
    return found


def _is_class(value: Any) -> bool:
    if isinstance(value, str):
        return 0 < len(value.split()) < 3 and (NO_TEXT.fullmatch(value) is None or value in ("0", "1"))
    return isinstance(value, bool) or value in (0, 1)


def _texts(records: Sequence[Record]) -> list[str]:
    """The fields of texts in all records: of more than a word, and no notes."""
    return [
        name
        for name in records[0]
        if name.strip().casefold() not in {*ORIGIN, *NOTES}
        and all(isinstance(record.get(name), str) and not NO_TEXT.fullmatch(record[name]) for record in records)
        and any(len(record[name].split()) > 1 for record in records)
    ]


def _families(record: Record) -> dict[str, list[str]]:
    """The fields of texts whose names differ in a number alone, in its order, by their word."""
    found: dict[str, dict[int, str]] = defaultdict(dict)
    for name, value in record.items():
        word, number = word_and_number(name)
        if isinstance(value, str | None) and NUMBER.fullmatch(name.strip()):
            found[word][number] = name
    return {word: [family[number] for number in sorted(family)] for word, family in found.items()}


def not_written_out(records: Sequence[Record]) -> str | None:
    """What to write in the source file, where only names or numbers say what the texts of a record are."""
    first = records[0]
    are_texts_alone = all(isinstance(value, str) for value in first.values())
    if len(records) == 1 and len(first) > 1 and are_texts_alone and all(map(_is_told, first)):
        return (
            "the names of the fields are texts themselves; where they are questions and their answers, write each "
            'pair in the source file as a record, as in [{"question": "…", "answer": "…"}]'
        )
    for name in named(first, OUTPUT):
        if all(isinstance(said := record.get(name), str) and said in _names_in(record) for record in records):
            return (
                f"`{name}` is the name of another field; write the text of that field in its place in the source file"
            )
    is_asked = named(first, INSTRUCTION)
    lists = [name for name, value in first.items() if isinstance(value, list) and not is_asked]
    for tokens in (name for name in lists if are_texts(first[name])):
        for tags in lists:
            is_parallel = all(_are_parallel(record.get(tokens), record.get(tags)) for record in records)
            if is_parallel and first[tags] and all(isinstance(tag, int) for tag in first[tags]):
                return (
                    f"`{tags}` holds a number for each of `{tokens}`; write in the source file a field of text that "
                    "says what they mean, as the answer"
                )
    return None


def _is_told(name: str) -> bool:
    return is_sentence(name) or name.rstrip().endswith(("?", ".", "!"))


def _names_in(record: Record) -> set[str]:
    """The names of the fields of a record and of its objects."""
    inside = (name for value in record.values() if isinstance(value, dict) for name in value)
    return {*record, *inside}


def _are_parallel(one: Any, other: Any) -> bool:
    return isinstance(one, list) and isinstance(other, list) and len(one) == len(other)
