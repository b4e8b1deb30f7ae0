"""The options of every stage and the declaration of a run (pipeline.toml). Options are data: a typo is an error."""

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, StringConstraints, model_validator

from schemas.shapes import Shape, Turns

Name = Annotated[str, StringConstraints(pattern=r"^[\w가-힣][\w가-힣.-]*$")]


def below_raw(pattern: str) -> str:
    if re.match(r"[/\\~]|[A-Za-z]:", pattern) or ".." in re.split(r"[/\\]", pattern):
        raise ValueError("a glob is relative to raw/ and does not leave it")
    return pattern


BelowRaw = Annotated[str, AfterValidator(below_raw)]


def as_list(value: object) -> object:
    """One name where a list of names is meant."""
    return (value,) if isinstance(value, str) else value


class OptionError(ValueError):
    """An option that a stage cannot go by: the message names it, and what is allowed."""


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class IngestOptions(Options):
    """How records are read. (Which files, and what they are: `Source`.)"""

    #: Of a conversation of several turns: one row per answer with the earlier turns in `history`, or one row only.
    turns: Turns = "all"
    #: Longest record in bytes. A longer one is rejected: it is a file without line ends, not a record.
    max_record_bytes: int = Field(default=1 << 26, ge=1 << 10)


class ValidateOptions(Options):
    """Nothing to set: the contract is `schemas.record.Record`. The section exists so that a key in it is an error."""


class NormalizeOptions(Options):
    """Which fixes run (`pipeline.stages.normalize.FIXES`). Those that are on by default change no meaning."""

    #: Fixes to run beside the default ones: html-tags, repeats, quotes, dashes, hanja, hanja-gloss, spacing.
    on: tuple[str, ...] = ()
    #: Fixes not to run.
    off: tuple[str, ...] = ()


class ScreenOptions(Options):
    """What is looked for (`pipeline.stages.screen.FINDINGS`) and what becomes of it: a flag unless named here."""

    #: Findings not to look for.
    off: tuple[str, ...] = ()
    #: Findings that reject their row.
    reject: tuple[str, ...] = ()
    #: Kinds of personal data (pii-…) to replace by a fixed placeholder, such as <전화번호>.
    mask: tuple[str, ...] = ()
    #: Least share of Hangul among the letters of a row, code and quotes aside.
    min_hangul: float = Field(default=0.1, ge=0, le=1)
    #: Name the language of Latin, Cyrillic, Arabic or Chinese text with lingua (`ko-instruct[language]`).
    identify: bool = False
    #: Evaluation sets to keep out of the data: globs below raw/, such as "evaluation/*.jsonl", read as sources are.
    benchmarks: tuple[BelowRaw, ...] = ()
    #: Least share of the n-grams of a benchmark's prompt in one text of a row for the row to be contaminated.
    overlap: float = Field(default=0.6, gt=0, le=1)


class TokenizeOptions(Options):
    """How texts become ids."""

    #: Tokenizers in order of preference, the first that can be had is used: a Hub id, a local path, or "embedded".
    tokenizer: Annotated[tuple[str, ...], BeforeValidator(as_list)] = ("skt/kobert-base-v1",)
    #: pair: [CLS] instruction, newline, input [SEP] output [SEP]. fields: each field apart, [CLS] field [SEP].
    #: classification: a text and its label. qa: question and context, and where in it the answer stands.
    #: seq2seq: prompt and output apart. causal: a conversation, of which the answers are learned.
    layout: Literal["pair", "fields", "classification", "qa", "seq2seq", "causal"] = "pair"
    #: classification: the labels, which are the outputs that the set has; a label's number is its place here.
    labels: tuple[str, ...] = ()
    #: classification: what is classified, the prompt (instruction, newline, input) or the input alone.
    text: Literal["prompt", "input"] = "prompt"
    #: qa: tokens that a window of the context shares with the one before it.
    stride: int = Field(default=128, ge=0)
    #: causal: which answers of a conversation are learned, the last (the output) or all.
    loss: Literal["last", "all"] = "last"
    #: Longest sequence in tokens, special tokens included.
    max_length: int = Field(default=512, ge=8)
    #: What becomes of a row that is longer than max_length.
    truncation: Literal["longest-first", "truncate-prompt", "truncate-output", "drop", "error"] = "longest-first"
    #: pair, fields, classification: pad every sequence to max_length (and write its mask). Collators pad better.
    padding: bool = False
    #: Largest share of [UNK] among a file's tokens. Above it the tokenizer is the wrong one, and the run stops.
    max_unk_rate: float = Field(default=0.05, ge=0, le=1)

    @model_validator(mode="after")
    def fit_together(self) -> "TokenizeOptions":
        if self.layout == "classification" and (not self.labels or len(set(self.labels)) < len(self.labels)):
            raise ValueError('layout "classification" needs its labels, each once, as in labels = ["부정", "긍정"]')
        if self.layout == "qa" and self.stride >= self.max_length:
            raise ValueError(
                f"stride ({self.stride}) leaves no room in a window of max_length ({self.max_length}) tokens"
            )
        if self.padding and self.layout not in ("pair", "fields", "classification"):
            raise ValueError(
                f'padding is not for layout "{self.layout}": the collators of pipeline.training pad its batches'
            )
        return self


