"""The decisions of the last dedupe, and which of the rows that they are on are there now."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table
from pipeline.io.atomic_files import whole
from pipeline.io.hashed_files import state_of_file
from pipeline.run.raw_state import state_of
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.arrays import Ints

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


class Before(NamedTuple):
    """What was decided, and the list of the clusters. `place`: int64[rows of the plan], the number of each row in the
    decisions; -1 of one that was not there."""

    decisions: pa.Table
    listed: Path
    place: Ints


def is_decided(plan: Plan, made: Made) -> bool:
    """Whether the last decisions are on the rows of this plan, and by its options and this code (`made`)."""
    with contextlib.suppress(OSError, ValueError):
        return bool(orjson.loads((plan.stages / stage_files.DECIDED_ON).read_bytes()) == _record(plan, made))
    return False


def read_before(plan: Plan, made: Made) -> Before | None:
    """The last decisions; None where there are none, or where they are by other options or code, or where rows were
    compared with existing datasets.

    `made`: the code of dedupe, and its libraries.
    """
    if plan.existing:
        return None
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, pa.ArrowInvalid):
        kept, now = orjson.loads((plan.stages / stage_files.DECIDED_ON).read_bytes()), _record(plan, made)
        if any(kept[name] != now[name] for name in ("made", "files")):
            return None
        return Before(
            open_table(plan.stages / stage_files.DECISIONS),
            plan.stages / stage_files.duplicates(),
            _places(kept["units"], now["units"]),
        )
    return None


def _places(before: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Ints:
    """The number of each row among those of before, int64[rows]: -1 where it was not there.

    >>> a, b, c = ({"unit": name, "rows": 2} for name in "abc")
    >>> _places([a, b], [c, b]).tolist()
    [-1, -1, 2, 3]
    """
    starts = accumulate((unit["rows"] for unit in before), initial=0)
    start = {unit["unit"]: (unit, at) for unit, at in zip(before, starts, strict=False)}

    def place(unit: Mapping[str, Any]) -> Ints:
        same, at = start.get(unit["unit"], (None, 0))
        return np.arange(at, at + unit["rows"]) if same == unit else np.full(unit["rows"], -1)

    return np.concatenate([np.empty(0, np.int64), *map(place, now)])


def write_before(plan: Plan, made: Made) -> None:
    """Write what the decisions, which are there, are on."""
    with whole(plan.stages / stage_files.DECIDED_ON) as sink:
        sink.write(orjson.dumps(_record(plan, made)))


def _record(plan: Plan, made: Made) -> dict[str, Any]:
    """What the decisions depend on, and the state of their files."""
    content = [made, plan.config.dedupe.model_dump(mode="json"), [state_of(unit) for unit in plan.existing]]
    files = (stage_files.DECISIONS, stage_files.duplicates())
    return {
        "made": hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest(),
        "files": [state_of_file(plan.stages / name) for name in files],
        "units": [
            {
                "unit": unit.key,
                "files": [state_of_file(plan.file(unit, name)) for name in stage_files.OF_MAKE],
                "rows": len(open_table(plan.file(unit, stage_files.OF_MAKE.fingerprints))),
            }
            for unit in plan.units
        ],
    }
