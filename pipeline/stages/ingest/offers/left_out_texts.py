"""What to write in the source where texts of the task are left out: the faults that offer the lines of toml."""

from collections.abc import Mapping, Sequence
from typing import Any

from pipeline.stages.ingest.detect.answers import answered_elsewhere
from pipeline.stages.ingest.detect.columns import are_messages, one_or_more
from pipeline.stages.ingest.detect.compared_answers import is_worse
from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.given import is_given, paths_of
from pipeline.stages.ingest.fields.names import (
    ANSWER,
    BETTER,
    CHOSEN,
    DIRECTIVES,
    EVIDENCE,
    JUDGED,
    OF_USER,
    PERSONA,
    SYSTEM,
    corrects,
    explains,
    leaf,
    may_answer,
    named,
    tells_the_task,
)
from pipeline.stages.ingest.fields.passages import hold_answers
from pipeline.stages.ingest.fields.paths import Record, at
from pipeline.stages.ingest.fields.thoughts import thought_of
from pipeline.stages.ingest.fields.toml_line import toml
from pipeline.stages.ingest.fields.unmapped import is_sentence
from pipeline.stages.ingest.fields.written import is_talk
from pipeline.stages.ingest.offers.giveaways import gives_away, is_earlier, is_truth, judges
from pipeline.stages.ingest.offers.ways import other_texts
from pipeline.stages.ingest.parse.exact_json import Number, dumps
from pipeline.stages.ingest.shapes.columns import labelled
from pipeline.stages.ingest.shapes.wording import worded
from schemas.shapes import (
    Articles,
    Columns,
    Completions,
    Conversation,
    Delimited,
    Exchanges,
    Instances,
    MultipleChoice,
    Pairs,
    Preference,
    Shape,
    TurnFields,
)

#: The shapes whose records may hold texts beside those that they take.
Mapped = Columns | MultipleChoice | Pairs | Instances | Preference | Completions | Conversation | Exchanges | Delimited
#: What a text is in a column, for a message.
MEANT = {
    "instruction": "the instruction",
    "system": "the system prompt",
    "input": "a part of the input",
    "history": "earlier turns",
    "reasoning": "the thought before the answer",
    "output": "the answer",
}


def in_two_languages(twins: Mapping[str, str], shape: Columns | Preference) -> Fault:
    """The fault of records that hold their texts in Korean as well."""
    taken: dict[str, Any] = {
        option: twins[value] for option, value in shape if isinstance(value, str) and value in twins
    }
    if isinstance(shape.input, tuple):
        taken["input"] = tuple(twins.get(path, path) for path in shape.input)
    korean, others = (", ".join(f"`{name}`" for name in names) for names in (twins.values(), twins))
    read = shape.model_copy(update=taken)
    return Fault(
        "unmapped-text",
        f"{korean} hold in Korean what {others} hold in another language: choose in the source "
        f"`{toml(read)}`, so that they are learned, or `{toml(shape)}`, so that they stay in meta",
    )


def values_fault(names: Sequence[str], shape: Columns, records: Sequence[Record]) -> Fault:
    """The fault of records in which only numbers, lists or objects say why a prompt has several answers."""
    spoken = ", ".join(f"`{name}`" for name in names)
    nested = [
        name for name in names if isinstance(records[0].get(name), list | dict) and not is_given(records[0][name])
    ]
    if nested or shape.output is None:
        way = f"write them as a text in a field `input` of the source file, or choose in the source `{toml(shape)}`"
    else:
        template = labelled(shape.instruction, names, shape.output)
        way = f"choose in the source `{toml(template)}`, so that they are a part of the input, or `{toml(shape)}`"
    found = f"prompts repeat with other answers, and {spoken} may say why, but no column takes them"
    return Fault("unmapped-text", f"{found}: {way}, so that they stay in meta")


