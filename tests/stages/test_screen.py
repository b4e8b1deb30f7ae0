"""screen: every finding by its cases and look-alikes, and the laws of a stage on any table."""

import collections
import json
from functools import cache
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.screen import FINDINGS, ON_DEMAND, benchmarks_of, screen
from pipeline.stages.screen.contamination import N, grams
from pipeline.stages.screen.defects import DEFECTS
from pipeline.stages.screen.pii import KINDS, SCAN, find_pii, mask_pii
from pipeline.stages.screen.texts import DISTINCT, Texts
from pipeline.table.reject_and_flag import complete
from schemas.options import ScreenOptions
from tests.support import heldout
from tests.support.growth import is_linear
from tests.support.paths import CASES
from tests.support.tables import message, table_of


def cases(name: str) -> list[dict[str, Any]]:
    path = CASES / name
    return [json.loads(line) for line in path.read_text("utf-8").split("\n") if line]


DEFECT_CASES = cases("screen.jsonl")
PII_CASES = cases("screen_pii.jsonl")
OVERLAP, *OVERLAP_CASES = cases("screen_contamination.jsonl")
BENCHMARKS = benchmarks_of({name: pa.table({"instruction": rows}) for name, rows in OVERLAP["benchmark"].items()})
ALL_KINDS = tuple(kind.name for kind in KINDS)


def one(row: dict[str, str], benchmarks: Any = None, **options: Any) -> dict[str, Any]:
    table = pa.table({name: [row.get(name, "")] for name in ("instruction", "input", "output")})
    screened: dict[str, Any] = screen(table, ScreenOptions(**options), benchmarks).to_pylist()[0]
    return screened


@cache
def screened() -> list[dict[str, Any]]:
    """DEFECT_CASES as `screen` leaves them, all in one table: most of the time of a row is that of its table."""
    columns = {name: [case.get(name, "") for case in DEFECT_CASES] for name in ("instruction", "input", "output")}
    rows: list[dict[str, Any]] = screen(pa.table(columns)).to_pylist()
    return rows


@pytest.mark.parametrize(
    "number", range(len(DEFECT_CASES)), ids=lambda number: repr(DEFECT_CASES[number]["output"])[:40]
)
def test_defect(number: int) -> None:
    case, row = DEFECT_CASES[number], screened()[number]
    if "known_failure" in case:  # kept in sight: a case that comes right must lose the mark
        assert row["flags"] != case["expect"], "no longer a failure"
        return
    assert row["flags"] == case["expect"]
    assert [item["flag"] for item in row["evidence"]] == case["expect"]


@pytest.mark.parametrize("case", PII_CASES, ids=lambda case: repr(case["text"])[:40])
def test_personal_data(case: dict[str, Any]) -> None:
    found = dict(collections.Counter(kind.name for kind, _, _ in find_pii(case["text"])))
    if "known_failure" in case:
        assert found != case["expect"], "no longer a failure"
        return
    assert found == case["expect"]
    if "values" in case:
        assert [case["text"][start:end] for _, start, end in find_pii(case["text"])] == case["values"]
    if found:
        assert pc.match_substring_regex(pa.array([case["text"]]), SCAN)[0].as_py(), "the scan overlooks it"
    assert not find_pii(mask_pii(case["text"]))


@pytest.mark.parametrize("case", heldout.read(heldout.unreserved), ids=lambda case: repr(case.text)[:40])
def test_personal_data_held_out(case: heldout.Case) -> None:
    found = [(kind.name, start, end) for kind, start, end in find_pii(case.text)]
    _, wrong, missed = heldout.compare(case.items, found)
    assert not wrong
    assert not missed
    if found:
        assert pc.match_substring_regex(pa.array([case.text]), SCAN)[0].as_py(), "the scan overlooks it"


@pytest.mark.parametrize("case", OVERLAP_CASES, ids=lambda case: repr(case["instruction"])[:40])
def test_contamination(case: dict[str, Any]) -> None:
    hits = [item for item in one(case, BENCHMARKS)["evidence"] if item["flag"] == "contaminated"]
    got = [[item["field"], int(item["detail"].split("row ")[1].split(":")[0])] for item in hits]
    assert (got == case["expect"]) != ("known_failure" in case)


