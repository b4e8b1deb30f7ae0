"""The lines of toml that read records of no known shape, for the message that asks for one."""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from pipeline.stages.ingest.detect.answers import several_answers
from pipeline.stages.ingest.detect.choices import labelled_choice, marked_choices
from pipeline.stages.ingest.detect.columns import are_texts, given_fields, one_or_more
from pipeline.stages.ingest.detect.compared_answers import best_of_several, compared, is_worse
from pipeline.stages.ingest.detect.conversations import role_key, text_key
from pipeline.stages.ingest.detect.pairs import may_judge
from pipeline.stages.ingest.detect.recipes import recipes
from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.detect.turns import likely_turns
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import is_given, paths_of
from pipeline.stages.ingest.fields.names import (
    ANSWER,
    ANSWER_KEYS,
    ANSWERS,
    ASKING,
    BODY,
    CLASSES,
    CONTEXT,
    DIRECTIVES,
    INSTRUCTION,
    MADE,
    NOTES,
    ORIGIN,
    OUTPUT,
    ROLE_KEYS,
    SEVERAL,
    SYSTEM,
    may_answer,
    named,
)
from pipeline.stages.ingest.fields.paths import Record, at, yes_or_no
from pipeline.stages.ingest.fields.speakers import SPOKEN, by_turns, speaker_of
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.turn_lists import each_record, turns_at
from pipeline.stages.ingest.fields.unmapped import NO_TEXT, is_sentence
from pipeline.stages.ingest.offers.giveaways import gives_away, is_earlier, judges, may_ask
from pipeline.stages.ingest.offers.made_tasks import HEADINGS, about_talk, is_marks, made_tasks, not_written_out
from pipeline.stages.ingest.offers.translations import translations_in
from pipeline.stages.ingest.shapes.columns import labelled
from pipeline.stages.ingest.shapes.to_rows import FIELD
from pipeline.stages.ingest.shapes.wording import worded
from schemas.shapes import (
    Columns,
    Conversation,
    Delimited,
    Instances,
    Role,
    Shape,
    Template,
    TurnFields,
    TurnRecords,
)


def ways(records: Sequence[Record]) -> Iterator[str]:
    """The lines of toml that read records of no known shape."""
    record = records[0]
    for name, recipe in recipes().items():
        if recipe.shape and _has_all(record, recipe.shape):
            yield f'recipe = "{name}"'
    for shapes in (compared(records), _inside(record), made_tasks(records)):
        if lines := list(map(toml, shapes)):
            yield from lines
            return
    likely = _likely_conversation(record)
    if likely:
        yield from map(toml, about_talk(records, likely))
        yield from map(toml, _with_roles(likely, records))
    yield from _headers(record)
    yield from map(toml, _told_of_talk(records))
    yield from map(toml, _marked(records))
    if lines := list(map(toml, translations_in(record))):
        yield from lines
        return
    if turns := likely_turns(record):
        yield toml(turns)
        return
    if lines := labelled_choice(records):
        yield from lines
        return
    asked = named(record, (*INSTRUCTION, *ASKING)) or [name for name in _texts(record) if may_ask(name)]
    if asked and (lines := several_answers(records, asked[0])):
        yield from lines
        return
    answers = [key for key in named(record, (*OUTPUT, *ANSWER_KEYS, *CLASSES)) if _is_one_value(record[key])]
    if asked and isinstance(record[asked[0]], dict):
        yield from map(toml, _in_question(record, asked[0], answers))
    elif answers and not likely and not _inside_is(record, answers[0]):
        taken = (*asked[:1], answers[0])
        fields = (*given_fields(record), *_titles(record), *_texts(record), *_texts_in_objects(record))
        given = [path for path in dict.fromkeys(fields) if path not in taken and not ONE_OF_SEVERAL.fullmatch(path)]
        kept = [path for path in given if not gives_away(path, answers[0])]
        given = kept if kept or asked else given
        systems = [path for path in given if path in named(record, SYSTEM)]
        if len(systems) == 1 and len(given) == 2 and not asked and answers[0] in named(record, OUTPUT):
            (prompt,) = [path for path in given if path not in systems]
            yield toml(Columns(instruction=prompt, output=answers[0], input=None, system=systems[0]))
            return
        judged = [name for name in record if judges(name) and all(may_judge(each.get(name)) for each in records)]
        if asked and judged and isinstance(record[answers[0]], str):
            yield toml(Columns(instruction=asked[0], output=answers[0], input=one_or_more(given), label=judged[0]))
            return
        if words := _in_words(records, answers[0]):
            answers = [words]
        template = worded(labelled(asked[0] if asked else "", given, answers[0]), records)
        yield toml(template if asked or template.instruction != "{}" else _to_word(template))


