"""Texts without a sign are not scanned: nothing could be found in them."""

import json

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.stages.screen import SIGNED, find_defects, own_exchanges, pii
from pipeline.stages.screen.defects import DEFECTS
from pipeline.table.rare_signs import SIGNS, hold_sign
from pipeline.table.reject_and_flag import complete
from schemas.columns import SCREENED
from schemas.options import ScreenOptions
from tests.support.paths import CASES

#: Words that patterns of personal data and of prompts have, without letters, digits and the like.
WORDS = (
    *(
        "비밀번호는",
        "비번:",
        "암호=",
        "카톡 아이디",
        "카카오톡",
        "주소:",
        "서울특별시 강남구",
        "테헤란로",
        "지하",
        "번지",
    ),
    *(
        "역삼동",
        "정자리",
        "가",
        "호",
        "전화",
        "여권",
        "국민은행",
        "계좌",
        "차량",
        "다음",
        "주어진",
        "지시",
        "사용자",
        "입력",
        "질문",
    ),
    *(" ", ".", ",", ":", "=", "-", "(", ")", "?", "—", "·", "_", '"', "'", "～"),
)
OF_NO_SIGN = st.lists(st.sampled_from(WORDS) | st.text(st.characters(codec="utf-8", exclude_characters=SIGNS))).map(
    "".join
)


def without_sign(text: str) -> bool:
    return not hold_sign(pa.array([text]))[0].as_py()


@given(OF_NO_SIGN.filter(without_sign))
def test_no_personal_data_without_a_sign(text: str) -> None:
    assert not pii.find_pii(text)


@given(OF_NO_SIGN.filter(without_sign))
def test_no_defect_of_the_input_without_a_sign(text: str) -> None:
    table = complete(complete(pa.table({"instruction": ["요약해 줘."], "input": [text], "output": ["네."]})), SCREENED)
    of_the_input = [defect for defect in DEFECTS if defect.field in SIGNED]
    assert of_the_input
    assert not find_defects(own_exchanges(table), of_the_input, ScreenOptions())


def test_all_personal_data_of_the_cases_has_a_sign() -> None:
    for path in sorted(CASES.glob("screen_pii*.jsonl")):
        cases = map(json.loads, path.read_text("utf-8").splitlines())
        texts = ["".join(case["text"]) for case in cases if case.get("spans") or case.get("expect") or case.get("pii")]
        assert texts
        spoken = [text for text in texts if without_sign(text) and pii.find_pii(text)]
        assert not spoken
