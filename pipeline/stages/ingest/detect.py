"""Which shape a record has: every reading of it that makes sense, and one only where there is one."""

from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

from pipeline.stages.ingest.beside import good_or_bad
from pipeline.stages.ingest.calls import calls_of, is_empty
from pipeline.stages.ingest.conversations import EXCHANGES, EXCHANGES_OF_TURNS, tools_at, turns_in
from pipeline.stages.ingest.exported import is_exported
from pipeline.stages.ingest.fields import Record, at
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.given import is_given, paths_of, spelled
from pipeline.stages.ingest.names import (
    ABOUT,
    ANSWER_KEYS,
    ANSWERS,
    ASKED,
    BESIDE,
    BETTER,
    CALLED,
    CHOICES,
    CHOSEN,
    COMPLETIONS,
    CONTEXT,
    DEFINITIONS,
    DIRECTIVES,
    GROUPS,
    INPUT,
    INSTRUCTION,
    LABELS,
    LETTERS,
    OUTPUT,
    PARTS,
    QUESTIONS,
    REJECTED,
    ROLE_KEYS,
    SCORES,
    SPEAKER,
    SYSTEM,
    TAGS,
    TEXT_KEYS,
    TOOLS,
    TRANSCRIPTS,
    TURNS,
    TWO_ANSWERS,
    named,
    numbered_choices,
)
from pipeline.stages.ingest.parsing import FileFault, Number
from pipeline.stages.ingest.rows import Row
from pipeline.stages.ingest.shapes import rows_of
from pipeline.stages.ingest.speakers import speaker_of
from pipeline.stages.ingest.transcripts import is_transcript
from pipeline.stages.ingest.turns import known_role
from schemas.shapes import (
    Articles,
    Choice,
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Exported,
    Fields,
    Instances,
    Pairs,
    Preference,
    Questions,
    Shape,
    Tree,
)


def text_path(record: Record, key: str, names: Sequence[str]) -> str:
    """The path of the text under a key: the key, or the one text of the object that it holds, by one of the names."""
    value = record[key]
    if isinstance(value, dict):
        inside = [inner for inner in dict.fromkeys((*names, *TEXT_KEYS)) if isinstance(value.get(inner), str)]
        if len(inside) == 1:
            return f"{key}.{inside[0]}"
        if isinstance(value.get("text"), list):
            return f"{key}.text.0"
    return key


def _messages(value: Any) -> bool:
    """Whether it is a list of messages."""
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, dict) and SPEAKER & item.keys() for item in value)
    )


def _columns(record: Record) -> Iterator[Shape]:
    letters = _letters(record)
    answers = [key for key in named(record, OUTPUT) or named(record, ANSWER_KEYS) if key not in letters]
    directives, asked = named(record, DIRECTIVES), named(record, ASKED)
    inputs = [key for key in named(record, INPUT) if isinstance(record[key], str | dict | None)]
    if not answers and isinstance(record.get("answers"), dict):
        answers = ["answers"]  # SQuAD on the Hub: {"text": ["…"], "answer_start": [0]}
    if not directives and not asked and inputs and answers:
        # An object may hold the question and its input: {"input": {"question": "…", "context": "…"}}.
        directives = inputs[:1]
    questions = [key for key in (*directives, *asked) if _may_ask(record, key)]
    if not answers and questions and _texts(record.get("answers")):
        yield _columns_of(record, text_path(record, questions[0], INSTRUCTION), "answers.0")  # each of them is right
    if not answers and questions and calls_of(record.get("answers")):
        instruction = text_path(record, questions[0], INSTRUCTION)  # xLAM
        yield _columns_of(record, instruction, None).model_copy(update={"tool_calls": "answers"})
    # Where there is an instruction and a question, the question is what the instruction is about.
    about = asked[:1] if directives and asked and isinstance(record[asked[0]], str | None) else []
    plain = "instruction" in questions and "output" in answers
    for question in questions[:1] if plain or about else questions:
        for answer in answers[:1] if plain else answers:
            instruction, output = text_path(record, question, INSTRUCTION), text_path(record, answer, OUTPUT)
            yield _columns_of(record, instruction, output, about)


def _may_ask(record: Record, key: str) -> bool:
    """Whether a field can be a question: not an object without a text that is one."""
    return not isinstance(at(record, text_path(record, key, INSTRUCTION)), dict)


