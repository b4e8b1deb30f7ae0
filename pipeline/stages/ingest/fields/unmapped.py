"""Fields that no column takes and that the answer may need: told from ids, dates and other notes by their values."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.fields.given import paths_of
from pipeline.stages.ingest.fields.names import (
    BESIDE,
    BODY,
    CONTEXT,
    INSTRUCTION,
    MAGPIE,
    MANNER,
    MEASURE,
    NOTES,
    OF_TALK,
    OPINIONS,
    ORIGIN,
    REMARKS,
    SYSTEM,
    corrects,
    explains,
    leaf,
    named,
    sets_the_scene,
    tells_the_task,
)
from pipeline.stages.ingest.fields.paths import Record, at, texts_at
from pipeline.stages.ingest.fields.written import is_scalar, lines_of
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.printed import opened
from schemas.shapes import (
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Instances,
    MultipleChoice,
    Pairs,
    Preference,
)

#: What an object about a record (`meta`) may hold of its task.
OF_TASK = {*INSTRUCTION, *CONTEXT, *SYSTEM}
#: A text of fewer words is a name or a note, unless it ends as a sentence does.
WORDS = 4
#: From this length on a text is one, however often it repeats: several questions may be about one passage.
LONG = 80
#: A share that is nearly all, and one that is most.
NEARLY_ALL, MOST = 0.9, 0.5
SENTENCE_END = re.compile(r"(?:[.?!。]|[다요까죠오]|니다)[\"'”’)\]]*\s*$")
#: How an order begins or ends that has no end of a sentence; words of a text that is more than a name of a task.
ORDER = re.compile(r"(?:다음|주어진|아래|제시된)\s.*|.*(?:라|것|기|하게|함)[\"'”’)\]]*\s*$", re.DOTALL)
MANY_WORDS = 8
#: Names of what the law asks to be written beside a text.
LEGAL = re.compile(
    r".*(?:licen[cs]e|copyright|notice|citation|disclaimer|rights|저작권|라이선스|이용조건|이용허락).*"
    r"|인용(?:정보|방법|표기)?"
)
#: Names of what a text of the shape was made from, or made into.
TWIN = re.compile(
    r"(?:orig|original|org|raw|en|eng|english|translated)_.+|.+_(?:orig|original|en|eng|english|translated)"
)
#: Names of the title of a question; and of a title that may be that of a question, or of a document.
TITLE = re.compile(r"(?!답|회신|처리|상담사).+제목")
TITLES = ("title", "subject", "제목")
#: How a title ends that asks for something, and what of a question says that it is one.
ASKS = re.compile(r".*(?:[?？]|[까요죠]|니다|다|문의|질문|요청|신청|부탁|방법)[\"'”’)\].!]*\s*", re.DOTALL)
REFERS = re.compile(r"제목|\b(?:title|subject)\b", re.IGNORECASE)
#: Names of the Korean form of a text, beside that text: question_ko, ko_question.
KOREAN = (
    *("{}_ko", "{}_kor", "{}_korean", "{}_kr", "ko_{}", "kor_{}", "korean_{}"),
    *("{}_translated", "translated_{}", "{}_translation", "{}_번역", "번역_{}"),
)
#: Names of what was measured or marked in a text, in lists and objects: no table that a question is about.
MEASURED = re.compile(
    r".*(?:score|reward|rank|rating|token|span|offset|label|entit|prob|logit|embedding|usage|count|annotation)"
    r".*|.*(?:점수|개체|토큰|태그|라벨|주석).*"
)
#: Names of a day that a question may be about.
DAYS = ("date", "날짜")
#: A row or a cell of a table, and a line of a program.
MARKUP = re.compile(r"<t[rdh]\b|\|[^|\n]+\|[^|\n]+\||^\s*(?:def|class|assert|return|import|SELECT|CREATE)\b.+")
#: Names of what an answer has to keep to, in few words.
LIMITS = re.compile(r"(?:.*[_ ])?(?:constraint|requirement|rule|condition)s?|.*(?:조건|요구사항|규칙|제약|제약사항)")
HANGUL = re.compile(r"[가-힣]")
#: Values that are no part of a task: addresses, dates and times, numbers, names of files, ids.
NO_TEXT = re.compile(
    r"[\d.,:/\s년월일시분초TZ+-]++%?\s*+"
    r"|\s*+(?:[a-z]+://\S+|www\.\S+|\S+\.[A-Za-z]{2,5}|(?:[^\W\d]|[.-])*+\d[\w.:/#-]*+|[0-9a-fA-F-]{16,})\s*+"
)


def as_columns(shape: MultipleChoice | Pairs | Instances | Completions) -> Columns:
    """The columns of the same fields, for what is asked about them."""
    if isinstance(shape, Completions):
        return Columns(instruction=shape.instruction, output=shape.completions, input=shape.input, system=shape.system)
    if isinstance(shape, MultipleChoice):
        return Columns(
            instruction=shape.instruction,
            input=(*paths_of(shape.input), *paths_of(shape.choices)),
            output=shape.answer,
            system=shape.system,
            reasoning=shape.reasoning,
        )
    asked, answers = (
        (shape.questions, shape.answers) if isinstance(shape, Pairs) else (shape.instruction, shape.instances)
    )
    return Columns(instruction=asked, output=answers, input=shape.input)


def unmapped_texts(records: Sequence[Record], shape: Columns | Preference) -> list[str]:
    """The fields of such records that hold texts of the task, beside those that the shape takes.

    A text differs from record to record and is more than a name. Where the same prompt has different answers, so that
    it does not say all that they depend on, a single word is a text, too.
    """
    mapped = _mapped(shape)
    taken = {path.split(".")[0] for path in mapped} | {*mapped, *BESIDE} | _others(shape)
    prompts = [tuple(text_in(record, path) for path in mapped if path != _answer(shape)) for record in records]
    answers = [text_in(record, _answer(shape)) for record in records]
    needed = _say_too_little(prompts, answers)
    is_magpie = len(named(records[0], MAGPIE)) == len(MAGPIE)
    found = []
    for name in (name for name in _fields(records) if name not in taken):
        word = leaf(name)
        values = [text_in(record, name) for record in records]
        if isinstance(shape, Preference) and (explains(word) or word in OPINIONS):
            continue  # it says why one answer is better
        if word in ORIGIN or LEGAL.fullmatch(word) or is_copy(values, records, mapped):
            continue
        is_note = is_remark(word) or (word in MAGPIE and is_magpie)
        if not is_note and not MEASURED.fullmatch(word) and _are_tables(records, name):
            found.append(name)
            continue
        if not any(values):
            continue
        if (not _differs(values) or tells_the_task(word)) and _are_orders(name, values):
            if not _is_twin(values, records, mapped):
                found.append(name)
            continue
        if (word in MANNER or LIMITS.fullmatch(word)) and _differs(values) and not _are_named(values, prompts):
            found.append(name)
            continue
        is_code = _share([MARKUP.search(value) is not None for value in values]) > MOST
        is_text = not is_note and (is_code or not _is_twin(values, records, mapped)) and are_sentences(values)
        is_text = is_text or (word in TITLES and _is_title_of_question(values, prompts))
        is_text = is_text or (TITLE.fullmatch(word) is not None and len(set(values)) > MOST * len(values))
        if is_text or (needed and _tells_apart(values, prompts)):
            found.append(name)
    return found


def _is_title_of_question(values: Sequence[str], prompts: Sequence[tuple[str, ...]]) -> bool:
    """Whether titles differ, and most ask for something and are no words of the question, or questions refer to them.

    (The title of a text beside the question is that of a document.)
    """
    filled = [(value, texts) for value, texts in zip(values, prompts, strict=True) if value]
    if not filled or len({value for value, _ in filled}) <= MOST * len(filled):
        return False
    refer = _share([any(REFERS.search(text) for text in texts) for _, texts in filled])
    alone = _share([sum(map(bool, texts)) < 2 for _, texts in filled])
    asks = _share([len(value.split()) > 1 and ASKS.fullmatch(value) is not None for value, _ in filled])
    return refer > MOST or (alone > MOST and asks > MOST)


def is_remark(word: str) -> bool:
    """Whether a name is that of a note, of a remark on a record, or of a text in another form."""
    return word in NOTES or any(names.fullmatch(word) for names in (TWIN, REMARKS))


def _fields(records: Sequence[Record]) -> Iterator[str]:
    """The fields of records, and the paths of what objects about the record hold of the task: `meta.instruction`."""
    yield from dict.fromkeys(key for record in records for key in record)
    holders = dict.fromkeys(key for record in records for key in record if key.strip().casefold() in {*ORIGIN, *NOTES})
    inside = {f"{key}.{name}": name for record in records for key in holders for name in _keys(record.get(key))}
    yield from (path for path, name in inside.items() if name.strip().casefold() in OF_TASK)


def _keys(value: Any) -> Sequence[str]:
    return [*value] if isinstance(value, dict) else []


def _are_tables(records: Sequence[Record], name: str) -> bool:
    """Whether a field holds tables that differ from record to record: rows of words, or objects with other keys."""
    values = [value for record in records if isinstance(value := opened(at(record, name)), list | dict) and value]
    written = {dumps(value) for value in values}
    if not values or len(written) <= MOST * len(values) or (len(values) > 1 and len(written) < 2):
        return False
    firsts = [value[0] if isinstance(value, list) else value for value in values]
    if all(isinstance(first, dict) and all(map(is_scalar, first.values())) for first in firsts):
        # (The keys of notes are the same in all records.)
        if len({tuple(first) for first in firsts}) > max(1, MOST * len(values)):
            return True
        if isinstance(values[0], dict):
            return False
    return _share([_is_table(value) for value in values]) > MOST


def _is_table(value: Any) -> bool:
    rows = [row for row in (value.values() if isinstance(value, dict) else value) if isinstance(row, list | dict)]
    return bool(rows) and lines_of(value) is not None and any(not NO_TEXT.fullmatch(text) for text in _texts_in(rows))


def _are_orders(name: str, values: Sequence[str]) -> bool:
    """Whether values say what is to be done: nearly all of them, in a field that is no note of another kind."""
    is_note = leaf(name) in NOTES and not tells_the_task(leaf(name))
    return not is_note and _share([is_order(value) for value in values]) >= NEARLY_ALL


def _differs(values: Sequence[str]) -> bool:
    return len(set(values)) > 1


def _are_named(values: Sequence[str], prompts: Sequence[tuple[str, ...]]) -> bool:
    """Whether nearly each prompt holds the value itself."""
    held = [value in text for value, texts in zip(values, prompts, strict=True) for text in ["\n".join(texts)] if value]
    return _share(held) >= NEARLY_ALL


def unmapped_scene(records: Sequence[Record], shape: Conversation | Exchanges | Delimited) -> list[str]:
    """The fields beside turns that say in sentences who speaks, in what situation and what is to be done, and that the
    shape leaves out.
    """
    turns = shape.text if isinstance(shape, Delimited) else shape.turns
    answer = shape.answer if isinstance(shape, Conversation) else None
    paths = (turns, answer, shape.system, shape.tools, *paths_of(shape.input))
    taken = {(path or "").split(".")[0] for path in paths}
    keys = dict.fromkeys(key for record in records for key in record if key not in taken)
    names = [
        name
        for name in keys
        if sets_the_scene(name) or tells_the_task(name) or leaf(name) in BODY or not is_talk_note(leaf(name))
    ]
    lists = [texts_at(record, [turns.partition(".*")[0]]) for record in records] if names else []
    said = ["\n".join(texts) for texts in lists]
    found = []
    for name in names:
        values = [text_in(record, name) for record in records]
        # (A text may be the turns, written out. A better answer may be a word of the question.)
        within = said if not corrects(name) else ["\n".join(texts[len(texts) // 2 :]) for texts in lists]
        copies = _share(
            [
                value in text or max(texts, key=len, default="") in value
                for value, text, texts in zip(values, within, lists, strict=True)
                if value
            ]
        )
        if copies < NEARLY_ALL and _is_needed(name, values, records) and speaks_as(values, said):
            found.append(name)
    return found


def _is_needed(name: str, values: Sequence[str], records: Sequence[Record]) -> bool:
    """Whether the values of a field beside turns are sentences of the task, or better answers."""
    filled = [value for value in values if value]
    if tells_the_task(name):
        return _share([is_order(value) for value in filled]) >= MOST
    if corrects(name):
        return any(not NO_TEXT.fullmatch(value) for value in filled)
    if sets_the_scene(name) or leaf(name) in BODY or _are_documents(records, name):
        return _share([is_sentence(value) for value in filled]) >= MOST
    return are_sentences(values)


def is_talk_note(word: str) -> bool:
    """Whether a field of this name beside turns is no part of their task."""
    if word in {*ORIGIN, *BESIDE, *OPINIONS} or is_remark(word):
        return True
    return any(names.fullmatch(word) for names in (LEGAL, MEASURED, MEASURE, OF_TALK))


def _are_documents(records: Sequence[Record], name: str) -> bool:
    """Whether a field holds lists of objects with a text each, in a field that is no note of another kind."""
    word = leaf(name)
    if word in {*ORIGIN, *NOTES, *BESIDE} or LEGAL.fullmatch(word) or MEASURED.fullmatch(word):
        return False
    values = [value for record in records if (value := record.get(name))]
    return bool(values) and all(
        isinstance(value, list) and isinstance(value[0], dict) and lines_of(value) for value in values
    )


def speaks_as(values: Sequence[str], texts: Sequence[str]) -> bool:
    """Whether values are in the language of some texts: in Korean, or both are not."""
    korean = [_share([HANGUL.search(text) is not None for text in some if text]) for some in (values, texts)]
    return min(korean) > 1 - NEARLY_ALL or max(korean) < NEARLY_ALL


def korean_twins(records: Sequence[Record], shape: Columns | Preference) -> dict[str, str]:
    """The texts of a shape that are not Korean, each with the field beside it that holds it in Korean."""
    found = {}
    for path in _mapped(shape):
        names = {form.format(path.casefold()) for form in KOREAN}
        for name in dict.fromkeys(key for record in records for key in record if key.strip().casefold() in names):
            if _in_korean(records, name) >= NEARLY_ALL and _in_korean(records, path) <= 1 - NEARLY_ALL:
                found[path] = name
    return found


def _in_korean(records: Sequence[Record], path: str) -> float:
    return _share([HANGUL.search(text) is not None for record in records if (text := text_in(record, path))])


def unmapped_values(records: Sequence[Record], shape: Columns) -> list[str]:
    """The fields of numbers, days, lists and objects that differ where a prompt without an input repeats."""
    mapped = _mapped(shape)
    prompts = [tuple(text_in(record, path) for path in mapped if path != shape.output) for record in records]
    given = any(text_in(record, path) for record in records for path in paths_of(shape.input))
    if given or not _say_too_little(prompts, [text_in(record, _answer(shape)) for record in records]):
        return []
    taken = {path.split(".")[0] for path in mapped} | _others(shape)
    names = dict.fromkeys(key for record in records for key in record if key not in taken)
    return [name for name in names if _may_be_asked(name) and _differ(records, name, prompts)]


def _may_be_asked(name: str) -> bool:
    word = name.strip().casefold()
    return word in DAYS or (word not in {*ORIGIN, *NOTES} and not MEASURE.fullmatch(word))


def _differ(records: Sequence[Record], name: str, prompts: Sequence[tuple[str, ...]]) -> bool:
    """Whether the values of a field, and not only their places in the file, differ where a prompt repeats."""
    values = [at(record, name) for record in records]
    if any(isinstance(value, bool | None) or (isinstance(value, str) and not value.strip()) for value in values):
        return False
    if any(isinstance(value, str) and name.strip().casefold() not in DAYS for value in values):
        return False
    first = values[0]
    if isinstance(first, int) and values == list(range(first, first + len(values))):
        return False
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for prompt, value in zip(prompts, values, strict=True):
        found[prompt].add(dumps(value))
    return _share([len(found[prompt]) > 1 for prompt in prompts]) > MOST


def _mapped(shape: Columns | Preference) -> list[str]:
    """The fields of the texts that the shape takes."""
    if isinstance(shape, Columns):
        paths = (shape.instruction, *paths_of(shape.input), shape.output, shape.system)
    else:
        paths = (shape.prompt, *paths_of(shape.input), shape.chosen, shape.rejected, shape.system)
    return [path for path in paths if path]


def _answer(shape: Columns | Preference) -> str:
    return (shape.output if isinstance(shape, Columns) else shape.chosen) or ""


def _others(shape: Columns | Preference) -> set[str]:
    """The fields that the shape takes beside its texts."""
    names = [shape.tools, *shape.learn]
    if isinstance(shape, Columns):
        names += [shape.tool_calls, shape.history, shape.label, *shape.reasoning]
    else:
        names += [shape.context]
    return {name for name in names if name}


def text_in(record: Record, path: str) -> str:
    """What a field says, as a text; "" for numbers and for what holds no text."""
    value: Any = at(record, path)
    if isinstance(value, str):
        return value.strip()
    # Without the numbers and keys that `text_of` writes: these are no words of the source.
    return "\n".join(_texts_in(value)) if isinstance(value, list | dict) else ""


def _texts_in(value: Any) -> Iterator[str]:
    """The texts in a list or an object, and in those that it holds."""
    for item in value.values() if isinstance(value, dict) else value:
        if isinstance(item, str):
            yield item
        elif isinstance(item, list | dict):
            yield from _texts_in(item)


def _share(truths: Sequence[bool]) -> float:
    return sum(truths) / len(truths) if truths else 0.0


def _say_too_little(prompts: Sequence[tuple[str, ...]], answers: Sequence[str]) -> bool:
    """Whether most prompts come with different answers."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for prompt, answer in zip(prompts, answers, strict=True):
        found[prompt].add(answer)
    return _share([len(found[prompt]) > 1 for prompt in prompts]) > MOST


