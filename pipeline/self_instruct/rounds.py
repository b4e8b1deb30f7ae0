"""A round: ask for new instructions, judge them, ask for what makes them whole, judge that.

Three families of prompts, one function each. All follows from the pool, the options and the answers, and whatever is
random from (seed, round, step, index): a round is the same whether its answers are asked or read from the log.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from pipeline.self_instruct import filters, novelty, parsing, prompts
from pipeline.self_instruct.generators import Generator
from pipeline.self_instruct.log import Log
from pipeline.self_instruct.novelty import NOTHING_NEAR, Nearest, Seen
from schemas.self_instruct import Answer, Family, Instance, Request, Sampling, SelfInstructOptions, Task

#: Classification tasks and others in the prompt that separates them, as in the paper.
CLASSIFICATIONS, OTHERS = 12, 19
#: Tasks shown in a prompt for instances.
SHOWN = 5
#: For an answer of one word.
JUDGEMENT = Sampling(max_tokens=16, temperature=0, top_p=1, stop=())


@dataclass(frozen=True)
class Candidate:
    """An instruction that a model wrote, and what it was made from."""

    id: str
    instruction: str
    finished: bool
    parents: tuple[str, ...]
    #: How it was evolved, in evolve.
    evolution: str | None = None


@dataclass(frozen=True)
class Verdict:
    """What becomes of a candidate: it is taken where there is no reason against it."""

    candidate: Candidate
    reason: str | None
    nearest: Nearest = NOTHING_NEAR


@dataclass(frozen=True)
class Made:
    """A new task with what is known of its making."""

    task: Task
    round: int
    verdict: Verdict


@dataclass
class Counts:
    """What happened so far: candidates and instances by their reason (None: taken), tokens read and written."""

    candidates: Counter[str | None] = field(default_factory=Counter)
    instances: Counter[str | None] = field(default_factory=Counter)
    prompt_tokens: int = 0
    completion_tokens: int = 0


@dataclass
class Pool:
    """Where prompts take their examples from, and what a new instruction has to be unlike."""

    #: Human-written tasks; in the short form sentences, as instructions without instances.
    seeds: list[Task]
    made: list[Made] = field(default_factory=list)
    #: Every instruction that was taken, those among them for which no sound instance came.
    seen: Seen = field(default_factory=Seen)


@dataclass(frozen=True)
class Round:
    """What a round works with."""

    number: int
    pool: Pool
    options: SelfInstructOptions
    generator: Generator
    log: Log
    counts: Counts

    def random(self, step: str, index: int) -> Random:
        return Random(f"{self.options.seed}/{self.number}/{step}/{index}")

    def ask(self, step: str, ids: Sequence[str], texts: Sequence[str], sampling: Sampling) -> list[Answer]:
        """The answers to prompts. `ids`: of what they ask about, for the log."""
        requests = [
            Request(prompt=text, seed=self.random(f"{step}/seed", index).getrandbits(31))
            for index, text in enumerate(texts)
        ]
        notes = [{"round": self.number, "step": step, "id": name} for name in ids]
        answers = self.log.ask(self.generator, requests, sampling, notes)
        self.counts.prompt_tokens += sum(answer.prompt_tokens for answer in answers)
        self.counts.completion_tokens += sum(answer.completion_tokens for answer in answers)
        return answers

    def writing(self, *stop: str) -> Sampling:
        """For new instructions."""
        options = self.options
        return Sampling(max_tokens=options.max_tokens, temperature=options.temperature, top_p=options.top_p, stop=stop)

    def answering(self, *stop: str) -> Sampling:
        """For instances and answers."""
        return Sampling(max_tokens=self.options.max_tokens, temperature=0, top_p=1, stop=stop)

    def id(self, index: int) -> str:
        return f"{self.options.family}-{self.number}-{index}"


# --- the three families ----------------------------------------------------------------------------------------------


def tasks(this: Round) -> list[Made]:
    """Self-Instruct: new instructions beside old ones, then instances of each, by its kind."""
    taken = settle(this, judge(this, listed_instructions(this), filters.INSTRUCTION_RULES))
    return with_instances(this, taken, classify(this, taken))


def evolve(this: Round) -> list[Made]:
    """Evol-Instruct: old instructions made harder or rarer, then the answer to each."""
    verdicts = judge(this, evolved_instructions(this), filters.EVOLVED_RULES)
    return with_answers(this, settle(this, judge_gain(this, verdicts)))


def simple(this: Round) -> list[Made]:
    """The short form: an instruction for each seed sentence, then the answer to it."""
    verdicts = judge(this, instructions_from_sentences(this), filters.INSTRUCTION_RULES)
    return with_answers(this, settle(this, judge_echo(this, verdicts)))


FAMILIES: Mapping[Family, Callable[[Round], list[Made]]] = {"tasks": tasks, "evolve": evolve, "simple": simple}


# --- instructions ----------------------------------------------------------------------------------------------------


def listed_instructions(this: Round) -> list[Candidate]:
    """What comes after 6 human-written and 2 machine-made instructions in random order, in each of several prompts."""
    options, pool = this.options, this.pool
    shown = []
    for index in range(options.requests):
        random = this.random("examples", index)
        machine = random.sample(pool.made, min(options.machine_examples, len(pool.made)))
        humans = min(options.human_examples + options.machine_examples - len(machine), len(pool.seeds))
        examples = [*(made.task for made in machine), *random.sample(pool.seeds, humans)]
        random.shuffle(examples)
        shown.append(examples)
    first = len(shown[0]) + 1
    answers = this.ask(
        "instructions",
        [str(index) for index in range(len(shown))],
        [prompts.new_tasks([task.instruction for task in examples], options.new_tasks) for examples in shown],
        this.writing(f"\n{first + options.new_tasks}."),
    )
    return [
        Candidate(this.id(index * options.new_tasks + place), text, finished, tuple(task.id for task in examples))
        for index, (answer, examples) in enumerate(zip(answers, shown, strict=True))
        for place, (text, finished) in enumerate(parsing.read_tasks(answer, first)[: options.new_tasks])
    ]


def evolved_instructions(this: Round) -> list[Candidate]:
    """Members of the pool, each evolved in one way: both drawn at random."""
    options, pool = this.options, this.pool
    everything = tasks_of(pool)
    chosen = []
    for index in range(options.requests):
        random = this.random("evolution", index)
        chosen.append((random.choice(everything), random.choice(prompts.EVOLUTIONS)))
    answers = this.ask(
        "evolve",
        [parent.id for parent, _ in chosen],
        [prompts.evolve(whole_instruction(parent), how) for parent, how in chosen],
        this.writing(),
    )
    return [
        Candidate(this.id(index), text, finished, (parent.id,), how)
        for index, (answer, (parent, how)) in enumerate(zip(answers, chosen, strict=True))
        for text, finished in parsing.read_instruction(answer)
    ]


def instructions_from_sentences(this: Round) -> list[Candidate]:
    """An instruction for each of the next sentences. After the last comes the first again, drawn anew."""
    sentences, count = this.pool.seeds, this.options.requests
    chosen = [sentences[(this.number * count + index) % len(sentences)] for index in range(count)]
    answers = this.ask(
        "instruction",
        [sentence.id for sentence in chosen],
        [prompts.from_sentence(sentence.instruction) for sentence in chosen],
        this.writing(),
    )
    return [
        Candidate(this.id(index), prompts.flat(text), finished, (sentence.id,))
        for index, (answer, sentence) in enumerate(zip(answers, chosen, strict=True))
        for text, finished in parsing.read_instruction(answer)
    ]


def tasks_of(pool: Pool) -> list[Task]:
    return [*pool.seeds, *(made.task for made in pool.made)]


def whole_instruction(task: Task) -> str:
    """A task's instruction with its first input."""
    return f"{task.instruction}\n\n{task.instances[0].input}".strip()


