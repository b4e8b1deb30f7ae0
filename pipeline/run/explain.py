"""The way of one record through the stages: the pure stages are run again on this record alone, which is exact, because
they do not look at other rows. What dedupe, mix and split decided is read from the dataset.
"""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any, NamedTuple

import pyarrow as pa

from pipeline.dataset.layout import MANIFEST
from pipeline.dataset.whereabouts import Whereabouts, find_record
from pipeline.run.named_stages import NamedStage, cleaning, tokenizing
from pipeline.run.read_units import load_benchmarks
from pipeline.table.reject_and_flag import complete
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError, Tokenizer
from schemas.columns import MESSAGES, TEXTS
from schemas.errors import KoInstructError
from schemas.options import Source
from schemas.reasons import FLAGS

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit

Row = dict[str, Any]
#: The columns whose changes are shown.
CHANGING = (*TEXTS, *MESSAGES, "tools", "tool_calls", "meta", "raw", "label", "learn")
#: How an origin goes on behind the name of its file.
PLACE = re.compile(r"[:\[!/#]")
#: The number of a copy, at the end of its origin.
COPY = re.compile(r"#\d+$")
#: Origins that are suggested in place of a wrong one.
NEAR = 3


class OriginError(KoInstructError, ValueError):
    """No record has this origin. The message names near ones."""


class Change(NamedTuple):
    field: str
    old: str
    new: str


class Step(NamedTuple):
    """What a stage did to a row. `flags`: each with its evidence. `rejected`: reason and detail, or ""."""

    name: str
    changes: tuple[Change, ...] = ()
    fixes: tuple[str, ...] = ()
    flags: tuple[str, ...] = ()
    rejected: str = ""


class Explanation(NamedTuple):
    """The way of a record.

    `raw`: as it is in the file, where it has a text. `row`: what ingest makes of it; `last`: what the last stage makes
    of it. `why_not_tokenized`: why there are no tokens. `dataset`: None where it is not built.
    """

    origin: str
    raw: str | None
    row: Row
    steps: tuple[Step, ...]
    last: Row
    tokenizer: Tokenizer | None
    why_not_tokenized: str
    dataset: Whereabouts | None


def explain(plan: Plan, origin: str) -> Explanation:
    """The way of the record of this origin, or of a copy of it that `repeat` added (`#2`). Raises OriginError."""
    origin = _below_raw(plan, origin)
    record = COPY.sub("", origin)
    unit = _unit_of(plan, record)
    table = _row_of(plan, unit, record)
    if record != origin and unit.source.repeat == 1:
        raise OriginError(f"{origin}: the source {unit.source.name} does not repeat its records. Name {record}.")
    tokenizer, why = _tokenizer(plan)
    stages = cleaning(plan, unit.source, load_benchmarks(plan), plan.verdicts_on(unit))
    stages += tokenizing(plan, unit.source, tokenizer) if tokenizer else []
    steps, last = _through(stages, table)
    built = (plan.folder / MANIFEST).is_file()
    return Explanation(
        origin=origin,
        raw=_raw_of(plan, unit, record),
        row=_only(table),
        steps=steps,
        last=last,
        tokenizer=tokenizer,
        why_not_tokenized=why,
        dataset=find_record(plan.folder, origin) if built else None,
    )


def explain_text(plan: Plan, text: str) -> Explanation:
    """What the stages between ingest and dedupe do with a text, as an answer without a question."""
    table = complete(pa.table({"instruction": [""], "output": [text]}))
    tokenizer, why = _tokenizer(plan)
    source = Source(name="text", files=())
    wanted = ("normalize", "screen")
    steps, last = _through([stage for stage in cleaning(plan, source, None) if stage.name in wanted], table)
    return Explanation("", None, _only(table), steps[1:], last, tokenizer, why, None)


def _tokenizer(plan: Plan) -> tuple[Tokenizer | None, str]:
    try:
        return open_tokenizer(resolve(plan.config.tokenize.tokenizer)), ""
    except LoadError as error:
        return None, str(error)


def _through(stages: Iterable[NamedStage], table: pa.Table) -> tuple[tuple[Step, ...], Row]:
    """What each stage does to the row of a table, and the row at the end. After a rejection no stage does anything."""
    steps = [_step("ingest", {}, _only(table))]
    for stage in stages:
        before = _only(table)
        table = stage.work(table)
        steps.append(_step(stage.name, before, _only(table)))
    return tuple(steps), _only(table)


def _only(table: pa.Table) -> Row:
    (row,) = table.to_pylist()
    return dict(row)