def _columns_of(record: Record, instruction: str, output: str | None, about: Sequence[str] = ()) -> Columns:
    """A question and its answer in these fields, with what the record holds beside them. `about`: of its input."""
    systems = named(record, SYSTEM)
    others = [path for path in given_fields(record) if path != instruction and not instruction.startswith(f"{path}.")]
    given = [path for path in dict.fromkeys((*about, *others)) if path != output]
    return Columns(
        instruction=instruction,
        output=output,
        input=one_or_more(given),
        system=systems[0] if systems else None,
        history="history" if isinstance(at(record, "history"), list) else None,
        tools=_tools(record),
    )


def given_fields(record: Record) -> list[str]:
    """The fields of a record that say what a task is about: a passage and the like, and answers to choose from."""
    contexts = [text_path(record, key, CONTEXT) for key in named(record, CONTEXT)]
    choices = [*named(record, CHOICES), *numbered_choices(record)]
    fields = dict.fromkeys((*contexts, *choices, *_letters(record)))
    return [path for path in fields if _is_about(at(record, path), path)]


def _is_about(value: Any, path: str) -> bool:
    """Whether the value of a field can be a part of an input. A number in `input` is left for the shape to reject."""
    return is_given(value) or (not isinstance(value, list | dict) and path.strip().casefold() in INPUT)


def _letters(record: Record) -> list[str]:
    """The fields A, B and so on where each is an answer to choose from."""
    if LETTERS[0] not in record:
        return []
    found = [key for key in LETTERS if isinstance(record.get(key), str | int | float | Number)]
    return found if len(found) > 1 and tuple(found) == LETTERS[: len(found)] else []


def one_or_more(paths: Sequence[str]) -> Fields:
    """Fields as a shape names them."""
    return tuple(paths) if len(paths) > 1 else paths[0] if paths else None


def _labelled(record: Record, shapes: Iterator[Shape]) -> Iterator[Shape]:
    """The shapes, with the field that says whether the answer is a good one.

    A field `label` says that beside a prompt and its completion. A truth value or such a word beside another answer,
    and 0 or 1 beside a conversation, may be that or anything else: then there are two shapes.
    """
    tags, labels = named(record, TAGS), named(record, LABELS)
    is_kto = bool(named(record, ("prompt",)) and named(record, ("completion",)))
    for shape in shapes:
        if not isinstance(shape, Columns | Conversation | Exchanges | Delimited):
            yield shape
        elif tags or (labels and is_kto):
            yield shape.model_copy(update={"label": (tags or labels)[0]})
        else:
            if labels and _may_judge(record[labels[0]], not isinstance(shape, Columns)):
                yield shape.model_copy(update={"label": labels[0]})
            yield shape


def _may_judge(value: Any, number: bool = True) -> bool:
    """Whether a label may say that an answer is good or bad. `number`: also 0 and 1."""
    is_number = isinstance(value, int | float | Number) and not isinstance(value, bool)
    return good_or_bad(value) is not None and value not in ("0", "1") and (number or not is_number)


def _prompts(record: Record) -> Iterator[Shape]:
    """A prompt without an answer. A question beside other texts may be anything, and is none."""
    if named(record, LABELS):
        return
    for key in named(record, INSTRUCTION):
        path, known = text_path(record, key, INSTRUCTION), {key, *named(record, (*SYSTEM, *INPUT, *ABOUT))}
        others = [name for name, value in record.items() if isinstance(value, str | list | dict) and name not in known]
        is_prompt = key.strip().casefold() == "prompt" or not others
        if is_prompt and (isinstance(at(record, path), str) or _messages(at(record, path))):
            yield _columns_of(record, path, None)
            return


class Beside(NamedTuple):
    """The fields beside the turns that the shapes of conversations read."""

    system: str | None = None
    tools: str | None = TOOLS[0]
    input: Fields = None


def _beside(record: Record, but: str = "") -> Beside:
    """What a record holds beside the turns under the key `but`."""
    systems = [key for key in named(record, SYSTEM) if key != but]
    given = [path for path in given_fields(record) if path != but and _is_filled(at(record, path))]
    return Beside(systems[0] if systems else None, _tools(record), one_or_more(given))


def _tools(record: Record) -> str:
    """The field that declares tools; the usual one where none does."""
    return next((key for key in named(record, TOOLS) if tools_at(record, key).text), TOOLS[0])


def _conversations(record: Record, taken: Collection[str | None] = (), prefix: str = "") -> Iterator[Shape]:
    """The lists of turns in a record, in its objects and in theirs. `taken`: fields that another shape reads."""
    for key, value in record.items():
        is_named = key.casefold() in TURNS
        # A text that is JSON is a list of turns only where its name says so.
        if key in taken or (not isinstance(value, list | dict) and not (isinstance(value, str) and is_named)):
            continue
        turns = turns_in(value)
        if isinstance(turns, list):
            shape = _turns(prefix + key, turns, is_named) or _inside(prefix + key, turns)
            if shape:
                yield shape if prefix else shape.model_copy(update=_beside(record)._asdict())
        elif isinstance(value, dict) and prefix.count(".") < DEPTH:
            if isinstance(value.get("replies"), list):
                yield Tree(root=key)
            else:
                yield from _conversations(value, (), f"{prefix}{key}.")


