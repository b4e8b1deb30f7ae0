"""The options of every stage and the declaration of a run (pipeline.toml). Options are data: a typo is an error.

The text below an option is its meaning: editors show it, docs/reference.md lists it, `meanings` gives it.
"""

import codecs
import re
from typing import Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    PlainSerializer,
    StringConstraints,
    model_validator,
)
from pydantic_core import CoreSchema

from schemas.conditions import Column, Contains, tests_of
from schemas.engines import EngineName
from schemas.errors import KoInstructError
from schemas.formats import Format
from schemas.layouts import Layout
from schemas.meanings import meanings
from schemas.parse_condition import parse
from schemas.reasons import FINDINGS, FLAGS
from schemas.shapes import Shape
from schemas.text_forms import TextForm

Name = Annotated[str, StringConstraints(pattern=r"^[\w가-힣][\w가-힣.-]*$")]


def below_raw(pattern: str) -> str:
    if re.match(r"[/\\~]|[A-Za-z]:", pattern) or ".." in re.split(r"[/\\]", pattern):
        named = (
            f'; for a file of this name in raw/, write "{glob_of(pattern)}"' if re.match(r"~[^/\\]*$", pattern) else ""
        )
        raise ValueError(f"a glob is relative to raw/ and does not leave it{named}")
    return pattern


def glob_of(file: str) -> str:
    """A file's name as a glob that `below_raw` allows: at its start ~, \\ or C: would lead out of raw/.

    >>> glob_of("~notes.txt"), glob_of("notes.txt")
    ('[~]notes.txt', 'notes.txt')
    """
    return re.sub(r"^(?:~|\\|[A-Za-z](?=:))", r"[\g<0>]", file)


BelowRaw = Annotated[str, AfterValidator(below_raw)]


def beside_config(path: str) -> str:
    if re.match(r"[/\\~]|[A-Za-z]:", path) or ".." in re.split(r"[/\\]", path):
        raise ValueError("a file of verdicts is relative to the folder of pipeline.toml, and below it")
    return path


def known_encoding(name: str) -> str:
    if name != "auto":
        try:
            codecs.lookup(name)
        except LookupError:
            raise ValueError("unknown encoding; allowed: auto, or a name such as utf-8 or cp949") from None
    return name


Encoding = Annotated[str, AfterValidator(known_encoding)]


def as_list(value: object) -> object:
    """Take a single name as a list of one name."""
    return (value,) if isinstance(value, str) else value


OneOrMore = Annotated[tuple[str, ...], BeforeValidator(as_list, json_schema_input_type=str | tuple[str, ...])]


class OptionError(KoInstructError, ValueError):
    """An option with a value that its stage does not know. The message names the option and the allowed values."""


