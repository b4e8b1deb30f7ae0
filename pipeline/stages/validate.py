"""validate: hold every row to the contract of `schemas.record.Record`."""

from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError

from pipeline.table.reject_and_flag import alive, complete, reject
from schemas.options import ValidateOptions
from schemas.record import VISIBLE, Record, must_be_visible

SHOWN = 40  #: characters of a faulty value that a rejection quotes


def validate(table: pa.Table, options: ValidateOptions = ValidateOptions()) -> pa.Table:
    """Reject every living row that is no valid `Record`; nothing else is changed.

    A columnar check, derived from the model's own fields, finds the rows that may be invalid; the model itself
    judges those and words the rejection. Reasons are `<field>-<rule>`, such as `output-blank`, `instruction-missing`.
    """
    table = complete(table)
    doubtful = pc.indices_nonzero(pc.and_(alive(table), _doubtful(table)))
    if len(doubtful) == 0:
        return table
    reasons: list[str | None] = [None] * len(table)
    details: list[str | None] = [None] * len(table)
    rows = table.select(list(Record.model_fields)).take(doubtful).to_pylist()
    for at, row in zip(doubtful.to_pylist(), rows, strict=True):
        reasons[at], details[at] = _judge(row)
    reason = pa.array(reasons, pa.string())
    return reject(table, pc.is_valid(reason), "validate", reason, pa.array(details, pa.string()))


def _doubtful(table: pa.Table) -> pa.ChunkedArray:
    """Boolean per row: false only where the model is sure to accept the row."""
    doubt = _incomplete_history(table)
    for name, field in Record.model_fields.items():
        if any(getattr(rule, "func", None) is must_be_visible for rule in field.metadata):
            seen = pc.match_substring_regex(table[name], pattern=VISIBLE)
            doubt = pc.or_(doubt, pc.fill_null(pc.invert(seen), True))
        elif field.annotation is str:
            doubt = pc.or_(doubt, pc.is_null(table[name]))
    return doubt


def _incomplete_history(table: pa.Table) -> pa.ChunkedArray:
    """Boolean per row: some earlier turn, or a side of one, is null."""
    history = table["history"].combine_chunks()
    turns = pc.list_flatten(history)
    if len(turns) == 0:
        return pa.chunked_array([pa.repeat(pa.scalar(False), len(table))])
    broken = pc.or_(
        pc.is_null(turns),
        pc.or_(pc.is_null(pc.struct_field(turns, "user")), pc.is_null(pc.struct_field(turns, "assistant"))),
    )
    rows = pc.list_parent_indices(history).filter(broken)
    return pa.chunked_array([pc.is_in(pa.array(range(len(table)), rows.type), value_set=rows)])


def _judge(row: dict[str, Any]) -> tuple[str | None, str | None]:
    """Reason and detail of the first rule that the row breaks, or two Nones."""
    try:
        Record.model_validate({name: value for name, value in row.items() if value is not None})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(map(str, first["loc"]))
        reason = f"{first['loc'][0]}-{first['type'].replace('_', '-')}"
        if first["type"] == "missing":
            return reason, f"`{place}` is missing or null. {first['msg']}."
        value = str(first["input"])
        found = repr(value if len(value) <= SHOWN else value[:SHOWN] + "…")
        return reason, f"`{place}` is {found}. {first['msg']}."
    return None, None
