"""What a built dataset says of itself: manifest.json, the one source of the card and of `push`."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, model_validator

from schemas.options import Dataset, Measure, Source, StageOptions
from schemas.run_times import RUN
from schemas.text_forms import TextForm
from schemas.tokenizer import UsedTokenizer

#: The name of the file in the folder of a dataset.
MANIFEST = "manifest.json"
#: The name of the report beside it.
REPORT = "report.html"
#: Files of ko-instruct in the folder that the manifest does not list.
UNLISTED = (MANIFEST, RUN, REPORT)


#: Rows, tokens, bytes or files.
Count = Annotated[int, Field(ge=0, lt=2**63)]


class Section(BaseModel):
    """A JSON object of the manifest. An unknown key is an error."""

    model_config = ConfigDict(extra="forbid")


class File(Section):
    """A file of the folder. `bytes`: its size."""

    sha256: str
    bytes: Count


class RawFile(File):
    """A raw file that was read. `read_as`: reader and encoding, as declared or detected, of each stream in it."""

    read_as: list[str]
    #: Fields of its records that are in no column, and not in `meta`.
    left_out: list[str] = []
    #: Why the file was not read, or not to its end; "" where it was.
    skipped: str = ""


class Rejected(Section):
    """How many rows of a source a stage rejected for a reason."""

    source: str
    stage: str
    reason: str
    rows: Count


class Counts(Section):
    """The conservation law in numbers: rows_in + repeated == kept + the sum of all rejected."""

    rows_in: Count
    #: Copies of rows that `repeat` of a source adds. They count as kept rows.
    repeated: Count = 0
    kept: Count
    rejected: list[Rejected]
    #: Kept rows of each source, of each split.
    sources: dict[str, Count]
    splits: dict[str, Count]
    #: Rows that a fix changed, that a flag marks: by name, among the kept.
    fixes: dict[str, Count]
    flags: dict[str, Count]

    @model_validator(mode="after")
    def conserve(self) -> "Counts":
        rejected = sum(group.rows for group in self.rejected)
        if not self.rows_in + self.repeated == self.kept + rejected == sum(self.splits.values()) + rejected:
            raise ValueError(
                f"{self.rows_in} rows came in, but {self.kept} were kept ({sum(self.splits.values())} in splits) and "
                f"{rejected} rejected: these numbers do not add up"
            )
        return self


class Tokens(Section):
    """Of the sequences that the kept rows give: one or several each. `learned`: tokens that are trained. `longest`,
    `mean`: tokens of a sequence. `cut`: tokens lost to truncation, in `cut_rows` sequences.
    """

    sequences: Count = 0
    total: Count
    learned: Count = 0
    mean: float
    longest: Count
    unknown: Count
    cut: Count
    cut_rows: Count


class Packing(Section):
    """Packed rows: how many tokens one can hold, how many there are, and which share of their room is filled."""

    length: Count
    packs: Count
    fill: float


class Share(Section):
    """What a source gives to a mixture, repeats included. `asked`, `got`: shares of the whole. `wanted`: what was asked
    of it in the measure of the mixture; null where all of it was. `available`: what it has, in the same measure.
    """

    source: str
    asked: float | None
    got: float
    wanted: Count | None
    available: Count
    rows: Count
    repeated: Count
    tokens: Count
    learned_tokens: Count


class Mixture(Section):
    """How much of each source is in the dataset. `by`: the measure of the shares."""

    by: Measure
    total: Count | None
    sources: list[Share]


class FormCounts(Section):
    """Of a text form: the kept rows that it holds, by split, and those that it cannot hold, by the reason.

    The rows that it leaves out are in the other formats.
    """

    rows: dict[str, Count]
    left_out: dict[str, Count]


class UsedStep(Section):
    """A step of the user that was run. `sha256`: of the file that holds its function."""

    after: str
    function: str
    sha256: str


class UsedVerdicts(Section):
    """A file of verdicts that was obeyed: how many verdicts kept, dropped and fixed a row. `without_effect`: how many
    could do nothing to theirs. `unmatched`: origins of those that match no row: it has other texts now, or is gone.
    """

    file: str
    sha256: str
    keep: Count = 0
    drop: Count = 0
    fix: Count = 0
    without_effect: Count = 0
    unmatched: list[str] = []


class Provenance(Section):
    """What a dataset was made of, and how."""

    dataset: Dataset
    sources: list[Source]
    tokenizer: UsedTokenizer
    #: Every option of every stage, as it was used.
    options: StageOptions
    #: Versions of what decides about bytes.
    versions: dict[str, str]
    #: The raw files that were read, by their place below raw/.
    raw: dict[str, RawFile]
    #: The user's own steps.
    steps: list[UsedStep] = []
    #: Files of verdicts that the sources name.
    verdicts: list[UsedVerdicts] = []
    #: Shares of the sources, where the config asks for them.
    mixture: Mixture | None = None


class Manifest(Provenance):
    """What a dataset was made of, how, and what came out."""

    counts: Counts
    tokens: Tokens
    #: Rows of each split as they are written: a row for each sequence, or packs with packing.
    examples: dict[str, Count] = {}
    packing: Packing | None = None
    #: The text forms that were written.
    forms: dict[TextForm, FormCounts] = {}
    #: Name and Arrow type of every column of the dataset.
    columns: dict[str, str]
    #: Every file of the folder but those of UNLISTED.
    files: dict[str, File]


def config_name(options: StageOptions) -> str:
    """The name of the dataset beside its siblings, in `load_dataset(repository, config)`.

    It is the layout, and of packed rows `causal-packed`.
    """
    return config_of(options.tokenize.layout, options.export.packing)


def config_of(layout: str, packing: bool) -> str:
    """The same, of these two options."""
    return f"{layout}-packed" if packing else layout
