"""Self-Instruct: the seed tasks, requests to a model and its answers, the options."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.options import Options

#: tasks: Self-Instruct (new instructions, then their instances). evolve: Evol-Instruct (harder or rarer instructions,
#: then their answers). simple: an instruction for each of a list of sentences, then its answer.
Family = Literal["tasks", "evolve", "simple"]


class Instance(BaseModel):
    """One input ("" if there is none) with its output."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    input: str = ""
    output: str


class Task(BaseModel):
    """A seed task in the format of the paper, or a task that a model made."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    id: str = Field(min_length=1)
    instruction: str = Field(min_length=1)
    instances: tuple[Instance, ...]
    is_classification: bool = False
    """Whether the output is one of a few labels."""


class Request(BaseModel):
    """One prompt, and the random seed for its answer."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    prompt: str
    seed: int


class Sampling(BaseModel):
    """How the model answers a batch of requests."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    max_tokens: int
    temperature: float
    """0: always the most likely token."""
    top_p: float
    stop: tuple[str, ...]
    """Texts that end an answer and do not belong to it."""


class Answer(BaseModel):
    """What a model wrote, why it stopped, and the tokens it read and wrote."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    text: str
    finish: Literal["stop", "length", "filtered"]
    """length: the answer was cut at `max_tokens`. filtered: the provider withheld it."""
    prompt_tokens: int
    completion_tokens: int


class SelfInstructOptions(Options):
    """Options that decide the result of a round. (The number of tasks and the patience do not.)"""

    family: Family = "tasks"
    """How new instructions are made. tasks: Self-Instruct. evolve: Evol-Instruct. simple: one for each sentence."""
    seed: int = 0
    """Random seed."""
    requests: int = Field(default=8, ge=1)
    """Number of prompts for new instructions in a round."""
    human_examples: int = Field(default=6, ge=1)
    """Number of human-written instructions in a prompt."""
    machine_examples: int = Field(default=2, ge=0)
    """Number of machine-made instructions in a prompt. Until there are any, human-written ones take their place."""
    new_tasks: int = Field(default=8, ge=1)
    """Number of new instructions that a prompt asks for."""
    instances: int = Field(default=3, ge=1)
    """Largest number of instances of a task."""
    similarity: float = Field(default=0.7, gt=0, le=1)
    """Two instructions are the same task if their ROUGE-L is at least this."""
    temperature: float = Field(default=0.7, ge=0)
    """For instructions. Judgements and instances use the most likely tokens, as in the paper."""
    top_p: float = Field(default=0.95, gt=0, le=1)
    """For instructions: the model chooses among the most likely tokens that together have this probability."""
    max_tokens: int = Field(default=1024, ge=16)
    """Longest answer in tokens."""
