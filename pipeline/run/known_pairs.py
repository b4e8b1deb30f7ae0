"""What dedupe found about pairs of texts, kept beside the stage files: the next run compares new pairs alone."""

import contextlib
import hashlib
from pathlib import Path

import numpy as np
import orjson
import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.arrow_files import open_table, validated, write_tables
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.known import NOTHING, WIDTH, Findings, Known, Measured

FINDINGS = pa.schema([pa.field("call", pa.binary(16), nullable=False), pa.field("result", pa.string(), nullable=False)])
MEASURED = pa.schema(
    [
        *(pa.field(f"key_{number}", pa.uint64(), nullable=False) for number in range(2)),
        *(pa.field(f"found_{number}", pa.float64(), nullable=False) for number in range(WIDTH)),
    ]
)
#: Of more pairs nothing is kept that was measured: what is kept has to fit into memory. 40 bytes each.
MOST = 1 << 22


def read_known(stages: Path, made: Made) -> Known:
    """The findings in these stage files; none where there are none, or where they are of other code.

    `made`: the code that compares texts, and its libraries.
    """
    found: Findings = {}
    measured = NOTHING
    if table := _read(stages / stage_files.KNOWN_PAIRS, _with(made, FINDINGS)):
        with contextlib.suppress(orjson.JSONDecodeError):
            results = orjson.loads(f"[{','.join(table['result'].to_pylist())}]")
            found = dict(zip(table["call"].to_pylist(), results, strict=True))
    if table := _read(stages / stage_files.MEASURED_PAIRS, _with(made, MEASURED)):
        columns = [column.to_numpy() for column in table.columns]
        measured = Measured(np.stack(columns[:2], axis=1), np.stack(columns[2:], axis=1))
    return Known(found, measured)


def _read(path: Path, schema: pa.Schema) -> pa.Table | None:
    with contextlib.suppress(OSError, pa.ArrowInvalid):
        table = validated(open_table(path))
        return table if table.schema.equals(schema, check_metadata=True) else None
    return None


def write_known(stages: Path, made: Made, known: Known) -> None:
    """Keep the findings that were used, and no others."""
    if known.used.keys() != known.before.keys():
        calls = sorted(known.used)
        results = [orjson.dumps(known.used[call]).decode() for call in calls]
        _write(stages / stage_files.KNOWN_PAIRS, [calls, results], _with(made, FINDINGS))
    measured = known.measured()
    if len(measured.key) > MOST:
        measured = NOTHING
    if not np.array_equal(measured.key, known.measured_before.key):
        columns = [*measured.key.T, *measured.found.T]
        _write(stages / stage_files.MEASURED_PAIRS, list(map(pa.array, columns)), _with(made, MEASURED))


def _write(path: Path, columns: list[object], schema: pa.Schema) -> None:
    write_tables(path, [pa.table(columns, schema=schema)], schema)


def _with(made: Made, schema: pa.Schema) -> pa.Schema:
    digest = hashlib.sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return schema.with_metadata({"made_of": digest})
