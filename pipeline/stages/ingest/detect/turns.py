"""Turns that are fields of their own, told by a role and a number in their names: 질문1, answer_2, turn1_user."""

import re
from collections import defaultdict
from collections.abc import Iterator

from pipeline.stages.ingest.detect.columns import given_fields, one_or_more
from pipeline.stages.ingest.fields.names import INSTRUCTION, OUTPUT, SYSTEM, named
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.roles import SPEAKERS
from schemas.shapes import TurnFields

#: A number at the beginning, in the middle or at the end of a name, and signs between it and the words.
NUMBER = re.compile(r"(\D*?)[ _.-]*(\d{1,2})[ _.-]*(\D*)")
#: Words around a number that say only that something is counted.
COUNTED = re.compile(r"(?:^|[ _.-])(?:turn|round|턴|회차|차례)(?=$|[ _.-])")
#: The words of a question and of its answer.
ASKS = {*INSTRUCTION, *SPEAKERS["user"], "문의", "고객질문"}
ANSWERS = {*OUTPUT, *SPEAKERS["assistant"], "reply", "회신", "답", "대답"}
#: Words of a turn that say of nobody that he speaks.
TURN = {"", "utterance", "utt", "message", "발화", "대사", "메시지"}
#: The fields of the questions, or of the answers, by number.
Numbered = dict[int, str]


def numbered_turns(record: Record) -> Iterator[TurnFields]:
    """The conversation of a record in which each question and each answer has a number, and none is missing."""
    asks, answers = _by_number(record)
    turns = complete_turns(asks, answers)
    if len(turns) > 2 and len(asks) == len(answers) == len(turns) / 2:
        yield _turn_fields(record, turns)


def likely_turns(record: Record) -> TurnFields | None:
    """What may be a conversation: the pairs that are complete, or texts of one or two unknown words with numbers."""
    asks, answers = _by_number(record)
    turns = complete_turns(asks, answers) if len(asks) > 1 else _of_unknown_words(record)
    return _turn_fields(record, turns) if turns else None


def _of_unknown_words(record: Record) -> list[str]:
    """The turns of two words with the same numbers, the first of them asking, or of one word that means a turn."""
    found: dict[str, Numbered] = defaultdict(dict)
    for key, value in record.items():
        word, number = word_and_number(key)
        if isinstance(value, str | None) and NUMBER.fullmatch(key.strip()):
            found[word][number] = key
    several = {word: fields for word, fields in found.items() if len(fields) > 1}
    if len(several) == 1 and (said := several.popitem())[0] in TURN:
        return [said[1][number] for number in sorted(said[1])]
    if len(several) != 2:
        return []
    first, second = sorted(several, key=lambda word: (word in ANSWERS) - (word in ASKS))
    return complete_turns(several[first], several[second]) if several[first].keys() == several[second].keys() else []


def complete_turns(asks: Numbered, answers: Numbered) -> list[str]:
    """The fields of questions and answers from the first number on, up to one that lacks its question or answer.

    >>> complete_turns({1: "q1", 2: "q2", 3: "q3"}, {1: "a1", 2: "a2"})
    ['q1', 'a1', 'q2', 'a2']
    """
    turns: list[str] = []
    number = min(asks, default=0)
    while number in asks and number in answers:
        turns += [asks[number], answers[number]]
        number += 1
    return turns


def _turn_fields(record: Record, turns: list[str]) -> TurnFields:
    systems = [key for key in named(record, SYSTEM) if key not in turns]
    given = [path for path in given_fields(record) if path not in turns]
    return TurnFields(turns=tuple(turns), system=systems[0] if systems else None, input=one_or_more(given))


def _by_number(record: Record) -> tuple[Numbered, Numbered]:
    """The questions and the answers by number; without any where they have several names, or are no texts."""
    found: dict[str, Numbered] = defaultdict(dict)
    for key, value in record.items():
        word, number = word_and_number(key)
        if word in ASKS or word in ANSWERS:
            if not isinstance(value, str | None) or number in found[word]:
                return {}, {}
            found[word][number] = key
    asks, answers = ([found[word] for word in found if word in words] for words in (ASKS, ANSWERS))
    is_one = len(asks) == len(answers) == 1 and max(map(len, (*asks, *answers))) > 1
    return (asks[0], answers[0]) if is_one else ({}, {})


def word_and_number(key: str) -> tuple[str, int]:
    """The word in the name of a field, and its number: a first one may have none.

    >>> [word_and_number(key) for key in ("질문2", "turn_1_user", "3_Answer", "question")]
    [('질문', 2), ('user', 1), ('answer', 3), ('question', 1)]
    """
    counted = NUMBER.fullmatch(key.strip())
    words = f"{counted[1]} {counted[3]}" if counted else key
    word = COUNTED.sub(" ", words.strip().casefold()).strip(" _.-")
    return word, int(counted[2]) if counted else 1