def _in_words(records: Sequence[Record], label: str) -> str | None:
    """The field that says in words what the number of a label means; None where there is none."""
    for name in records[0]:
        if not name.startswith(f"{label}_") or not all(isinstance(record.get(name), str) for record in records):
            continue
        words = {(str(record.get(label)), record[name]) for record in records}
        are_words = not any(NO_TEXT.fullmatch(word) for _, word in words)
        if are_words and len({number for number, _ in words}) == len(words):
            return name
    return None


def _told_of_talk(records: Sequence[Record]) -> Iterator[Template]:
    """A text in which people take turns, and the one text that is made of it: a summary."""
    for talk in _marked(records):
        made = [name for name in _texts(records[0]) if name != talk.text and MADE.fullmatch(name)]
        if len(made) == 1:
            yield _to_word(labelled("", [talk.text], made[0]))


#: The label that one of several people gave.
ONE_OF_SEVERAL = re.compile(r"label[ _]?\d+")


def _inside_is(record: Record, key: str) -> bool:
    """Whether the value of a field is an object with a question and an answer of its own."""
    return isinstance(record[key], dict) and bool(shapes_of(record[key]))


def _in_question(record: Record, key: str, answers: Sequence[str]) -> Iterator[Columns]:
    """The shape of a question that is an object: its longest text, and the lists beside it as what it is about."""
    value = record[key]
    texts = sorted(_texts(value), key=lambda name: -len(value[name]))
    given = [f"{key}.{name}" for name, items in value.items() if isinstance(items, list) and is_given(items)]
    if texts and answers:
        yield Columns(instruction=f"{key}.{texts[0]}", output=answers[0], input=one_or_more(given))


def _to_word(template: Template) -> Template:
    """The template with a place for the words of its instruction, which people write."""
    return template.model_copy(update={"instruction": "…"})


def _is_one_value(value: Any) -> bool:
    """Whether a value can be an answer, as it is or worded by a template."""
    return value is not None and (not isinstance(value, dict | list) or is_given(value))


def guesses(records: Sequence[Record]) -> Iterator[str]:
    """The lines of toml for records of whose fields nothing is known: the two longest texts are a question and its
    answer, or one is made of the other; a text that is alone answers a task that people write.
    """
    pair = [*named(records[0], ("source", "src", "원문")), *named(records[0], ("target", "tgt", "번역문"))]
    if len(pair) == 2 and all(isinstance(records[0][name], str) for name in pair):
        task = named(records[0], DIRECTIVES)
        given = {"instruction": task[0], "input": pair[0]} if task else {"instruction": pair[0], "input": None}
        yield toml(Columns(output=pair[1], **given))
        return
    length = Counter[str]()
    for record in records:
        found = ((path, at(record, path)) for path in (*_texts(record), *_texts_in_objects(record)))
        length.update({path: len(text) for path, text in found if text is not None})  # no path leads to the name ""
    asked = named(records[0], INSTRUCTION) or [path for path in length if may_ask(path)]
    if asked and length[asked[0]]:
        about = [path for path in length if path in named(records[0], (*CONTEXT, *BODY)) and path != asked[0]]
        others = Counter({path: size for path, size in length.items() if path not in about})
        if len(others) < 2:
            about, others = [], length
        answers = _answers_to(asked[0], others) or _first_of_list(records[0])
        for answer in answers:
            rest = _about(records, [asked[0], *answers], answer, [*about, *others])
            yield toml(Columns(instruction=asked[0], output=answer, input=one_or_more(rest)))
        return
    longest = [name for name, _ in length.most_common(2)]
    first, *second = sorted(longest, key=list(length).index) or [""]
    if second and ANSWER.fullmatch(first) and not ANSWER.fullmatch(second[0]):
        first, second = second[0], [first]
    if second and not ANSWER.fullmatch(first):
        rest = _about(records, longest, second[0], list(length))
        yield toml(Columns(instruction=first, output=second[0], input=one_or_more(rest)))
    elif first and not second:
        lists = [name for name, value in records[0].items() if are_texts(value) and any(map(is_sentence, value))]
        heads = [] if lists or MADE.fullmatch(first) else _titles(records[0])
        made = labelled("", [first], heads[0]) if heads else labelled("", lists, first)
        yield toml(_to_word(made))