Policy = Literal["drop", "flag", "keep"]


class DedupeOptions(Options):
    """Which duplicates go. A policy is drop (reject all but the keeper), flag (mark in `flags`) or keep (say nothing).

    A prompt is system, history, instruction and input together.
    """

    #: Same prompt, same output.
    exact: Policy = "drop"
    #: Same prompt, different output. Drop keeps one row of them, and flags that row too: its answer is in dispute.
    conflict: Policy = "drop"
    #: Similar prompt, similar output. What is dropped is as similar as the threshold to a row that is kept.
    near: Policy = "drop"
    #: Similar prompt, different output.
    near_prompt: Policy = "flag"
    #: Many prompts, one output: "네." answers many questions, so that this is rarely a duplicate.
    shared_output: Literal["flag", "keep"] = "flag"
    #: How many different prompts make an output shared.
    shared_by: int = Field(default=2, ge=2)
    #: Which row of a cluster stays: the first (sources come in order of priority), or the one with the longest output.
    keeper: Literal["first", "longest"] = "first"
    #: From which Jaccard index of character bigrams on two fields are similar. Of sentence pairs scored by people none
    #: at 0.85 and above has less than 3 of 5; at 0.8 some have ("세 남자가 체스를 하고 있다", "두 남자가 …").
    threshold: float = Field(default=0.85, ge=0.3, le=1)
    #: Chance of finding a pair that is just at the threshold; it grows fast above.
    recall: float = Field(default=0.99, gt=0, lt=1)
    #: Texts whose numbers differ are not similar: "200대 교황이 누구야?", "71대 교황이 누구야?".
    numbers: bool = True
    #: Datasets that exist already, beside pipeline.toml: folders such as "processed/old", or files of rows (.arrow,
    #: .parquet, .jsonl). Their rows come before all others: they stay, and new rows that repeat them go.
    against: tuple[str, ...] = ()


class ExportOptions(Options):
    """What is written to processed/<dataset>/."""

    #: arrow: for training. parquet: for the Hub. jsonl: the texts without ids, for people.
    formats: tuple[Literal["arrow", "parquet", "jsonl"], ...] = ("arrow", "parquet")
    #: Share of clusters that go to the validation split; 0 for none.
    validation: float = Field(default=0.05, ge=0, lt=1)
    #: Share of clusters that go to the test split; 0 for none.
    test: float = Field(default=0, ge=0, lt=1)
    #: Give each source its share exactly; costs some stability when a source grows.
    stratify: bool = False
    #: Lay several sequences of layout causal in one row of at most max_length tokens (`pipeline.dataset.packing`).
    packing: bool = False
    #: Rows in a shard: one file of each format for so many rows.
    shard_rows: int = Field(default=500_000, ge=1)


class Dataset(Options):
    """What is built: a folder of this name under processed/."""

    name: Name
    title: str = ""
    description: str = ""


class Source(Options):
    """Files that belong together: one dataset as it was published."""

    name: Name
    #: Globs below raw/.
    files: tuple[BelowRaw, ...]
    #: Whether it is all right that a glob matches nothing.
    optional: bool = False
    license: str = "unknown"
    #: Where the data came from: a Hub id or an address.
    url: str = ""
    #: The commit at which the files were taken, if they were.
    revision: str = ""
    #: Whom the card thanks.
    attribution: str = ""
    #: Name of a recipe (schemas/recipes.toml), which says the shape; "" to look at the records instead.
    recipe: str = ""
    #: Shape of the records, where neither a recipe nor detection is to say it.
    shape: Shape | None = None
    #: How the files are read; auto: decided by their content.
    reader: Literal["auto", "json", "jsonl", "csv", "tsv"] = "auto"
    #: Encoding of text files; auto: UTF-8, UTF-16 or CP949, by their content.
    encoding: str = "auto"
    #: Names of the columns of a table whose first line is not a header.
    header: tuple[str, ...] = ()


class Config(Options):
    """One pipeline.toml: one dataset, its sources in order of priority, and the options of the stages."""

    dataset: Dataset
    source: tuple[Source, ...] = Field(min_length=1)
    ingest: IngestOptions = IngestOptions()
    validate_: ValidateOptions = Field(default=ValidateOptions(), alias="validate")
    normalize: NormalizeOptions = NormalizeOptions()
    screen: ScreenOptions = ScreenOptions()
    tokenize: TokenizeOptions = TokenizeOptions()
    dedupe: DedupeOptions = DedupeOptions()
    export: ExportOptions = ExportOptions()

    @model_validator(mode="after")
    def fit_together(self) -> "Config":
        self.check_packing()
        return self

    def check_packing(self) -> None:
        if self.export.packing and self.tokenize.layout != "causal":
            raise ValueError(
                f'[export] packing is for layout "causal", and [tokenize] layout is "{self.tokenize.layout}"'
            )
