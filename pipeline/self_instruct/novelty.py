"""Whether an instruction is new: ROUGE-L against every instruction before it, and this project's near-duplicate check.

ROUGE-L (Lin 2004) is the F-measure of the longest common subsequence: of two texts of m and n units with one of length
l, 2 l / (m + n). That is the normalised Indel similarity, which rapidfuzz computes by bit-parallel LCS. The units are
letters and digits, case-folded: they separate a paraphrase from another task better than words, all characters or
all morphemes, and little worse than content morphemes, which cost ten times as much and change with the analyser
(benchmarks/self_instruct.md).
"""

import itertools
from collections.abc import Collection, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from pipeline.stages.dedupe import decide, fingerprint, keys, texts
from pipeline.table.reject_and_flag import complete
from schemas.columns import FINGERPRINT
from schemas.errors import MissingLibraryError, install

#: Similarities held at once.
_BLOCK = 1 << 22
#: Far below the distance of two values of ROUGE-L, far above the error of floating point.
_EPSILON = 1e-9


class NoveltyError(MissingLibraryError):
    """What compares texts is not installed."""


class Nearest(NamedTuple):
    """The instruction before this one that is most like it, the first of equals."""

    id: str
    similarity: float


#: Where nothing came before, or nothing was compared.
NOTHING_NEAR = Nearest("", 0.0)


def units(instructions: Sequence[str]) -> list[str]:
    """What ROUGE-L compares of each text: its letters, digits and signs, case-folded, NFC; one character a unit."""
    codes, bounds = keys.letters(*keys.fold_texts(pa.array(instructions, pa.string())))
    ends = bounds.tolist()
    text = (codes & keys.CODE).tobytes().decode("utf-32-le")
    return [text[start:end] for start, end in itertools.pairwise(ends)]


class Seen:
    """The instructions so far, in order, each with an id."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.units: list[str] = []
        self._place: dict[str, int] = {}
        self._rows = _table([], [])
        self._prints = FINGERPRINT.empty_table()

    def add(self, ids: Sequence[str], instructions: Sequence[str]) -> None:
        table = _table(ids, instructions)
        self._place |= {name: len(self.ids) + number for number, name in enumerate(ids)}
        self.ids += ids
        self.units += units(instructions)
        self._rows = _joined(self._rows, table)
        self._prints = _joined(self._prints, fingerprint(table))

    def duplicates(self, ids: Sequence[str], instructions: Sequence[str]) -> list[Nearest | None]:
        """For each instruction the one that it repeats, seen before or among these, as `pipeline.dedupe` finds it."""
        table = _table(ids, instructions)
        rows = pa.concat_tables([self._rows, table])
        prints = pa.concat_tables([self._prints, fingerprint(table)])
        decisions = decide(prints, rows, against=len(self.ids)).slice(len(self.ids))
        return [
            Nearest(row["duplicate_of"], round(row["similarity"], 6)) if row["reason"] else None
            for row in decisions.to_pylist()
        ]

    def judge(
        self, ids: Sequence[str], instructions: Sequence[str], threshold: float, exempt: Sequence[Collection[str]]
    ) -> list[tuple[bool, Nearest]]:
        """For each instruction whether it is new, and the nearest before it: one seen, or a new one of this call.

        New means that ROUGE-L with every one of them is below the threshold. `exempt`: for each instruction the ids
        of seen ones that it may be like, because it was made from them.
        """
        new = units(instructions)
        best, nearest = self._nearest(new, exempt)
        among = similarities(new, new)
        accepted: list[int] = []
        verdicts = []
        for number in range(len(new)):
            name, similarity = nearest[number], best[number]
            if accepted:
                other = accepted[int(among[number, accepted].argmax())]
                if among[number, other] > similarity:
                    name, similarity = ids[other], float(among[number, other])
            is_new = similarity < threshold - _EPSILON
            if is_new:
                accepted.append(number)
            verdicts.append((is_new, Nearest(name, round(similarity, 6))))
        return verdicts

    def _nearest(self, new: Sequence[str], exempt: Sequence[Collection[str]]) -> tuple[list[float], list[str]]:
        """The greatest similarity of each text to one seen, and the id of the first that has it."""
        if not self.ids:
            return [0.0] * len(new), [""] * len(new)
        best: list[float] = []
        nearest: list[str] = []
        step = max(1, _BLOCK // len(self.units))
        for start in range(0, len(new), step):
            block = similarities(new[start : start + step], self.units)
            for row, names in enumerate(exempt[start : start + step]):
                block[row, [self._place[name] for name in names]] = 0
            places = block.argmax(axis=1)
            best += block.max(axis=1).tolist()
            nearest += [self.ids[place] for place in places.tolist()]
        return best, nearest


def similarities(ones: Sequence[str], others: Sequence[str]) -> npt.NDArray[np.float64]:
    """ROUGE-L (F-measure) of every one with every other: len(ones) by len(others), on all cores."""
    try:
        from rapidfuzz import process
        from rapidfuzz.distance import Indel
    except ImportError as error:
        raise NoveltyError(f"self-instruct compares with rapidfuzz: {install('self-instruct')}") from error
    return process.cdist(ones, others, scorer=Indel.normalized_similarity, dtype=np.float64, workers=-1)


def _table(ids: Sequence[str], instructions: Sequence[str]) -> pa.Table:
    """Rows for `pipeline.stages.dedupe`: instructions without input and output."""
    nothing = [""] * len(ids)
    columns = {"origin": list(ids), "instruction": list(instructions), "input": nothing, "output": nothing}
    table = pa.table({name: pa.array(column, pa.string()) for name, column in columns.items()})
    return texts(complete(table), "")


def _joined(table: pa.Table, more: pa.Table) -> pa.Table:
    """One after the other; in one chunk once there are many."""
    joined = pa.concat_tables([table, more])
    return joined.combine_chunks() if joined.column(0).num_chunks > 64 else joined
