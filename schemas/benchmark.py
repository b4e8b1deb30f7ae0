"""Benchmarks: what is known of public Korean evaluation sets, so that they can be kept out of training data."""

from pydantic import BaseModel, ConfigDict, Field


class Part(BaseModel):
    """A config of a benchmark, or the whole of it: the files of the split that is scored, and what it asks."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: Name of the config, as `datasets.load_dataset` knows it; "" where the benchmark has one alone, or many alike.
    config: str = ""
    #: The split that is scored.
    split: str = "test"
    #: Globs of its files in the repository.
    files: tuple[str, ...] = Field(min_length=1)
    #: Fields that make the question, and fields that are added where the question is too short to be found alone.
    prompt: tuple[str, ...] = Field(min_length=1)
    more: tuple[str, ...] = ()
    #: Which of these fields are inferred, and were not seen in a card or a loader: "split", "files", "prompt", "more".
    inferred: tuple[str, ...] = ()


class KnownBenchmark(BaseModel):
    """One evaluation set of the Hugging Face Hub."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    #: As `ko-instruct fetch NAME --benchmark` names it.
    name: str = Field(pattern=r"^[\w.-]+$")
    #: Hub id.
    id: str
    #: Commit; "main" where no commit is known. `fetch` pins it to a commit in both cases.
    revision: str = "main"
    license: str = "unknown"
    #: Whether its terms have to be accepted on the Hub, and a login is needed.
    gated: bool = False
    part: tuple[Part, ...] = Field(min_length=1)


class KnownBenchmarks(BaseModel):
    """The file schemas/benchmarks.toml."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    benchmark: tuple[KnownBenchmark, ...] = Field(min_length=1)