def _about(records: Sequence[Record], taken: Sequence[str], answer: str, texts: Sequence[str]) -> list[str]:
    """What a question is about: the fields that say so, and other texts that tell nothing of the answer."""
    spoken = [path for path in texts if all(_is_sentence_at(each, path) for each in records)]
    given = [path for path in given_fields(records[0]) if path not in texts]
    context = named(records[0], (*CONTEXT, *BODY))
    found = dict.fromkeys((*(path for path in texts if path in context), *given, *spoken))
    return [path for path in found if path not in taken and not gives_away(path, answer)]


def _is_sentence_at(record: Record, path: str) -> bool:
    return is_sentence(str(at(record, path) or ""))


def _answers_to(question: str, length: Counter[str]) -> list[str]:
    """The paths of texts that may answer a question: the longest of each name of an answer, or the longest of all."""
    likely: dict[str, str] = {}
    for path, _ in length.most_common():
        if ANSWER.fullmatch(path) and not is_worse(path) and not is_earlier(path) and not judges(path):
            likely.setdefault(path.partition(".")[0], path)
    others = [path for path, _ in length.most_common() if path != question]
    others = [path for path in others if may_answer(path)] or [
        path for path in others if not gives_away(path, "answer")
    ]
    return sorted(likely.values()) or [path for path in others if MADE.fullmatch(path)][:1] or others[:1]


def _first_of_list(record: Record) -> list[str]:
    """The path of the longest text in the first object of a list of answers."""
    for key in named(record, ANSWERS):
        first = at(record, f"{key}.0")
        if isinstance(first, dict) and (texts := _texts(first)):
            return [f"{key}.0.{max(texts, key=lambda name: len(first[name]))}"]
    return []


def made_of_another(record: Record) -> Iterator[str]:
    """The line of toml that reads a text and what is made of it: a summary, a translation."""
    texts = _texts(record)
    if (
        len(texts) == 2
        and not any(name in named(record, INSTRUCTION) or may_ask(name) for name in texts)
        and is_sentence(record[texts[0]])
        and (is_sentence(record[texts[1]]) or MADE.fullmatch(texts[1]))
    ):
        yield toml(_to_word(labelled("", texts[:1], texts[1])))


def _inside(record: Record) -> Iterator[Shape]:
    """The shape of an object in the record."""
    for key, value in record.items():
        shapes = shapes_of(value) if isinstance(value, dict) else []
        shape = shapes[0] if len(shapes) == 1 else None
        if isinstance(shape, Instances):
            names = {"instruction": f"{key}.{shape.instruction}", "instances": f"{key}.{shape.instances}"}
            given = one_or_more([f"{key}.{path}" for path in paths_of(shape.input)])
            yield shape.model_copy(update={**names, "input": given})
        elif isinstance(shape, Columns) and shape.output and isinstance(at(value, shape.instruction), str):
            inside = [f"{key}.{path}" for path in paths_of(shape.input)]
            inside += [name for name, outer in record.items() if name != key and _is_told(outer)]
            texts = {"instruction": shape.instruction, "output": shape.output, "system": shape.system}
            paths = {name: f"{key}.{path}" if path else None for name, path in texts.items()}
            yield shape.model_copy(update={**paths, "input": one_or_more(inside)})


def _is_told(value: Any) -> bool:
    """Whether a value beside an object is what its question is about: sentences, or the rows of a table."""
    if isinstance(value, str):
        return is_sentence(value)
    is_table = isinstance(value, list) and bool(value) and all(isinstance(row, list) for row in value)
    return is_given(value) and (is_table or (are_texts(value) and any(map(is_sentence, value))))


#: A word before a colon at the beginning of a line.
SPEAKS = re.compile(r"^([^\s:：][^:：\n]{0,19})[:：](?=[ \t]*\S)", re.MULTILINE)


def _marked(records: Sequence[Record]) -> Iterator[Delimited]:
    """A text in which a few names take turns, each before a colon."""
    for key in records[0]:
        texts = [text for record in records if isinstance(text := record.get(key), str) and SPEAKS.match(text)]
        names = [name for text in texts for name in SPEAKS.findall(text)]
        count, is_talk = len(set(names)), any(len(set(SPEAKS.findall(text))) > 1 for text in texts)
        if (
            is_talk
            and len(texts) == len(records)
            and 2 <= count <= MOST_NAMES
            and (count == 2 or len(names) > count + 1)
        ):
            in_turn: dict[str, Role] = dict(zip(dict.fromkeys(names), SPOKEN, strict=False))
            roles = in_turn if count == 2 else by_turns(names)
            yield Delimited(text=key, marks={f"{name}:": role for name, role in roles.items()})


