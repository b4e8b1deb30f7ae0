"""Cases by someone who had not seen the rules: how many are found, and how many clean ones are flagged.

The levels are those that were reached. A change may raise them; one that lowers them loses something.
"""

import json
from typing import Any

import pyarrow as pa
import pytest

from pipeline.stages.normalize import normalize
from pipeline.stages.screen import screen
from pipeline.stages.screen.pii import find_pii
from pipeline.stages.validate import validate
from tests.support.paths import CASES


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text("utf-8").splitlines()]


def is_found(row: dict[str, Any]) -> bool:
    """Whether the row is flagged for a defect, or was rejected or repaired before (`</s>` at the end of an answer)."""
    flagged = [flag for flag in row["flags"] if not flag.startswith("pii") and flag != "secret"]
    return bool(flagged or row["reject_stage"] or {"special-tokens", "mojibake"} & set(row["fixes"]))


def missed_and_false(name: str) -> tuple[list[str], list[str]]:
    rows = cases(name)
    table = pa.table({field: [row[field] for row in rows] for field in ("instruction", "input", "output")})
    found = list(map(is_found, screen(normalize(validate(table))).to_pylist()))
    missed = [row["output"] for row, hit in zip(rows, found, strict=True) if row["defect"] and not hit]
    false = [row["output"] for row, hit in zip(rows, found, strict=True) if not row["defect"] and hit]
    return missed, false


@pytest.mark.parametrize(
    "name", ["screen_defects_heldout.jsonl", "screen_defects_fresh2.jsonl", "screen_defects_fresh3.jsonl"]
)
def test_defects_held_out(name: str) -> None:
    missed, false = missed_and_false(name)
    assert not missed
    assert not false


def test_defects_of_the_third_set() -> None:
    """An answer in plain speech that stops behind 조회해 reads as one that asks to: only its full stop is missing."""
    missed, false = missed_and_false("screen_defects_heldout3.jsonl")
    assert [text[-3:] for text in missed] == ["조회해"]
    assert not false


def test_defects_of_the_seventh_set() -> None:
    """Five that read as an answer of another kind: a letter, a name, a heading, an answer to a question of law."""
    missed, false = missed_and_false("screen_defects_fresh4.jsonl")
    assert missed == [
        "법적 조언은 제공하지 않습니다.",
        "초안 작성 중입니다. 잠시만 기다려 주세요.",
        "문구",
        "커피는 에티오피아에서 처음 발견되었다고 전해지며 이후 아라비아반도를 거쳐 유럽으로 퍼져 나가기 시",
        "Seoul.",
    ]
    assert not false


def test_defects_of_the_eighth_set() -> None:
    missed, false = missed_and_false("screen_defects_fresh5.jsonl")
    assert missed == ["음, 이건 패스할게요."]
    assert not false


def test_defects_of_the_ninth_set() -> None:
    """Of someone who had seen no rule: 92 of 120 were found at first sight, and 2 of 100 clean rows flagged."""
    missed, false = missed_and_false("screen_defects_heldout4.jsonl")
    assert len(missed) == 10
    assert not false


@pytest.mark.parametrize(("name", "left"), [("screen_defects_heldout5.jsonl", 0), ("screen_defects_heldout6.jsonl", 2)])
def test_defects_of_the_tenth_and_eleventh_set(name: str, left: int) -> None:
    """From the names of the kinds: 89 of 122 and 86 of 102 were found at first sight."""
    missed, false = missed_and_false(name)
    assert len(missed) == left
    assert not false


@pytest.mark.parametrize(
    ("name", "left"),
    [
        # The number of a company's service desk is no personal data: the other held-out file decides so.
        ("screen_pii_heldout2.jsonl", [("pii-phone", "1588-7243")]),
        ("screen_pii_heldout3.jsonl", []),
        ("screen_pii_heldout4.jsonl", []),
    ],
)
def test_personal_data_held_out(name: str, left: list[tuple[str, str]]) -> None:
    """A text with a token is in parts, so that no search for leaked tokens stops at it."""
    missed, wrong = [], []
    for case in cases(name):
        text = "".join(case["text"])
        found = {(start, end, kind.name) for kind, start, end in find_pii(text)}
        spans = {(start, end, kind) for start, end, kind in case["spans"]}
        missed += [(kind, text[start:end]) for start, end, kind in spans - found]
        wrong += [(kind, text[start:end]) for start, end, kind in found - spans]
    assert missed == left
    assert not wrong
