"""A row as the page shows it: a line in the list, the whole record, its tokens. All of it is data: texts, no markup."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from pipeline.browse.blocks import REJECTED, Part
from pipeline.browse.search import Place
from pipeline.dataset.show import pieces_of, sequences_of
from pipeline.table.messages import to_messages
from pipeline.table.verdicts import STAGE, digest_of
from pipeline.tokenizers.protocol import Tokenizer
from schemas.columns import MARKS, MESSAGES, TEXTS

Row = dict[str, Any]

#: Characters of a text in the list, and of one in the record: of more, the page says how many.
IN_LIST, IN_RECORD = 200, 100_000
#: Tokens of a row that are shown.
TOKENS = 20_000
#: Columns of the list, and of the record beside its texts and messages.
LISTED = (
    "origin",
    "sequence",
    "source",
    "instruction",
    "input",
    "output",
    "flags",
    "fixes",
    "reject_stage",
    "reject_reason",
    "n_tokens",
    "raw",
)
ABOUT = (
    *("source", "published_split", "label", "learn", "fixes", "flags", "evidence", "cluster", "duplicate_of"),
    *("similarity", "sequence", "window", "n_tokens", "n_learned", "truncated", "n_unk", "labels"),
)


def listed(parts: Mapping[str, Part], places: Sequence[Place]) -> Iterator[Row]:
    """Rows in the list: where each is from, how its prompt and its answer begin, and its marks."""
    for name, some in groupby(places, lambda place: place.part):
        numbers = [place.row for place in some]
        columns = [column for column in parts[name].columns if column in LISTED]
        for number, row in zip(numbers, parts[name].take(numbers, columns), strict=True):
            texts = {column: (row.get(column) or "")[:IN_LIST] for column in ("instruction", "input", "output", "raw")}
            yield {**row, **texts, "part": name, "row": number}


def record(part: Part, place: Place) -> Row:
    """The whole record: its messages, what else it holds, why it was rejected, and the texts that can be fixed."""
    columns = [name for name in part.columns if not name.endswith(("_ids", "_mask"))]
    row = part.take([place.row], columns)[0]
    row |= {name: [message for message in row.get(name) or () if message] for name in MESSAGES}  # validate rejects null
    spoken = row.get("instruction") is not None or row.get("output") is not None
    return {
        **place._asdict(),
        "origin": row["origin"],
        "digest": digest_of(row),
        "messages": [_message(message) for message in to_messages(row)] if spoken else [],
        **{name: _cut(row.get(name)) for name in ("tools", "rejected", "raw", "meta")},
        "marks": {name: row[name] for name in MARKS.names if row.get(name) is not None},
        "about": {name: row[name] for name in ABOUT if row.get(name) not in (None, [], "")},
        "fixable": dict(fixable(row)) if can_be(row)["fix"] else {},
        "can": can_be(row),
        "has_tokens": part.name != REJECTED,
    }


def can_be(row: Mapping[str, Any]) -> dict[str, bool]:
    """Which verdicts can do something to a row: `ingest` leaves no texts of what it rejects, and only a reject by
    `screen` can be undone."""
    stage, readable = row.get("reject_stage"), row.get("reject_stage") != "ingest"
    return {"keep": stage in (None, STAGE), "drop": readable, "fix": readable}


def fixable(row: Mapping[str, Any]) -> dict[str, str]:
    """The texts of a row by the place that a fix names. Texts that the page shows only in part are not among them."""
    texts = {name: row.get(name) for name in TEXTS}
    for column in MESSAGES:
        for number, message in enumerate(row.get(column) or ()):
            texts |= {f"{column}[{number}].{name}": message.get(name) for name in ("content", "reasoning")}
    always = ("instruction", "input", "output")
    return {
        place: text or "" for place, text in texts.items() if (text or place in always) and len(text or "") <= IN_RECORD
    }


def _message(message: Mapping[str, Any]) -> Row:
    """A message with its texts cut, and its calls as lines of JSON."""
    given = message.get("tool_calls", ())
    calls = [given] if isinstance(given, str) else list(map(_call, given))
    texts = {name: _cut(message[name]) for name in ("content", "reasoning_content") if message.get(name)}
    return {**message, **texts, "tool_calls": [_cut(call) for call in calls]}


def _call(call: Mapping[str, Any]) -> str:
    return json.dumps(call["function"], ensure_ascii=False, indent=2)


def _cut(text: str | None) -> str | None:
    if text is None or len(text) <= IN_RECORD:
        return text
    return f"{text[:IN_RECORD]} … ({len(text) - IN_RECORD:,} more characters)"


def tokens(part: Part, place: Place, tokenizer: Tokenizer) -> list[Row]:
    """The sequences of a row: the text of each token, whether it is learned, and whether it is special."""
    row = part.take([place.row], part.columns)[0]
    shown = []
    for sequence in sequences_of(row):
        some = sequence._replace(ids=sequence.ids[:TOKENS], kinds=sequence.kinds[:TOKENS])
        pieces = [
            [piece.text, int(piece.kind == "trained"), int(piece.special)] for piece in pieces_of(some, tokenizer)
        ]
        learned = sequence.kinds.count("trained")
        shown.append({"title": sequence.title, "tokens": len(sequence.ids), "learned": learned, "pieces": pieces})
    return shown