def test_every_finding_has_a_case() -> None:
    shown = {flag for case in DEFECT_CASES if "known_failure" not in case for flag in case["expect"]}
    shown |= {flag for case in PII_CASES if "known_failure" not in case for flag in case["expect"]}
    # Those on demand are in tests/stages/screen/test_on_demand.py.
    assert {*shown, "contaminated", "same-answers", *ON_DEMAND} == set(FINDINGS)


def test_masks_replace_and_evidence_holds_no_value() -> None:
    row = {"instruction": "번호?", "output": "제 번호는 010-2345-6789이고 메일은 hong@naver.com입니다."}
    masked = one(row, mask=("pii-phone",))
    assert masked["output"] == "제 번호는 <전화번호>이고 메일은 hong@naver.com입니다."
    assert masked["fixes"] == ["mask"]
    assert masked["flags"] == ["pii-email", "pii-phone"]
    assert [item["detail"] for item in masked["evidence"]] == ["1 found", "1 masked"]


def test_personal_data_in_a_defect_is_quoted_masked() -> None:
    row = one({"instruction": "전화?", "output": "죄송하지만 010-2345-6789로는 알려 드릴 수 없습니다."})
    assert row["flags"] == ["pii-phone", "refusal"]
    assert "2345" not in json.dumps(row["evidence"])


def test_reject_by_option() -> None:
    row = one({"instruction": "물음", "output": "N/A"}, reject=("no-answer",))
    assert (row["reject_stage"], row["reject_reason"]) == ("screen", "no-answer")
    assert "N/A" in row["reject_detail"]


def test_reject_by_a_flag_of_ingest() -> None:
    columns = {"instruction": ["물음"] * 3, "output": ["<think>\n음", "답", "N/A"]}
    table = pa.table(columns | {"flags": pa.array([["open-thought"], [], None], pa.list_(pa.string()))})
    assert screen(table)["reject_reason"].to_pylist() == [None] * 3
    rows = screen(table, ScreenOptions(reject=("open-thought", "no-answer"))).to_pylist()
    assert [row["reject_reason"] for row in rows] == ["open-thought", None, "no-answer"]
    assert rows[0]["reject_detail"].startswith("the answer begins with a thought that has no end")
    assert one({"instruction": "물음", "output": "N/A"}, off=("no-answer",))["flags"] == []


def test_an_option_that_names_no_finding_is_an_error() -> None:
    for options in ({"off": ("refusals",)}, {"reject": ("refusals",)}, {"mask": ("refusal",)}, {"on": ("refusal",)}):
        with pytest.raises(ValueError, match="refusal"):
            one({"instruction": "물음", "output": "답"}, **options)


@pytest.mark.parametrize("key", ["mask", "reject"])
def test_a_finding_on_demand_is_not_masked_or_rejected_without_being_looked_for(key: str) -> None:
    with pytest.raises(ValueError, match=r"Add it to screen\.on, too\."):
        one({"instruction": "물음", "output": "답"}, **{key: ("person-name",)})


PHONE, EMAIL = "010-2345-6789", "hong@naver.com"
CALL = {"type": "function", "function": {"name": "send", "arguments": {"to": [PHONE, "집"], "count": 1.50}}}


def full(row: dict[str, Any]) -> pa.Table:
    return table_of([{"source": "가", "instruction": "물음", "output": "답", "reject": None} | row])


def everywhere(text: str) -> dict[str, Any]:
    """A row that holds this text in every place that may hold one."""
    call = json.dumps([CALL | {"function": {"name": "send", "arguments": {"to": [text]}}}])
    made = message("assistant", content=text, reasoning=text, tool_calls=call)
    return {
        **dict.fromkeys(("system", "instruction", "input", "reasoning", "output", "rejected"), text),
        "history": [message("user", content=text), message("assistant", content=text, reasoning=text)],
        "steps": [made, message("tool", content=text, name=text)],
        "tools": json.dumps([{"description": text}], ensure_ascii=False),
        "tool_calls": call,
        "meta": json.dumps({"author": {"tel": text}, text: 1.5}).replace("1.5", "1.50"),
    }