def judge(this: Round, candidates: Sequence[Candidate], rules: Mapping[str, Callable[[str], bool]]) -> list[Verdict]:
    """Whether each candidate keeps the rules and is new: unlike all instructions before it, in this round too.

    What was made harder may be like its ancestors, though not equal: whether it asks for more is judged by itself.
    """
    seen = this.pool.seen
    exempt = {one.id: ancestors(this.pool, one) if one.evolution in prompts.DEEPENINGS else [] for one in candidates}
    verdicts = {
        one.id: Verdict(one, filters.broken(one.instruction, rules) if one.finished else "unfinished")
        for one in candidates
    }

    left = [one for one in candidates if verdicts[one.id].reason is None]
    originals = seen.duplicates([one.id for one in left], [one.instruction for one in left])
    for one, original in zip(left, originals, strict=True):
        if original is not None and (original.similarity == 1 or original.id not in exempt[one.id]):
            verdicts[one.id] = Verdict(one, "near-duplicate", original)

    left = [one for one in left if verdicts[one.id].reason is None]
    found = seen.judge(
        [one.id for one in left],
        [one.instruction for one in left],
        this.options.similarity,
        [exempt[one.id] for one in left],
    )
    for one, (is_new, nearest) in zip(left, found, strict=True):
        verdicts[one.id] = Verdict(one, None if is_new else "similar", nearest)
    return list(verdicts.values())


def ancestors(pool: Pool, candidate: Candidate) -> list[str]:
    """Its parent, the parent of that, and so on to a seed."""
    parents = {made.task.id: made.verdict.candidate.parents[0] for made in pool.made}
    line = [candidate.parents[0]]
    while line[-1] in parents:
        line.append(parents[line[-1]])
    return line


