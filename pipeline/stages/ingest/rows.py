"""Rows of Python values to tables of `schemas.columns.INGESTED`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.stages.ingest.opening import escaped
from pipeline.stages.ingest.parsing import Fault, dumps
from pipeline.stages.ingest.readers import Entry
from schemas.columns import INGESTED


class Row(NamedTuple):
    """One row as `ingest` gives it. `place` goes behind the file's name in `origin`."""

    place: str
    instruction: str | None = None
    input: str = ""
    output: str | None = None
    system: str | None = None
    history: Sequence[dict[str, str]] = ()
    meta: str | None = None
    raw: str | None = None
    reason: str | None = None
    detail: str | None = None
    fixes: Sequence[str] = ()


def rejected(entry: Entry, fault: Fault, **known: Any) -> Row:
    """The row of a record that could not be read or mapped, with the record's text in `raw`."""
    raw = dumps(entry.value) if entry.raw is None else escaped(entry.raw)
    return Row(entry.place, raw=raw, reason=fault.reason, detail=fault.detail, fixes=entry.fixes, **known)


def table(rows: Sequence[Row], origin: str, source: str) -> pa.Table:
    """Rows as a table with exactly the columns of INGESTED."""
    columns: dict[str, Sequence[Any]] = dict.fromkeys(Row._fields, ())
    columns.update(zip(Row._fields, zip(*rows, strict=True), strict=False))
    columns["origin"] = [origin + place for place in columns["place"]]
    columns["source"] = [source] * len(rows)
    columns["reject_stage"] = ["ingest" if reason else None for reason in columns["reason"]]
    columns["reject_reason"] = columns["reason"]
    columns["reject_detail"] = columns["detail"]
    columns["flags"] = [()] * len(rows)
    return pa.table([pa.array(columns[field.name], field.type) for field in INGESTED], schema=INGESTED)
