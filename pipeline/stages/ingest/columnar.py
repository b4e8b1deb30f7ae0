"""Plain records by the block, in Arrow: the same rows as record by record.

Plain are flat records (texts, numbers and truth values), and conversations of messages with a role and a text in which
a user and an assistant take turns. What a text could hold beside itself (a thought, a call, a transcript, a label, a
split) is looked for first: such records are left to be read one by one.
"""

from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.json_lines import json_objects
from pipeline.stages.ingest.alike import Alike, Path, Signs, alike
from pipeline.stages.ingest.alike import template as template_of
from pipeline.stages.ingest.detected import may_hold_transcript
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields import calls
from pipeline.stages.ingest.fields.base64_fields import SIGNS
from pipeline.stages.ingest.fields.given import may_be_printed
from pipeline.stages.ingest.fields.names import ANSWERABLE, UNANSWERABLE, is_read
from pipeline.stages.ingest.fields.no_input import NO_INPUT
from pipeline.stages.ingest.fields.paths import Record
from pipeline.stages.ingest.fields.published_splits import FIELD as SPLIT
from pipeline.stages.ingest.fields.roles import known_role
from pipeline.stages.ingest.fields.verdicts import may_be_bad, names_verdict
from pipeline.stages.ingest.parse.framing import Elements, Unread
from pipeline.stages.ingest.shapes.to_rows import Choose
from pipeline.stages.ingest.shapes.transcripts import OPEN_END
from pipeline.table import thoughts
from schemas.columns import INGESTED, MESSAGE
from schemas.shapes import Columns, Conversation, Fields

#: Fewer records than FEW are not worth a template, and of records with the same number of quotes TEMPLATES are tried.
FEW, TEMPLATES = 8, 4
#: What may be a thought or calls. The first of these find a mark anywhere, the last one calls in brackets at the end.
THOUGHT_OR_CALL = (*thoughts.finds((*thoughts.MARKS, *calls.MARKS, "<tool_response>")), r"\)\]\s*$")
#: The same in JSON, where a sign may be written as \u and its number.
ANYWHERE = (*THOUGHT_OR_CALL[:-1], r"\)\](?: |\\[tnfr])*\"", r"\\u(?:00[2-7]|25[cC]1)")
#: A sign of ASCII that is written as its number, and what else shows bytes as base64 in JSON.
NUMBERED, BYTES = r"\\u00[2-7]", [sign.rstrip(":").encode() for sign in SIGNS]


class Plain(NamedTuple):
    """Rows of a block. `numbers`: of the records that they are, each one row."""

    numbers: np.ndarray
    rows: pa.Table


def plain_rows(block: Unread, choose: Choose, origin: str, source: str) -> tuple[list[Plain], np.ndarray] | None:
    """The rows of the plain records of a block, and which records are left; None where the block is not UTF-8."""
    signs = Signs.of(block)
    if signs is None:
        return None
    may_hold_bytes = any(sign in signs.data for sign in BYTES) or _may_hold((NUMBERED,), signs.data)
    given = Given(block, origin, source, _may_hold(ANYWHERE, signs.data), may_hold_bytes)
    found = []
    others = np.ones(len(signs.starts), bool)
    for count in np.flatnonzero(np.bincount(signs.n_quotes)).tolist():
        left = np.flatnonzero(signs.n_quotes == count)
        for _ in range(TEMPLATES if count else 0):
            if len(left) < FEW:
                break
            plain, left = _like_the_first(signs, left, choose, given)
            if plain is not None:
                found.append(plain)
                others[plain.numbers] = False
    return found, np.flatnonzero(others)


class Given(NamedTuple):
    """What the rows of a block have in common.

    `marks`, `bytes`: whether a text in it may hold a mark of a thought or a call, or bytes as base64.
    """

    block: Unread
    origin: str
    source: str
    marks: bool
    bytes: bool

    def places(self, numbers: np.ndarray) -> pa.StringArray:
        before, behind = ("[", "]") if isinstance(self.block, Elements) else (":", "")
        written = pa.array(numbers + self.block.first).cast(pa.string())
        return pc.binary_join_element_wise(self.origin + before, written, behind, "")


def _may_hold(patterns: tuple[str, ...], data: bytes) -> bool:
    text = pa.StringArray.from_buffers(1, pa.py_buffer(np.array([0, len(data)], np.int32)), pa.py_buffer(data))
    return any(pc.match_substring_regex(text, pattern)[0].as_py() for pattern in patterns)


def _like_the_first(signs: Signs, left: np.ndarray, choose: Choose, given: Given) -> tuple[Plain | None, np.ndarray]:
    """The rows of the records that are like the first of `left`, where it is plain, and which are left."""
    template = template_of(signs, int(left[0]))
    shape = _shape_of(template.record, choose) if template else None
    if template is None or shape is None:
        return None, left[1:]
    same = alike(signs, left, template, _texts_in(template.record, shape))
    left = np.delete(left, same.places) if len(same.places) else left[1:]
    try:
        plain = _talks(same, shape, given) if isinstance(shape, Conversation) else _flat(same, shape, given)
    except ValueError:  # an escape that spells nothing: each record for itself
        return None, left
    return plain, left