FIELDS = {
    *("system", "instruction", "input", "reasoning", "output", "rejected"),
    *("history[0].content", "history[1].content", "history[1].reasoning"),
    *("steps[0].content", "steps[0].reasoning", "steps[0].tool_calls[0].function.arguments.to[0]"),
    *("steps[1].content", "steps[1].name"),
    *("tools[0].description", "tool_calls[0].function.arguments.to[0]", "meta.author.tel", "meta"),
}


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (PHONE, "pii-phone"),
        ("서울시 강남구 테헤란로 12", "pii-address"),
        ("DB_PASSWORD=Hn4!kd82mQz", "secret"),
        ("도쿄 사무소 +81-3-6384-9175", "pii-foreign-phone"),
    ],
)
def test_personal_data_is_found_and_masked_everywhere(text: str, kind: str) -> None:
    table = full(everywhere(text))
    found, masked = (screen(table, ScreenOptions(mask=kinds)).to_pylist()[0] for kinds in ((), (kind,)))
    assert {item["field"] for item in found["evidence"] if item["flag"] == kind} == FIELDS
    assert {item["field"] for item in masked["evidence"] if item["flag"] == kind} == FIELDS
    assert text in json.dumps(found, ensure_ascii=False)
    assert masked["fixes"] == ["mask"]
    value = next(text[start:end] for _, start, end in find_pii(text))
    assert value not in json.dumps(masked, ensure_ascii=False)
    assert value not in json.dumps(found["evidence"], ensure_ascii=False)
    assert json.loads(masked["meta"])["author"].keys() == {"tel"}
    assert "1.50" in masked["meta"]
    for calls in (masked["tool_calls"], masked["steps"][0]["tool_calls"]):
        assert json.loads(calls)[0]["function"]["name"] == "send"


@pytest.mark.parametrize(
    ("raw", "masked"),
    [
        (f'{{"q": "제 번호 {PHONE}", "n": 1.0}}', '{"q": "제 번호 <전화번호>", "n": 1.0}'),
        (f'{{"q": "\\uc11c\\uc6b8\\n{PHONE}", "a": ', '{"q": "서울\n<전화번호>", "a": '),
        (f"가,{PHONE},나", "가,<전화번호>,나"),
        ('{"q": "\\n2", "a": ', '{"q": "\\n2", "a": '),
        ("[" * 100_000 + f'"{PHONE}"', "[" * 100_000 + '"<전화번호>"'),
    ],
    ids=["json", "cut", "csv", "nothing", "deep"],
)
def test_rejected_rows_are_masked_too(raw: str, masked: str) -> None:
    detail = f"the role {PHONE!r} is not known"
    row = {"raw": raw, "reject": "invalid-json", "reject_detail": detail} | everywhere(PHONE)
    table = full(row)
    assert screen(table).select(table.column_names).equals(table)
    after = screen(table, ScreenOptions(mask=("pii-phone",)))
    assert after["raw"][0].as_py() == masked
    assert PHONE not in json.dumps(after.to_pylist(), ensure_ascii=False)
    assert after["fixes"][0].as_py() == ["mask"]
    assert not after["flags"][0].as_py()


@pytest.mark.parametrize(
    ("meta", "masked"),
    [
        ('{"phone": 1023456789, "id": 1023456789}', '{"phone": "<전화번호>", "id": 1023456789}'),
        ('{"tel": 821023456789}', '{"tel": "<전화번호>"}'),
        ('{"a": {"accountNo": [1002738291045]}}', '{"a": {"accountNo": ["<계좌번호>"]}}'),
        ('{"사업자번호": 2148173659, "n": 1.50}', '{"사업자번호": "<사업자등록번호>", "n": 1.50}'),
        ('{"phone": 1.5e9, "mobile_views": 102738475612}', '{"phone": 1.5e9, "mobile_views": 102738475612}'),
    ],
)
def test_numbers_of_json_are_masked_where_their_name_is_personal(meta: str, masked: str) -> None:
    """JSON drops the zero at the beginning of a phone number."""
    options = ScreenOptions(mask=tuple(kind.name for kind in KINDS))
    assert screen(full({"meta": meta}), options)["meta"][0].as_py() == masked
    rejected = full({"raw": meta, "reject": "invalid-json", "reject_detail": "cut"})
    assert screen(rejected, options)["raw"][0].as_py() == masked


