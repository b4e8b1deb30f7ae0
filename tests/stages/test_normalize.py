"""normalize: every fix by its cases, and the laws of a stage on any table."""

import json
import os
import re
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.normalize import FIXES, normalize
from pipeline.stages.normalize.encoding import COMPOSABLE
from pipeline.stages.normalize.fixes import apply_fixes
from pipeline.table.protected_spans import find_spans, hide, hide_nothing, hide_without_blocks, restore
from pipeline.table.reject_and_flag import complete
from schemas.columns import MESSAGES
from schemas.columns import TEXTS as TEXT_COLUMNS
from schemas.options import NormalizeOptions
from tests.support.growth import is_linear
from tests.support.paths import CASES
from tests.support.tables import message, table_of, tables

CASES = [json.loads(line) for line in (CASES / "normalize.jsonl").read_text("utf-8").split("\n") if line]
DEFAULTS = [fix for fix in FIXES if fix.default]
LIGHT = [fix for fix in FIXES if fix.name not in ("spacing", "hanja", "hanja-gloss")]


def one(text: str, **options: object) -> dict[str, object]:
    table = pa.table({"instruction": [text], "input": [""], "output": ["답"]})
    row: dict[str, object] = normalize(table, NormalizeOptions(**options)).to_pylist()[0]
    return row


@pytest.mark.parametrize("case", CASES, ids=lambda case: repr(case["text"])[:40])
def test_case(case: dict[str, object]) -> None:
    row = one(str(case["text"]), on=tuple(case.get("on", ())))  # type: ignore[arg-type]
    if "known_failure" in case:  # kept in sight: a case that comes right must lose the mark
        assert row["instruction"] != case["expect"] or row["fixes"] != case["fixes"], "no longer a failure"
        return
    assert row["instruction"] == case["expect"]
    assert row["fixes"] == case["fixes"]


def test_every_fix_has_a_case() -> None:
    shown = {name for case in CASES if "known_failure" not in case for name in case["fixes"]}
    assert {fix.name for fix in LIGHT} <= shown


@pytest.mark.parametrize("fix", [fix for fix in LIGHT if fix.default], ids=lambda fix: fix.name)
def test_every_fix_can_be_switched_off(fix: object) -> None:
    name = fix.name  # type: ignore[attr-defined]
    case = next(case for case in CASES if case["fixes"] == [name] and "known_failure" not in case)
    assert name not in one(case["text"], off=(name,))["fixes"]  # type: ignore[operator]


def test_each_row_names_what_changed_it() -> None:
    table = pa.table(
        {"instruction": ["안녕\u200b하세요", "멀쩡한 글"], "input": ["", None], "output": ["서울\u00a0시", "답"]}
    )
    fixed = normalize(table)
    assert fixed["instruction"].to_pylist() == ["안녕하세요", "멀쩡한 글"]
    assert fixed["output"].to_pylist() == ["서울 시", "답"]
    assert fixed["fixes"].to_pylist() == [["zero-width", "spaces"], []]
    assert normalize(fixed).equals(fixed)


def test_messages_thoughts_and_rejected_answers_are_texts_too() -> None:
    row = {"reasoning": "음\u00a0", "rejected": "아니\u200b요", "reject": None, "source": "가"}
    row |= {"history": [message("user", content="\ufeff가"), message("assistant", content="나", reasoning="다\r\n라")]}
    fixed = normalize(table_of([row | {"instruction": "가", "output": "나"}])).to_pylist()[0]
    assert (fixed["reasoning"], fixed["rejected"]) == ("음", "아니요")
    assert fixed["history"] == [message("user", content="가"), message("assistant", content="나", reasoning="다\n라")]
    assert fixed["fixes"] == ["byte-order-mark", "line-endings", "zero-width", "spaces", "trailing-spaces"]
    assert normalize(table_of([row | {"reject": "invalid-json"}])).to_pylist()[0]["history"] == row["history"]


