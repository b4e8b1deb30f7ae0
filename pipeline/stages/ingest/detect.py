"""Which shape a record has: every reading of it that makes sense, and one only where there is one."""

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import Any, NamedTuple

import orjson

from pipeline.stages.ingest.calls import calls_of
from pipeline.stages.ingest.conversations import EXCHANGES, EXCHANGES_OF_TURNS, tools_at, turns_in
from pipeline.stages.ingest.exported import is_exported
from pipeline.stages.ingest.fields import Record, at
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault
from pipeline.stages.ingest.recipes import recipes
from pipeline.stages.ingest.shapes import FIELD, rows_of
from pipeline.stages.ingest.transcripts import is_transcript
from schemas.shapes import (
    Articles,
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Exported,
    Instances,
    Pairs,
    Preference,
    Questions,
    Role,
    Shape,
    Template,
    Tree,
)

#: Field names (case-folded) by what they hold, the plainest first.
INSTRUCTION = ("instruction", "지시문", "지시", "명령어", "prompt", "question", "query", "q", "질문", "질의", "문제")
INPUT = ("input", "context", "입력", "문맥", "지문")
OUTPUT = ("output", "response", "answer", "completion", "a", "출력", "응답", "답변", "대답", "정답")
SYSTEM = ("system", "system_prompt", "systeminstruction", "system_instruction")
CHOSEN = ("chosen", "preferred_output", "preferred", "chosen_response", "response_chosen")
REJECTED = ("rejected", "non_preferred_output", "dispreferred", "rejected_response", "response_rejected")
#: Of completions with scores (UltraFeedback): the text and the score of each.
COMPLETIONS = ("completions",)
SCORES = ("overall_score", "score", "fine-grained_score", "rating")
#: What says whether an answer is a good one: in any record (LLaMA-Factory), beside a prompt and its completion (KTO).
TAGS, LABELS = ("kto_tag",), ("label",)
#: Texts beside a prompt that are about the record.
ABOUT = ("id", "uuid", "source", "dataset", "category", "split", "url", "license")
#: Fields that are not turns beside a question and its answer.
BESIDE = ("history", "steps", "tools", "tool_calls")
#: A list of turns names the speaker and the text of each by one of these.
ROLE_KEYS = ("from", "role", "speaker")
TEXT_KEYS = ("value", "content", "text", "utterance", "message")
SPEAKER = set(ROLE_KEYS)
#: A message of Gemini's has its texts in parts. (A message of ours has text and parts side by side nowhere.)
PARTS = "parts"
TURNS = ("conversations", "messages", "conversation", "dialogue", "dialog", "dialogs", "turns", "chat", "contents")
#: Fields of a message that need no text beside them.
CALLED = {"tool_calls", "function_call"}
#: Fields that hold the tools that may be called.
TOOLS = ("tools", "functions", "available_tools")
#: What an instruction is called above its instances, or in the document around its records.
DEFINITIONS = ("definition", "task_definition", "task_instruction", "instructions")
QUESTIONS = ("questions", "instructions", "prompts", "turns")
ANSWERS = ("answers", "outputs", "responses")
#: Fields that may hold a transcript beside other columns.
TRANSCRIPTS = ("text", "conversation", "dialogue", "transcript", "chat")


def named(record: Record, names: Sequence[str]) -> list[str]:
    """The record's keys that are among the names, in the order of the names."""
    keys = {key.strip().casefold(): key for key in reversed(record)}
    return [keys[name] for name in names if name in keys]


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
    questions, answers = named(record, INSTRUCTION), named(record, OUTPUT)
    inputs = named(record, INPUT)
    if not answers and isinstance(record.get("answers"), dict):
        answers = ["answers"]  # SQuAD on the Hub: {"text": ["…"], "answer_start": [0]}
    if not questions and inputs and answers:
        # An object may hold the question and its input: {"input": {"question": "…", "context": "…"}}.
        questions, inputs = inputs[:1], inputs[:1] if isinstance(record[inputs[0]], dict) else inputs[1:]
    if not answers and questions and calls_of(record.get("answers")):
        instruction = text_path(record, questions[0], INSTRUCTION)  # xLAM
        yield _columns_of(record, instruction, None, inputs).model_copy(update={"tool_calls": "answers"})
    plain = "instruction" in questions and "output" in answers
    for question in questions[:1] if plain else questions:
        for answer in answers[:1] if plain else answers:
            instruction, output = text_path(record, question, INSTRUCTION), text_path(record, answer, OUTPUT)
            yield _columns_of(record, instruction, output, inputs)