#: How deep in objects a list of turns is looked for.
DEPTH = 3


def _inside(path: str, documents: list[Any]) -> Conversation | None:
    """The shape of turns in each object of a list: document[].utterance[]. None where these are no turns."""
    if not documents or not all(isinstance(document, dict) for document in documents):
        return None
    for key, turns in documents[0].items():
        shape = _turns(f"{path}.*.{key}", turns, False) if isinstance(turns, list) and turns else None
        if isinstance(shape, Conversation) and all(isinstance(document.get(key), list) for document in documents):
            return shape
    return None


def _is_filled(value: Any) -> bool:
    return bool(value) and is_given(value) and (not isinstance(value, str) or bool(value.strip()))


def _turns(path: str, turns: list[Any], is_named: bool) -> Conversation | Exchanges | None:
    """The shape of a list of turns, None where it is another list. `is_named`: its name says that it holds turns."""
    if not turns:
        return Conversation(turns=path) if is_named else None
    if all(isinstance(turn, dict) for turn in turns):
        role, text = role_key(turns), text_key(turns)
        if role and text and _is_one_talk(turns):
            # Names of people alone say nothing of who asks and who answers.
            known = any((name := speaker_of(turn, role)) is None or known_role(name, {}) for turn in turns)
            return Conversation(turns=path, role=role, text=text) if known else None
        for user, assistant in (*EXCHANGES, *(EXCHANGES_OF_TURNS if is_named else ())):
            if all(user in turn or assistant in turn for turn in turns) and any(
                user in turn and assistant in turn for turn in turns
            ):
                return Exchanges(turns=path, user=user, assistant=assistant)
    elif is_named and all(map(_is_pair, turns)):
        return Exchanges(turns=path, user="0", assistant="1")
    return None


def role_key(turns: Sequence[Record]) -> str | None:
    """The path of the speaker in every turn: a name or a number, or one in the object of a speaker."""
    for name in named(turns[0], ROLE_KEYS):
        if all(name in turn for turn in turns) and _is_any(name, turns):
            value = turns[0][name]
            inside = [key for key in ("role", "id", "name") if isinstance(value, dict) and key in value]
            return f"{name}.{inside[0]}" if inside else name
    return None


def text_key(turns: Sequence[Record]) -> str | None:
    """The key of the text in every turn that is not only calls. (Fields of calls may be there and hold none.)"""
    for name in dict.fromkeys((*named(turns[0], TEXT_KEYS), *TEXT_KEYS, PARTS)):
        if all(name in turn or _calls(turn) for turn in turns) and _is_any(name, turns):
            return name
    return None


def _is_any(name: str, turns: Sequence[Record]) -> bool:
    """Whether a field holds something in one turn. (The structs of a table hold the keys of all its records.)"""
    return any(turn.get(name) is not None for turn in turns)


def _calls(turn: Record) -> bool:
    return any(not is_empty(turn.get(name)) for name in CALLED)


def _is_one_talk(turns: Sequence[Record]) -> bool:
    """Whether a list is one conversation, and not the turns of several, each with the id of its own."""
    groups = named(turns[0], GROUPS)
    return not groups or len({spelled(turn.get(groups[0])) for turn in turns}) == 1


def _preference(record: Record) -> Iterator[Shape]:
    chosen = named(record, CHOSEN)
    others = [key for key in named(record, REJECTED) if chosen or isinstance(record[key], str | list | dict)]
    chosen = chosen or named(record, OUTPUT)
    if not chosen or not others:
        return
    prompts = [*named(record, INSTRUCTION), *(key for key in named(record, TURNS) if _messages(record[key]))]
    systems = named(record, SYSTEM)
    prompt = prompts[0] if prompts else None
    taken = (prompt, chosen[0], others[0])
    given = one_or_more([path for path in given_fields(record) if path not in taken]) if prompts else None
    tools = _tools(record)
    if _messages(at(record, "input.messages")):  # OpenAI
        prompt, given = "input.messages", None
        tools = "input.tools"
    shape = Preference(
        prompt=prompt,
        chosen=chosen[0],
        rejected=others[0],
        context="context" if isinstance(record.get("context"), list) else None,
        input=given,
        system=systems[0] if systems else None,
        tools=tools,
    )
    labels = [key for key in named(record, LABELS) if _may_judge(record[key])]
    if labels:
        yield shape.model_copy(update={"label": labels[0]})
    yield shape


