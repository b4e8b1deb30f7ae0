"""New instruction data from seeds, by a model: Self-Instruct, Evol-Instruct, and a short form, in Korean.

    with Log(path) as log:
        made = list(grow(read_seeds(seeds), generator, options, log, Counts(), count=100))

A round asks for new instructions, judges them, asks for their instances and judges these (`rounds`). What a model is
asked is in `prompts`, how its answers are read in `parsing`, why something is not taken in `filters`, what is new
in `novelty`. The log holds everything, and a killed run goes on from it (`log`).
"""

import hashlib
import itertools
from collections.abc import Iterable, Iterator
from pathlib import Path

import orjson
from pydantic import ValidationError

from pipeline.self_instruct.generators import Generator
from pipeline.self_instruct.log import Log
from pipeline.self_instruct.rounds import FAMILIES, Counts, Made, Pool, Round
from schemas.errors import KoInstructError, problems
from schemas.self_instruct import SelfInstructOptions, Task

__all__ = ["Counts", "Log", "Made", "SeedError", "grow", "read_seeds", "read_sentences", "rows"]


class SeedError(KoInstructError, ValueError):
    """Seeds cannot be used as they are: the message gives the place and the reason."""


def grow(
    seeds: list[Task],
    generator: Generator,
    options: SelfInstructOptions,
    log: Log,
    counts: Counts,
    count: int,
    patience: int = 5,
) -> Iterator[list[Made]]:
    """The new tasks of each round, until there are `count` of them, or `patience` rounds in a row brought none.

    The last round may bring more than `count`. Rounds depend on neither, so that a later run with a larger count or
    more patience goes on from the same log. Raises LogError where the log is that of other seeds, options or another
    generator.
    """
    pool = Pool(seeds)
    if options.family != "simple":  # its seeds are not instructions
        pool.seen.add([task.id for task in seeds], [task.instruction for task in seeds])
    log.note(
        {
            "generator": generator.name,
            "options": options.model_dump(mode="json"),
            "seeds": hashlib.sha256(orjson.dumps([task.model_dump() for task in seeds])).hexdigest(),
        }
    )
    quiet = 0
    for number in itertools.count():
        if len(pool.made) >= count or quiet >= patience:
            return
        made = FAMILIES[options.family](Round(number, pool, options, generator, log, counts))
        pool.made += made
        quiet = 0 if made else quiet + 1
        yield made


def rows(made: Iterable[Made], generator: str) -> Iterator[dict[str, object]]:
    """The raw records of new tasks: one for each instance, with all that is known of its making."""
    for one in made:
        about = {
            "id": one.task.id,
            "generator": generator,
            "round": one.round,
            "parents": list(one.verdict.candidate.parents),
            "nearest": one.verdict.nearest.id,
            "similarity": one.verdict.nearest.similarity,
            "is_classification": one.task.is_classification,
        }
        if one.verdict.candidate.evolution:
            about["evolution"] = one.verdict.candidate.evolution
        for instance in one.task.instances:
            yield {
                "instruction": one.task.instruction,
                "input": instance.input,
                "output": instance.output,
                **about,
            }


def read_seeds(path: Path) -> list[Task]:
    """The seed tasks of a JSON Lines file, or of all such files of a folder. Raises SeedError."""
    files = sorted(path.glob("*.jsonl")) if path.is_dir() else [path]
    tasks: dict[str, Task] = {}
    for file in files:
        for number, line in enumerate(file.read_bytes().split(b"\n"), 1):
            if not line.strip():
                continue
            try:
                task = Task.model_validate_json(line)
            except ValidationError as error:
                raise SeedError(f"{file}:{number}: not a seed task: {problems(error, Task)[0]}") from None
            if not task.instances:
                raise SeedError(f"{file}:{number}: not a seed task: instances: it needs at least one, to show its form")
            if task.id in tasks:
                raise SeedError(f"{file}:{number}: the id {task.id!r} is taken already: ids of seeds are unique")
            tasks[task.id] = task
    if not tasks:
        raise SeedError(f"{path} holds no seed tasks: JSON Lines with id, instruction, instances, is_classification")
    return list(tasks.values())


def read_sentences(text: str) -> list[Task]:
    """The seed sentences of a text, one a line, for the short form. Raises SeedError."""
    sentences = [
        Task(id=f"line_{number}", instruction=line.strip(), instances=())
        for number, line in enumerate(text.splitlines(), 1)
        if line.strip()
    ]
    if not sentences:
        raise SeedError("there are no seed sentences: give a text file with one sentence a line")
    return sentences
