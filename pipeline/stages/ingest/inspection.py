"""A look at a file before it is ingested: what was decided, and why."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from pipeline.io.terminal_text import visible
from pipeline.stages.ingest.detect.declared import declared_shape
from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.detected import detected_in
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.fields.published_splits import meaning, must_be_known, published_by
from pipeline.stages.ingest.fields.toml_line import how_read, toml
from pipeline.stages.ingest.parse.exact_json import dumps
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.unpacking import IngestError, escaped
from pipeline.stages.ingest.readers.streams import SAMPLE, Reading, are_pages, entries_of, in_pages, readings_of
from pipeline.stages.ingest.shapes.exported import once
from pipeline.stages.ingest.shapes.grouped import grouped
from pipeline.stages.ingest.shapes.rows import Row, table
from pipeline.stages.ingest.shapes.to_rows import Choose, rows_of, rows_or_rejects
from schemas.inspection import Candidate, Inspection, Sample, Stream
from schemas.options import IngestOptions, Source
from schemas.shapes import Shape

EXAMPLES = 5
#: Beyond the first SAMPLE records, one record in STEP is looked at, up to record REACH.
STEP, REACH = 100, 200_000
LONGEST = 400

#: What comes after ingest and may reject rows, such as `validate`.
Check = Callable[[pa.Table], pa.Table]


def inspect(
    path: Path, source: Source, options: IngestOptions = IngestOptions(), check: Check = lambda rows: rows
) -> Inspection:
    """How `ingest` would read a file: encoding, reader, shape, what that gives, and five records before and after.

    Looks at the first thousand records and at every hundredth of the next 200,000, and reads them as `ingest` would.
    `check`: a stage that the rows go through, so that its rejects are counted, too. Raises IngestError where the file
    cannot be read at all; a shape that is unknown or ambiguous is not an error here: `decision` describes it.
    """
    try:
        streams = tuple(_stream(path.name, reading, source, check) for reading in readings_of(path, source, options))
    except FileFault as fault:
        raise IngestError(f"{path}{fault}") from None
    return Inspection(path=str(path), streams=streams)


class Decision(NamedTuple):
    """How the records of a stream are read: in words, and for each record. None where they cannot be read."""

    words: str
    choose: Choose | None
    #: The one shape of all records.
    pinned: Shape | None = None
    #: Where each record is a turn: how they are grouped.
    turns: Shape | None = None
    #: A shape of one record, with what the others show of it.
    settled: Callable[[Shape], Shape] = lambda shape: shape


def _stream(name: str, reading: Reading, source: Source, check: Check) -> Stream:
    published = published_by(name + reading.place)
    entries = list(once(_some(entries_of(reading)), published))
    if are_pages(entries[:SAMPLE], source):
        entries = list(in_pages(entries, source))
    decision = _decision(entries, source, reading.beside)
    if decision.turns:
        entries = list(grouped(iter(entries[:SAMPLE]), decision.turns))
    found = [_read(entry, decision.choose, published) for entry in entries]
    splits = dict.fromkeys(row.published_split for given in found for row in given if row.published_split)
    must_be_known(splits, source.splits)
    found = _checked(found, check)
    rows = [row for given in found for row in given]
    rejects = [(row.reason, row.detail or "") for row in rows if row.reason]
    return Stream(
        place=reading.place,
        encoding=reading.encoding,
        reader=reading.reader,
        records=len(entries),
        candidates=() if decision.turns else _candidates(entries, decision, check),
        decision=decision.words,
        readable=decision.choose is not None,
        # A shape that rejects every record is none to pin.
        toml=(*how_read(source), toml(decision.pinned)) if decision.pinned and len(rows) > len(rejects) else (),
        examples=tuple(
            Sample(before=_text(entry), after=tuple(_filled(row) for row in given))
            for entry, given in zip(entries[:EXAMPLES], found, strict=False)
        ),
        kept=len(rows) - len(rejects),
        rejected=dict(Counter(reason for reason, _ in rejects)),
        details=dict(reversed(rejects)),
    )


def _decision(entries: Sequence[Entry], source: Source, beside: str) -> Decision:
    shape = declared_shape(source)
    if shape is not None:
        words = f"from the {'source' if source.shape else 'recipe'}: {toml(shape)}"
        return Decision(words, lambda record: shape, shape, shape)
    sample = [entry for entry in entries if isinstance(entry.value, dict)][:SAMPLE]
    try:
        detected = detected_in(sample)
    except Fault as fault:
        return Decision(fault.detail + (beside if fault.reason == "unknown-shape" else ""), None)
    kinds = ", ".join(dict.fromkeys(shape.kind for shape in detected.shapes)) or "nothing"
    pinned = detected.neighbour if len(set(map(toml, detected.shapes))) == 1 else None
    words = f"by the records' own fields: {kinds}"
    return Decision(words, detected.of, pinned, detected.grouped, detected.settled)


def _read(entry: Entry, choose: Choose | None, published: str | None) -> list[Row]:
    rows = rows_or_rejects(entry, choose) if choose else []
    return [row._replace(published_split=_split(row.published_split or published)) for row in rows]


def _checked(found: Sequence[list[Row]], check: Check) -> list[list[Row]]:
    """The same rows, with the rejects of a further stage."""
    rows = [row for given in found for row in given]
    if not rows:
        return [*found]
    judged = check(table(rows, "", "")).select(["reject_reason", "reject_detail"]).to_pylist()
    marked = (
        row._replace(reason=mark["reject_reason"], detail=mark["reject_detail"])
        for row, mark in zip(rows, judged, strict=True)
    )
    return [[next(marked) for _ in given] for given in found]


def _candidates(entries: Sequence[Entry], decision: Decision, check: Check) -> tuple[Candidate, ...]:
    """Every shape that some record could have, with the number of records that it reads: of these a row is kept."""
    fits = [
        (toml(shape), rows_of(entry, shape))
        for entry in entries
        if isinstance(entry.value, dict)
        for shape in map(decision.settled, shapes_of(entry.value))
    ]
    read: Counter[str] = Counter()
    for (line, _), rows in zip(fits, _checked([rows for _, rows in fits], check), strict=True):
        read[line] += any(not row.reason for row in rows)
    return tuple(Candidate(toml=line, records=count, share=count / len(entries)) for line, count in read.most_common())


def _some(entries: Iterable[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number < SAMPLE or number % STEP == 0:
            yield entry
        if number == REACH:
            return


def _split(published: str | None) -> str | None:
    return published and (meaning(published) or published)


def _text(entry: Entry) -> str:
    return _short(dumps(entry.value) if entry.raw is None else escaped(entry.raw))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _filled(row: Row) -> dict[str, object]:
    filled = {key: value for key, value in row._asdict().items() if value not in (None, "", (), []) and key != "raw"}
    return {key: _shown(value) for key, value in filled.items()}


def _shown(value: object) -> object:
    """A value cut to a readable length; messages without what they do not hold."""
    if isinstance(value, str):
        return _short(value)
    if isinstance(value, list | tuple):
        return [_shown(item) for item in value]
    return {key: _shown(item) for key, item in value.items() if item is not None} if isinstance(value, dict) else value


def describe(inspection: Inspection) -> str:
    """An inspection as text for people."""
    return visible("\n\n".join("\n".join(_lines(inspection.path, stream)) for stream in inspection.streams))


def _lines(path: str, stream: Stream) -> Iterator[str]:
    yield f"{path}{stream.place}"
    yield f"  encoding  {stream.encoding}"
    yield f"  reader    {stream.reader}"
    yield f"  shape     {stream.decision}"
    yield f"  looked at {stream.records} records"
    for candidate in stream.candidates:
        yield f"    {candidate.share:6.1%} fit {candidate.toml}"
    if stream.readable:
        rejected = sum(stream.rejected.values())
        yield f"  gives     {stream.kept} rows, and {rejected} rejected{': nothing is kept' if not stream.kept else ''}"
    for reason, count in stream.rejected.items():
        yield f"    {count} rejected: {reason}: {stream.details[reason]}"
    if stream.toml:
        yield "  to pin it, in the [[source]] of pipeline.toml:"
        yield from (f"    {line}" for line in stream.toml)
    for number, example in enumerate(stream.examples, 1):
        yield f"  record {number}"
        yield f"    before {example.before!r}"
        for row in example.after:
            yield f"    after  {row!r}"