def test_json_stays_as_it_is() -> None:
    dirty = '[ {"type":"function", "function": {"name": "f\u200b", "arguments": {"가": "나\u00a0\u00a0", "n": 1.50}}} ]'
    steps = [
        message("assistant", content="네\u200b", tool_calls=dirty),
        message("tool", content="21도\u200b", name="f\u200b"),
    ]
    row = {
        "tools": dirty,
        "tool_calls": dirty,
        "meta": '{"가": "\u200b"}',
        "steps": steps,
        "reject": None,
        "source": "가",
    }
    fixed = normalize(table_of([row | {"instruction": "가", "output": "나"}])).to_pylist()[0]
    assert {name: fixed[name] for name in ("tools", "tool_calls", "meta")} == {
        name: row[name] for name in ("tools", "tool_calls", "meta")
    }
    assert fixed["steps"] == [steps[0] | {"content": "네"}, steps[1] | {"content": "21도"}]
    assert fixed["fixes"] == ["zero-width"]


def test_history_in_the_old_form() -> None:
    history = [[{"user": "\ufeff가", "assistant": None}], []]
    table = pa.table({"history": history, "instruction": ["가", "나"], "input": ["", ""], "output": ["다", "라"]})
    fixed = normalize(table)
    assert fixed["history"].to_pylist() == [[message("user", content="가"), message("assistant", content=None)], []]
    assert fixed["fixes"].to_pylist() == [["byte-order-mark"], []]


@given(tables)
def test_a_row_with_messages_is_fixed_as_its_texts_are(table: pa.Table) -> None:
    """Each text of a row is what `apply_fixes` makes of it, wherever the row holds it, and `fixes` names the fixes."""
    for before, after in zip(table.to_pylist(), normalize(table).to_pylist(), strict=True):
        texts = [(before[name], after[name]) for name in TEXT_COLUMNS]
        for column in MESSAGES:
            for old, new in zip(before[column], after[column], strict=True):
                if old is None:
                    assert new is None
                    continue
                texts += [(old[name], new[name]) for name in ("content", "reasoning")]
                assert {**old, "content": "", "reasoning": ""} == {**new, "content": "", "reasoning": ""}
        if before["reject_stage"]:
            assert before == after
            continue
        done = [apply_fixes(old or "", DEFAULTS) for old, _ in texts]
        assert [new or "" for _, new in texts] == [text for text, _ in done]
        assert set(after["fixes"]) == set().union(*(names for _, names in done))


def test_a_rejected_row_is_left_as_it_was() -> None:
    table = pa.table({"instruction": ["가\u200b"], "input": [""], "output": ["나"], "reject_stage": ["validate"]})
    assert normalize(table)["instruction"].to_pylist() == ["가\u200b"]


def test_an_option_that_names_no_fix_is_an_error() -> None:
    with pytest.raises(ValueError, match="zero-with"):
        normalize(pa.table({"instruction": ["가"]}), NormalizeOptions(off=("zero-with",)))


def test_what_is_visible_stays_visible() -> None:
    assert one("<|endoftext|>")["instruction"] == "<|endoftext|>"


#: Texts made of the pieces that the fixes and the spans are about, and of any other characters.
PIECES = st.sampled_from(
    [
        *(
            "안녕",
            "ㅋㅋㅋㅋㅋ",
            "10000원",
            "①³½",
            " ",
            "  ",
            "\n",
            "\n\n\n",
            "\r\n",
            "\t",
            "\u00a0",
            "\u3000",
            "\u200b",
            "\u200d",
        ),
        *(
            "\ufeff",
            "\x00",
            "\x0b",
            "\u2028",
            "\u202e",
            "\u00ad",
            "\ufdd0",
            "\U0001f468",
            "ᄒ",
            "ᅡ",
            "ᆫ",
            "e\u0301",
            "\u3164ㅂㅘㅅ",
        ),
        *(
            "```",
            "`",
            "``",
            "~~~\n",
            "$",
            "$$",
            "\\(",
            "\\)",
            "\\begin{align}",
            "\\end{align}",
            "https://a.kr/b",
            "a@b.kr",
        ),
        *(
            "| 가 | 나 |",
            "---|---",
            "- ",
            "1. ",
            '{"',
            '": 1}',
            "[1",
            "]",
            "<div>",
            "</div>",
            "<br>",
            "<b>",
            "</b>",
            "&amp;",
            "&lt;",
        ),
        *(
            "gt;",
            "#39;",
            "</s>",
            "<s>",
            "<|endoftext|>",
            "ＡＢ１",
            "ﾡ",
            "“",
            "–",
            "¾È³ç",
            "ì•ˆë…•",
            "漢字",
            "C:\\a",
            "/usr/bin",
        ),
    ]
)
TEXTS = st.lists(st.one_of(PIECES, PIECES, PIECES, st.text(max_size=3)), max_size=14).map("".join)