def test_numbers_and_ids_are_not_personal_data() -> None:
    row = screen(full({"meta": '{"id": 1023456789, "at": [9001011234568], "url": "https://a.kr/01023456789"}'}))
    assert row["flags"].to_pylist() == [[]]


def test_a_key_that_is_masked_stays_a_key_of_its_own() -> None:
    meta = json.dumps({PHONE: 1, "010-2345-6780": 2, "x": "\n" + PHONE})
    row = screen(full({"meta": meta}), ScreenOptions(mask=("pii-phone",))).to_pylist()[0]
    assert json.loads(row["meta"]) == {"<전화번호>": 1, "<전화번호> 2": 2, "x": "\n<전화번호>"}
    assert PHONE not in json.dumps(row, ensure_ascii=False)


@pytest.mark.parametrize("marks", [{"learn": False}, {"label": False}], ids=["learn", "label"])
def test_an_answer_that_is_not_to_be_learned_may_be_bad(marks: dict[str, bool]) -> None:
    row = {"instruction": "전화번호를 알려 줘.", "output": "N/A"}
    assert screen(full(row))["flags"].to_pylist() == [["no-answer"]]
    assert screen(full(row | marks))["flags"].to_pylist() == [[]]
    same = {"instruction": PHONE, "output": PHONE}
    assert screen(full(same))["flags"].to_pylist() == [["pii-phone", "echo"]]
    assert screen(full(same | marks))["flags"].to_pylist() == [["pii-phone"]]


def test_the_words_before_a_call_are_not_an_answer() -> None:
    row = {"output": "N/A", "tool_calls": json.dumps([CALL | {"function": {"name": "send", "arguments": {}}}])}
    assert screen(full(row))["flags"].to_pylist() == [[]]


@pytest.mark.parametrize(
    ("reasoning", "rejected", "same"),
    [
        (None, "답", True),
        ("음", "<think>음</think>답", True),
        (None, "<think>음</think>답", False),
        ("음", "답", False),
        (None, "답 ", False),
    ],
)
def test_two_answers_that_are_one(reasoning: str | None, rejected: str, same: bool) -> None:
    row = screen(full({"reasoning": reasoning, "rejected": rejected})).to_pylist()[0]
    assert row["flags"] == ["same-answers"] * same
    assert [item["field"] for item in row["evidence"]] == ["rejected"] * same
    rejecting = screen(full({"reasoning": reasoning, "rejected": rejected}), ScreenOptions(reject=("same-answers",)))
    assert rejecting["reject_reason"].to_pylist() == ["same-answers" if same else None]


def test_what_the_user_said_before_may_be_of_a_benchmark() -> None:
    text = OVERLAP["benchmark"]["가짜벤치"][0]
    history = [message("user", content=text), message("assistant", content="네.")]
    row = screen(full({"history": history}), ScreenOptions(), BENCHMARKS).to_pylist()[0]
    assert [(item["flag"], item["field"]) for item in row["evidence"]] == [("contaminated", "history[0].content")]
    other = screen(full({"instruction": text}), ScreenOptions(), benchmarks_of({"대화": full({"history": history})}))
    assert other["flags"].to_pylist() == [["contaminated"]]


