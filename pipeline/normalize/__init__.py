"""normalize: small named repairs of Korean text that keep its meaning, each listed in the row that it changed."""

from collections.abc import Callable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline import marks
from pipeline.normalize.fixes import FIXES, Fix, apply_fixes
from schemas.columns import TEXTS
from schemas.options import NormalizeOptions

__all__ = ["FIXES", "normalize"]


def normalize(table: pa.Table, options: NormalizeOptions = NormalizeOptions()) -> pa.Table:
    """The table with the texts of its living rows repaired: system, history, instruction, input and output.

    Only `fixes` changes beside them: it gains the names of the repairs that changed the row, in the order of FIXES.
    Raises ValueError for an option that names no fix.
    """
    fixes = chosen(options)
    table = marks.complete(table)
    if not fixes or not len(table):
        return table
    parts = [normalize_batch(pa.Table.from_batches([batch]), fixes) for batch in table.to_batches()]
    return pa.concat_tables(parts)


def chosen(options: NormalizeOptions) -> list[Fix]:
    """The fixes that the options leave on, in the order of FIXES."""
    names = [fix.name for fix in FIXES]
    for key, listed in (("on", options.on), ("off", options.off)):
        for name in listed:
            if name not in names:
                raise ValueError(f"normalize.{key} names {name!r}, which is no fix. Fixes are: {', '.join(names)}.")
    return [fix for fix in FIXES if (fix.default or fix.name in options.on) and fix.name not in options.off]


def normalize_batch(table: pa.Table, fixes: Sequence[Fix]) -> pa.Table:
    """One record batch: one scan per column finds the texts that may need a fix, and only those meet Python."""
    scan = "|".join(f"(?:{fix.scan})" for fix in fixes)
    living = marks.alive(table).chunk(0)
    changed = {fix.name: np.zeros(len(table), bool) for fix in fixes}
    memory: dict[str, tuple[str, set[str]]] = {}

    def fixed(text: str, row: int) -> str:
        if text not in memory:
            memory[text] = apply_fixes(text, fixes)
        text, names = memory[text]
        for name in names:
            changed[name][row] = True
        return text

    for column in TEXTS:
        texts = table[column].chunk(0)
        suspects = pc.and_(pc.fill_null(pc.match_substring_regex(texts, scan), False), living)
        rows = pc.indices_nonzero(suspects)
        if len(rows):
            new = [
                fixed(text, row) for text, row in zip(texts.filter(suspects).to_pylist(), rows.to_pylist(), strict=True)
            ]
            table = marks.set_column(table, column, pc.replace_with_mask(texts, suspects, pa.array(new, texts.type)))
    table = normalize_history(table, living, scan, fixed)
    names = [(name, pa.array(rows)) for name, rows in changed.items()]
    return marks.set_column(table, "fixes", marks.add_names(table["fixes"], names).combine_chunks())


def normalize_history(table: pa.Table, living: pa.Array, scan: str, fixed: Callable[[str, int], str]) -> pa.Table:
    """The same for the turns of `history`: the rows with a suspect turn are rebuilt and gathered with the rest."""
    history = table["history"].chunk(0)
    turns = history.flatten()
    if not len(turns):
        return table
    suspect = np.zeros(len(turns), bool)
    for speaker in turns.flatten():
        suspect |= pc.fill_null(pc.match_substring_regex(speaker, scan), False).to_numpy(zero_copy_only=False)
    rows = np.unique(pc.list_parent_indices(history).to_numpy()[suspect])
    rows = rows[living.to_numpy(zero_copy_only=False)[rows]]
    if not len(rows):
        return table
    new = [
        [{speaker: text and fixed(text, row) for speaker, text in turn.items()} for turn in turns]
        for turns, row in zip(history.take(pa.array(rows)).to_pylist(), rows.tolist(), strict=True)
    ]
    index = np.arange(len(table))
    index[rows] = len(table) + np.arange(len(rows))
    joined = pa.concat_arrays([history, pa.array(new, history.type)])
    return marks.set_column(table, "history", joined.take(pa.array(index)))
