"""Findings that need the analyser: names of persons, and words in no order."""

import pyarrow as pa
import pytest

from pipeline.stages.screen import screen
from schemas.options import ScreenOptions

pytest.importorskip("kiwipiepy")
ON = ScreenOptions(on=("disfluent", "person-name"), mask=("person-name",))


def one(output: str, instruction: str = "설명해 주세요.") -> tuple[str, list[str]]:
    table = pa.table({"instruction": [instruction], "input": [""], "output": [output]})
    row = screen(table, ON).to_pylist()[0]
    return row["output"], row["flags"]


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("담당자는 김하늘 과장입니다.", "담당자는 <이름> 과장입니다."),
        ("예금주: 이도윤", "예금주: <이름>"),
        ("어제 박서진 씨를 만났어요.", "어제 <이름> 씨를 만났어요."),
        ("한반도의 남쪽은 따뜻하다.", "한반도의 남쪽은 따뜻하다."),
        ("강원도 대표팀이 이겼다.", "강원도 대표팀이 이겼다."),
        ("고객님, 부장님께 물어보세요.", "고객님, 부장님께 물어보세요."),
    ],
)
def test_names_of_persons(text: str, masked: str) -> None:
    output, flags = one(text)
    assert output == masked
    assert ("person-name" in flags) == (masked != text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("나무는 우리에게 맑은 공기를 주고 여름에는 시원한 그늘을 만들어 주는 고마운 존재입니다.", False),
        ("공기를 여름에는 나무는 주고 그늘을 매우 우리에게 시원한 존재입니다 고마운 만들어 맑은.", True),
        ("사과, 배, 감, 귤, 포도, 딸기, 수박, 참외, 복숭아가 있습니다.", False),
    ],
)
def test_words_in_no_order(text: str, found: bool) -> None:
    assert ("disfluent" in one(text)[1]) == found


def test_a_poem_may_have_any_order() -> None:
    assert one("그리움 밤에 별은 저 하늘 너머 나를 부르다 운다.", "시를 한 편 써 주세요.")[1] == []
