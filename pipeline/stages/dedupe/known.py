"""What an earlier decision found about pairs of texts, so that they are not compared again.

Each finding is the result of a pure function on texts, kept by a hash of the function's name and its arguments: it is
the same in every run of the same code. What numpy finds about many pairs at once is kept in arrays.
"""

import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import xxhash

from pipeline.io.processes import Processes
from pipeline.stages.dedupe.arrays import Floats, Hashes, Ints
from pipeline.stages.dedupe.keys import combine_keys

#: By the hash of a call.
Findings: TypeAlias = dict[bytes, Any]
Result = TypeVar("Result")
#: A format of `marshal` that writes equal values as equal bytes: later ones mark values that are used twice.
_PLAIN = 2


class Measured(NamedTuple):
    """What was found about pairs, by their keys (`pair_keys`), in order of these."""

    key: Hashes  # uint64[pairs, 2]
    found: Floats  # float64[pairs, WIDTH]

    @classmethod
    def of(cls, key: Hashes, found: Floats) -> "Measured":
        """Each pair once.

        >>> Measured.of(np.array([[7, 1], [3, 2], [7, 1]], np.uint64), np.array([[1.0], [2.0], [1.0]])).found.tolist()
        [[2.0], [1.0]]
        """
        order = np.argsort(key[:, 0])
        same = key[order[1:], 0] == key[order[:-1], 0]
        if (same & (key[order[1:], 1] != key[order[:-1], 1])).any():  # half a key is shared by chance
            order = np.lexsort(key.T[::-1])
            same = (key[order[1:]] == key[order[:-1]]).all(axis=1)
        first = order[np.append(True, ~same)[: len(key)]]
        return cls(key[first], found[first])

    def place_of(self, key: Hashes) -> Ints:
        """The places of keys, int64[n]: -1 where there is no such pair."""
        if not len(self.key):
            return np.full(len(key), -1)
        order = np.argsort(key[:, 0])  # keys in order are found several times faster
        at = np.empty(len(key), np.int64)
        at[order] = np.searchsorted(np.ascontiguousarray(self.key[:, 0]), key[order, 0])
        at = np.minimum(at, len(self.key) - 1)
        return np.where((self.key[at] == key).all(axis=1), at, -1)


#: The most numbers that are found about a pair.
WIDTH = 3
NOTHING = Measured(np.empty((0, 2), np.uint64), np.empty((0, WIDTH)))


@dataclass
class Known:
    """The findings of an earlier run, and those that this one used."""

    before: Findings = field(default_factory=dict)
    measured_before: Measured = NOTHING
    used: Findings = field(default_factory=dict)
    parts: list[Measured] = field(default_factory=list)

    def measured(self) -> Measured:
        """What this run used of pairs."""
        return Measured.of(*map(np.concatenate, zip(NOTHING, *self.parts, strict=True)))

    def pairs(
        self, key: Hashes, kinds: Sequence[type], measure: Callable[[Ints], Sequence[npt.NDArray[Any]]]
    ) -> list[npt.NDArray[Any]]:
        """What is found about each pair, an array for each of `kinds`. `key`: uint64[pairs, 2]; `measure`: finds it for
        the pairs with these numbers."""
        at = self.measured_before.place_of(key)
        found, new = np.zeros((len(key), WIDTH)), np.flatnonzero(at < 0)
        found[at >= 0] = self.measured_before.found[at[at >= 0]]
        if len(new):
            for number, column in enumerate(measure(new)):
                found[new, number] = column
        self.parts.append(Measured(key, found))
        return [found[:, number].astype(kind) for number, kind in enumerate(kinds)]

    def calls(
        self, python: Processes, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Result]:
        """As `Processes.calls`, without the calls whose results are known.

        >>> known = Known({call_key(divmod, (7, 2)): "known"})
        >>> known.calls(Processes(), divmod, [(7, 2), (9, 3)])
        ['known', (3, 0)]
        """
        keys = [call_key(function, each) for each in arguments]
        new = [at for at, key in enumerate(keys) if key not in self.before and key not in self.used]
        found = python.calls(function, [arguments[at] for at in new])
        self.used.update((keys[at], result) for at, result in zip(new, found, strict=True))
        for key in keys:
            if key not in self.used:
                self.used[key] = self.before[key]
        return [self.used[key] for key in keys]


def call_key(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """A hash of a call of this function with arguments that are texts, bytes, and truth values, or tuples of these."""
    name = f"{function.__module__}.{function.__qualname__}"
    return xxhash.xxh3_128_digest(marshal.dumps((name, arguments), _PLAIN))


def pair_keys(columns: Sequence[pa.StringArray], one: Ints, other: Ints, what: tuple[Any, ...]) -> Hashes:
    """The key of each pair of rows, uint64[pairs, 2]: of all texts of both, and of what is to be found about them.

    `columns`: each text of the rows, with no nulls; `one`, `other`: int64[pairs], their numbers.
    """
    salt = np.frombuffer(xxhash.xxh3_128_digest(repr(what).encode()), np.uint64)[None]
    row = combine_keys([np.repeat(salt, len(columns[0]), axis=0), *map(_text_hashes, columns)])
    return combine_keys([row[one], row[other]])


def _text_hashes(texts: pa.StringArray) -> Hashes:
    """uint64[texts, 2]"""
    digests = b"".join(map(xxhash.xxh3_128_digest, texts.cast(pa.binary()).to_pylist()))
    return np.frombuffer(digests, np.uint64).reshape(-1, 2)
