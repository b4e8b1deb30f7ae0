"""The decisions of the last dedupe, where all rows that they are on are still there: then some rows came to them."""

from __future__ import annotations

import contextlib
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table
from pipeline.io.atomic_files import whole
from pipeline.io.hashed_files import state_of_file
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.arrays import Bools

if TYPE_CHECKING:
    from pipeline.run.plan import Plan


class Before(NamedTuple):
    """What was decided, in the order of the rows, and the list of the clusters. `added`: bool[rows of the plan], the
    row came since then."""

    decisions: pa.Table
    listed: Path
    added: Bools


def read_before(plan: Plan, made: Made) -> Before | None:
    """The decisions on rows of this plan; None where there are none, or where they are by other options or code.

    `made`: the code of dedupe, and its libraries.
    """
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError, pa.ArrowInvalid):
        kept = orjson.loads((plan.stages / stage_files.DECIDED_ON).read_bytes())
        now = _record(plan, made)
        there = [unit in kept["units"] for unit in now["units"]]
        is_same = all(kept[name] == now[name] for name in ("made", "files"))
        if is_same and [unit for unit, before in zip(now["units"], there, strict=True) if before] == kept["units"]:
            rows = [unit["rows"] for unit in now["units"]]
            decisions = open_table(plan.stages / stage_files.DECISIONS)
            return Before(decisions, plan.stages / stage_files.duplicates(), np.repeat(np.invert(there), rows))
    return None


def write_before(plan: Plan, made: Made) -> None:
    """Write what the decisions, which are there, are on. Of a plan that compares with existing datasets nothing is
    kept."""
    if not plan.existing:
        with whole(plan.stages / stage_files.DECIDED_ON) as sink:
            sink.write(orjson.dumps(_record(plan, made)))


def _record(plan: Plan, made: Made) -> dict[str, Any]:
    """What the decisions depend on, and the state of their files."""
    content = [made, plan.config.dedupe.model_dump(mode="json"), [unit.origin for unit in plan.existing]]
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