class Options(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        """The JSON schema with the meaning of each option."""
        schema = handler(core)
        options = handler.resolve_ref_schema(schema)["properties"]
        for name, meaning in meanings(cls).items():
            options[cls.model_fields[name].alias or name]["description"] = meaning
        return schema


class IngestOptions(Options):
    """How records are read. (`Source` says which files are read, and what they are.)"""

    meta: Literal["all", "none"] | tuple[str, ...] = "all"
    """Fields of a record that go to `meta` if no column takes them: all, none, or those in this list."""
    max_record_bytes: int = Field(default=1 << 26, ge=1 << 10)
    """Longest record in bytes. A longer one is rejected: it is probably a file without line ends."""

    @model_validator(mode="before")
    @classmethod
    def name_what_moved(cls, data: Any) -> Any:
        if isinstance(data, dict) and "turns" in data:
            raise ValueError(
                'ingest has no option turns any more: a conversation is one row. Write [tokenize] answers = "last" for '
                'the last answer alone, "all" for every answer'
            )
        return data


class ValidateOptions(Options):
    """How a row is held to the contract (`schemas.record.Record`)."""

    answer: Literal["required", "optional"] = "required"
    """Whether every record needs an answer. "optional" is for prompts to which a model writes the answers."""


class NormalizeOptions(Options):
    """Which fixes run (`pipeline.stages.normalize.FIXES`). The default fixes do not change the meaning of a text."""

    on: tuple[str, ...] = ()
    """Fixes to run in addition to the default ones: html-tags, repeats, quotes, dashes, hanja, hanja-gloss, spacing."""
    off: tuple[str, ...] = ()
    """Default fixes not to run."""


class Benchmark(Options):
    """Files of one evaluation set. Its rows need no answer."""

    name: Name = "benchmark"
    """Name of the evaluation set, as the evidence of a row shows it; "benchmark": the names of the files."""
    files: tuple[BelowRaw, ...]
    """Globs of its files, relative to raw/."""
    prompt: tuple[str, ...] = ()
    """Fields that make the question, joined. Without them the files are read like those of a source, and the
    instruction and input of a row are the question.
    """
    more: tuple[str, ...] = ()
    """Fields to add where the question is too short to be found alone: choices, a passage."""
    license: str = "unknown"
    """Licence of the evaluation set."""
    url: str = ""
    """Where it comes from."""
    revision: str = ""
    """Commit on the Hub from which the files were downloaded; "" if not from the Hub."""


def as_benchmark(value: object) -> object:
    """Take a glob as the benchmark of its files."""
    return {"files": (value,)} if isinstance(value, str) else value


OneBenchmark = Annotated[Benchmark, BeforeValidator(as_benchmark, json_schema_input_type=str | Benchmark)]


class ScreenOptions(Options):
    """What is looked for (`pipeline.stages.screen.FINDINGS`). A finding adds a flag, unless it is listed here."""

    on: tuple[str, ...] = ()
    """Findings to look for in addition to the default ones: disfluent, person-name (extra `kiwi`)."""
    off: tuple[str, ...] = ()
    """Findings not to look for."""
    reject: tuple[str, ...] = ()
    """Findings that reject the row, and flags of ingest, such as open-thought."""
    mask: tuple[str, ...] = ()
    """Kinds of personal data (pii-…, secret, person-name) to replace with a fixed placeholder, such as <전화번호>."""
    disguised: bool = False
    """Look for disguised phone numbers and e-mail addresses, too: 공일공 일이삼사 오육칠팔, hong 골뱅이 naver 닷 com.
    """
    min_hangul: float = Field(default=0.1, ge=0, le=1)
    """Smallest share of Hangul among the letters of a row. Code and quotations are not counted."""
    identify: bool = False
    """Use lingua to name the language of Latin, Cyrillic, Arabic or Chinese text (extra `language`)."""
    benchmarks: tuple[OneBenchmark, ...] = ()
    """Evaluation sets to keep out of the data: globs below raw/, such as "evaluation/*.jsonl", or tables
    [[screen.benchmarks]]. `ko-instruct fetch --benchmark korean` writes these tables for known sets.
    """
    overlap: float = Field(default=0.6, gt=0, le=1)
    """A row is contaminated if one of its texts holds at least this share of the n-grams of a benchmark's prompt."""


class TokenizeOptions(Options):
    """How texts become ids."""

    tokenizer: OneOrMore = ("skt/kobert-base-v1",)
    """Tokenizers in order of preference: Hub ids, local paths, or "embedded". The first available one is used."""
    layout: Layout = "pair"
    """How a row becomes sequences. pair: [CLS] instruction, newline, input [SEP] output [SEP].
    fields: one sequence for each field, [CLS] field [SEP]. classification: a text and its label.
    qa: question and context, and the position of the answer in the context.
    seq2seq: one sequence for the prompt, one for the output. causal: a conversation whose answers are learned.
    preference: a prompt, a better and a worse answer. unpaired: a prompt, an answer, and whether it is a good one.
    prompt: only a prompt, to which a model writes the answers.
    """
    labels: tuple[str, ...] = ()
    """For layout classification: every output of the data, each once. The position in this list is the label's
    number.
    """
    text: Literal["prompt", "input"] = "prompt"
    """For layout classification: the text to classify, the prompt (instruction, newline, input) or only the input."""
    stride: int = Field(default=128, ge=0)
    """For layout qa: the number of tokens that a window of the context shares with the window before it."""
    answers: Literal["all", "last"] = "all"
    """Answers of a conversation to learn: all, or only the last. An answer with `learn` = false is never learned.
    Layouts with one answer in a sequence make one sequence for each answer.
    """
    reasoning: Literal["learn", "mask", "drop"] = "learn"
    """For layouts that use the chat template: thoughts are learned, given but not learned, or left out."""
    template_args: dict[str, bool | int | float | str] = {}
    """Arguments for the chat template, such as { enable_thinking = true }."""
    max_length: int = Field(default=512, ge=8, lt=2**31)
    """Longest sequence in tokens, including special tokens."""
    truncation: Literal["longest-first", "truncate-prompt", "truncate-output", "drop", "error"] = "longest-first"
    """What happens to a row longer than max_length. longest-first: cut the longer of prompt and output.
    truncate-prompt, truncate-output: cut only this one. drop: reject the row. error: stop the run.
    """
    padding: bool = False
    """For layouts pair, fields, classification: pad every sequence to max_length, and write its mask. The collators
    of pipeline.training pad each batch instead, which needs less room.
    """
    max_unk_rate: float = Field(default=0.05, ge=0, le=1)
    """Largest share of [UNK] among the tokens of a file. Above it the run stops: the tokenizer does not fit the text.
    """

    @model_validator(mode="before")
    @classmethod
    def name_what_moved(cls, data: Any) -> Any:
        if isinstance(data, dict) and "loss" in data:
            raise ValueError(f"loss is called answers now: answers = {str(data['loss'])!r}")
        return data

    @model_validator(mode="after")
    def fit_together(self) -> "TokenizeOptions":
        if self.layout == "classification" and (not self.labels or len(set(self.labels)) < len(self.labels)):
            raise ValueError('layout "classification" needs its labels, each once, as in labels = ["부정", "긍정"]')
        if self.layout == "qa" and self.stride >= self.max_length:
            raise ValueError(
                f"stride ({self.stride}) leaves no room in a window of max_length ({self.max_length}) tokens"
            )
        if self.layout == "preference" and self.reasoning == "mask":
            raise ValueError(
                'reasoning = "mask" is not for layout "preference": two answers follow one prompt, and each has a '
                'thought of its own. Choose "learn" or "drop"'
            )
        if self.padding and self.layout not in ("pair", "fields", "classification"):
            raise ValueError(
                f'padding is not for layout "{self.layout}": the collators of pipeline.training pad its batches'
            )
        return self


Policy = Literal["drop", "flag", "keep"]


class DedupeOptions(Options):
    """Which duplicates are rejected. A policy is drop (reject all but the keeper), flag (mark in `flags`) or keep.

    A prompt is system, history, instruction and input together.
    """

    exact: Policy = "drop"
    """Same prompt, same output."""
    conflict: Policy = "flag"
    """Same prompt, different output. Two answers to one prompt are data. drop keeps one of these rows, and flags it."""
    near: Policy = "drop"
    """Prompt and output differ in form alone: spacing, punctuation, particles, politeness, spelling. A difference of a
    word keeps both rows.
    """
    near_prompt: Policy = "flag"
    """Similar prompt: it differs in form alone and the output in a word, or it differs in a word itself and is similar
    from `prompt_threshold` on. drop rejects rows that ask something else.
    """
    shared_output: Literal["flag", "keep"] = "flag"
    """Different prompts, same output. This is rarely a duplicate: "네." answers many questions."""
    shared_by: int = Field(default=2, ge=2)
    """An output is shared if at least this number of different prompts have it."""
    keeper: Literal["first", "longest"] = "first"
    """Which row of a cluster is kept: the first (sources are in order of priority), or the one with the longest
    output.
    """
    threshold: float = Field(default=0.65, ge=0.3, le=1)
    """Two fields are compared if the Jaccard index of the character bigrams of their stems (letters without particles
    and endings) is at least this, or if they have the same stems in any order. What differs then decides. A lower
    threshold finds more rows that differ in form.
    """
    prompt_threshold: float = Field(default=0.85, ge=0.3, le=1)
    """Prompts that differ in a word are flagged near-prompt, and stay in one split, if the Jaccard index of their
    character bigrams is at least this. Among sentence pairs scored by people, no pair at 0.85 or above scores less than
    3 of 5; at 0.8 some pairs do.
    """
    recall: float = Field(default=0.99, gt=0, lt=1)
    """Probability of finding a pair that is exactly at the threshold. More similar pairs are found more surely."""
    numbers: bool = True
    """Numbers in digits count as words: "200대 교황이 누구야?" and "71대 교황이 누구야?" are not duplicates."""
    within: Literal["prompt", "first-turn"] = "prompt"
    """What of a conversation is its prompt. prompt: all that comes before the last answer: system prompt, tools,
    history, instruction, input and tool results. first-turn: the first message of the user alone; all other messages
    are part of the answer, and system prompt and tools are not compared. All texts are then held in memory.
    """
    semantic: bool = False
    """Flag rows semantic-near whose prompts are similar in meaning, by embeddings (extra `semantic`). Such a row is
    never rejected for it. Embedding takes about 0.1 seconds a prompt, and the time of the comparison
    grows with the square of their number.
    """
    semantic_threshold: float = Field(default=0.97, ge=0.5, le=1)
    """The cosine similarity from which on prompts are semantic-near. At 0.97, people score 11.3 % of
    the flagged pairs of KLUE-STS below 3 of 5; at 0.95, 24.4 %.
    """
    against: tuple[str, ...] = ()
    """Reference datasets, relative to the folder of pipeline.toml: folders such as "processed/old", or files of rows
    (.arrow, .parquet, .jsonl). All their rows are kept, and new rows that repeat them are rejected.
    """


Measure = Literal["tokens", "learned-tokens", "rows"]


class MixOptions(Options):
    """How much of each source goes into the dataset, of the rows that `dedupe` keeps. A hash of the record decides
    which rows; the others are rejected as over-share. (`weight`, `max_rows`, `max_tokens`, `repeat` are of a source.)
    """

    total_tokens: int | None = Field(default=None, ge=1)
    """Largest number of tokens of the dataset, as `by` counts them. The sources share it by their weights; without
    weights, each gives the same part of its tokens.
    """
    total_rows: int | None = Field(default=None, ge=1)
    """Largest number of rows of the dataset, shared in the same way."""
    by: Measure | None = None
    """What weights are shares of. Default: rows with total_rows, else tokens. Without a total, the sources give as much
    as the weights allow until the first of them has no more.
    """
    seed: int = Field(default=0, ge=0)
    """Another number chooses other rows."""
    order: Literal["sources", "shuffled", "short-first"] = "sources"
    """Order of the rows in each split. sources: as in the sources. shuffled: by a hash. short-first: by tokens."""

    @model_validator(mode="after")
    def fit_together(self) -> "MixOptions":
        if self.total_tokens is not None and self.total_rows is not None:
            raise ValueError("total_tokens and total_rows are two totals: leave one out")
        total, other = ("total_rows", "rows") if self.total_rows else ("total_tokens", "tokens or learned-tokens")
        if self.by and ((self.total_rows and self.by != "rows") or (self.total_tokens and self.by == "rows")):
            raise ValueError(f'{total} goes with by = {other}, and by is "{self.by}"')
        return self

    @property
    def total(self) -> int | None:
        return self.total_rows or self.total_tokens

    @property
    def measure(self) -> Measure:
        return self.by or ("rows" if self.total_rows else "tokens")


#: The options of a source that decide how much of it the dataset takes.
MIXED = ("weight", "max_rows", "max_tokens", "repeat")


class ExportOptions(Options):
    """What is written to processed/<dataset>/."""

    formats: tuple[Literal[Format, TextForm], ...] = ("arrow", "parquet")
    """Which formats are written. arrow: for training. parquet: for the Hub. jsonl: the texts without ids, for people.
    The others are texts for other trainers, one file for each split. messages, prompt-completion, preference and
    unpaired: TRL. alpaca and sharegpt: LLaMA-Factory. openai: the fine-tuning of OpenAI.
    """
    validation: float = Field(default=0.05, ge=0, lt=1)
    """Share of clusters in the validation split; 0: no such split."""
    test: float = Field(default=0, ge=0, lt=1)
    """Share of clusters in the test split; 0: no such split."""
    stratify: bool = False
    """Take exactly these shares of every source. More rows may then change their split when a source grows."""
    packing: bool = False
    """For layout causal: put several sequences into one row of at most max_length tokens."""
    masks: bool = False
    """For layout causal: write `attention_mask` (1 at each token) and `assistant_masks` (1 at each token that is
    learned), too. axolotl takes no rows with ids without the first. TRL up to 1.6 packs rows with `packing=True` by the
    second; without it, it learns all tokens.
    """
    report: bool = True
    """Write report.html, too: counts, lengths, duplicates and samples of the rows, to look at in a browser."""
    shard_rows: int = Field(default=65_536, ge=1)
    """Largest number of rows in one file of a format. When raw files come or change, files whose rows are as before are
    not written again: with fewer rows in each, more of them stay."""


def known_flags(shares: dict[str, float]) -> dict[str, float]:
    known = {*FINDINGS, *FLAGS["ingest"], *FLAGS["tokenize"]}
    if unknown := sorted(shares.keys() - known):
        raise ValueError(f"no flag has the name {', '.join(unknown)}; allowed: {', '.join(sorted(known))}")
    return shares


Shares = Annotated[dict[str, Annotated[float, Field(ge=0, le=1)]], AfterValidator(known_flags)]


class Gate(Options):
    """What must be true of the rows before a dataset is written. Otherwise the run ends with exit code 3, and
    the dataset of the last run stays."""

    max_rejected: float = Field(default=0.9, ge=0, le=1)
    """Largest share of the rows of a source that is rejected before `dedupe`; 1: all of them. Rows that its condition
    (`keep`) does not want are not counted."""
    max_flagged: Shares = {}
    """Largest share of the kept rows of a source that has a flag, by its name, as in { refusal = 0.01 }."""
    min_rows: int = Field(default=1, ge=0)
    """Smallest number of rows that the dataset keeps."""
    max_unk_rate: float = Field(default=1, ge=0, le=1)
    """Largest share of [UNK] among the tokens of the kept rows of a source. ([tokenize] has one for each file.)"""


class RunOptions(Options):
    """Where `ko-instruct run` works. Its bytes are the same everywhere. (`make processed` works on this machine.)"""

    engine: EngineName = "local"
    """local: this process. ray: the machines of a Ray cluster, or processes of this machine (`--address`)."""
    parts: int = Field(default=1, ge=1)
    """In how many parts `dedupe` decides, each of them work for the engine, with the same decisions. No process then
    holds all rows. (With `semantic`, and within = "first-turn", all is one part.)"""


class SourceGate(Options):
    """What must be true of the rows of a source before a dataset is written, in place of [gate]."""

    max_rejected: float | None = Field(default=None, ge=0, le=1)
    """As in [gate], for this source."""
    max_flagged: Shares = {}
    """As in [gate], for this source; flags that are not named here are as in [gate]."""
    min_rows: int = Field(default=0, ge=0)
    """Smallest number of rows of this source that are kept."""
    max_unk_rate: float | None = Field(default=None, ge=0, le=1)
    """As in [gate], for this source."""


def given(options: Options | None) -> dict[str, Any] | None:
    """The options that were given, without the defaults of others."""
    return None if options is None else options.model_dump(mode="json", exclude_unset=True)


def without_benchmarks(options: ScreenOptions | None) -> ScreenOptions | None:
    if options is not None and "benchmarks" in options.model_fields_set:
        raise ValueError("benchmarks are those of all sources: name them in [screen]")
    return options


OwnIngest = Annotated[IngestOptions | None, PlainSerializer(given)]
OwnNormalize = Annotated[NormalizeOptions | None, PlainSerializer(given)]
OwnScreen = Annotated[ScreenOptions | None, AfterValidator(without_benchmarks), PlainSerializer(given)]


def known_condition(text: str) -> str:
    if text:
        parse(text)
    return text


ConditionText = Annotated[str, AfterValidator(known_condition)]


class Dataset(Options):
    """What is built: a folder of this name under processed/."""

    name: Name
    """Name of the folder: letters, digits and . _ -"""
    title: str = ""
    """Title of the dataset card."""
    description: str = ""
    """Text of the dataset card, below the title."""


class Source(Options):
    """Files that belong together: one dataset as it was published."""

    name: Name
    """Name of the source: column `source`, card and manifest hold it."""
    files: tuple[BelowRaw, ...]
    """Globs of its files, relative to raw/."""
    exclude: tuple[BelowRaw, ...] = ()
    """Globs of files that are not read, of those that `files` matches."""
    on_error: Literal["stop", "skip"] = "stop"
    """What happens where a file cannot be read: the run stops, or goes on with the next file. A file that was skipped
    is a rejected row (unreadable-file), and the report at the end names it.
    """
    optional: bool = False
    """Whether a glob may match no file. Otherwise that is an error."""
    license: str = "unknown"
    """Licence of the data. `push` refuses sources whose licence forbids redistribution."""
    url: str = ""
    """Where the data comes from: a Hub id or an address."""
    revision: str = ""
    """Commit on the Hub from which the files were downloaded; "" if not from the Hub."""
    attribution: str = ""
    """Whom the dataset card credits."""
    recipe: str = ""
    """Name of a recipe (schemas/recipes.toml), which defines the shape; "": none."""
    shape: Shape | None = None
    """Shape of the records. Without it, the recipe or else detection decides."""
    reader: Literal["auto", "json", "jsonl", "csv", "tsv"] = "auto"
    """Format of the files; auto: detected from their content."""
    encoding: Encoding = "auto"
    """Encoding of text files; auto: UTF-8, UTF-16, CP949, Johab or ISO-2022-KR, detected from their content."""
    header: tuple[str, ...] = ()
    """Column names of a table whose first line is not a header."""
    skip: int = Field(default=0, ge=0)
    """Lines above the header of a CSV, TSV or Excel file that are not read, such as its title."""
    escapes: Literal["auto", "none", "backslash"] = "auto"
    """What a backslash is in a CSV or TSV file. backslash: it begins an escape of a database, as `\\n` in the files of
    mysqldump and COPY. none: it is a sign like others. auto: the first lines show it. (A cell `\\N` is null always.)
    """
    numbers: Literal["as-numbers", "as-text"] = "as-numbers"
    """as-text: numbers and dates in the fields of a record are texts, as the file writes them, or as Excel shows them.
    """
    splits: Literal["as-published", "ignore"] | dict[str, Literal["train", "validation", "test", "leave-out"]] = (
        "as-published"
    )
    """What the splits of the source mean here. as-published: validation and test rows of the source go to the splits
    of these names, never to train, and train rows go to no split that the source publishes itself. ignore: they are
    rows like all others. A table names each one, as in { test = "train", dev = "validation" }; "leave-out" rejects the
    rows.
    """
    keep: ConditionText = ""
    """A condition on a row, as in 'meta.score >= 4 and not flags has "refusal"'. Rows for which it is false are
    rejected as not-wanted. "": all rows are wanted.
    """
    verdicts: Annotated[str, AfterValidator(beside_config)] = ""
    """File of verdicts on its rows, relative to the folder of pipeline.toml: people keep, drop or fix single rows in
    `ko-instruct browse`, which writes the file.
    """
    ingest: OwnIngest = None
    """Options of [ingest] for this source: those that are named here take the place of the section's."""
    normalize: OwnNormalize = None
    """Options of [normalize] for this source, in the same way."""
    screen: OwnScreen = None
    """Options of [screen] for this source, in the same way, as in screen = { min_hangul = 0 } for a source of code.
    Benchmarks are those of [screen].
    """
    weight: float | None = Field(default=None, gt=0)
    """Share of the dataset that this source gives, in proportion to the weights of the others ([mix] by)."""
    max_rows: int | None = Field(default=None, ge=1)
    """Largest number of its rows in the dataset, repeats included."""
    max_tokens: int | None = Field(default=None, ge=1)
    """Largest number of its tokens in the dataset, repeats included."""
    repeat: float = Field(default=1, ge=1, le=1000)
    """How often its rows are in the dataset: 2.5 is twice, and half of them a third time. The origin of a repeated row
    ends in #2, #3. It is in the split of the first.
    """
    gate: SourceGate = Field(default=SourceGate(), exclude=True)
    """What must be true of its rows before a dataset is written."""


class Step(Options):
    """A step of your own: a function from an Arrow table to an Arrow table with the same rows, which may reject and
    flag them. Nothing runs that the config does not name. What its file imports is not looked at for changes.
    """

    after: Literal["ingest", "validate", "normalize", "screen", "tokenize"]
    """The stage behind which it runs, before a condition that is decided there."""
    function: Annotated[str, StringConstraints(pattern=r"^[\w-]+:[^\W\d]\w*$")]
    """File and function: "my_steps:drop_ads" is the function drop_ads of my_steps.py, beside the config."""


class StageOptions(Options):
    """The options of every stage."""

    ingest: IngestOptions = IngestOptions()
    validate_: ValidateOptions = Field(default=ValidateOptions(), alias="validate")
    normalize: NormalizeOptions = NormalizeOptions()
    screen: ScreenOptions = ScreenOptions()
    tokenize: TokenizeOptions = TokenizeOptions()
    dedupe: DedupeOptions = DedupeOptions()
    mix: MixOptions = MixOptions()
    export: ExportOptions = ExportOptions()

    @model_validator(mode="after")
    def fit_together(self) -> Self:
        self.check_export()
        return self

    def check_export(self) -> None:
        """Raise ValueError for options of export that another option makes impossible."""
        for name in ("packing", "masks"):
            if getattr(self.export, name) and self.tokenize.layout != "causal":
                raise ValueError(
                    f'[export] {name} is for layout "causal", and [tokenize] layout is "{self.tokenize.layout}"'
                )
        if self.export.packing and self.export.masks:
            raise ValueError(
                "[export] masks is for rows that the trainer packs itself, and packing = true packs them here. "
                "Leave one of the two out"
            )


def _set(options: Options) -> dict[str, Any]:
    return {name: getattr(options, name) for name in options.model_fields_set}


class Config(StageOptions):
    """One pipeline.toml: one dataset, its sources in order of priority, and the options of the stages."""

    extends: str = ""
    """Another config, relative to this one, whose sections hold where this one does not name an option. A list, as that
    of the sources, is taken whole from one of the two.
    """
    dataset: Dataset
    source: tuple[Source, ...] = Field(min_length=1)
    run: RunOptions = RunOptions()
    gate: Gate = Gate()
    step: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def check_weights(self) -> Self:
        without = [source.name for source in self.source if source.weight is None]
        if without and len(without) < len(self.source):
            raise ValueError(f"some sources have a weight, and {', '.join(without)} has none: give every source one")
        return self

    @property
    def mixed(self) -> bool:
        """Whether the dataset is a mixture: some option says how much of a source it takes, or in which order."""
        return self.mix != MixOptions() or any(
            getattr(source, name) != Source.model_fields[name].default for source in self.source for name in MIXED
        )

    @model_validator(mode="after")
    def look_for_the_flags_of_conditions(self) -> Self:
        for source in self.source:
            tests = tests_of(parse(source.keep)) if source.keep else ()
            for name in (test.text for test in tests if isinstance(test, Contains) and test.of == Column("flags")):
                if name in self.of(source).screen.off:
                    raise ValueError(
                        f"source {source.name!r}: its condition reads the flag {name}, and screen.off lists it"
                    )
        return self

    def of(self, source: Source) -> "Config":
        """The config with the options that the source overrides."""
        own = {name: getattr(source, name) for name in ("ingest", "normalize", "screen")}
        changed = {
            name: getattr(self, name).model_copy(update=_set(options)) for name, options in own.items() if options
        }
        return self.model_copy(update=changed)

    @property
    def stages(self) -> StageOptions:
        """The options of the stages alone."""
        return StageOptions.model_validate(self.model_dump(include=set(StageOptions.model_fields), by_alias=True))
