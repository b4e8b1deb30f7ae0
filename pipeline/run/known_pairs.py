"""What dedupe found about pairs of texts, kept beside the stage files: the next run compares new pairs alone."""

import contextlib
import hashlib
from pathlib import Path

import orjson
import pyarrow as pa

from pipeline.io.arrow_files import open_table, validated, write_tables
from pipeline.run.stamps import Made
from pipeline.stages.dedupe.known import Findings, Known

FINDINGS = pa.schema([pa.field("call", pa.binary(16), nullable=False), pa.field("result", pa.string(), nullable=False)])


def read_known(path: Path, made: Made) -> Known:
    """The findings in this file; none where there is no such file, or where it is of other code.

    `made`: the code that compares texts, and its libraries.
    """
    with contextlib.suppress(OSError, pa.ArrowInvalid, orjson.JSONDecodeError):
        table = validated(open_table(path))
        if table.schema.equals(_schema(made), check_metadata=True):
            results = orjson.loads(f"[{','.join(table['result'].to_pylist())}]")
            return Known(dict(zip(table["call"].to_pylist(), results, strict=True)))
    return Known()


def write_known(path: Path, made: Made, known: Known) -> None:
    """Keep the findings that were used, and no others."""
    if known.used.keys() == known.before.keys():
        return
    write_tables(path, [_table(known.used, made)], _schema(made))


def _table(found: Findings, made: Made) -> pa.Table:
    calls = sorted(found)
    results = [orjson.dumps(found[call]).decode() for call in calls]
    return pa.table([calls, results], schema=_schema(made))


def _schema(made: Made) -> pa.Schema:
    digest = hashlib.sha256(orjson.dumps(made, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return FINDINGS.with_metadata({"made_of": digest})