def texts_fault(names: Sequence[str], shape: Mapped, records: Sequence[Record]) -> Fault:
    spoken = ", ".join(f"`{name}`" for name in names) + (" holds" if len(names) == 1 else " hold")
    if isinstance(shape, Columns) and (better := _says_which_is_better(names, records)):
        detail = f"{spoken} texts, and `{better}` may say which is better: write the better answer as `chosen` and the"
        meta = f"choose in the source `{toml(shape)}`, so that they stay in meta"
        return Fault("unmapped-text", f"{detail} other one as `rejected` in the source file, or {meta}")
    if isinstance(shape, Conversation | Exchanges | Delimited) and (
        answers := [name for name in names if corrects(name) or may_answer(name)]
    ):
        return _other_answers(answers, shape)
    if isinstance(shape, Columns) and (fault := answered_elsewhere(records, shape)):
        return fault
    if isinstance(shape, Columns) and shape.output and (worse := [name for name in names if is_worse(name)]):
        return _worse(worse[0], [name for name in names if name not in worse], shape, records)
    opinions = [name for name in names if judges(name)]
    if isinstance(shape, Columns) and shape.output and opinions:
        return _opinions(opinions[0], shape, records)
    if isinstance(shape, Columns) and shape.output and (earlier := _earlier(names, shape)):
        return earlier
    if answered := [name for name in names if any(hold_answers(at(record, name)) for record in records)]:
        return _answered_inside(answered, shape)
    if not all(is_given(value) for name in names for record in records if (value := at(record, name)) is not None):
        return _nested(shape, spoken)
    read, meant = _with_unmapped(names, shape, records)
    ways = [(read, " and ".join(meant)), (shape, None)]
    if isinstance(shape, Columns) and all(_may_lead(name, records) for name in names):
        ways.insert(1, (shape.model_copy(update={"reasoning": tuple(names)}), MEANT["reasoning"]))
    if isinstance(shape, Columns) and _are_earlier_turns(names, shape, records):
        ways.insert(1, (shape.model_copy(update={"history": names[0]}), MEANT["history"]))
    if isinstance(shape, Columns) and _are_labels(records, shape):
        ways = [(_template_of(each, records), word) for each, word in ways if word != MEANT["reasoning"]]
    differ = any(len({dumps(at(record, name)) for record in records}) > 1 for name in names)
    texts = "texts that differ from record to record" if differ or len(records) < 2 else "the same text in each record"
    lines = [f"`{toml(each)}`, so that they {f'are {word}' if word else 'stay in meta'}" for each, word in ways]
    choice = ", or ".join(lines)
    return Fault("unmapped-text", f"{spoken} {texts}, and no column takes them: choose in the source {choice}")


def _may_lead(name: str, records: Sequence[Record]) -> bool:
    """Whether a field may be the thought that leads to the answer: its name says so, and its texts can be read."""
    values = [value for record in records if (value := at(record, name))]
    return name.strip().casefold() in EVIDENCE and all(thought_of(value)[0] for value in values)


def _are_earlier_turns(names: Sequence[str], shape: Columns, records: Sequence[Record]) -> bool:
    """Whether texts may be the turns before the question: those of a user and an assistant."""
    values = [value for name in names for record in records if (value := at(record, name))]
    return len(names) == 1 and not shape.history and all(are_messages(value) and not is_talk(value) for value in values)


def _answered_inside(names: Sequence[str], shape: Mapped) -> Fault:
    """The fault of documents that hold an answer, which an input would give away."""
    found = (
        f"the documents in {', '.join(f'`{name}`' for name in names)} hold an answer beside their texts, and no column"
    )
    way = f"take it out of them in the source file, or choose in the source `{toml(shape)}`, so that they stay in meta"
    return Fault("unmapped-text", f"{found} takes them: {way}")


def _nested(shape: Mapped, spoken: str) -> Fault:
    """The fault of texts in lists and objects that no column can take as they are."""
    found = f"{spoken} texts in lists or objects, and no column takes them"
    way = f"write them as a text in a field `input` of the source file, or choose in the source `{toml(shape)}`"
    return Fault("unmapped-text", f"{found}: {way}, so that they stay in meta")


def context_fault(names: Sequence[str], shape: Articles) -> Fault:
    """The fault of articles whose text has an unknown name."""
    read = toml(shape.model_copy(update={"context": names[0]}))
    found = f"`{names[0]}` holds texts beside `qas`, and no column takes them: choose in the source"
    ways = f"`{read}`, so that the questions are about them, or `{toml(shape)}`, so that they stay in meta"
    return Fault("unmapped-text", f"{found} {ways}")


def _are_labels(records: Sequence[Record], shape: Columns) -> bool:
    """Whether the answers are numbers or truth values, which only a template words."""
    values = [at(record, shape.output) for record in records]
    return bool(shape.output) and all(isinstance(value, int | float | Number) for value in values)


def _template_of(shape: Shape, records: Sequence[Record]) -> Shape:
    """The template that reads the same fields."""
    if not isinstance(shape, Columns):
        return shape
    template = labelled(shape.instruction, paths_of(shape.input), shape.output or "")
    return worded(template, records) if isinstance(at(records[0], shape.output), bool) else template


def _earlier(names: Sequence[str], shape: Columns) -> Fault | None:
    """The fault of records that hold an earlier question and its answer; None for others."""
    earlier = [name for name in names if is_earlier(name)]
    answers = [name for name in earlier if ANSWER.fullmatch(name)]
    asked = [name for name in earlier if name not in answers]
    if len(asked) != 1 or len(answers) != 1:
        return None
    rest = [name for name in names if name not in earlier and not gives_away(name, shape.output or "")]
    turns = (asked[0], answers[0], shape.instruction, shape.output or "")
    talk = TurnFields(turns=turns, system=shape.system, input=one_or_more([*paths_of(shape.input), *rest]))
    return Fault(
        "unmapped-text",
        f"`{asked[0]}` and `{answers[0]}` hold what was said before: choose in the source `{toml(talk)}`, so that they "
        f"are earlier turns, or `{toml(shape)}`, so that they stay in meta",
    )