def _tells_apart(values: Sequence[str], prompts: Sequence[tuple[str, ...]]) -> bool:
    """Whether a field is words, and differs where a prompt repeats."""
    found: dict[tuple[str, ...], set[str]] = defaultdict(set)
    for prompt, value in zip(prompts, values, strict=True):
        if value and not NO_TEXT.fullmatch(value):
            found[prompt].add(value)
    return _share([len(found[prompt]) > 1 for prompt in prompts]) > MOST


def are_sentences(values: Sequence[str]) -> bool:
    """Whether values are sentences that differ from record to record."""
    filled = [value for value in values if value]
    if len(filled) > 1 and len(set(filled)) < 2:
        return False
    if _share([is_sentence(value) for value in filled]) < MOST:
        return False
    return len(set(filled)) > MOST * len(filled) or sorted(map(len, filled))[len(filled) // 2] >= LONG


def is_sentence(value: str) -> bool:
    """Whether a text, or a line of it, is more than a name."""
    return any(_is_clause(line) for line in value.splitlines())


def _is_clause(value: str) -> bool:
    if MARKUP.search(value):
        return True
    words = len(value.split())
    return not NO_TEXT.fullmatch(value) and (words >= WORDS or (words > 1 and SENTENCE_END.search(value) is not None))


def is_order(value: str) -> bool:
    """Whether a text tells somebody something, and is more than the name of a task.

    >>> [is_order(text) for text in ("문서 기반 질의 응답", "한 문장으로 답하세요.", "다음 글을 한 줄로 요약")]
    [False, True, True]
    """
    whole = SENTENCE_END.search(value) is not None or ORDER.fullmatch(value) is not None
    return is_sentence(value) and (whole or len(value.split()) >= MANY_WORDS)


def is_copy(values: Sequence[str], records: Sequence[Record], mapped: Sequence[str]) -> bool:
    """Whether a field nearly always repeats a text of the shape, or holds the prompt written out."""
    copies = []
    for value, record in zip(values, records, strict=True):
        texts = [text for path in mapped if (text := text_in(record, path))]
        if value and texts:
            copies.append(texts[0] in value or any(value in text for text in texts))
    return _share(copies) >= NEARLY_ALL


def _is_twin(values: Sequence[str], records: Sequence[Record], mapped: Sequence[str]) -> bool:
    """Whether a field is in another language than the texts of the shape: a translation, or what was translated."""
    texts = ["".join(text_in(record, path) for path in mapped) for record in records]
    # (Of a prompt of messages the language is not looked at.)
    return any(texts) and not speaks_as(values, texts)
