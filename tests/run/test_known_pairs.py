"""What dedupe found about pairs of texts, kept from run to run."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from pipeline.io import stage_files
from pipeline.run import known_pairs
from pipeline.run.known_pairs import read_known, write_known
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.known import WIDTH, Findings, Known, Measured, call_key, pair_keys

MADE: Made = {"code": {"a.py": "1"}, "versions": {"numpy": "2"}}
LAST = b"\0" * 16
FOUND: Findings = {call_key(divmod, (1, 2)): True, call_key(divmod, (2, 1)): ["word: 가 → “나”\n\\", ""], LAST: []}
KEY = np.array([[2**64 - 1, 5], [3, 4], [3, 9], [3, 4]], np.uint64)
VALUES = np.array([[0.1, 1 / 3, 1], [1, 0, 0], [0.5, 0, 1], [1, 0, 0]])
FILES = (stage_files.KNOWN_PAIRS, stage_files.MEASURED_PAIRS)


def used() -> Known:
    return Known(used=dict(FOUND), parts=[Measured(KEY, VALUES)])


def both(known: Known) -> tuple[Findings, list[list[int]], list[list[float]]]:
    """What is known from before."""
    return known.before, known.measured_before.key.tolist(), known.measured_before.found.tolist()


EVERYTHING = FOUND, [[3, 4], [3, 9], [2**64 - 1, 5]], [[1, 0, 0], [0.5, 0, 1], [0.1, 1 / 3, 1]]


def test_what_is_kept_is_read_again(tmp_path: Path) -> None:
    assert both(read_known(tmp_path, MADE)) == ({}, [], [])
    write_known(tmp_path, MADE, used())
    assert both(read_known(tmp_path, MADE)) == EVERYTHING


def test_what_is_no_longer_used_is_forgotten(tmp_path: Path) -> None:
    write_known(tmp_path, MADE, used())
    known = read_known(tmp_path, MADE)
    known.used[LAST] = known.before[LAST]
    known.pairs(KEY[:1], (float,), lambda some: [np.zeros(len(some))])
    write_known(tmp_path, MADE, known)
    assert both(read_known(tmp_path, MADE)) == ({LAST: []}, [[2**64 - 1, 5]], [[0.1, 1 / 3, 1]])


def test_only_new_pairs_are_measured(tmp_path: Path) -> None:
    write_known(tmp_path, MADE, used())
    known, asked = read_known(tmp_path, MADE), list[int]()

    def measure(some: np.ndarray) -> list[np.ndarray]:
        asked.extend(some.tolist())
        return [np.full(len(some), 7.5), np.ones(len(some), bool)]

    key = np.array([[3, 9], [3, 5], [0, 0], [2**64 - 1, 5], [2**64 - 1, 6]], np.uint64)
    values, flags = known.pairs(key, (float, bool), measure)
    assert asked == [0, 1, 2, 4]  # the first shares half of its key with another pair, by chance: it is measured again
    assert values.tolist() == [7.5, 7.5, 7.5, 0.1, 7.5]
    assert flags.tolist() == [True, True, True, True, True]
    assert known.measured().key.tolist() == sorted(key.tolist())


def test_of_very_many_pairs_nothing_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_known(tmp_path, MADE, used())
    monkeypatch.setattr(known_pairs, "MOST", 2)
    known = read_known(tmp_path, MADE)
    known.pairs(KEY, (float,), lambda some: [np.zeros(len(some))])
    write_known(tmp_path, MADE, known)
    assert both(read_known(tmp_path, MADE))[1] == []


@pytest.mark.parametrize("other", [{"code": {"a.py": "2"}}, {"versions": {"numpy": "2", "xxhash": "3"}}])
def test_the_findings_of_other_code_are_not_used(tmp_path: Path, other: Made) -> None:
    write_known(tmp_path, MADE, used())
    made: Made = {"code": other.get("code", MADE["code"]), "versions": other.get("versions", MADE["versions"])}
    assert both(read_known(tmp_path, made)) == ({}, [], [])


@pytest.mark.parametrize("cut", [0, 1, 100, -100, -1])
@pytest.mark.parametrize("name", FILES)
def test_a_damaged_file_is_not_used(tmp_path: Path, name: str, cut: int) -> None:
    write_known(tmp_path, MADE, used())
    file = tmp_path / name
    file.write_bytes(file.read_bytes()[:cut])
    found = both(read_known(tmp_path, MADE))
    assert found == (({}, *EVERYTHING[1:]) if name == FILES[0] else (FOUND, [], []))
    file.write_text("나는 Arrow 파일이 아니다")
    assert both(read_known(tmp_path, MADE)) == found


def test_equal_calls_have_equal_keys() -> None:
    one, other = "재미있어요", "".join(["재미", "있어요"])
    assert call_key(divmod, (one, (one, b"", True))) == call_key(divmod, (other, (one, b"", True)))
    keys = [call_key(divmod, each) for each in ((one, ""), ("", one), (one,))] + [call_key(pow, (one, ""))]
    assert len(set(keys)) == 4
    assert pa.array(keys, pa.binary(16)).to_pylist() == keys


def test_the_key_of_a_pair_is_that_of_its_texts_and_of_what_is_asked() -> None:
    texts = [pa.array(["가", "나", "가", ""]), pa.array(["", "다", "", "가"])]
    one, other = np.array([0, 2, 1, 0, 3]), np.array([1, 1, 0, 0, 1])
    key = [tuple(pair) for pair in pair_keys(texts, one, other, ("a", 1)).tolist()]
    assert key[0] == key[1]
    assert len(set(key)) == 4
    again = pair_keys([column.take(pa.array([1, 0])) for column in texts], np.array([1]), np.array([0]), ("a", 1))
    assert tuple(again[0].tolist()) == key[0]
    for changed in (pair_keys(texts, one, other, ("a", 2)), pair_keys(texts[::-1], one, other, ("a", 1))):
        assert not set(map(tuple, changed.tolist())) & set(key)
    assert VALUES.shape[1] == WIDTH