def _opinions(name: str, shape: Columns, records: Sequence[Record]) -> Fault:
    """The fault of records that hold what others say of their answers."""
    judged = shape.model_copy(
        update={"input": one_or_more([*paths_of(shape.input), shape.output or ""]), "output": name}
    )
    first = (
        f"`{name}` holds what is said of `{shape.output}`: choose in the source `{toml(shape)}`, so that "
        f"`{shape.output}` is learned and `{name}` stays in meta"
    )
    if not all(isinstance(at(record, name), str | None) for record in records):
        return Fault("unmapped-text", first)
    return Fault(
        "unmapped-text",
        f"{first}, or `{toml(judged)}`, so that `{name}` is learned",
    )


def _worse(name: str, others: Sequence[str], shape: Columns, records: Sequence[Record]) -> Fault:
    """The fault of records that hold a worse answer beside the answer. `others`: the texts that no column takes."""
    read, _ = _with_unmapped(others, shape, records)
    pair = Preference(
        prompt=read.instruction if isinstance(read, Columns) else shape.instruction,
        chosen=shape.output or "",
        rejected=name,
        input=read.input if isinstance(read, Columns) else shape.input,
        system=shape.system,
    )
    return Fault(
        "unmapped-text",
        f"`{name}` holds a worse answer than `{shape.output}`: choose in the source `{toml(pair)}`, so that it is the "
        f"rejected one, or `{toml(shape)}`, so that it stays in meta",
    )


def _other_answers(names: Sequence[str], shape: Conversation | Exchanges | Delimited) -> Fault:
    """The fault of conversations with another answer beside them."""
    spoken = ", ".join(f"`{name}`" for name in names)
    return Fault(
        "unmapped-text",
        f"{spoken} may hold a better answer to the last question, and no column takes it: write it in the source file "
        f"in place of the last answer, or choose in the source `{toml(shape)}`, so that the answers in the turns are "
        f"learned and {spoken} stays in meta",
    )


def _says_which_is_better(names: Sequence[str], records: Sequence[Record]) -> str | None:
    """The field that names the better one of several texts; None where there is none."""
    found = [name for name in named(records[0], (*CHOSEN, *BETTER, *JUDGED)) if name not in names]
    few = [
        name for name in found if len(names) > 1 and not any(is_sentence(str(record.get(name))) for record in records)
    ]
    return few[0] if few else None


def _with_unmapped(names: Sequence[str], shape: Mapped, records: Sequence[Record]) -> tuple[Shape, list[str]]:
    """The shape that takes these texts as well, and what they are in it."""
    taken: dict[str, Any] = {}
    rest = [*names]
    prompts = [name for name in rest if _may_be_system(name, shape)]
    if len(prompts) == 1 and not isinstance(shape, Pairs | Instances) and not shape.system:
        taken["system"] = prompts[0]
        rest.remove(prompts[0])
    if isinstance(shape, Columns | MultipleChoice):
        are_texts = [name for name in rest if all(isinstance(at(record, name), str | None) for record in records)]
        tasks = [name for name in are_texts if tells_the_task(leaf(name))]
        if tasks and shape.instruction.strip().casefold() not in DIRECTIVES:
            taken["instruction"] = tasks[0]
            rest = [shape.instruction, *(name for name in rest if name != tasks[0])]
        if thoughts := tuple(filter(explains, rest)):
            taken["reasoning"] = thoughts
            rest = [name for name in rest if name not in thoughts]
    if isinstance(shape, Columns):
        answers = [name for record in records for name in other_texts(record, shape) if not explains(name)]
        attempts = [name for name in rest if (ANSWER.fullmatch(name) and not is_earlier(name)) or is_truth(name)]
        if attempts or (shape.output is None and answers):
            taken["output"] = (attempts or answers[-1:])[0]
            rest = [name for name in rest if name not in (*attempts, taken["output"])]
    if rest:
        given = (*paths_of(shape.input), *rest) if "instruction" not in taken else (*rest, *paths_of(shape.input))
        taken["input"] = one_or_more(given)
    meant = [word for name, word in MEANT.items() if name in taken]
    return shape.model_copy(update=taken), meant


def _may_be_system(name: str, shape: Mapped) -> bool:
    """Whether a field may be the system prompt: it says who answers, or beside turns what is to be done."""
    word = leaf(name)
    if word in SYSTEM:
        return True
    if PERSONA.fullmatch(word):
        return not OF_USER.fullmatch(word)
    return not isinstance(shape, Columns | MultipleChoice | Preference) and tells_the_task(word)