def _texts(record: Record) -> list[str]:
    """The fields of a record that hold texts and are no notes about it."""
    return [
        key
        for key, value in record.items()
        if isinstance(value, str) and key.strip().casefold() not in {*ORIGIN, *NOTES} and not NO_TEXT.fullmatch(value)
    ]


#: Names of what stands above a text, and belongs to it.
HEADLINES = ("title", "subject", "headline", "제목", "기사제목", "문의제목")


def _texts_in_objects(record: Record) -> list[str]:
    """The paths of the texts in the objects of a record."""
    objects = {key: value for key, value in record.items() if isinstance(value, dict)}
    paths = [f"{key}.{name}" for key, value in objects.items() for name in _texts(value)]
    return [path for path in paths if isinstance(at(record, path), str)]  # a key may hold a dot, or be empty


def other_texts(record: Record, shape: Columns) -> list[str]:
    """The texts of a record that a shape does not take."""
    taken = {shape.instruction, shape.system, *paths_of(shape.input)}
    return [name for name in _texts(record) if name not in taken]


def _titles(record: Record) -> list[str]:
    """The notes about a record that are a text: a headline, of more than a word; others where nothing else is one."""
    names = named(record, HEADLINES if _texts(record) else NOTES)
    return [name for name in names if isinstance(record[name], str) and len(record[name].split()) > 1]


def _headers(record: Record) -> Iterator[str]:
    """The lines of toml that read a table without a header line, or whose first record was taken for one."""
    texts = {name: value for name, value in record.items() if isinstance(value, str)}
    if "column1" in texts:
        longest = sorted(sorted(texts, key=lambda name: -len(texts[name]))[:2], key=list(texts).index)
        if any(NO_TEXT.fullmatch(texts[name]) for name in longest):
            return
        if len(record) == 2:
            yield 'header = ["instruction", "output"]'
        yield toml(Columns(instruction=longest[0], output=longest[-1], input=None))


#: So many names can be given a role each.
MOST_NAMES = 8


def _with_roles(talk: Conversation, records: Sequence[Record]) -> Iterator[Conversation]:
    """The shape with the roles of its people: by who speaks first, or of several a guess for each name."""
    talks = [names for record in records if (names := _names(record, talk))]
    if any(len(set(names)) <= 2 for names in talks):
        yield talk
    names = [name for names in talks for name in names]
    if any(len(set(names)) > 2 for names in talks) and len(set(names)) <= MOST_NAMES:
        yield talk.model_copy(update={"speakers": "named", "roles": by_turns(names)})


def _names(record: Record, talk: Conversation) -> list[str]:
    """Who speaks in the turns of a record, turn by turn."""
    try:
        found = [turn for each, path in each_record(record, talk.turns) for turn in turns_at(each, path)]
    except Fault:
        return []
    return [name for turn in found if (name := speaker_of(turn, talk.role)) is not None]


def conversation_of_people(record: Record) -> Conversation | None:
    """A list of objects that name a speaker and what is said, at any depth; None where no list is one."""
    for path, turns in _lists_in(record, ""):
        role, text = role_key(turns), text_key(turns)
        if len(turns) > 1 and role and text:
            return Conversation(turns=path, role=role, text=text, speakers="in-order")
    return None


def _likely_conversation(record: Record) -> Conversation | None:
    """A list of turns under known names, else under names that may mean that: of two people with the shortest texts as
    their names, and what is said is longest. None where no list is one.
    """
    if people := conversation_of_people(record):
        return people
    for path, turns in _lists_in(record, ""):
        if shapes_of(turns[0]) or is_marks(turns):
            continue  # records, or marks in a text, and no turns
        texts = [name for name in turns[0] if all(isinstance(turn.get(name), str) for turn in turns)]
        texts = [name for name in texts if name.strip().casefold() not in {*ORIGIN, *HEADINGS}]
        texts.sort(key=lambda name: sum(len(turn[name]) for turn in turns))
        speakers = [name for name in texts[:-1] if 2 <= len({turn[name] for turn in turns}) <= max(2, len(turns) - 1)]
        if len(turns) > 1 and speakers:
            return Conversation(turns=path, role=speakers[0], text=texts[-1], speakers="in-order")
    return None


