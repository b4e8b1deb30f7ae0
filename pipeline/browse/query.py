"""Which rows are wanted: the filters of the page, as one test on a block of rows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.browse.blocks import REJECTED, Part
from pipeline.table.keep import as_nfc, holds
from pipeline.table.substrings import holds_text
from schemas.columns import MESSAGES, TEXTS
from schemas.conditions import IN_DATASET, Column, Condition, Meta, values_of
from schemas.errors import TableError
from schemas.parse_condition import parse

#: The texts that are searched, beside the contents of messages. `raw`: of a record that could not be read.
SEARCHED = (*TEXTS, "tools", "tool_calls", "raw")


@dataclass(frozen=True)
class Query:
    """Filters that a row has to pass, each "" where it asks for nothing.

    `part`: a split, `kept` (all splits) or `rejected`. `flag`: its name, or `any`. `reason`: of a rejected row, as
    stage/reason. `judged`: `yes`, `no`, or a decision. `where`: a condition. `text`: a part of one of the texts;
    capital letters do not count.
    """

    part: str = "kept"
    source: str = ""
    flag: str = ""
    reason: str = ""
    judged: str = ""
    where: str = ""
    text: str = ""

    def parts(self, parts: dict[str, Part]) -> list[Part]:
        if self.part == "kept":
            return [part for name, part in parts.items() if name != REJECTED]
        return [parts[self.part]] if self.part in parts else []

    @cached_property
    def condition(self) -> Condition | None:
        """Raises ConditionError for a condition that cannot be read."""
        return parse(self.where, IN_DATASET) if self.where.strip() else None

    @property
    def asks(self) -> bool:
        """Whether any row may fail."""
        return any((self.source, self.flag, self.reason, self.judged, self.where.strip(), self.text))


@dataclass(frozen=True)
class Test:
    """A query, made ready for the rows of a dataset. `judged`: origins of the rows with such a verdict."""

    query: Query
    judged: Sequence[str] = ()
    #: How texts are made comparable in a condition; the dataset may have them so already.
    comparable: Callable[[pa.Array], pa.Array] = as_nfc

    def columns(self, part: Part) -> list[str]:
        """The columns of a part that the test reads. Raises TableError where it has no such column."""
        query = self.query
        wanted = {name for name, asked in (("source", query.source), ("flags", query.flag)) if asked}
        wanted |= {"reject_stage", "reject_reason"} if query.reason else set()
        wanted |= {"origin"} if query.judged else set()
        wanted |= {name for name in (*SEARCHED, *MESSAGES) if query.text and name in part.columns}
        for value in values_of(query.condition) if query.condition else ():
            wanted |= _columns_of(value)
        if missing := wanted - set(part.columns):
            raise TableError(f"the rows of {part.name} have no column {', '.join(sorted(missing))}")
        return [name for name in part.columns if name in wanted]

    def mask(self, table: pa.Table) -> pa.Array:
        """Boolean per row: it is wanted. `table`: with these columns."""
        return reduce(pc.and_, [pc.fill_null(one, False) for one in self._masks(table)])

    def _masks(self, table: pa.Table) -> list[pa.Array]:
        query, masks = self.query, []
        if query.source:
            masks.append(pc.equal(_one(table, "source"), query.source))
        if query.reason:
            stage, _, reason = query.reason.partition("/")
            masks.append(pc.equal(_one(table, "reject_stage"), stage))
            masks.append(pc.equal(_one(table, "reject_reason"), reason))
        if query.flag:
            masks.append(_flagged(_one(table, "flags"), query.flag))
        if query.judged:
            found = pc.is_in(_origins(table), pa.array(self.judged, pa.string()))
            masks.append(pc.invert(found) if query.judged == "no" else found)
        if query.condition:
            masks.append(holds(table, query.condition, self.comparable))
        if query.text:
            masks.append(_holds_text(table, query.text))
        return masks


def _one(table: pa.Table, name: str) -> pa.Array:
    return table[name].combine_chunks()


def _columns_of(value: Column | Meta) -> set[str]:
    """The columns that a value of a condition is read from."""
    if isinstance(value, Meta):
        return {"meta"}
    return {"instruction", "history"} if value.name == "n_turns" else {value.name}


def _flagged(flags: pa.ListArray, flag: str) -> pa.Array:
    if flag == "any":
        return pc.greater(pc.list_value_length(flags), 0)
    return _rows_of_items(flags, pc.equal(pc.list_flatten(flags), flag))


def _rows_of_items(lists: pa.ListArray, items: pa.Array) -> pa.Array:
    """Boolean per row: one of the items in its list is marked."""
    found = np.zeros(len(lists), bool)
    found[pc.list_parent_indices(lists).filter(pc.fill_null(items, False)).to_numpy()] = True
    return pa.array(found)


def _origins(table: pa.Table) -> pa.Array:
    """The origins without the numbers of copies (`repeat` of a source)."""
    return pc.replace_substring_regex(_one(table, "origin"), r"#\d+$", "")


def _holds_text(table: pa.Table, text: str) -> pa.Array:
    """Boolean per row: one of its texts holds this one."""
    any_case = text.lower() != text.upper()
    found = [pa.array(np.zeros(len(table), bool))]
    for name in table.column_names:
        column = _one(table, name)
        if name in SEARCHED and column.null_count < len(column):
            found.append(pc.fill_null(holds_text(column, text, any_case), False))
        elif name in MESSAGES and len(messages := pc.list_flatten(column)):
            fields = [pc.struct_field(messages, field) for field in ("content", "reasoning", "tool_calls")]
            found += [_rows_of_items(column, holds_text(texts, text, any_case)) for texts in fields]
    return reduce(pc.or_, found)
