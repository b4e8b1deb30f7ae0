"""The split: no cluster on two sides, and no row that moves without its cluster."""

from hashlib import sha256

import pyarrow as pa
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.dedupe import dedupe
from pipeline.stages.split import split
from schemas.options import ExportOptions

WORDS = ["서울", "부산", "대구", "인천", "광주", "대전", "포항", "세종", "수원", "제주"]
PROMPTS = [
    f"{place}에서 {other}까지 {way} 가는 길" for place in WORDS for other in WORDS for way in ("버스로", "기차로")
]


def deduped(prompts: list[str], outputs: list[str] | None = None, source: list[str] | None = None) -> pa.Table:
    rows = len(prompts)
    columns = {"instruction": prompts, "output": outputs or [f"답 {number}" for number in range(rows)]}
    return dedupe(pa.table({**columns, "source": pa.array(source or [None] * rows, pa.string())}))


def test_shares() -> None:
    sides = split(deduped(PROMPTS), ExportOptions(validation=0.2, test=0.1)).to_pylist()
    assert 0.12 < sides.count("validation") / len(sides) < 0.28
    assert 0.04 < sides.count("test") / len(sides) < 0.16


@given(st.lists(st.tuples(st.sampled_from(PROMPTS[:40]), st.sampled_from("가나다")), max_size=40))
@settings(max_examples=40, deadline=None)
def test_no_prompt_on_two_sides(rows: list[tuple[str, str]]) -> None:
    table = deduped([prompt for prompt, _ in rows], [output for _, output in rows])
    sides: dict[str, set[str]] = {}
    for prompt, side, stage in zip(
        table["instruction"].to_pylist(),
        split(table, ExportOptions(validation=0.3, test=0.3)).to_pylist(),
        table["reject_stage"].to_pylist(),
        strict=True,
    ):
        assert (side is None) == (stage is not None)
        if side:
            sides.setdefault(prompt, set()).add(side)
    assert all(len(names) == 1 for names in sides.values())


def test_new_rows_move_no_old_row() -> None:
    old, new = PROMPTS[20:], PROMPTS[:20]
    options = ExportOptions(validation=0.2, test=0.2)
    before = split(deduped(old), options).to_pylist()
    assert split(deduped(old + new), options).to_pylist()[: len(old)] == before
    assert split(deduped(new + old), options).to_pylist()[len(new) :] == before


#: Windows over one text: neighbours are alike, so that a new one may join two clusters that were apart.
TEXT = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토"
CHAINED = st.sampled_from([TEXT[at : at + 20] for at in range(20)])


@given(st.lists(CHAINED, min_size=10, max_size=20), st.lists(CHAINED, max_size=2))
@settings(max_examples=60, deadline=None)
def test_an_old_row_moves_only_where_its_cluster_merged(old: list[str], new: list[str]) -> None:
    options = ExportOptions(validation=0.3, test=0.3)

    def clusters(table: pa.Table) -> list[tuple[int, str | None]]:
        """For each row the number of its cluster, and its side."""
        names = [name or f"#{row}" for row, name in enumerate(table["cluster"].to_pylist())]
        return list(zip(map(names.index, names), split(table, options).to_pylist(), strict=True))

    before, after = clusters(deduped(old)), clusters(deduped(old + new))
    merged = {
        cluster: {then for then, now in zip(before, after, strict=False) if now[0] == cluster} for cluster, _ in after
    }
    for (then, side), (now, other) in zip(before, after, strict=False):
        came_together = len({cluster for cluster, _ in merged[now]}) > 1
        assert side == other or came_together or side is None or other is None
        assert then == now or came_together
    for cluster, _ in after:
        assert len({side for number, side in after if number == cluster and side}) <= 1


def test_stratified_by_source() -> None:
    prompts = [sha256(prompt.encode()).hexdigest() for prompt in PROMPTS]  # unlike each other: every cluster is one row
    table = deduped(prompts, source=["가"] * 20 + ["나"] * (len(PROMPTS) - 20))
    sides = split(table, ExportOptions(validation=0.1, test=0.1, stratify=True)).to_pylist()
    assert (sides[:20].count("validation"), sides[:20].count("test")) == (2, 2)
    assert (sides[20:].count("validation"), sides[20:].count("test")) == (18, 18)


def test_errors_teach() -> None:
    with pytest.raises(ValueError, match="run dedupe first"):
        split(pa.table({"reject_stage": pa.array([None], pa.string())}))
    with pytest.raises(ValueError, match="nothing to train on"):
        split(deduped(["가"]), ExportOptions(validation=0.5, test=0.5))


def test_rows_of_one_record_and_its_clusters_are_on_one_side() -> None:
    rows = [(f"a:{number}/{part}", key) for number in range(200) for part, key in ((1, number), (2, number + 1000))]
    table = pa.table(
        {
            "origin": [origin for origin, _ in rows],
            "cluster_key": pa.array([hash_of(key) for _, key in rows], pa.uint64()),
            "reject_stage": pa.nulls(len(rows), pa.string()),
        }
    )
    sides = split(table, ExportOptions(validation=0.3)).to_pylist()
    assert sides[::2] == sides[1::2]
    assert 0.2 < sides.count("validation") / len(sides) < 0.4
    assert sides == split(table, ExportOptions(validation=0.3)).to_pylist()


def test_what_is_published_as_test_does_not_train() -> None:
    table = pa.table(
        {
            "cluster_key": pa.array([1, 1, 2, 3], pa.uint64()),
            "reject_stage": pa.nulls(4, pa.string()),
            "published_split": ["test", None, "validation", "train"],
        }
    )
    assert split(table, ExportOptions(validation=0)).to_pylist() == ["test", "test", "validation", "train"]


def test_what_is_published_as_train_is_not_split_anew() -> None:
    rows = 400
    table = pa.table(
        {
            "cluster_key": pa.array([hash_of(number) for number in range(rows)], pa.uint64()),
            "reject_stage": pa.nulls(rows, pa.string()),
            "published_split": [*["train"] * 199, "validation", *["train"] * 200],
            "source": ["가"] * 200 + ["나"] * 200,
        }
    )
    sides = split(table, ExportOptions(validation=0.3, test=0.3)).to_pylist()
    assert sides[199] == "validation"
    assert set(sides[:199]) == {"train", "test"}  # 가 publishes a validation split, and no test split
    assert set(sides[200:]) == {"train", "validation", "test"}  # 나 publishes neither


def test_an_unknown_published_split_is_an_error() -> None:
    table = pa.table(
        {
            "cluster_key": pa.array([1, 2], pa.uint64()),
            "reject_stage": pa.nulls(2, pa.string()),
            "published_split": ["train", "holdout"],
        }
    )
    with pytest.raises(ValueError, match="published_split holds 'holdout'"):
        split(table)


def hash_of(number: int) -> int:
    return xxhash.xxh3_64_intdigest(str(number).encode())