def judge_gain(this: Round, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same, with a reason where, by the model's answer, the evolved one asks for no more than its parent."""
    old = {task.id: whole_instruction(task) for task in tasks_of(this.pool)}
    asked = [one.candidate for one in verdicts if one.reason is None]
    answers = this.ask(
        "gain",
        [one.id for one in asked],
        [prompts.is_same(old[one.parents[0]], one.instruction) for one in asked],
        JUDGEMENT,
    )
    same = {
        one.id for one, answer in zip(asked, answers, strict=True) if parsing.says(answer, "같음", "같습니다", "같다")
    }
    same |= {one.id for one in asked if prompts.flat(one.instruction) == prompts.flat(old[one.parents[0]])}
    return [replace(one, reason="no-gain") if one.candidate.id in same else one for one in verdicts]


def judge_echo(this: Round, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """The same, with a reason where the model gave its sentence back for an instruction."""
    sentence = {task.id: novelty.units([task.instruction]) for task in this.pool.seeds}
    return [
        replace(one, reason="echo")
        if one.reason is None and novelty.units([one.candidate.instruction]) == sentence[one.candidate.parents[0]]
        else one
        for one in verdicts
    ]


def settle(this: Round, verdicts: Sequence[Verdict]) -> list[Verdict]:
    """Put all on record; those that are taken belong to what later instructions must be unlike."""
    for one in verdicts:
        this.counts.candidates[one.reason] += 1
        this.log.note(
            {
                "round": this.number,
                "step": "candidate",
                "id": one.candidate.id,
                "parents": one.candidate.parents,
                "evolution": one.candidate.evolution,
                "instruction": one.candidate.instruction,
                "reason": one.reason,
                "nearest": one.nearest.id,
                "similarity": one.nearest.similarity,
            }
        )
    taken = [one for one in verdicts if one.reason is None]
    this.pool.seen.add([one.candidate.id for one in taken], [one.candidate.instruction for one in taken])
    return taken


# --- instances -------------------------------------------------------------------------------------------------------


def classify(this: Round, taken: Sequence[Verdict]) -> list[bool]:
    """Whether each is a classification task, by the model. An unclear answer means no, as in the paper."""
    seeds = this.pool.seeds
    labelled = [task for task in seeds if task.is_classification][:CLASSIFICATIONS]
    others = [task for task in seeds if not task.is_classification][:OTHERS]
    examples = [*labelled, *others]
    Random(this.options.seed).shuffle(examples)  # the same for all, so that a server reads it once
    answers = this.ask(
        "classification",
        [one.candidate.id for one in taken],
        [prompts.is_classification(one.candidate.instruction, examples) for one in taken],
        JUDGEMENT,
    )
    return [parsing.says(answer, "예", "네") for answer in answers]


def with_instances(this: Round, taken: Sequence[Verdict], classes: Sequence[bool]) -> list[Made]:
    """The tasks for which a sound instance came: output first for classification tasks, input first for others."""
    count = this.options.instances
    texts = []
    for index, (one, is_classification) in enumerate(zip(taken, classes, strict=True)):
        alike = [task for task in this.pool.seeds if task.is_classification == is_classification] or this.pool.seeds
        shown = this.random("instances", index).sample(alike, min(SHOWN, len(alike)))
        write = prompts.labelled_instances if is_classification else prompts.instances
        texts.append(write(one.candidate.instruction, shown, count))
    stop = (f"\n{prompts.TASK}:", f"\n{prompts.EXAMPLE} {count + 1}")
    answers = this.ask("instances", [one.candidate.id for one in taken], texts, this.answering(*stop))
    made = []
    for one, is_classification, answer in zip(taken, classes, answers, strict=True):
        examples = parsing.read_examples(answer)
        reasons = filters.judge_instances(examples, count)
        for example, reason in zip(examples, reasons, strict=True):
            note_instance(this, one, example.instance, reason)
        sound = [
            example.instance
            for example, reason in zip(examples, reasons, strict=True)
            if reason is None and example.instance is not None
        ]
        if sound:
            made.append(make(this, one, sound, is_classification))
    return made


def with_answers(this: Round, taken: Sequence[Verdict]) -> list[Made]:
    """The tasks to which a sound answer came."""
    answers = this.ask(
        "answer",
        [one.candidate.id for one in taken],
        [prompts.answer(one.candidate.instruction) for one in taken],
        this.answering(),
    )
    made = []
    for one, answer in zip(taken, answers, strict=True):
        instance = Instance(output=answer.text.strip())
        reason = filters.judge_answer(one.candidate.instruction, instance.output, answer.finish == "stop")
        note_instance(this, one, instance, reason)
        if reason is None:
            made.append(make(this, one, [instance], False))
    return made


def make(this: Round, one: Verdict, instances: Sequence[Instance], is_classification: bool) -> Made:
    task = Task(
        id=one.candidate.id,
        instruction=one.candidate.instruction,
        instances=tuple(instances),
        is_classification=is_classification,
    )
    return Made(task, this.number, one)


def note_instance(this: Round, one: Verdict, instance: Instance | None, reason: str | None) -> None:
    entry: dict[str, Any] = {"round": this.number, "step": "instance", "id": one.candidate.id}
    texts = {} if instance is None else {"input": instance.input, "output": instance.output}
    this.counts.instances[reason] += 1
    this.log.note({**entry, **texts, "reason": reason})