def _choices(record: Record) -> Iterator[Choice]:
    """Two answers, and fields with the number of the better one: a shape for each of them (PKU-SafeRLHF)."""
    prompts = named(record, INSTRUCTION)
    for answers in TWO_ANSWERS if prompts else ():
        if len(found := named(record, answers)) == 2:
            yield from (
                Choice(prompt=prompts[0], answers=(found[0], found[1]), better=key) for key in named(record, BETTER)
            )


def _completions(record: Record) -> Iterator[Shape]:
    questions, systems = named(record, INSTRUCTION), named(record, SYSTEM)
    for key in named(record, COMPLETIONS):
        answers = record[key]
        if (
            not questions
            or not isinstance(answers, list)
            or not answers
            or not all(isinstance(a, dict) for a in answers)
        ):
            continue
        texts = [name for name in (*OUTPUT, *TEXT_KEYS) if all(isinstance(answer.get(name), str) for answer in answers)]
        scores = [name for name in SCORES if any(answer.get(name) is not None for answer in answers)]
        if texts and scores:
            yield Completions(
                instruction=questions[0],
                completions=key,
                text=texts[0],
                score=scores[0],
                system=systems[0] if systems else None,
            )


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == 2 and all(isinstance(text, str | None) for text in value)


def _texts(value: Any) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(text, str) for text in value)


def _lists(record: Record) -> Iterator[Shape]:
    asks = named(record, ("instruction", *DEFINITIONS))
    for key in named(record, ("instances",)) if asks else ():
        if isinstance(record[key], list):
            yield Instances(instruction=asks[0], instances=key)
    if isinstance(record.get("paragraphs"), list) or isinstance(record.get("qas"), list):
        yield Articles()
    asked = [key for key in named(record, QUESTIONS) if _texts(record[key])]
    answered = [key for key in named(record, ANSWERS) if _texts(record[key])]
    if asked and answered:
        yield Pairs(questions=asked[0], answers=answered[0], input=_beside(record).input)
    elif asked:
        yield Questions(questions=asked[0])


def _transcripts(record: Record, is_beside: bool) -> Iterator[Shape]:
    for key, value in record.items():
        if isinstance(value, str) and (not is_beside or key.casefold() in TRANSCRIPTS) and is_transcript(value):
            beside = _beside(record, key)
            yield Delimited(text=key, system=beside.system, tools=beside.tools, input=beside.input)


def shapes_of(record: Record) -> list[Shape]:
    """The shapes that a record can be read in, the likeliest first: [] if none fits, several if it is ambiguous.

    Where two shapes give the same answer (a transcript beside the columns that it was made from), the record
    holds one thing twice, and the first shape is taken.
    """
    found = readings_of(record)
    if len(found) < 2 or isinstance(found[0], Preference | Choice | Completions):
        return found
    # A reading that rejects the record is no choice.
    found = [shape for shape in found if _reads(record, shape)] or found[:1]
    return [found[0], *(shape for shape in found[1:] if _last(record, shape) != _last(record, found[0]))]


def readings_of(record: Record) -> list[Shape]:
    """The shapes that a record may have, by its fields: also those that give the same, or reject it."""
    if is_exported(record):
        return [Exported()]
    found = [*_preference(record)] or [*_choices(record)] or [*_completions(record)]
    if found:
        return found
    found = [*_lists(record)] or [*_labelled(record, _columns(record))]
    taken = {path for shape in found if isinstance(shape, Columns) for path in (*BESIDE, *fields_of(shape))}
    found += _labelled(record, _conversations(record, taken))
    found += _labelled(record, _transcripts(record, bool(found)))
    if not found:
        found += _prompts(record)
    return found


def fields_of(shape: Columns) -> list[str]:
    """The fields of a shape's texts."""
    return [path for path in (shape.instruction, *paths_of(shape.input), shape.output, shape.system) if path]


def _rows(record: Record, shape: Shape) -> list[Row] | None:
    """The rows of a record in a shape; None where a record like this stops its file."""
    try:
        return rows_of(Entry("", record, b"{}"), shape)
    except FileFault:
        return None


def _reads(record: Record, shape: Shape) -> bool:
    rows = _rows(record, shape)
    return rows is None or any(not row.reason for row in rows)


def _last(record: Record, shape: Shape) -> tuple[object, ...]:
    rows = _rows(record, shape)
    if rows is None or len(rows) > 1 or rows[-1].reason:
        return (shape,)
    last = rows[-1]
    return ((last.output or "").strip(), len(last.history), last.label)
