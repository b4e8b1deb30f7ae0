"""Sources in object stores: what is new in them is copied to raw/ before a run, which reads the copies."""

from pathlib import Path

from pipeline.io.lock import one_at_a_time
from pipeline.io.object_store import Place, copy_new, is_url
from schemas.options import Config


def copy_sources(config: Config, raw: Path) -> None:
    """Copy what is new in the stores that the sources and evaluation sets of a config name."""
    files = [*(source.files for source in config.source), *(named.files for named in config.screen.benchmarks)]
    for url in (name for names in files for name in names if is_url(name)):
        with one_at_a_time(raw / f"{Place.of(url).scheme}:"):
            copy_new(url, raw)
