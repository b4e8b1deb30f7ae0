"""A look at a file before it is ingested: what was decided, and why."""

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path

from pipeline.io.terminal_text import visible
from pipeline.stages.ingest.detect import Detected, shapes_of, toml
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault, FileFault, dumps
from pipeline.stages.ingest.published_splits import meaning, published_by
from pipeline.stages.ingest.rows import Row
from pipeline.stages.ingest.shapes import rows_of, rows_or_rejects
from pipeline.stages.ingest.streams import SAMPLE, Reading, declared_shape, entries_of, readings_of
from pipeline.stages.ingest.unpacking import IngestError, escaped
from schemas.inspection import Candidate, Example, Inspection, Stream
from schemas.options import IngestOptions, Source
from schemas.shapes import Shape

EXAMPLES = 5
#: Beyond the first SAMPLE records, one record in STEP is looked at, up to record REACH.
STEP, REACH = 100, 200_000
LONGEST = 400


def inspect(path: Path, source: Source, options: IngestOptions = IngestOptions()) -> Inspection:
    """How `ingest` would read a file: encoding, reader, shape, and five records before and after.

    Looks at the first thousand records and at every hundredth of the next 200,000. Raises IngestError where the file
    cannot be read at all; a shape that is unknown or ambiguous is not an error here: `decision` describes it.
    """
    try:
        streams = tuple(_stream(path.name, reading, source) for reading in readings_of(path, source, options))
    except FileFault as fault:
        raise IngestError(f"{path}{fault}") from None
    return Inspection(path=str(path), streams=streams)


def _some(entries: Iterable[Entry]) -> Iterator[Entry]:
    for number, entry in enumerate(entries):
        if number < SAMPLE or number % STEP == 0:
            yield entry
        if number == REACH:
            return


def _stream(name: str, reading: Reading, source: Source) -> Stream:
    entries = list(_some(entries_of(reading)))
    records = [entry.value for entry in entries if isinstance(entry.value, dict)]
    votes = Counter(toml(shape) for record in records for shape in shapes_of(record))
    shape = declared_shape(source)
    decision, detected, readable = "", None, True
    if shape is not None:
        decision = f"from the {'source' if source.shape else 'recipe'}: {toml(shape)}"
    else:
        try:
            detected = Detected(records[:SAMPLE])
            kinds = ", ".join(dict.fromkeys(shape.kind for shape in detected.shapes)) or "nothing"
            decision = f"by the records' own fields: {kinds}"
        except Fault as fault:
            decision, readable = fault.detail, False

    published = published_by(name + reading.place)

    def rows(entry: Entry) -> list[Row]:
        given = rows_or_rejects(entry, detected.of) if detected else rows_of(entry, shape) if shape else []
        return [row._replace(published_split=_split(row.published_split or published)) for row in given]

    found = [rows(entry) for entry in entries]
    pinned: Shape | None = shape or (detected.neighbour if detected and len(votes) == 1 else None)
    return Stream(
        place=reading.place,
        encoding=reading.encoding,
        reader=reading.reader,
        records=len(entries),
        candidates=tuple(
            Candidate(toml=line, records=count, share=count / len(entries)) for line, count in votes.most_common()
        ),
        decision=decision,
        readable=readable,
        toml=(toml(pinned),) if pinned else (),
        examples=tuple(
            Example(before=_text(entry), after=tuple(_filled(row) for row in given))
            for entry, given in zip(entries[:EXAMPLES], found, strict=False)
        ),
        rejected=dict(Counter(row.reason for given in found for row in given if row.reason)),
    )


def _split(published: str | None) -> str | None:
    return published and (meaning(published) or published)


def _text(entry: Entry) -> str:
    return _short(dumps(entry.value) if entry.raw is None else escaped(entry.raw))


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text)} characters)"


def _filled(row: Row) -> dict[str, object]:
    filled = {key: value for key, value in row._asdict().items() if value not in (None, "", (), []) and key != "raw"}
    return {key: _short(value) if isinstance(value, str) else value for key, value in filled.items()}


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
    for reason, count in stream.rejected.items():
        yield f"    {count} rejected: {reason}"
    if stream.toml:
        yield "  to pin it, in the [[source]] of pipeline.toml:"
        yield from (f"    {line}" for line in stream.toml)
    for number, example in enumerate(stream.examples, 1):
        yield f"  record {number}"
        yield f"    before {example.before!r}"
        for row in example.after:
            yield f"    after  {row!r}"
