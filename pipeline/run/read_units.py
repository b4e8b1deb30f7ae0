"""Raw files read as rows: those of the sources, and of the evaluation sets."""

from __future__ import annotations

import contextlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pyarrow as pa

from pipeline.io import stage_files
from pipeline.io.atomic_files import write_if_changed
from pipeline.io.hashed_files import describe_file
from pipeline.io.progress import note
from pipeline.run.raw_state import unchanged
from schemas.columns import INGESTED
from schemas.manifest import RawFile
from schemas.options import Benchmark
from schemas.shapes import Questions

if TYPE_CHECKING:
    from pipeline.run.plan import Plan, Unit
    from pipeline.stages.screen import Benchmarks
    from schemas.options import IngestOptions


def ingest_unit(plan: Plan, unit: Unit) -> Iterator[pa.Table]:
    """The rows of a raw file. What file it was, and how it was read, is written beside them for the manifest."""
    from pipeline.stages.ingest import IngestError, ingest
    from pipeline.stages.ingest.readers.streams import readings_of

    options = plan.config.of(unit.source).ingest
    with unchanged(unit), ThreadPoolExecutor(1) as beside:
        described = beside.submit(describe_file, unit.path)
        read_as: list[str] = []
        with contextlib.suppress(IngestError):  # which `ingest` raises again, unless the source skips such a file
            readings = readings_of(unit.path, unit.source, options)
            read_as += [", ".join(filter(None, (each.place, each.reader, each.encoding))) for each in readings]
        left_out: set[str] = set()
        skipped = ""
        published: Counter[str] = Counter()
        for table in ingest(unit.path, unit.origin, unit.source, options, left_out):
            published.update(filter(None, table["published_split"].to_pylist()))
            if len(table) == 1 and table["reject_reason"][0].as_py() == "unreadable-file":
                skipped = table["reject_detail"][0].as_py()
            yield table
        file = described.result().model_dump()
        about = RawFile(**file, read_as=read_as, left_out=sorted(left_out), skipped=skipped)
        note_what_was_heard(unit.origin, about.left_out, published)
        write_if_changed(plan.file(unit, stage_files.RAW), about.model_dump_json() + "\n")


def note_what_was_heard(origin: str, left_out: Sequence[str], published: Mapping[str, int]) -> None:
    """Tell on stderr what a file says that does not show in its rows: fields left out, and published splits."""
    lines = []
    if left_out:
        lines.append(f"fields that are left out: {', '.join(left_out)}")
    if published:
        lines.append(f"published splits: {', '.join(f'{split} ({rows:,} rows)' for split, rows in published.items())}")
    for line in lines:
        note(f"{'ingest':<11} {origin}: {line}")


def read_unit(unit: Unit, options: IngestOptions) -> Iterator[pa.Table]:
    """The rows of a file, which must not change meanwhile."""
    from pipeline.stages.ingest import ingest

    with unchanged(unit):
        yield from ingest(unit.path, unit.origin, unit.source, options)


def load_benchmarks(plan: Plan) -> Benchmarks | None:
    """The evaluation sets that the config names, ready for `screen`; their rows need no answer."""
    from pipeline.stages.screen import benchmarks_of

    tables: dict[str, list[pa.Table]] = {}
    for unit in plan.benchmarks:
        named = unit.source.name != Benchmark.model_fields["name"].default
        tables.setdefault(unit.source.name if named else unit.origin, []).append(read_benchmark(unit, plan))
    return benchmarks_of({name: pa.concat_tables(parts) for name, parts in tables.items()}) if tables else None


def read_benchmark(unit: Unit, plan: Plan) -> pa.Table:
    """The rows of a file of an evaluation set. Raises IngestError where none of them has the prompt."""
    from pipeline.stages.ingest import IngestError
    from pipeline.stages.screen import telling

    rows = pa.concat_tables([INGESTED.empty_table(), *read_unit(unit, plan.config.ingest)])
    if not isinstance(unit.source.shape, Questions):
        return rows
    if len(rows) and rows["instruction"].null_count == len(rows):
        fields = ", ".join(json.loads(rows["raw"][0].as_py()))
        raise IngestError(
            f"{unit.path}: {rows['reject_detail'][0]}. Its first record has {fields}. Name the fields of the question "
            f"in the prompt of the [[screen.benchmarks]] {unit.source.name!r}."
        )
    return telling(rows)
