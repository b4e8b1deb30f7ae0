"""What dedupe found about pairs of texts, kept from run to run."""

from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.run.known_pairs import read_known, write_known
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.known import Known, call_key

MADE: Made = {"code": {"a.py": "1"}, "versions": {"numpy": "2"}}
FOUND = {call_key(divmod, (1, 2)): True, call_key(divmod, (2, 1)): ["word: 가 → “나”\n\\", ""], b"\0" * 16: []}


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    assert read_known(file, MADE) == Known()
    write_known(file, MADE, Known({}, dict(FOUND)))
    assert read_known(file, MADE) == Known(FOUND)


def test_what_is_no_longer_used_is_forgotten(tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    write_known(file, MADE, Known({}, dict(FOUND)))
    known = read_known(file, MADE)
    known.used[b"\0" * 16] = known.before[b"\0" * 16]
    write_known(file, MADE, known)
    assert read_known(file, MADE) == Known({b"\0" * 16: []})


def test_the_findings_of_other_code_are_not_used(tmp_path: Path) -> None:
    file = tmp_path / "pairs"
    write_known(file, MADE, Known({}, dict(FOUND)))
    for other in ({"code": {"a.py": "2"}}, {"versions": {"numpy": "2", "xxhash": "3"}}):
        assert read_known(file, MADE | other) == Known()  # type: ignore[arg-type]


@pytest.mark.parametrize("cut", [0, 1, 100, -100, -1])
def test_a_damaged_file_is_not_used(tmp_path: Path, cut: int) -> None:
    file = tmp_path / "pairs"
    write_known(file, MADE, Known({}, dict(FOUND)))
    file.write_bytes(file.read_bytes()[:cut])
    assert read_known(file, MADE) == Known()
    file.write_text("나는 Arrow 파일이 아니다")
    assert read_known(file, MADE) == Known()


def test_equal_calls_have_equal_keys() -> None:
    one, other = "재미있어요", "".join(["재미", "있어요"])
    assert call_key(divmod, (one, (one, b"", True))) == call_key(divmod, (other, (one, b"", True)))
    keys = [
        call_key(divmod, (one, "")),
        call_key(divmod, ("", one)),
        call_key(pow, (one, "")),
        call_key(divmod, (one,)),
    ]
    assert len(set(keys)) == 4
    assert pa.array(keys, pa.binary(16)).to_pylist() == keys
