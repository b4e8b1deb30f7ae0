"""Verdicts of people (`schemas.verdict`) applied to rows: drop, fix, keep.

A verdict is on one record: its origin, and a digest of its texts as `screen` leaves them, which are the texts of the
exported row. If the raw file changes, the verdict matches no other record that takes the same place.
"""

import hashlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import orjson
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.table.reject_and_flag import add_names, complete, reject, row_mask, set_column
from pipeline.table.take_rows import take_table_rows
from schemas.columns import MARKS, MESSAGES, SCREENED, TEXTS
from schemas.errors import KoInstructError
from schemas.reasons import FLAGS
from schemas.verdict import FIXABLE, Key, Outcome, Verdict

Row = dict[str, Any]
Verdicts = Mapping[Key, Verdict]
#: What runs again on a row whose texts a verdict has replaced: the stages up to `screen`.
Stage = Callable[[pa.Table], pa.Table]

#: The stage, reason, fix and flag of what a verdict does.
STAGE, REASON, FIX, KEPT = "screen", "verdict", "verdict", "kept-by-verdict"
#: The columns that hold what people read of a record.
READ = (*TEXTS, *MESSAGES, "tools", "tool_calls")
#: The texts that a record may lack: "" stands for null.
OPTIONAL = ("system", "reasoning", "rejected")


class VerdictError(KoInstructError, ValueError):
    """A verdict cannot be read or applied. The message names it."""


def digest_of(row: Mapping[str, Any]) -> str:
    """A digest of what people read of a row, the same for a row of a stage and for the exported row.

    >>> digest_of({"instruction": "안녕?", "output": "네."})
    '00b6327e50c1b06eb251d1e8cf4c0558'
    """
    texts = {name: _without_nothing(row[name]) for name in READ if row.get(name)}
    return hashlib.sha256(orjson.dumps(texts, option=orjson.OPT_SORT_KEYS)).hexdigest()[:32]


def _without_nothing(value: Any) -> Any:
    """Messages without the fields that hold nothing."""
    if isinstance(value, str):
        return value
    return [message and {name: text for name, text in message.items() if text not in (None, "")} for message in value]


def key_of(row: Mapping[str, Any]) -> Key:
    return Key(row.get("origin") or "", digest_of(row))


def apply_verdicts(
    table: pa.Table,
    verdicts: Verdicts,
    clean: Stage = lambda table: table,
    outcomes: dict[Key, Outcome] | None = None,
) -> pa.Table:
    """The table as `screen` gives it, with these verdicts obeyed.

    fix: the row has its new texts, the fix `verdict`, and is alive again; `clean` then runs on it, which is to be all
    stages up to `screen`. A verdict on the new texts is obeyed, too. drop: the row is rejected (`verdict`). keep: a row
    that `screen` rejected is alive again, with the flag `kept-by-verdict`. A row that `ingest` rejected has no texts to
    fix. `outcomes`: takes what became of each verdict that matches a row.

    >>> table = pa.table({"origin": ["a:1"], "instruction": ["안녕?"], "output": ["네."]})
    >>> verdict = Verdict(origin="a:1", digest=digest_of(table.to_pylist()[0]), verdict="drop", note="짧다")
    >>> apply_verdicts(table, {verdict.key: verdict})["reject_detail"].to_pylist()
    ['짧다']
    """
    table = complete(complete(table), SCREENED)
    outcomes = {} if outcomes is None else outcomes
    rows = _rows_of(table, {key.origin for key in verdicts})
    done: set[tuple[int, Key]] = set()
    while fixes := [one for one in _matching(table, rows, verdicts, ("fix",)) if (one[0], one[1].key) not in done]:
        done |= {(row, verdict.key) for row, verdict, _ in fixes}
        table = _fix(table, fixes, clean, outcomes)
    return _drop_and_keep(table, list(_matching(table, rows, verdicts, ("drop", "keep"))), outcomes)


def _rows_of(table: pa.Table, origins: Collection[str]) -> list[int]:
    """The numbers of the rows of these origins."""
    found = pc.is_in(table["origin"].combine_chunks(), pa.array(sorted(origins), pa.string()))
    return pc.indices_nonzero(found).to_pylist()  # type: ignore[no-any-return]


def _matching(
    table: pa.Table, rows: Sequence[int], verdicts: Verdicts, decisions: Collection[str]
) -> Iterator[tuple[int, Verdict, Row]]:
    """Of these rows, those with such a verdict on their texts."""
    for number, row in zip(rows, take_table_rows(table, np.array(rows, np.int64)).to_pylist(), strict=True):
        verdict = verdicts.get(key_of(row))
        if verdict and verdict.verdict in decisions:
            yield number, verdict, row


def _fix(
    table: pa.Table, fixes: Sequence[tuple[int, Verdict, Row]], clean: Stage, outcomes: dict[Key, Outcome]
) -> pa.Table:
    """The table with the rows of these fixes replaced and clean."""
    numbers, rows = [], []
    for number, verdict, row in fixes:
        fixable = row["reject_stage"] != "ingest"
        outcomes[verdict.key] = "fix" if fixable else "without-effect"
        if fixable:
            numbers.append(number)
            rows.append(with_texts(row, verdict))
    if not rows:
        return table
    new = clean(pa.Table.from_pylist(rows, schema=table.schema))
    index = np.arange(len(table))
    index[numbers] = len(table) + np.arange(len(numbers))
    return take_table_rows(pa.concat_tables([table, new]), index)


def with_texts(row: Row, verdict: Verdict) -> Row:
    """The row with the texts of a fix, as it is before `validate`. Raises VerdictError where it has no such place."""
    row = {**row, **{name: [message and dict(message) for message in row[name] or ()] for name in MESSAGES}}
    for place, text in verdict.texts.items():
        found = FIXABLE.fullmatch(place)
        assert found
        value = text or None if place in OPTIONAL or found["field"] == "reasoning" else text
        if not found["column"]:
            row[place] = value
        elif message := dict(enumerate(row[found["column"]])).get(int(found["at"])):
            message[found["field"]] = value
        else:
            raise VerdictError(f"the verdict on {verdict.origin} fixes {place}, and the record has no such message.")
    flags = [flag for flag in row["flags"] or () if flag in FLAGS["ingest"]]
    fixes = row["fixes"] or []
    fixes = [*fixes, *([] if FIX in fixes else [FIX])]
    return row | dict.fromkeys(MARKS.names) | {"flags": flags, "evidence": [], "fixes": fixes}


def _drop_and_keep(
    table: pa.Table, found: Sequence[tuple[int, Verdict, Row]], outcomes: dict[Key, Outcome]
) -> pa.Table:
    drops = {number: verdict for number, verdict, _ in found if verdict.verdict == "drop"}
    undone = []
    for number, verdict, row in found:
        undo = verdict.verdict == "keep" and row["reject_stage"] == STAGE
        undone += [number] if undo else []
        nothing_to_do = row["reject_stage"] is not None and not undo
        outcomes[verdict.key] = "without-effect" if nothing_to_do else verdict.verdict  # type: ignore[assignment]
    if undone:
        living = row_mask(undone, len(table))
        for name in MARKS.names:
            table = set_column(table, name, pc.if_else(living, None, table[name]))
        table = set_column(table, "flags", add_names(table["flags"], [(KEPT, living)]))
    if drops:
        details = [drops[row].note or "a person dropped it" if row in drops else None for row in range(len(table))]
        table = reject(table, row_mask(list(drops), len(table)), STAGE, REASON, pa.array(details, pa.string()))
    return table
