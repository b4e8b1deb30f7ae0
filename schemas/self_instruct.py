"""Self-Instruct: the seed tasks, what a model is asked and answers, the options."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.options import Options

#: tasks: Self-Instruct (new instructions, then their instances). evolve: Evol-Instruct (harder or rarer instructions,
#: then their answers). simple: an instruction for each of a list of sentences, then its answer.
Family = Literal["tasks", "evolve", "simple"]


class Instance(BaseModel):
    """One input, "" where there is none, with its output."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input: str = ""
    output: str


class Task(BaseModel):
    """A seed task, in the format of the paper, or one that a model made."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(min_length=1)
    instruction: str = Field(min_length=1)
    instances: tuple[Instance, ...]
    #: Whether the output is one of a few labels.
    is_classification: bool = False


class Request(BaseModel):
    """One prompt, and the seed for whatever is drawn at random in answering it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    seed: int


class Sampling(BaseModel):
    """How a batch of requests is to be answered."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int
    #: 0: the likeliest token each time.
    temperature: float
    top_p: float
    #: Texts that end an answer, and are no part of it.
    stop: tuple[str, ...]


class Answer(BaseModel):
    """What a model wrote, why it stopped, and the tokens it read and wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    #: length: it was cut at `max_tokens`. filtered: the provider withheld it.
    finish: Literal["stop", "length", "filtered"]
    prompt_tokens: int
    completion_tokens: int


class SelfInstructOptions(Options):
    """What decides what a round brings. How many tasks are wanted, and how patiently, does not."""

    family: Family = "tasks"
    #: Of everything that is drawn at random.
    seed: int = 0
    #: Prompts for new instructions in a round.
    requests: int = Field(default=8, ge=1)
    #: Instructions in a prompt: human-written ones, and machine-made ones as soon as there are any (else human ones).
    human_examples: int = Field(default=6, ge=1)
    machine_examples: int = Field(default=2, ge=0)
    #: New instructions asked for in a prompt.
    new_tasks: int = Field(default=8, ge=1)
    #: Most instances of a task.
    instances: int = Field(default=3, ge=1)
    #: ROUGE-L from which on two instructions are not different tasks.
    similarity: float = Field(default=0.7, gt=0, le=1)
    #: For instructions. Judgements and instances take the likeliest tokens, as in the paper.
    temperature: float = Field(default=0.7, ge=0)
    top_p: float = Field(default=0.95, gt=0, le=1)
    #: Longest answer in tokens.
    max_tokens: int = Field(default=1024, ge=16)
