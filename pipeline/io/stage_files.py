"""The stage files of a dataset: what a run keeps between its steps, in a folder beside the dataset. Each name is
defined here alone; the Makefile has them from `plan.mk`.

    processed/<dataset>/                    the dataset
    processed/.stages/<dataset>/            its stage files: those of all rows, and
    processed/.stages/<dataset>/<unit>/     those of a raw file
"""

import contextlib
import json
from pathlib import Path
from typing import NamedTuple

#: The folder of all stage files, beside the datasets.
STAGES = ".stages"

# --- of a raw file ---

#: The raw file as it was when the plan was made: what Make looks at in its place.
SOURCE = "source.json"
#: What file it was, and how it was read, for the manifest.
RAW = "raw.json"
#: What `ko-instruct rows` made its rows of, and the state of these files.
MADE = "rows.json"
#: Its rows after `screen`, where another tokenizer begins.
CLEANED = "clean.arrow"
#: How long the step took that wrote these files: `StepTimes`.
TIMES = "times.json"
#: What became of the verdicts on its rows.
VERDICTS = "verdicts.json"


class RowFiles(NamedTuple):
    """Its rows after `tokenize`, and their fingerprints for `dedupe`."""

    tokenized: str
    fingerprints: str


#: Those that Make keeps, and those of `ko-instruct run`, which removes them.
OF_MAKE = RowFiles("tokenize.arrow", "fingerprint.arrow")
OF_RUN = RowFiles("run.arrow", "run.keys.arrow")

# --- of all rows ---

#: What `dedupe` decides about each row.
DECISIONS = "dedupe.arrow"
#: Which rows these decisions are on, and by which options.
DECIDED_ON = "dedupe.rows.json"
#: What it found about pairs of texts.
KNOWN_PAIRS = "dedupe.pairs.arrow"
MEASURED_PAIRS = "dedupe.measured.arrow"
#: How long it took.
DECISION_TIMES = "dedupe.times.json"
#: The folder of what tasks give each other, where `ko-instruct run` decides in parts, or other machines write.
EXCHANGES = "run.exchanges"
#: In it, what was decided about all rows, and the fingerprints of existing datasets.
DECIDED = "decided.arrow"
KNOWN_PRINTS = "known.arrow"
#: The pieces of the dataset that `export` wrote, for the next one.
PIECES = "export.pieces.json"
#: Which tokenizer the dataset is made with, and why: a `Resolution`.
TOKENIZER = "tokenizer.json"
#: The plan as Make reads it.
PLAN = "plan.mk"
#: The folder of the stamps: what each stage depends on besides its input.
STAMPS = "stamps"
#: Held by the run that works here (`pipeline.io.lock`).
LOCK = "lock"


def duplicates(*tried: str) -> str:
    """The list of the clusters of duplicates, with their texts. `tried`: the options that were tried for it.

    >>> duplicates(), duplicates("0.7", "against")
    ('duplicates.jsonl', 'duplicates-0.7-against.jsonl')
    """
    return "-".join(("duplicates", *tried)) + ".jsonl"


def stages_of(folder: Path) -> Path:
    """Where the stage files of a dataset are."""
    return folder.parent / STAGES / folder.name


def place_of(folder: Path, name: str, sha256: str) -> str:
    """Where the tokenizer of a finished dataset is: where the run that built it found it, as long as its stage files
    are there.

    Else it is the name in the manifest (`schemas.tokenizer.public_name`), which may not be a path here.
    """
    kept = stages_of(folder.absolute()) / TOKENIZER
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):  # of another version, or damaged
        used = json.loads(kept.read_bytes())
        if used["sha256"] == sha256 and Path(used["path"]).exists():
            return str(used["path"])
    return name
