"""What a model wrote, read: lists of instructions, judgements, instances. Nothing is judged here."""

import re
from typing import NamedTuple

from pipeline.self_instruct.prompts import EXAMPLE, INPUT, OUTPUT, flat
from schemas.self_instruct import Answer, Instance


class WrittenInstruction(NamedTuple):
    """One instruction in an answer. `finished`: the model came to its end."""

    text: str
    finished: bool


class Example(NamedTuple):
    """One instance in an answer; None where it does not have the form of one."""

    instance: Instance | None
    finished: bool


#: Digits that no number of an item has: a model may write one digit without an end.
LONGEST_NUMBER = 19
#: A number that begins an item, bold or not: `9.`, `10)`, `**11.**`.
_ITEM = re.compile(r"^[ \t]*\**(\d+)\**[ \t]*[.)](?!\d)\**[ \t]*", re.MULTILINE)
_EXAMPLE = re.compile(rf"^[#* \t]*{EXAMPLE}[ \t]*\d+[ \t]*[.:：)\]*]*[ \t]*$", re.MULTILINE)
_FIELD = re.compile(rf"^[* \t]*({INPUT}|{OUTPUT})[ \t]*\d*\**[ \t]*[:：]\**[ \t]*", re.MULTILINE)
#: A text between quotes from end to end.
_QUOTED = re.compile(r"[\"“'‘]([^\"“”'‘’]*)[\"”'’]", re.DOTALL)
#: What models write for an input where there is none.
_NO_INPUT = re.compile(r"[(<\[]?(입력[은이]?\s*)?(필요\s*)?없음[)>\]]?\.?")


def read_tasks(answer: Answer, first: int) -> list[WrittenInstruction]:
    """The items of a numbered list that begins with number `first`, each on one line.

    The prompt ends in that number, so that the answer may begin behind it. Words that come before the number when the
    answer repeats it are a preface, and left out.
    """
    marks = list(_ITEM.finditer(answer.text))
    starts = [mark.end() for mark in marks]
    ends = [mark.start() for mark in marks]
    if marks and len(marks[0][1]) < LONGEST_NUMBER and int(marks[0][1]) == first:
        ends = ends[1:]
    else:
        starts = [0, *starts]
    items = [flat(answer.text[start:end]).strip("* ") for start, end in zip(starts, [*ends, None], strict=True)]
    finished = answer.finish == "stop"
    return [WrittenInstruction(item, finished or number < len(items)) for number, item in enumerate(items, 1) if item]


def read_instruction(answer: Answer) -> list[WrittenInstruction]:
    """The one instruction that was asked for, its lines as they are. None where the answer is blank."""
    text = answer.text.strip()
    if quoted := _QUOTED.fullmatch(text):
        text = quoted[1].strip()
    return [WrittenInstruction(text, answer.finish == "stop")] if text else []


def says(answer: Answer, *words: str) -> bool:
    """Whether an answer begins with one of these words."""
    return answer.text.lstrip("\"'‘“*. \n").startswith(words)


def read_examples(answer: Answer) -> list[Example]:
    """The instances of an answer, whichever of input and output comes first in them.

    The prompt ends in the mark of the first example, so that the answer may begin behind it. The last one is not
    finished where the answer was cut.
    """
    parts = [part for part in _EXAMPLE.split(answer.text) if part.strip()]
    finished = answer.finish == "stop"
    return [Example(_instance(part), finished or number < len(parts)) for number, part in enumerate(parts, 1)]


def _instance(text: str) -> Instance | None:
    """The first input and the first output of one example; None without an output."""
    marks = list(_FIELD.finditer(text))
    ends = [mark.start() for mark in marks[1:]]
    fields: dict[str, str] = {}
    for mark, end in zip(marks, [*ends, None], strict=False):
        fields.setdefault(mark[1], text[mark.end() : end].strip())
    if OUTPUT not in fields:
        return None
    given = fields.get(INPUT, "")
    return Instance(input="" if _NO_INPUT.fullmatch(given) else given, output=fields[OUTPUT])