@given(TEXTS)
@settings(max_examples=400, deadline=None)
def test_idempotent_and_explained(text: str) -> None:
    for chosen in (DEFAULTS, LIGHT):
        once, names = apply_fixes(text, chosen)
        assert apply_fixes(once, chosen) == (once, set())
        assert (once != text) == bool(names) or once == text


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_a_scan_overlooks_no_fix(text: str) -> None:
    for fix in LIGHT:
        if fix.fix(text) != text:
            assert pc.match_substring_regex(pa.array([text]), fix.scan)[0].as_py(), fix.name


@given(TEXTS)
@settings(max_examples=300, deadline=None)
def test_protected_spans_stay_byte_for_byte(text: str) -> None:
    encoded, _ = apply_fixes(text, [fix for fix in LIGHT if fix.hide is hide_nothing])
    prose, spans = hide(encoded)
    assert restore(prose, spans) == encoded
    fixed, _ = apply_fixes(text, [fix for fix in LIGHT if fix.hide is not hide_without_blocks])
    at = 0
    for span in spans:
        assert span in fixed[at:]
        at = fixed.index(span, at) + len(span)


def digits(text: str) -> str:
    return "".join(
        str(unicodedata.digit(char))
        for char in re.sub(r"&#?\w+;", "", text)
        if unicodedata.digit(char, None) is not None
    )


@given(
    st.lists(
        st.one_of(
            PIECES.filter(lambda piece: "#" not in piece and not {"¾", "ì"} & set(piece)),
            st.from_regex(r"[0-9①³４]{1,9}[원년.,]?", fullmatch=True),
        ),
        max_size=12,
    ).map("".join)
)
@settings(max_examples=300, deadline=None)
def test_digits_are_kept_in_sequence(text: str) -> None:
    assert digits(apply_fixes(text, LIGHT)[0]) == digits(text)


@given(
    st.lists(st.tuples(TEXTS, st.none() | TEXTS, TEXTS, st.none() | TEXTS, st.booleans()), max_size=6),
    st.integers(0, 6),
)
@settings(max_examples=80, deadline=None)
def test_the_laws_of_a_stage(rows: list[tuple[str, str, str, str, bool]], cut: int) -> None:
    names = ("instruction", "input", "output", "system")
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    columns["reject_stage"] = pa.array(["validate" if row[4] else None for row in rows], pa.string())
    table = complete(pa.table(columns))
    fixed = normalize(table)
    assert len(fixed) == len(table)
    assert normalize(fixed).equals(fixed)
    halves = pa.concat_tables([normalize(table.slice(0, cut)), normalize(table.slice(cut))])
    assert halves.to_pylist() == fixed.to_pylist()
    for before, after in zip(table.to_pylist(), fixed.to_pylist(), strict=True):
        changed = any(before[name] != after[name] for name in names)
        assert changed == bool(after["fixes"])
        assert not (before["reject_stage"] and changed)


