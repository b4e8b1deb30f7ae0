"""What `ko-instruct inspect` found out about a file: how it is read, what shape its records have, and why."""

from pydantic import BaseModel, ConfigDict


class Found(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Candidate(Found):
    """A shape that some of the records could have."""

    toml: str  # the line of pipeline.toml that pins it
    records: int  # that it reads: of these a row is kept
    share: float  # of the records looked at


class Sample(Found):
    """One record before and after: its text, and the rows that it gives (fields that hold something)."""

    before: str
    after: tuple[dict[str, object], ...]


class Stream(Found):
    """One stream of the file: the file itself or a member of an archive."""

    place: str  # "" or "!member"
    encoding: str
    reader: str
    records: int  # looked at
    candidates: tuple[Candidate, ...]
    decision: str  # how the records are read, or the error that ingest will raise, and what to do
    readable: bool
    toml: tuple[str, ...]  # lines to pin what was decided
    examples: tuple[Sample, ...]
    kept: int  # rows, of the records looked at
    rejected: dict[str, int]  # rows by reason
    details: dict[str, str]  # of the first row with each reason


class Inspection(Found):
    path: str
    streams: tuple[Stream, ...]