TEXTS = st.lists(
    st.one_of(
        st.sampled_from(DEFECT_CASES).map(lambda case: str(case["output"])),
        st.sampled_from(PII_CASES).map(lambda case: str(case["text"])),
        st.sampled_from(OVERLAP["benchmark"]["가짜벤치"]),
        st.text(max_size=5),
    ),
    max_size=3,
).map(" ".join)
ROWS = st.lists(st.tuples(TEXTS, st.none() | TEXTS, TEXTS, TEXTS, st.booleans()), max_size=5)
OPTIONS = st.sampled_from(
    [
        ScreenOptions(),
        ScreenOptions(mask=ALL_KINDS),
        ScreenOptions(mask=("pii-phone",), reject=("refusal", "pii-email")),
    ]
)


@given(ROWS, st.integers(0, 5), OPTIONS)
@settings(max_examples=120, deadline=None)
def test_the_laws_of_a_stage(rows: list[tuple[str, str | None, str, str, bool]], cut: int, options: Any) -> None:
    names = ("instruction", "input", "output", "system")
    columns = {name: pa.array([row[place] for row in rows], pa.string()) for place, name in enumerate(names)}
    columns["reject_stage"] = pa.array(["validate" if row[4] else None for row in rows], pa.string())
    table = complete(pa.table(columns))
    screened = screen(table, options, BENCHMARKS)
    assert screen(screened, options, BENCHMARKS).equals(screened)
    halves = [screen(table.slice(0, cut), options, BENCHMARKS), screen(table.slice(cut), options, BENCHMARKS)]
    assert pa.concat_tables(halves).to_pylist() == screened.to_pylist()
    for before, after in zip(table.to_pylist(), screened.to_pylist(), strict=True):
        assert {item["flag"] for item in after["evidence"]} == set(after["flags"])
        changed = any(before[name] != after[name] for name in names)
        assert changed == ("mask" in after["fixes"])
        if before["reject_stage"]:
            assert options.mask or not changed
            assert not after["flags"]


@given(st.lists(st.text(alphabet="가나다라마바사", max_size=40), max_size=4))
@settings(max_examples=100, deadline=None)
def test_equal_windows_have_equal_hashes(texts: list[str]) -> None:
    hashes, owners = grams(texts)
    windows = [(text[at : at + N], number) for number, text in enumerate(texts) for at in range(len(text) - N + 1)]
    assert owners.tolist() == [number for _, number in windows]
    by_window: dict[str, int] = {}
    for (window, _), value in zip(windows, hashes.tolist(), strict=True):
        assert by_window.setdefault(window, value) == value
    assert len(set(by_window.values())) == len(by_window)


HOSTILE = [
    "0-",
    "0:",
    "1.",
    "a@",
    "로 1",
    "서울 ",
    "\n",
    "{a",
    "을(",
    "입력:\n",
    "간다. ",
    "“",
    "계좌1-",
    "ㅋ",
    "가나다라마바사아 ",
]


HOSTILE += [
    "010-",
    "강남구 ",
    "가동 1",
    "경기 70 바 ",
    "1. 가\n",
    "\n2. ",
    "사진 속 ",
    "www.",
    "요청은 ",
    "질문: 가\n",
    "(",
    "'",
    "A1",
    "1.1.1.",
    "첫째, ",
    "가며 나",
    "[여기",
    "가 수 있는 ",
    "2020년 이후 ",
    "입력]\n",
    "니다. 가나다라마바사아자다. ",
    "{a_",
    "Ab cd é ",
    "- ",
]


def look_everywhere(text: str) -> None:
    """Look for personal data and for every defect in the text, whether a scan asks for it or not."""
    pc.match_substring_regex(pa.array([text]), SCAN)
    find_pii(text)
    for defect in DEFECTS:
        if defect.scan:
            pc.match_substring_regex(pa.array([text]), defect.scan)
        texts = Texts("물음", "", "답")._replace(**{defect.field: text})
        if defect.pick:
            columns = {name: pa.array([value]) for name, value in texts._asdict().items()}
            defect.pick(columns | {DISTINCT: columns["output"].dictionary_encode()})
        defect.find(texts, ScreenOptions())


@pytest.mark.long
@pytest.mark.parametrize("piece", HOSTILE, ids=repr)
def test_the_work_is_linear(piece: str) -> None:
    assert is_linear(look_everywhere, lambda length: "가" + piece * (length // len(piece)) + "x")
