"""Which fields of a record stay in `meta`, as `[ingest] meta` says."""

from collections.abc import Collection

import pyarrow as pa

from pipeline.stages.ingest.parse.exact_json import META_DEPTH, dumps, parse
from pipeline.table.reject_and_flag import set_column


def keep_meta(table: pa.Table, wanted: str | Collection[str], left_out: set[str]) -> pa.Table:
    """The rows with those fields in `meta` that are wanted. The names of the others are added to `left_out`."""
    if wanted == "all" or table["meta"].null_count == len(table):
        return table
    names = () if isinstance(wanted, str) else wanted
    metas = [None if text is None else _kept(text, names, left_out) for text in table["meta"].to_pylist()]
    return set_column(table, "meta", pa.array(metas, pa.string()))


def _kept(text: str, names: Collection[str], left_out: set[str]) -> str | None:
    fields = parse(text.encode(), levels=META_DEPTH).value
    left_out.update(fields.keys() - names)
    kept = {name: value for name, value in fields.items() if name in names}
    return dumps(kept) if kept else None
