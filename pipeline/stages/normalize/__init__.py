"""normalize: small named repairs of Korean text that keep its meaning, each listed in the row that it changed."""

from collections.abc import Sequence

import pyarrow as pa

from pipeline.stages.normalize.fixes import FIXES, Fix, apply_fixes
from pipeline.table.map_texts import map_texts, suspects
from pipeline.table.reject_and_flag import add_names, complete, row_mask, set_column
from schemas.columns import MESSAGES, TEXTS
from schemas.errors import did_you_mean
from schemas.options import NormalizeOptions, OptionError

__all__ = ["FIXES", "normalize"]


def normalize(table: pa.Table, options: NormalizeOptions = NormalizeOptions()) -> pa.Table:
    """The table with the texts of its living rows repaired: those of TEXTS, and contents and thoughts of messages.

    JSON stays as it is: tools, calls of tools with their arguments, `meta`. Beside the texts only `fixes` changes: it
    gains the names of the repairs that changed the row, in the order of FIXES. Raises OptionError for an option with
    the name of an unknown fix.
    """
    fixes = chosen(options)
    table = complete(table)
    if not fixes or not len(table):
        return table
    batches = [pa.Table.from_batches([batch]) for batch in table.to_batches() if batch.num_rows]
    return pa.concat_tables([normalize_batch(batch, fixes) for batch in batches])


def chosen(options: NormalizeOptions) -> list[Fix]:
    """The fixes that run under these options, in the order of FIXES."""
    names = [fix.name for fix in FIXES]
    for key, listed in (("on", options.on), ("off", options.off)):
        for name in listed:
            if name not in names:
                known = f"Fixes are: {', '.join(names)}" + (did_you_mean(name, names) or ".")
                raise OptionError(f"normalize.{key} lists {name!r}, which is not a fix. {known}")
    return [fix for fix in FIXES if (fix.default or fix.name in options.on) and fix.name not in options.off]


def normalize_batch(table: pa.Table, fixes: Sequence[Fix]) -> pa.Table:
    """One record batch: one scan per column finds the texts that may need a fix, and Python sees only those."""
    changed: dict[str, list[int]] = {fix.name: [] for fix in fixes}
    memory: dict[str, tuple[str, set[str]]] = {}

    def fixed(text: str, row: int, field: str) -> str:
        if text not in memory:
            memory[text] = apply_fixes(text, fixes)
        text, names = memory[text]
        for name in names:
            changed[name].append(row)
        return text

    scan = "|".join(f"(?:{fix.scan})" for fix in fixes)
    table = map_texts(table, suspects(table, dict.fromkeys((*TEXTS, *MESSAGES), scan)), fixed)
    names = [(name, row_mask(rows, len(table))) for name, rows in changed.items() if rows]
    return set_column(table, "fixes", add_names(table["fixes"], names).combine_chunks())