def test_the_scan_of_nfc_overlooks_no_character() -> None:
    every = [chr(code) for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    unsafe = [c for c in every if unicodedata.combining(c) or not unicodedata.is_normalized("NFC", c)]
    unsafe += [c for c in every if not unicodedata.is_normalized("NFC", "가" + c)]
    assert pc.all(pc.match_substring_regex(pa.array(unsafe), COMPOSABLE)).as_py()


def test_the_unicode_normalisation_test() -> None:
    if "KO_INSTRUCT_DATA" not in os.environ:
        pytest.skip("KO_INSTRUCT_DATA is not set")
    nfc = [fix for fix in FIXES if fix.name == "nfc"]
    path = Path(os.environ["KO_INSTRUCT_DATA"]) / "unicode_normalization_test_12.0.txt"
    lines = 0
    for line in path.read_text("utf-8").splitlines():
        if not re.match(r"[0-9A-F]", line):
            continue
        source, composed, decomposed, *_ = (
            "".join(chr(int(c, 16)) for c in column.split()) for column in line.split(";")[:5]
        )
        for text in (source, composed, decomposed):
            assert apply_fixes(text, nfc)[0] == composed
        lines += 1
    assert lines > 18_000


HOSTILE = [
    "```",
    "`",
    "``",
    "$",
    "$a",
    "\\(",
    "\\begin{a}",
    '{"',
    "[1",
    "<a>\n",
    "<a ",
    "</b>",
    "<b>",
    "a@",
    "a.",
    "|",
    "|\n",
    "- ",
    "a|\n--",
]
HOSTILE += [
    "/",
    "\n",
    " ",
    "\t ",
    "&lt;",
    "&amp;",
    "<br ",
    "</s>",
    "</s> ",
    "<s>",
    "<s></s>",
    "<|im_end|>",
    "&#33;",
    "&deg;",
    "<p>",
    "</p>",
    "<b>가</b>",
    "````\n",
    "```py\n",
    "가  \n",
    "\n\n\n",
    "x\n\n\n",
    "ì",
    "ì ",
    "ì•ˆ, ",
    "\uf9cf⑦넗濡쒕씪 ",
    "\u200b",
    "\u200d",
    "ㅋ",
    "ㅋㅎ",
    "ì•",
    "¾È",
    "¡°",
    "&#4",
    "漢",
    "é",
    "\\",
    '"',
    "~~~\n",
    "1. ",
]


def apply_each(text: str) -> None:
    find_spans(text)
    for fix in LIGHT:
        pc.match_substring_regex(pa.array([text]), fix.scan)
        fix.fix(text)


@pytest.mark.long
@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_the_work_is_linear(piece: str) -> None:
    assert is_linear(apply_each, lambda length: piece * (length // len(piece)) + "x")


@pytest.mark.long
@pytest.mark.parametrize("unit", HOSTILE, ids=repr)
def test_all_fixes_together_take_time_as_the_text_grows(unit: str) -> None:
    """Fixes run until none changes the text: a fix must not leave work to the next round at each place."""
    assert is_linear(lambda text: apply_fixes(text, DEFAULTS), lambda length: unit * (length // len(unit)))


def test_hanja_is_read_and_kept_by_option() -> None:
    pytest.importorskip("hanja")
    assert one("漢字 공부", on=("hanja",))["instruction"] == "한자 공부"
    glossed = one("漢字 공부, 한글(漢字)", on=("hanja-gloss",))["instruction"]
    assert glossed == "한자(漢字) 공부, 한글(漢字)"
    assert one("2023年 女子 勞動法, 歷史(역사)", on=("hanja-gloss",))["instruction"] == (
        "2023년(年) 여자(女子) 노동법(勞動法), 歷史(역사)"
    )
    assert one("`漢字` 漢字", on=("hanja",))["instruction"] == "`漢字` 한자"


def test_spacing_only_adds_spaces() -> None:
    pytest.importorskip("kiwipiepy")
    row = one("아버지가방에들어가신다. `코드는그대로`", on=("spacing",))
    assert str(row["instruction"]).replace(" ", "") == "아버지가방에들어가신다.`코드는그대로`"
    assert row["fixes"] == ["spacing"]
    for text, expect in (
        ("오늘날씨가정말좋네요. `코드는그대로`", "오늘 날씨가 정말 좋네요. `코드는그대로`"),
        ("1. 첫째항목을확인하세요", "1. 첫째 항목을 확인하세요"),
        ("    나는밥을 먹었다", "    나는 밥을 먹었다"),
        ("| 표안의글 | 그대로 |", "| 표안의글 | 그대로 |"),
    ):
        assert one(text, on=("spacing",))["instruction"] == expect