def _columns_of(record: Record, instruction: str, output: str | None, inputs: Sequence[str]) -> Columns:
    """A question and its answer in these fields, with what the record holds beside them."""
    systems = named(record, SYSTEM)
    given = text_path(record, inputs[0], INPUT) if inputs else None
    return Columns(
        instruction=instruction,
        output=output,
        input=None if given and instruction.startswith(given) else given,
        system=systems[0] if systems else None,
        history="history" if isinstance(at(record, "history"), list) else None,
        tools=_beside(record).tools,
    )


def _labelled(record: Record, shapes: Iterator[Shape]) -> Iterator[Shape]:
    """The shapes, with the field that says whether the answer is a good one.

    A field `label` says that beside a prompt and its completion. A truth value beside another answer may be that or
    anything else: then there are two shapes.
    """
    tags, labels = named(record, TAGS), named(record, LABELS)
    is_kto = bool(named(record, ("prompt",)) and named(record, ("completion",)))
    for shape in shapes:
        if not isinstance(shape, Columns | Conversation | Exchanges | Delimited):
            yield shape
        elif tags or (labels and is_kto):
            yield shape.model_copy(update={"label": (tags or labels)[0]})
        else:
            if labels and isinstance(record[labels[0]], bool):
                yield shape.model_copy(update={"label": labels[0]})
            yield shape


def _prompts(record: Record) -> Iterator[Shape]:
    """A prompt without an answer. A question beside other texts may be anything, and is none."""
    for key in named(record, INSTRUCTION):
        path, known = text_path(record, key, INSTRUCTION), {key, *named(record, (*SYSTEM, *INPUT, *ABOUT))}
        others = [name for name, value in record.items() if isinstance(value, str | list | dict) and name not in known]
        is_prompt = key.strip().casefold() == "prompt" or not others
        if is_prompt and (isinstance(at(record, path), str) or _messages(at(record, path))):
            yield _columns_of(record, path, None, named(record, INPUT))
            return


def _conversations(record: Record, taken: Collection[str | None] = (), prefix: str = "") -> Iterator[Shape]:
    """The lists of turns in a record, and in its objects. `taken`: fields that another shape reads."""
    beside = Beside() if prefix else _beside(record)
    for key, value in record.items():
        is_named = key.casefold() in TURNS
        # A text that is JSON is a list of turns only where its name says so.
        if key in taken or (not isinstance(value, list | dict) and not (isinstance(value, str) and is_named)):
            continue
        turns = turns_in(value)
        if isinstance(turns, list):
            shape = _turns(prefix + key, turns, is_named, beside)
            if shape:
                yield shape
        elif isinstance(value, dict) and not prefix:
            if isinstance(value.get("replies"), list):
                yield Tree(root=key)
            else:
                yield from _conversations(value, (), f"{key}.")


class Beside(NamedTuple):
    """The fields beside the turns that the shapes of conversations read."""

    system: str | None = None
    tools: str | None = TOOLS[0]


def _beside(record: Record, but: str = "") -> Beside:
    """What a record holds beside the turns under the key `but`."""
    systems = [key for key in named(record, SYSTEM) if key != but]
    tools = [key for key in named(record, TOOLS) if tools_at(record, key)]
    return Beside(systems[0] if systems else None, tools[0] if tools else TOOLS[0])


def _turns(path: str, turns: list[Any], is_named: bool, beside: Beside) -> Shape | None:
    """The shape of a list of turns, None where it is another list. `is_named`: its name says that it holds turns."""
    if not turns:
        return Conversation(turns=path) if is_named else None
    if all(isinstance(turn, dict) for turn in turns):
        role = [name for name in ROLE_KEYS if all(name in turn for turn in turns)]
        text = [name for name in (*TEXT_KEYS, PARTS) if all(name in turn or CALLED & turn.keys() for turn in turns)]
        if role and text:
            return Conversation(turns=path, role=role[0], text=text[0], system=beside.system, tools=beside.tools)
        for user, assistant in (*EXCHANGES, *(EXCHANGES_OF_TURNS if is_named else ())):
            if all(user in turn or assistant in turn for turn in turns) and any(
                user in turn and assistant in turn for turn in turns
            ):
                return Exchanges(turns=path, user=user, assistant=assistant, system=beside.system, tools=beside.tools)
    elif is_named and all(map(_is_pair, turns)):
        return Exchanges(turns=path, user="0", assistant="1", system=beside.system, tools=beside.tools)
    return None