def _shape_of(record: Record, choose: Choose) -> Columns | Conversation | None:
    """The shape of a record that is plain; None for another one."""
    lists = [key for key, value in record.items() if isinstance(value, list | dict)]
    if any(key.strip().casefold() == SPLIT for key in record):
        return None
    try:
        choose(record)
        # Flat records of the same keys have the same shape, save for transcripts.
        shape = choose(record if lists else {key: _empty(value) for key, value in record.items()})
    except (Fault, FileFault):
        return None  # by itself it has a place, which a message can name
    if isinstance(shape, Columns) and not lists:
        return shape if _is_flat(record, shape) else None
    if isinstance(shape, Conversation) and lists == [shape.turns]:
        return shape if _is_talk(record, shape) else None
    return None


def _empty(value: Any) -> Any:
    return "" if isinstance(value, str) else value


def _is_flat(record: Record, shape: Columns) -> bool:
    """Whether a record of texts, numbers and truth values says nothing beside its texts that is not for `meta`."""
    if isinstance(shape.input, tuple) or may_hold_transcript(tuple(record)) or may_be_printed(shape.input or ""):
        return False
    if shape.no_answer or not {*UNANSWERABLE, *ANSWERABLE}.isdisjoint(record):
        return False
    beside = {shape.history, shape.tools, shape.tool_calls, shape.label, *shape.reasoning, *shape.learn}
    return not beside & record.keys() and all(isinstance(record.get(path), str | None) for path in _taken(shape))


def _taken(shape: Columns) -> list[str]:
    fields = (shape.instruction, shape.input, shape.output, shape.system)
    return [path for path in fields if isinstance(path, str) and path]


