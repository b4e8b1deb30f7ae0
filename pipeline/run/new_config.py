"""A first pipeline.toml for the files that are in raw/."""

import glob
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.dataset.own_files import own_below, place_of
from pipeline.io.saved_dataset import is_saved_dataset
from pipeline.run.plan import EXTENSIONS, need_utf8, source_name
from schemas.errors import KoInstructError
from schemas.options import DedupeOptions, Source, glob_of

#: Folders of raw/ that come with this project.
SHIPPED = ("sample", "seeds", "generated")

HEAD = """\
# A dataset: its sources in order of priority, and the options of the stages.
# Every option: docs/reference.md. Check this file with `ko-instruct check {path}`.

[dataset]
name = {name}                   # written to processed/{plain}
"""

SOURCE = """
[[source]]
name = {name}
files = {files}    # globs below raw/
license = "unknown"             # SPDX name, as in cc-by-4.0; `push` refuses what must not be redistributed
{to_do}"""

#: How a comment begins that names what a person has to decide.
TO_DO = "# To do: "

NONE = """
# There is no data file in raw/ yet. Put one there, and name it here.
[[source]]
name = "mine"
files = ["*.json*", "*.csv*", "*.parquet"]    # globs below raw/
license = "unknown"
optional = true
"""

OPTIONS = """
[screen]
mask = ["pii-phone", "pii-email", "pii-resident-number"]    # personal data that is replaced with a placeholder
reject = []                     # findings that reject a row, as in ["refusal", "no-answer"]

[tokenize]
tokenizer = ["skt/kobert-base-v1"]    # Hub ids or local paths; the first available one is used
layout = "pair"                 # for KoBERT; for chat models "causal"; all layouts: docs/training.md
max_length = 512

[dedupe]
threshold = {threshold}                # similarity from which two prompts are near duplicates; 1: only equal ones

[export]
formats = ["arrow", "parquet", "jsonl"]    # for training, for the Hub, to read
validation = 0.05               # share of the validation split
"""


def new_config(raw: Path, name: str, path: str = "pipeline.toml") -> str:
    """The text of a config with a source for each file and folder in `raw`. `path`: the config, as a shell reads it."""
    sources = "".join(
        SOURCE.format(name=_toml(source), files=_toml(files), to_do="".join(_to_do(raw, files)))
        for source, files in _sources(raw)
    )
    return (
        HEAD.format(name=_toml(name), plain=name, path=path)
        + (sources or NONE)
        + OPTIONS.format(threshold=DedupeOptions().threshold)
    )


def _sources(raw: Path) -> Iterator[tuple[str, list[str]]]:
    """The name and the globs of a source, for each data file and each folder with data files, by name. Raises
    ConfigError for a name that is not UTF-8."""
    for path in sorted(raw.glob("*")):
        if path.name in SHIPPED or path.name.startswith("."):
            continue
        need_utf8(path)
        if path.is_dir() and (own := own_below(path, raw)):
            # Datasets that this project wrote: of the many files of each those that hold its records once.
            best = {place_of(one.folder, one.manifest): one.globs for one in reversed(own) if one.files}
            yield from ((source_name(place.replace("/", "--")), best[place]) for place in sorted(best))
        elif is_saved_dataset(path) or (path.is_file() and EXTENSIONS.search(path.name)):
            yield source_name(path.name), [_glob(path.name)]
        elif path.is_dir():
            found = (EXTENSIONS.search(file.name) for file in path.rglob("*") if file.is_file())
            endings = sorted({ending[0] for ending in found if ending})
            if endings:
                yield source_name(path.name), [f"{_glob(path.name)}/**/*{ending}" for ending in endings]


def _to_do(raw: Path, files: Sequence[str]) -> Iterator[str]:
    """A comment where a file is not read without more in the config: for the first file of each glob."""
    from pipeline.stages.ingest import inspect

    found = [sorted(path for path in raw.glob(pattern) if path.is_file()) for pattern in files]
    for path in [paths[0] for paths in found if paths]:
        try:
            streams = inspect(path, Source(name="new", files=("*",))).streams
            faults = [f"{path.name}{stream.place}: {stream.decision}" for stream in streams if not stream.readable]
        except KoInstructError as error:
            faults = [str(error)]
        yield from (f"{TO_DO}{' '.join(fault.split())}\n" for fault in faults)


def _glob(name: str) -> str:
    """A glob that this name alone matches."""
    return glob_of(glob.escape(name))


def _toml(value: str | list[str]) -> str:
    """A text or a list of texts, as TOML writes it."""
    return json.dumps(value, ensure_ascii=False)
