"""Samples and lengths: what they hold does not depend on the batches, and is what can be counted by hand."""

from collections import defaultdict
from itertools import pairwise

import numpy as np
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.report.lengths import FLOORS, Above, Lengths, bins_of
from pipeline.dataset.report.sample import Key, Sample

names = st.lists(st.sampled_from("가나다"), max_size=3, unique=True)
tables = st.lists(names, max_size=60)


def sampled(rows: list[list[str]], cuts: list[int], size: int) -> dict[Key, list[int]]:
    sample = Sample(size)
    edges = [0, *sorted(cut % (len(rows) + 1) for cut in cuts), len(rows)]
    for start, end in pairwise(edges):
        part = pa.table({"number": pa.array(range(start, end), pa.int64())})
        sample.add(part, {"flag": pa.array(rows[start:end], pa.list_(pa.string()))})
    found = {key: sample.of(key) for key in sample.every_key()}
    assert all(sample.row(number) == {"number": number} for numbers in found.values() for number in numbers)
    return found


@given(rows=tables, cuts=st.lists(st.integers(0, 60), max_size=4), size=st.integers(1, 5))
def test_a_sample_does_not_depend_on_the_batches(rows: list[list[str]], cuts: list[int], size: int) -> None:
    found = sampled(rows, cuts, size)
    assert found == sampled(rows, [], size)
    expected = defaultdict(set)
    for number, row in enumerate(rows):
        for name in row:
            expected[Key("flag", name)].add(number)
    assert found.keys() == expected.keys()
    for key, numbers in found.items():
        assert set(numbers) <= expected[key]
        assert len(set(numbers)) == len(numbers) == min(size, len(expected[key]))


@given(st.lists(st.integers(0, 2**31 - 1), min_size=1))
def test_a_bin_is_at_most_one_part_in_128_wide(lengths: list[int]) -> None:
    values = np.array(lengths, np.int64)
    floors = FLOORS[bins_of(values)]
    assert (floors <= values).all()
    assert ((values - floors) * 128 <= values).all()
    assert (floors[values < 256] == values[values < 256]).all()


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 5000)), min_size=1), st.integers(1, 200))
def test_lengths_are_counted(pairs: list[tuple[int, int]], limit: int) -> None:
    sources, values = (np.array(column, np.int64) for column in zip(*pairs, strict=True))
    lengths = Lengths(3)
    lengths.add(sources, values)
    box = lengths.box()
    assert box is not None
    assert (box.number, box.longest, lengths.total) == (len(values), values.max(), values.sum())
    expected = np.quantile(values, (0.05, 0.25, 0.5, 0.75, 0.95), method="inverted_cdf")
    assert all(found <= value <= found * 129 / 128 + 1 for found, value in zip(box.quantiles, expected, strict=True))
    bars = list(lengths.bars(100, 10))
    assert sum(bar.number for bar in bars) == len(values)
    above = Above([limit, 300])
    above.add(values[::2])
    above.add(values[1::2])
    for tried, number, over in zip(above.limits, above.number, above.over, strict=True):
        assert number == (values > tried).sum()
        assert over == np.maximum(values - tried, 0).sum()
