"""Rows of Python values to tables of `schemas.columns.INGESTED`."""

from collections.abc import Sequence
from typing import Any, NamedTuple

import pyarrow as pa

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.base64_fields import SIGNS, without_bytes
from pipeline.stages.ingest.fields.calls import bracketed
from pipeline.stages.ingest.fields.no_input import MEANS_NO_INPUT
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.published_splits import take_split
from pipeline.stages.ingest.parse.exact_json import META_DEPTH, dumps, parse
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.unpacking import escaped
from pipeline.table.messages import Message
from pipeline.table.thoughts import is_open_thought
from schemas.columns import INGESTED


class Row(NamedTuple):
    """One row as `ingest` gives it. `place` goes behind the file's name in `origin`."""

    place: str
    instruction: str | None = None
    input: str = ""
    output: str | None = None
    system: str | None = None
    tools: str | None = None
    history: Sequence[Message] = ()
    steps: Sequence[Message] = ()
    reasoning: str | None = None
    tool_calls: str | None = None
    rejected: str | None = None
    label: bool | None = None
    learn: bool | None = None
    published_split: str | None = None
    meta: str | None = None
    raw: str | None = None
    reason: str | None = None
    detail: str | None = None
    fixes: Sequence[str] = ()
    flags: Sequence[str] = ()


def rejected(entry: Entry, fault: Fault, **known: Any) -> Row:
    """The row of a record that could not be read or mapped, with the record's text in `raw`."""
    raw = dumps(entry.value) if entry.raw is None else escaped(entry.raw)
    split = take_split(entry.value)[0] if isinstance(entry.value, dict) else None
    return Row(
        entry.place,
        published_split=split or entry.split,
        raw=raw,
        reason=fault.reason,
        detail=fault.detail,
        fixes=entry.fixes,
        **known,
    )


def row(
    entry: Entry,
    others: Record,
    instruction: str | None,
    given: str | None,
    output: str | None,
    *,
    place: str = "",
    system: str | None = None,
    history: Sequence[Message] = (),
    fixes: Sequence[str] = (),
) -> Row:
    """One row: the sentinels of "no input" become "", the fields that no column took become `meta`.

    A field `split` that names a split is `published_split`, before what the file says.
    """
    given = given or ""
    if MEANS_NO_INPUT.match(given):
        given, fixes = "", (*fixes, "no-input")
    split, others = take_split(others)
    meta = dumps(others) if others else None
    if meta and any(sign in meta for sign in SIGNS) and (lean := without_bytes(others)) is not others:
        meta, fixes = dumps(lean), (*fixes, "bytes-left-out")
    return Row(
        entry.place + place,
        instruction,
        given,
        output,
        system or None,
        history=history,
        published_split=split or entry.split,
        meta=meta,
        fixes=(*entry.fixes, *fixes),
    )


def _flags(row: Row) -> tuple[str, ...]:
    """What is in the answers of a row and was not taken out of them."""
    if row.output is None:
        return ()
    answers = [row.output, *(message["content"] for message in row.history if message["role"] == "assistant")]
    unread = row.tool_calls is None and any(map(bracketed, answers))
    return (*(["open-thought"] if is_open_thought(row.output) else []), *(["call-unread"] if unread else []))


def around(outer: Record, inner: Record) -> tuple[Record, Record]:
    """The fields of what is around a record, and in `document` those whose names the record has itself.

    >>> around({"id": 1, "title": "강"}, {"id": 2})
    ({'title': '강'}, {'document': {'id': 1}})
    """
    name = "document"
    while name in inner:
        name += "_"
    free = {key: value for key, value in outer.items() if key not in inner}
    taken = {key: value for key, value in outer.items() if key in inner}
    if taken and name in free:
        taken[name] = free.pop(name)
    return free, {name: taken} if taken else {}


def with_outer(rows: list[Row], outer: Record | None) -> list[Row]:
    """The rows of a record in a document, with the document's other fields in `meta`: a name that a row's `meta` has
    already goes to `document`.
    """
    if not outer:
        return rows
    found = []
    for given in rows:
        meta = parse(given.meta.encode(), levels=META_DEPTH).value if given.meta else {}
        free, taken = around(outer, meta)
        found.append(given._replace(meta=dumps({**meta, **free, **taken})))
    return found


def numbered(number: int, count: int) -> str:
    """What `origin` ends in where a record gives several rows."""
    return f"/{number}" if count > 1 else ""


def table(rows: Sequence[Row], origin: str, source: str) -> pa.Table:
    """Rows as a table with exactly the columns of INGESTED."""
    columns: dict[str, Sequence[Any]] = dict.fromkeys(Row._fields, ())
    columns.update(zip(Row._fields, zip(*rows, strict=True), strict=False))
    columns["origin"] = [origin + place for place in columns["place"]]
    columns["source"] = [source] * len(rows)
    columns["reject_stage"] = ["ingest" if reason else None for reason in columns["reason"]]
    columns["reject_reason"] = columns["reason"]
    columns["reject_detail"] = columns["detail"]
    columns["flags"] = [(*row.flags, *_flags(row)) for row in rows]
    return pa.table([pa.array(columns[field.name], field.type) for field in INGESTED], schema=INGESTED)