def _preference(record: Record) -> Iterator[Shape]:
    others = [key for key in named(record, REJECTED) if isinstance(record[key], str | list | dict)]
    chosen = named(record, CHOSEN) or named(record, OUTPUT)
    if not chosen or not others:
        return
    prompts = [*named(record, INSTRUCTION), *(key for key in named(record, TURNS) if _messages(record[key]))]
    inputs, systems = named(record, INPUT), named(record, SYSTEM)
    prompt, given = prompts[0] if prompts else None, inputs[0] if inputs and prompts else None
    tools = _beside(record).tools
    if _messages(at(record, "input.messages")):  # OpenAI
        prompt, given = "input.messages", None
        tools = "input.tools"
    yield Preference(
        prompt=prompt,
        chosen=chosen[0],
        rejected=others[0],
        context="context" if isinstance(record.get("context"), list) else None,
        input=given if isinstance(at(record, given), str) else None,
        system=systems[0] if systems else None,
        tools=tools,
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
        yield Pairs(questions=asked[0], answers=answered[0])
    elif asked:
        yield Questions(questions=asked[0])


def _transcripts(record: Record, is_beside: bool) -> Iterator[Shape]:
    for key, value in record.items():
        if isinstance(value, str) and (not is_beside or key.casefold() in TRANSCRIPTS) and is_transcript(value):
            beside = _beside(record, key)
            yield Delimited(text=key, system=beside.system, tools=beside.tools)


def shapes_of(record: Record) -> list[Shape]:
    """The shapes that a record can be read in, the likeliest first: [] if none fits, several if it is ambiguous.

    Where two shapes give the same answer (a transcript beside the columns that it was made from), the record
    holds one thing twice, and the first shape is taken.
    """
    if is_exported(record):
        return [Exported()]
    found = [*_preference(record)] or [*_completions(record)]
    if found:
        return found
    found = [*_lists(record)] or [*_labelled(record, _columns(record))]
    taken = {
        path for shape in found if isinstance(shape, Columns) for path in (*BESIDE, shape.instruction, shape.output)
    }
    found += _labelled(record, _conversations(record, taken))
    found += _labelled(record, _transcripts(record, bool(found)))
    if not found:
        found += _prompts(record)
    if len(found) < 2:
        return found
    return [found[0], *(shape for shape in found[1:] if _last(record, shape) != _last(record, found[0]))]


def _last(record: Record, shape: Shape) -> tuple[object, ...]:
    rows = rows_of(Entry("", record, b"{}"), shape)
    last = rows[-1]
    if len(rows) > 1 or last.reason:
        return (shape,)
    return ((last.output or "").strip(), len(last.history), last.label)


class Detected:
    """The shape of each record by its own fields; of a record that fits none, the one shape of its neighbours.

    `sample`: the first values of the file. Raises Fault (unknown-shape, ambiguous-shape) where the sample as a whole
    cannot be read; the detail lists what was found.
    """

    def __init__(self, sample: Sequence[Any]) -> None:
        records = [value for value in sample if isinstance(value, dict)]
        found = [shapes_of(record) for record in records]
        for record, shapes in zip(records, found, strict=True):
            if len(shapes) > 1:
                raise _ambiguous(record, shapes)
        self.shapes = [shape for shapes in found for shape in shapes]
        if records and not self.shapes:
            raise _unknown(records[0])
        votes = Counter(map(toml, self.shapes))
        self.flat: dict[tuple[str, ...], Shape] = {}
        self.neighbour = max(self.shapes, key=lambda shape: votes[toml(shape)]) if votes else None

    def of(self, record: Record) -> Shape:
        """The shape of one record. Raises Fault: unknown-shape, ambiguous-shape."""
        # Of a record of plain texts, its keys alone decide its shape, save for transcripts.
        keys = tuple(record)
        flat = all(type(value) is str for value in record.values())
        if flat and keys in self.flat:
            return self.flat[keys]
        shapes = shapes_of(record)
        if len(shapes) > 1:
            raise _ambiguous(record, shapes)
        if shapes:
            if flat and isinstance(shapes[0], Columns) and not may_hold_transcript(keys):
                self.flat[keys] = shapes[0]
            return shapes[0]
        if self.neighbour and any(at(record, path) is not None for path in fields(self.neighbour)):
            return self.neighbour
        raise _unknown(record)


def may_hold_transcript(names: Sequence[str]) -> bool:
    """Whether one of these columns may be a transcript, or turns written into a text, beside the others."""
    return any(name.casefold() in TRANSCRIPTS + TURNS for name in names)


#: Options of a shape that name keys inside of its list.
INNER = {
    "conversation": ("role", "text"),
    "exchanges": ("user", "assistant"),
    "completions": ("text", "score"),
    "tree": ("role", "text", "replies", "rank", "paths"),
}


def fields(shape: Shape) -> list[str]:
    """The paths that a shape reads."""
    inner = INNER.get(shape.kind, ())
    return [
        value
        for key, value in shape
        if isinstance(value, str) and key not in ("kind", "instances", "tools", "tool_calls", *inner)
    ]


def toml(shape: Shape) -> str:
    """The line of pipeline.toml that pins a shape."""
    return f"shape = {_toml({'kind': shape.kind, **shape.model_dump(exclude_defaults=True)})}"


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return f"{{ {', '.join(f'{_key(key)} = {_toml(item)}' for key, item in value.items())} }}"
    # A JSON string is a TOML string, but for DEL. There is no null: "" means no field.
    return orjson.dumps("" if value is None else value).decode().replace("\x7f", "\\u007f")


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _toml(key)


def _unknown(record: Record) -> Fault:
    keys = ", ".join(list(record)[:12]) or "none"
    known = [name for name, recipe in recipes().items() if _has_all(record, recipe.shape)]
    remedy = (
        " or ".join(f'`recipe = "{name}"`' for name in known[:3])
        if known
        else 'for columns as `shape = { kind = "columns", instruction = "…", output = "…" }`, for a labelled set as '
        '`shape = { kind = "template", instruction = "…", input = "{…}", output = "{…}" }`'
    )
    if likely := _likely_conversation(record):
        remedy = f"if `{likely.turns}` is a conversation, as `{toml(likely)}`, or {remedy}"
    if "column1" in record:
        remedy += '; the names of its columns as `header = ["…", "…"]`, with `skip = 1` where line 1 is a header'
    return Fault(
        "unknown-shape", f"no known shape fits a record with the fields {keys}: name its shape in the source, {remedy}"
    )


def _likely_conversation(record: Record) -> Conversation | None:
    """A list of objects of which one text is a speaker and another what is said: two speakers have the shortest names,
    what is said is longest. None where no list is one.
    """
    for key, turns in record.items():
        if not isinstance(turns, list) or len(turns) < 2 or not all(isinstance(turn, dict) for turn in turns):
            continue
        texts = [name for name in turns[0] if all(isinstance(turn.get(name), str) for turn in turns)]
        texts.sort(key=lambda name: sum(len(turn[name]) for turn in turns))
        speakers = [name for name in texts[:-1] if len({turn[name] for turn in turns}) == 2]
        if speakers:
            first, second = dict.fromkeys(turn[speakers[0]] for turn in turns)
            roles: dict[str, Role] = {first: "user", second: "assistant"}
            return Conversation(turns=key, role=speakers[0], text=texts[-1], roles=roles)
    return None


def _has_all(record: Record, shape: Shape | None) -> bool:
    """Whether a template's fields are all there."""
    if not isinstance(shape, Template):
        return False
    asked = FIELD.findall(shape.instruction + shape.input + shape.output)
    return all(at(record, path) is not None for path in asked)


def _ambiguous(record: Record, shapes: Sequence[Shape]) -> Fault:
    lines = " or ".join(f"`{toml(shape)}`" for shape in shapes)
    return Fault("ambiguous-shape", f"the record can be read in {len(shapes)} ways: choose in the source {lines}")