def _lists_in(value: Any, path: str) -> Iterator[tuple[str, list[Record]]]:
    """The lists of objects in a value with their paths: of lists in lists, those of the first object with a `*`."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _lists_in(item, f"{path}.{key}" if path else key)
    elif isinstance(value, list) and value and all(isinstance(item, dict) for item in value):
        yield path, value
        if path.count("*") == 0:
            yield from _lists_in(value[0], f"{path}.*")


def _has_all(record: Record, shape: Shape) -> bool:
    """Whether all the fields of a template, or of turns in fields or in records of their own, are there."""
    asked: Sequence[str]
    if isinstance(shape, Template):
        asked = FIELD.findall(shape.instruction + shape.input + shape.output)
    elif isinstance(shape, TurnFields):
        asked = shape.turns
    elif isinstance(shape, TurnRecords):
        asked = [shape.group, shape.role, *([shape.text] if isinstance(shape.text, str) else shape.text)]
    else:
        return False
    return all(at(record, path) is not None for path in asked) and not _leaves_texts(record, asked)


def _leaves_texts(record: Record, asked: Sequence[str]) -> bool:
    """Whether an object of which a field is read holds other texts."""
    parents = {path.rpartition(".")[0] for path in asked if "." in path}
    objects = {parent: value for parent in parents if isinstance(value := at(record, parent), dict)}
    others = (
        item for parent, value in objects.items() for name, item in value.items() if f"{parent}.{name}" not in asked
    )
    return any(isinstance(item, str) and is_sentence(item) for item in others)


def _asked_in_parts(record: Record) -> str | None:
    """The field of a list whose objects hold each a text, and questions about it with their answers."""
    for name, items in record.items():
        part = items[0] if isinstance(items, list) and items and isinstance(items[0], dict) else {}
        lists = [value for value in part.values() if isinstance(value, list) and value and isinstance(value[0], dict)]
        if named(part, (*CONTEXT, *BODY)) and any(_is_answered(value[0]) for value in lists):
            return name
    return None


def _is_answered(record: Record) -> bool:
    return any(isinstance(shape, Columns) and shape.output for shape in shapes_of(record))


def _scored_choices(record: Record) -> str | None:
    """The field of answers, each with 1 where it is right and 0 where it is not: an object, or a list of each."""
    for name, value in record.items():
        if not isinstance(value, dict) or len(value) < 2:
            continue
        texts = [items for items in value.values() if are_texts(items)]
        marks = [items for items in value.values() if isinstance(items, list) and items not in texts]
        is_parallel = len(value) == 2 and len(texts) == len(marks) == 1 and len(texts[0]) == len(marks[0])
        scores = marks[0] if is_parallel else [*value.values()]
        if not any(isinstance(score, list) for score in scores) and {yes_or_no(score) for score in scores} == {
            True,
            False,
        }:
            return name
    return None


#: Columns of who wrote a message, in what messengers export.
WRITERS = ("user", "name", "username", "nickname", "보낸사람", "보낸 사람", "이름", "닉네임", "작성자", *ROLE_KEYS)


def message_columns(records: Sequence[Record]) -> str | None:
    """The field of the writer, where each record is a message of one of few people; None where it is something else."""
    texts = text_key(records)
    writers = named(records[0], WRITERS) if texts else []
    for name in writers:
        people = [record.get(name) for record in records]
        are_names = all(isinstance(who, str) for who in people)
        if are_names and 1 < len({*people}) <= min(MOST_NAMES, len(records) // 2):
            return name
    return None


def beside_shapes(records: Sequence[Record]) -> str | None:
    """What to do with records that no shape can read as they are; None where one may."""
    first = records[0]
    if at(first, "response.body.choices") is not None and "custom_id" in first:
        return (
            "these are answers of a batch without their questions; join them in the source file with the requests "
            "of the batch by `custom_id`, so that each record holds `messages` with the question and the answer"
        )
    if named(first, INSTRUCTION) and (marks := marked_choices(first, SEVERAL)):
        answers = marks[0].partition(".*.")[0]
        return (
            f"`{answers}` holds right and wrong answers; write a right one as `chosen` and a wrong one as `rejected` "
            "in the source file, or the right one as `output`"
        )
    if parts := _asked_in_parts(first):
        return (
            f"`{parts}` holds questions and their answers beside a text each; write each item of `{parts}` as a record "
            "of its own in the source file"
        )
    if scored := _scored_choices(first):
        return (
            f"`{scored}` holds answers and marks of the right one; write the right one as `answer` in the source file, "
            "and all of them as a list `choices`"
        )
    if named(first, INSTRUCTION) and (remedy := best_of_several(records)):
        return remedy
    if who := message_columns(records):
        return (
            f"each record is a message of `{who}`, and no field says to which conversation it belongs; add a column "
            "`conversation_id` in the source file that does, such as a number for each day"
        )
    return not_written_out(records)
