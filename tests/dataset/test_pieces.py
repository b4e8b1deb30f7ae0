"""Where pieces end: every row is in one piece, and a file that comes moves few ends."""

import random

from hypothesis import given
from hypothesis import strategies as st

from pipeline.dataset.pieces import cut

Files = list[tuple[str, int]]
FILES = st.lists(st.integers(0, 50), max_size=30).map(
    lambda rows: [(f"{n}.jsonl", count) for n, count in enumerate(rows)]
)


@given(FILES, st.integers(1, 30))
def test_every_row_is_in_one_piece(files: Files, most: int) -> None:
    pieces = cut(files, most)
    assert all(0 < sum(part.rows for part in piece) <= most for piece in pieces)
    rows = [(part.file, row) for piece in pieces for part in piece for row in range(part.start, part.stop)]
    assert rows == [(number, row) for number, (_, count) in enumerate(files) for row in range(count)]


def named(files: Files, most: int) -> list[tuple[tuple[str, int, int], ...]]:
    """The pieces by the names of their files."""
    return [tuple((files[part.file][0], part.start, part.stop) for part in piece) for piece in cut(files, most)]


@given(FILES, st.integers(0, 30), st.integers(1, 50), st.integers(1, 30))
def test_where_an_end_is_the_same_all_later_ones_are(files: Files, at: int, rows: int, most: int) -> None:
    before, after = named(files, most), named([*files[:at], ("new.jsonl", rows), *files[at:]], most)
    while before and before[0] == after[0]:
        del before[0], after[0]
    while before and after and before[-1] == after[-1]:
        del before[-1], after[-1]
    assert not set(before) & set(after)


def test_one_file_among_thousands_changes_few_pieces() -> None:
    chosen = random.Random(1)
    files = [(f"{number}.jsonl", chosen.randrange(1, 2000)) for number in range(3000)]
    before = named(files, 65_536)
    assert len(before) < 3 * sum(rows for _, rows in files) / 65_536
    for at in range(0, 3000, 100):
        after = named([*files[:at], ("new.jsonl", 500), *files[at:]], 65_536)
        assert len(set(after) - set(before)) <= 3
