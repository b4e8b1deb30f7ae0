"""Korean instruction datasets, stage by stage: each stage is a pure function from an Arrow table to an Arrow table."""

from pipeline.dedupe import dedupe
from pipeline.export import export
from pipeline.ingest import ingest
from pipeline.normalize import normalize
from pipeline.screen import screen
from pipeline.tokenize import tokenize
from pipeline.validate import validate

__all__ = ["dedupe", "export", "ingest", "normalize", "screen", "tokenize", "validate"]