def _step(name: str, before: Row, after: Row) -> Step:
    names = CHANGING if before else ()
    changed = (Change(field, as_text(before.get(field)), as_text(after.get(field))) for field in names)
    rejected = after.get("reject_stage") and not before.get("reject_stage")
    return Step(
        name,
        tuple(change for change in changed if change.old != change.new),
        tuple(fix for fix in after["fixes"] or () if fix not in (before.get("fixes") or ())),
        tuple(evidence_of(flag, after) for flag in after["flags"] or () if flag not in (before.get("flags") or ())),
        f"{after['reject_reason']}: {after['reject_detail']}" if rejected else "",
    )


def evidence_of(flag: str, row: Row) -> str:
    """A flag with what was found, and where; without evidence, with its meaning."""
    found = [f"{one['field']}: {one['detail']}" for one in row.get("evidence") or () if one["flag"] == flag]
    meaning = next((flags[flag] for flags in FLAGS.values() if flag in flags), "")
    return "; ".join([flag, *found]) if found else ": ".join(filter(None, [flag, meaning]))


def as_text(value: Any) -> str:
    """A value of a column: a text as it is, another one as JSON, nothing as ""."""
    if value is None or value == []:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _unit_of(plan: Plan, origin: str) -> Unit:
    """The raw file of an origin: of several, such as a.json and a.json.gz, the one with the longest name."""
    fitting = [unit for unit in plan.units if _fits(unit, origin)]
    if fitting:
        return max(fitting, key=lambda unit: len(unit.origin))
    exact = [unit.origin for unit in plan.units if unit.origin == origin]
    names = exact or get_close_matches(PLACE.split(origin)[0], [unit.origin for unit in plan.units], NEAR, 0.4)
    names = names or [unit.origin for unit in plan.units][:NEAR]
    firsts = [_first_origin(plan, unit) for name in names for unit in plan.units if unit.origin == name]
    raise OriginError(
        f"{origin}: {'this is a file, and not a record' if exact else 'no source has such a file'}. "
        f"The origin of a record is its file and its place there, as in rejects.jsonl. {_near(firsts)}"
    )


def _below_raw(plan: Plan, origin: str) -> str:
    """The origin without the folder of the raw files, which the completion of a shell writes before it."""
    bare = origin.removeprefix("raw/")
    return bare if bare != origin and not any(_fits(unit, origin) for unit in plan.units) else origin


def _fits(unit: Unit, origin: str) -> bool:
    return origin.startswith(unit.origin) and bool(PLACE.match(origin[len(unit.origin) :]))


def _first_origin(plan: Plan, unit: Unit) -> str:
    return next((str(table["origin"][0]) for table in _tables(plan, unit) if len(table)), unit.origin)


def _row_of(plan: Plan, unit: Unit, origin: str) -> pa.Table:
    """The row of an origin, as ingest gives it; the file is read as far as that. Raises OriginError."""
    near: list[str] = []
    count = 0
    for table in _tables(plan, unit):
        origins = table["origin"].to_pylist()
        if origin in origins:
            return complete(table.slice(origins.index(origin), 1))
        count += len(origins)
        near = sorted({*near, *origins}, key=_distance(origin))[:NEAR]
    raise OriginError(f"{origin}: {unit.path} gives {count:,} rows, and none has this origin. {_near(near)}")


def _near(origins: Iterable[str]) -> str:
    names = list(origins)
    return f"Near ones: {', '.join(names)}." if names else ""


def _distance(origin: str) -> Callable[[str], tuple[bool, list[int], str]]:
    """How far another origin is, by the numbers in both: the name of the file is the same."""

    def numbers(name: str) -> list[int]:
        return [int(number) for number in re.findall(r"\d+", name)]

    def distance(other: str) -> tuple[bool, list[int], str]:
        pairs = list(zip(numbers(other), numbers(origin), strict=False))
        return len(pairs) != len(numbers(origin)), [abs(one - two) for one, two in pairs], other

    return distance


def _tables(plan: Plan, unit: Unit) -> Iterator[pa.Table]:
    from pipeline.stages.ingest import ingest

    return ingest(unit.path, unit.origin, unit.source, plan.config.of(unit.source).ingest)


def _raw_of(plan: Plan, unit: Unit, origin: str) -> str | None:
    """The record as it is in the file; None where no single place of the file has it, as a record of several lines."""
    from pipeline.stages.ingest import IngestError
    from pipeline.stages.ingest.readers.streams import entries_of, readings_of

    wanted = {origin, re.sub(r"/\d+$", "", origin)}
    with contextlib.suppress(IngestError):  # of a file that the source skips
        for reading in readings_of(unit.path, unit.source, plan.config.of(unit.source).ingest):
            place = unit.origin + reading.place
            if origin.startswith(place):
                for entry in entries_of(reading):
                    if place + entry.place in wanted:
                        return as_text(entry.value) if entry.raw is None else entry.raw.decode(errors="replace")
    return None
