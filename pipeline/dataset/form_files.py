"""The files of a text form: JSON Lines, and a Parquet file of the same records beside each.

JSON Lines are written row by row. Then all records are known, and with them the fields that occur: the schema of the
Parquet files has these and no others, so that no column is null in every row, and each has its type.
"""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from pipeline.dataset.layout import form_file
from pipeline.dataset.shard_writer import write_parquet
from pipeline.dataset.text_forms import FORM_COLUMNS, TEXT_FORMS, FormError
from pipeline.io.arrow_files import BATCH_ROWS
from pipeline.io.hashed_files import HashedFile
from schemas.manifest import File, FormCounts
from schemas.text_forms import TextForm

#: Arguments of a call: `datasets` gives them as an object, as chat templates expect them.
FUNCTION = pa.struct([pa.field("name", pa.string()), pa.field("arguments", pa.json_())])
CALL = {"id": pa.string(), "type": pa.string(), "function": FUNCTION}
MESSAGE = {
    "role": pa.string(),
    "content": pa.string(),
    "reasoning_content": pa.string(),
    "tool_call_id": pa.string(),
    "name": pa.string(),
    "weight": pa.int64(),
}
TURN = pa.struct([pa.field("from", pa.string()), pa.field("value", pa.string())])
#: The fields of records that are not lists of messages.
PLAIN = {
    "tools": pa.string(),
    "label": pa.bool_(),
    "instruction": pa.string(),
    "input": pa.string(),
    "output": pa.string(),
    "system": pa.string(),
    "history": pa.list_(pa.list_(pa.string())),
    "conversations": pa.list_(TURN),
}
#: The fields that are lists of messages.
TALKS = ("messages", "prompt", "completion", "chosen", "rejected")


class FormFiles:
    """Writes the records of one text form, and counts the rows that it has no place for."""

    def __init__(self, folder: Path, form: TextForm) -> None:
        self.folder, self.form = folder, form
        self.rows: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.fields: set[str] = set()  # of records, of messages and of calls: no name is in two of them
        self._open: dict[str, HashedFile] = {}

    def write(self, split: str, table: pa.Table) -> None:
        """Write these rows of a split."""
        table = table.select([name for name in FORM_COLUMNS if name in table.column_names])
        for row in itertools.chain.from_iterable(batch.to_pylist() for batch in table.to_batches(BATCH_ROWS)):
            try:
                record = TEXT_FORMS[self.form](row)
            except FormError as error:
                self.left_out[error.reason] += 1
                continue
            self.rows[split] += 1
            self.fields |= fields_of(record)
            self._file(split).write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))

    def _file(self, split: str) -> HashedFile:
        if split not in self._open:
            path = self.folder / form_file(self.form, split, "jsonl")
            path.parent.mkdir(parents=True)
            self._open[split] = HashedFile(path)
        return self._open[split]

    def finish(self) -> dict[str, File]:
        """Close the files, write the Parquet files, and give all by their names in the folder."""
        self.close()
        found = {form_file(self.form, split, "jsonl"): file.described() for split, file in self._open.items()}
        if self.form != "openai":  # its service reads JSON Lines alone
            for split in self._open:
                lines = self.folder / form_file(self.form, split, "jsonl")
                name = form_file(self.form, split, "parquet")
                found[name] = write_parquet(self.folder / name, *typed(lines, self.fields))
        return found

    def close(self) -> None:
        for file in self._open.values():
            file.close()

    def counts(self) -> FormCounts:
        return FormCounts(rows=dict(self.rows), left_out=dict(sorted(self.left_out.items())))


def fields_of(record: Mapping[str, Any]) -> set[str]:
    """The names of the fields of a record, of its messages and of their calls."""
    found = set(record)
    for message in itertools.chain.from_iterable(record[name] for name in TALKS if name in record):
        found |= message.keys()
        for call in message.get("tool_calls", ()):
            found |= call.keys()
    return found


def schema_of(names: list[str], fields: set[str]) -> pa.Schema:
    """The type of records with the columns `names`, in whose messages and calls these fields occur."""
    calls = {"tool_calls": pa.list_(_struct(CALL, fields))} if "tool_calls" in fields else {}
    message = pa.list_(_struct(MESSAGE | calls, fields))
    return pa.schema([pa.field(name, message if name in TALKS else PLAIN[name]) for name in names])


def _struct(types: Mapping[str, pa.DataType], fields: set[str]) -> pa.DataType:
    return pa.struct([pa.field(name, kind) for name, kind in types.items() if name in fields])


def typed(lines: Path, fields: set[str]) -> tuple[pa.Schema, Iterator[pa.Table]]:
    """The schema and the batches of the records in a JSON Lines file."""
    columns = [name for name in (*TALKS, *PLAIN) if name in fields]
    schema = schema_of(columns, fields)

    def batches() -> Iterator[pa.Table]:
        with lines.open("rb") as file:
            records = map(orjson.loads, file)
            while some := list(itertools.islice(records, BATCH_ROWS)):
                yield pa.Table.from_pylist(some, schema=_stored(schema)).cast(schema)

    return schema, batches()


def _stored(schema: pa.Schema) -> pa.Schema:
    """The schema with JSON as plain text, which is how Python values become columns."""
    return pa.schema([pa.field(field.name, _storage(field.type)) for field in schema])


def _storage(kind: pa.DataType) -> pa.DataType:
    if isinstance(kind, pa.JsonType):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_storage(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([pa.field(field.name, _storage(field.type)) for field in kind])
    return kind
