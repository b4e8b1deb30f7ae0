"""The log of a run: every request with its answer, every decision with its reason, one JSON object a line.

The log is all the state there is. A run works through it from the start: what it holds is read instead of asked,
and checked against what the run does now; what comes after it is asked and added. So a run that was killed goes on
where it stopped, and comes to the same end as one that was not.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

import orjson

from pipeline.self_instruct.generators import Generator
from schemas.errors import KoInstructError
from schemas.self_instruct import Answer, Request, Sampling

Entry = dict[str, Any]


class LogError(KoInstructError, ValueError):
    """The log is not that of this run."""


class Log:
    """An append-only file of entries, replayed from its start. Use as a context manager."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.line = 0
        #: Whether the last entry was read, not written.
        self.replaying = True

    def __enter__(self) -> "Log":
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._file: IO[bytes] = self.path.open("a+b")
        cut_torn_line(self._file)
        self._past: IO[bytes] = self.path.open("rb")
        return self

    def __exit__(self, *_: object) -> None:
        self._past.close()
        self._file.close()

    def note(self, entry: Entry) -> None:
        """Write a decision, or check that it is the one that was written before."""
        before = self._next()
        if before is None:
            self._write(entry)
        else:
            self._check(before, entry)

    def ask(
        self, generator: Generator, requests: Sequence[Request], sampling: Sampling, notes: Sequence[Entry]
    ) -> list[Answer]:
        """The answers to these requests, out of the log as far as it has them. `notes`: what to log of each request.

        Answers are written in the order of the requests, each as soon as it is there. A generator that answers in
        batches is asked for the same batches again, so that a batch that was written in part comes out the same.
        """
        asked = [
            {**note, **request.model_dump(), "sampling": sampling.model_dump(mode="json")}
            for note, request in zip(notes, requests, strict=True)
        ]
        answers = []
        for entry in asked:
            before = self._next()
            if before is None:
                break
            self._check({key: value for key, value in before.items() if key != "answer"}, entry)
            answers.append(Answer.model_validate(before["answer"]))
        known = len(answers)
        start = known - known % generator.batch
        if known == len(asked):
            return answers
        for number, answer in enumerate(generator.answers(requests[start:], sampling), start):
            if number >= known:
                self._write({**asked[number], "answer": answer.model_dump()})
                answers.append(answer)
        return answers

    def _next(self) -> Entry | None:
        """The next entry of the past, or None once there is no more."""
        if not self.replaying:
            return None
        line = next(self._past, None)
        if line is None:
            self.replaying = False
            return None
        self.line += 1
        try:
            entry: Entry = orjson.loads(line)
        except ValueError:
            raise LogError(f"{self.path}:{self.line}: {line[:60]!r} is not an entry of a log. {REMEDY}") from None
        return entry

    def _check(self, before: Entry, now: Entry) -> None:
        """Raises LogError unless the log holds what this run does."""
        now = orjson.loads(orjson.dumps(now))
        if before == now:
            return
        differing = next(key for key in (*now, *before) if before.get(key, ...) != now.get(key, ...))
        raise LogError(
            f"{self.path}:{self.line}: the log was written by another run: its `{differing}` is "
            f"{_short(before.get(differing))}, and here it is {_short(now.get(differing))}. {REMEDY}"
        )

    def _write(self, entry: Entry) -> None:
        self._file.write(orjson.dumps(entry, option=orjson.OPT_APPEND_NEWLINE))
        self._file.flush()


REMEDY = "Use the seeds, options and program it was written with, or another --out; or remove the log to start again."


def _short(value: object) -> str:
    text = orjson.dumps(value).decode()
    return text if len(text) <= 80 else f"{text[:79]}…"


def cut_torn_line(file: IO[bytes]) -> None:
    """Cut what is behind the last line end: an entry that was being written when the run was killed."""
    end = size = file.seek(0, 2)
    while end:
        start = max(0, end - (1 << 16))
        file.seek(start)
        at = file.read(end - start).rfind(b"\n")
        if at >= 0:
            end = start + at + 1
            break
        end = start
    if end < size:
        file.truncate(end)
