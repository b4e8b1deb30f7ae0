"""Rows that this project wrote (`export`, the output of a stage), read back as they were written."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.fields.paths import Record, kind, list_at, text_at, yes_or_no
from pipeline.stages.ingest.fields.published_splits import meaning
from pipeline.stages.ingest.parse.exact_json import META_DEPTH, dumps, parse
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row
from pipeline.table.messages import Message
from schemas.columns import DEDUPED, INGESTED, MARKS, MESSAGE, SCREENED
from schemas.shapes import Exported

#: A record with all of these is a row of ours. (Versions before 0.2 wrote these, too.)
MARKED_BY = {"origin", "source", "instruction", "output", "fixes", "flags"}
#: Columns that every run finds anew.
FOUND_ANEW = {
    *(
        "flags",
        *SCREENED.names,
        *DEDUPED.names,
        *MARKS.names,
        "raw",
        "split",
        "prompt",
        "sequences",
        "sequence",
        "window",
    ),
    *("n_tokens", "truncated", "n_unk", "n_learned", "labels", "start_positions", "end_positions"),
}
#: Columns that count the sequences of a record from 0.
SEQUENCES = ("sequence", "window")
#: The field of `meta` that holds where a row came from.
OWN = "ko_instruct"


def is_exported(record: Record) -> bool:
    """Whether a record is a row that this project wrote."""
    return record.keys() >= MARKED_BY and all(isinstance(record[name], list | None) for name in ("fixes", "flags"))


def once(entries: Iterable[Entry], published: str | None) -> Iterator[Entry]:
    """The entries without the rows of a dataset that are a further sequence of the record before them.

    `published`: the split that the name of the file says; the rows of a dataset are in it.
    """
    before = None
    for entry in entries:
        record = entry.value
        if not isinstance(record, dict) or not is_exported(record):
            before = None
            yield entry
            continue
        if record["origin"] != before or not any(record.get(name) for name in SEQUENCES):
            yield entry._replace(split=entry.split or published)
        before = record["origin"]


def found_anew(record: Record) -> set[str]:
    """The columns of such a row that are left out, but for those that hold nothing. What an earlier run rejected is
    rejected again, with its reason: nothing of it is left out."""
    if record.get("reject_reason"):
        return set()
    return {name for name, value in record.items() if _is_anew(name) and value not in (None, [])}


def _is_anew(name: str) -> bool:
    return name in FOUND_ANEW or name.endswith(("_ids", "_mask"))


def exported(entry: Entry, shape: Exported) -> list[Row]:
    """One row: the columns of the record. What was rejected when it was written is rejected again."""
    record = entry.value
    if record.get("reject_reason"):
        why = f"{record.get('reject_stage')} rejected it as {record['reject_reason']} ({record.get('reject_detail')})"
        raise Fault(
            "rejected-before",
            f"an earlier run wrote this row to its rejects: {why}; to read it, remove `reject_reason`",
        )
    texts = ("system", "instruction", "reasoning", "output", "rejected", "tools", "tool_calls")
    row = Row(
        entry.place,
        **{name: text_at(record, name) for name in texts},
        input=text_at(record, "input") or "",
        flags=(),
        history=[message for item in list_at(record, "history") for message in messages_of(item, "history")],
        steps=[message for item in list_at(record, "steps") for message in messages_of(item, "steps")],
        label=_truth(record, "label"),
        learn=_truth(record, "learn"),
        published_split=stricter(text_at(record, "published_split"), entry.split),
        meta=dumps(meta_of(record)),
        fixes=(*entry.fixes, *(name for name in record["fixes"] or () if isinstance(name, str))),
    )
    return [row]


def stricter(first: str | None, second: str | None) -> str | None:
    """Of the split in which the source published a row, and that of the file it is in: test before validation before
    train. (A run puts rows of a source's train split into validation.)

    >>> stricter("train", "dev"), stricter("test", "train"), stricter(None, "train")
    ('dev', 'test', 'train')
    """
    if not first or not second:
        return first or second
    order = ("train", "validation", "test")
    one, other = (meaning(split) for split in (first, second))
    return second if one in order and other in order[order.index(one) :] else first


def messages_of(item: Any, path: str) -> list[Message]:
    """An item of history or steps as messages: a MESSAGE, or (before 0.2) an exchange of user and assistant."""
    fields = {field.name: None for field in MESSAGE}
    if not isinstance(item, Mapping):
        raise Fault("not-an-object", f"`{path}` holds {kind(item)}, not messages")
    if item.keys() == {"user", "assistant"}:
        return [fields | {"role": role, "content": text_at(item, role) or ""} for role in ("user", "assistant")]
    if not item.keys() <= fields.keys():
        raise Fault(
            "not-an-object", f"a message in `{path}` has unknown fields: {', '.join(item.keys() - fields.keys())}"
        )
    texts = {name: text_at(item, name) for name in fields if name != "learn"}
    return [fields | texts | {"content": texts["content"] or "", "learn": _truth(item, "learn")}]


def _truth(record: Mapping[str, Any], name: str) -> bool | None:
    value = record.get(name)
    if value is not None and yes_or_no(value) is None:
        raise Fault("not-a-truth-value", f"`{name}` is {kind(value)}: write true or false")
    return None if value is None else yes_or_no(value)


def meta_of(record: Record) -> Record:
    """The record's own `meta`, and in it, under OWN, the first origin and source, and columns that are not ours."""
    meta = record.get("meta")
    if isinstance(meta, str):
        meta = parse(meta.encode(errors="surrogatepass"), levels=META_DEPTH).value
    meta = meta if isinstance(meta, dict) else {} if meta is None else {"meta": meta}
    before: Record = meta[OWN] if isinstance(meta.get(OWN), dict) else {}
    first = {name: record[name] for name in ("origin", "source") if record[name] is not None}
    others = {name: value for name, value in record.items() if name not in INGESTED.names and not _is_anew(name)}
    own = {**first, **before, **others}
    return {**meta, OWN: own} if own else meta