def _is_talk(record: Record, shape: Conversation) -> bool:
    """Whether a user and an assistant take turns in a record, from a question to an answer, a system prompt before
    them, and its other fields are for `meta` alone, whatever they hold.
    """
    turns = record[shape.turns]
    plain = Conversation(turns=shape.turns, role=shape.role, text=shape.text, roles=shape.roles)
    if not isinstance(turns, list) or shape != plain or any(map(is_read, record.keys() - {shape.turns})):
        return False
    keys = {shape.role, shape.text}
    if not all(isinstance(turn, dict) and turn.keys() == keys for turn in turns):
        return False
    if not all(isinstance(text, str) for turn in turns for text in turn.values()):
        return False
    roles = [known_role(turn[shape.role], shape.roles) for turn in turns]
    spoken = roles[1:] if roles[:1] == ["system"] else roles
    return bool(spoken) and spoken == ["user", "assistant"] * (len(spoken) // 2)


def _texts_in(record: Record, shape: Columns | Conversation) -> set[Path]:
    """The paths of the texts that vary from record to record: all, but for the roles of messages."""
    paths: set[Path] = {(key,) for key, value in record.items() if isinstance(value, str)}
    if isinstance(shape, Conversation):
        paths |= {(shape.turns, place, shape.text) for place in range(len(record[shape.turns]))}
    return paths


def _flat(same: Alike, shape: Columns, given: Given) -> Plain:
    """The rows of flat records."""
    count = len(same.numbers)
    taken = _taken(shape)

    def text(path: Fields) -> pa.Array:
        key = path if isinstance(path, str) and same.record.get(path) is not None else None
        return same.texts([(key,)]) if key else pa.nulls(count, pa.string())

    instruction, inputs, output = text(shape.instruction), text(shape.input).fill_null(""), text(shape.output)
    none = pc.match_substring_regex(inputs, NO_INPUT)
    rows = _rows(
        given.places(same.numbers),
        given.source,
        system=text(shape.system),
        instruction=instruction,
        input=pc.if_else(none, "", inputs) if none.true_count else inputs,
        output=output,
        meta=_meta(same, [key for key in same.record if key not in taken]),
        fixes=_lists(pa.list_(pa.string()), none.to_numpy(zero_copy_only=False), "no-input"),
    )
    may_be_open = pc.fill_null(pc.match_substring_regex(instruction, OPEN_END), False).to_numpy(zero_copy_only=False)
    marked = _marked(output, given) | may_be_open | _hold_bytes(rows["meta"], given)
    return _where(~(marked | _may_judge(same, taken)), same.numbers, rows)


def _hold_bytes(meta: pa.ChunkedArray, given: Given) -> np.ndarray:
    """For each `meta` whether it may hold bytes as base64."""
    found = np.zeros(len(meta), bool)
    for sign in SIGNS if given.bytes and meta.null_count < len(meta) else ():
        found |= pc.fill_null(pc.match_substring(meta, sign), False).to_numpy()
    return found


def _may_judge(same: Alike, taken: list[str]) -> np.ndarray:
    """For each record whether a field beside the taken ones may call its answer a bad one."""
    found = np.zeros(len(same.numbers), bool)
    for key in filter(names_verdict, same.record.keys() - {*taken}):
        if same.record[key] is not None:
            words = pc.utf8_lower(pc.utf8_trim_whitespace(same.texts([(key,)])))
            found |= pc.is_in(words, pa.array(may_be_bad(key))).to_numpy(zero_copy_only=False)
    return found


def _meta(same: Alike, keys: list[str]) -> pa.Array:
    """The fields with these keys as `meta`."""
    if not keys:
        return pa.nulls(len(same.numbers), pa.string())
    return json_objects(pa.table({key: _json(same, key) for key in keys}))


def _json(same: Alike, key: str) -> pa.Array:
    """The values of a field as JSON, in bytes; a column of texts where they have to be spelled anew."""
    value, path = same.record[key], [(key,)]
    if value is None:
        return pa.nulls(len(same.numbers), pa.string())
    texts = same.texts(path)
    if not isinstance(value, str):
        return texts.view(pa.binary())
    return texts if same.has_escapes(path) else pc.binary_join_element_wise('"', texts, '"', "").view(pa.binary())


def _talks(same: Alike, shape: Conversation, given: Given) -> Plain:
    """The rows of conversations in which a user and an assistant take turns."""
    turns = same.record[shape.turns]
    paths: list[Path] = [(shape.turns, place, shape.text) for place in range(len(turns))]
    has_system = len(turns) % 2
    count, before = len(same.numbers), len(turns) - 2 - has_system
    earlier = same.texts(paths[has_system:-2])
    roles = pa.array(["user", "assistant"]).take(pa.array(np.arange(len(earlier)) % 2))
    columns = {"role": roles, "content": earlier}
    messages = pa.StructArray.from_arrays(
        [columns.get(field.name, pa.nulls(len(earlier), field.type)) for field in MESSAGE], fields=list(MESSAGE)
    )
    question, output = same.texts(paths[-2:-1]), same.texts(paths[-1:])
    rows = _rows(
        given.places(same.numbers),
        given.source,
        system=same.texts(paths[:1]) if has_system else pa.nulls(count, pa.string()),
        history=_listed(np.full(count, before), messages),
        instruction=question,
        output=output,
        meta=_meta(same, [key for key in same.record if key != shape.turns]),
    )
    marked = _marked(earlier, given).reshape(count, before).any(axis=1)
    marked |= _marked(question, given) | _marked(output, given) | _hold_bytes(rows["meta"], given)
    marked |= _may_judge(same, [shape.turns])
    return _where(~marked, same.numbers, rows)


def _marked(texts: pa.Array, given: Given) -> np.ndarray:
    """For each text whether it may hold a thought or calls."""
    found = np.zeros(len(texts), bool)
    for pattern in THOUGHT_OR_CALL if given.marks else ():
        found |= pc.fill_null(pc.match_substring_regex(texts, pattern), False).to_numpy(zero_copy_only=False)
    return found


def _where(keep: np.ndarray, numbers: np.ndarray, rows: pa.Table) -> Plain:
    return Plain(numbers, rows) if keep.all() else Plain(numbers[keep], rows.filter(pa.array(keep)))


def _rows(origin: pa.Array, source: str, **columns: pa.Array) -> pa.Table:
    """A table of INGESTED with these columns, and nothing in the others."""
    count = len(origin)
    nobody = np.zeros(count, bool)
    found = {
        "source": pa.repeat(source, count),
        "input": pa.repeat("", count),
        "history": _lists(INGESTED.field("history").type, nobody),
        "fixes": _lists(pa.list_(pa.string()), nobody),
        "flags": _lists(pa.list_(pa.string()), nobody),
        **columns,
    }
    found["origin"], found["steps"] = origin, _lists(INGESTED.field("steps").type, nobody)
    if "system" in columns:
        found["system"] = pc.if_else(pc.equal(columns["system"], ""), None, columns["system"])
    return pa.table([found.get(field.name, pa.nulls(count, field.type)) for field in INGESTED], schema=INGESTED)


def _lists(kind: pa.ListType, rows: np.ndarray, name: str | None = None) -> pa.ListArray:
    """A list column that holds `name` in the given rows and nothing in the others."""
    return _listed(rows, pa.repeat(pa.scalar(name, kind.value_type), int(np.count_nonzero(rows))))


def _listed(lengths: np.ndarray, values: pa.Array) -> pa.ListArray:
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    return pa.ListArray.from_arrays(pa.array(offsets), values, type=pa.list_(values.type))


def in_order(parts: list[Plain]) -> pa.Table:
    """The rows of all parts of a block in the order of their records."""
    numbers = np.concatenate([part.numbers for part in parts])
    rows = pa.concat_tables([part.rows for part in parts])
    if (numbers[:-1] <= numbers[1:]).all():
        return rows
    return rows.combine_chunks().take(pa.array(np.argsort(numbers, kind="stable")))
