"""What a run would do, and why: the plan compared with the stamps and stage files of the last run. Writes nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.io import stage_files
from pipeline.io.terminal_text import visible
from pipeline.run.plan import Plan, Unit
from pipeline.run.stamps import CLEANING, TOKENIZING, kept_made_of, planned, stamps
from schemas.manifest import MANIFEST


class Change(NamedTuple):
    """Something that is not as it was in the last run. `what`: a stage, or a raw file."""

    what: str
    why: str


class Changes(NamedTuple):
    """What changed, and what a run would do: the raw files that are read, those whose clean rows get other ids, and
    whether duplicates are decided and the dataset is written."""

    changes: list[Change]
    read: list[str]
    tokenize: list[str]
    dedupe: bool
    export: bool

    def report(self, plan: Plan) -> str:
        lines = [f"{what}: {why}" for what, why in self.changes]
        steps = [f"read {_files(self.read)}"] if self.read else []
        steps += [f"tokenize the clean rows of {_files(self.tokenize)}"] if self.tokenize else []
        steps += (["dedupe"] if self.dedupe else []) + (["write the dataset"] if self.export else [])
        done = f"a run would {', '.join(steps)}" if steps else "is up to date: a run would do nothing"
        return visible("\n".join([str(plan.folder), *(f"  {line}" for line in lines), f"  {done}"]))

    def as_json(self, plan: Plan) -> dict[str, Any]:
        return {"folder": str(plan.folder), **self._asdict(), "changes": [one._asdict() for one in self.changes]}


def _files(names: Sequence[str]) -> str:
    return names[0] if len(names) == 1 else f"{len(names)} raw files"


def changes_of(plan: Plan) -> Changes:
    """The changes since the last `make processed` of this plan."""
    if not plan.stages.exists():
        return Changes([], [unit.origin for unit in plan.units], [], True, True)
    of_stages = {name: list(_of_stamp(plan.stamp(name), new)) for name, new in stamps(plan, kept_made_of()).items()}
    of_units = {unit.origin: _of_unit(plan, unit) for unit in plan.units}
    changes = [Change(name, why) for name, found in of_stages.items() for why in found]
    changes += [Change(origin, why) for origin, why in of_units.items() if why]
    gone = [Change(origin, "is not in the sources any more") for origin in _gone(plan)]
    clean = any(of_stages[name] for name in CLEANING)
    read = [unit.origin for unit in plan.units if clean or of_units[unit.origin]]
    ids = any(of_stages[name] for name in TOKENIZING)
    tokenize = [unit.origin for unit in plan.units if ids and unit.origin not in read]
    dedupe = bool(read or tokenize or of_stages["dedupe"] or of_stages["sources"] or gone)
    export = dedupe or bool(of_stages["export"]) or not (plan.folder / MANIFEST).exists()
    dedupe = dedupe or (export and not (plan.stages / stage_files.DECISIONS).exists())
    return Changes(changes + gone, read, tokenize, dedupe, export)


def _gone(plan: Plan) -> Iterator[str]:
    keys = {unit.key for unit in plan.units}
    for marker in sorted(plan.stages.glob(f"*/*/{stage_files.SOURCE}")):
        if marker.parent.relative_to(plan.stages).as_posix() not in keys:
            yield str(json.loads(marker.read_bytes())["origin"])


def _of_unit(plan: Plan, unit: Unit) -> str:
    """Why a raw file is read again; "" where it is not."""
    kept = plan.file(unit, stage_files.SOURCE)
    made = [plan.file(unit, name) for name in stage_files.OF_MAKE]
    if not kept.exists():
        return "is new"
    before, now = json.loads(kept.read_bytes()), json.loads(json.dumps(planned(plan, unit)))
    if before["source"] != now["source"]:
        return "; ".join(_differences(before["source"], now["source"]))
    if before.pop("verdicts", "") != now.pop("verdicts", ""):
        return "verdicts on its rows changed"
    if before != now:
        return "has changed"
    if not all(file.exists() and file.stat().st_mtime_ns >= kept.stat().st_mtime_ns for file in made):
        return "was not finished by the last run"
    return ""


def _of_stamp(kept: Path, new: str) -> Iterator[str]:
    """Why the result of a stage is another one now: options, code, versions, files."""
    if not kept.exists():
        yield "was not run yet"
        return
    before, now = json.loads(kept.read_bytes()), json.loads(new)
    if isinstance(now, list):
        names = ("the dataset", "the sources", "the raw files")
        yield from (f"{name} changed" for name, a, b in zip(names, before, now, strict=True) if a != b)
        return
    yield from _differences(before.get("options") or {}, now.get("options") or {})
    for what, noun in (("code", "the code of"), ("versions", "the version of")):
        other = [name for name in {**before[what], **now[what]} if before[what].get(name) != now[what].get(name)]
        if other:
            yield f"{noun} {', '.join(other[:3])}{' …' if len(other) > 3 else ''} changed"
    for name in ("files", "gates", "mix", "steps"):
        if before.get(name) != now.get(name):
            words = {
                "files": "a file that it reads",
                "gates": "a gate",
                "mix": "[mix] or a share of a source",
                "steps": "a [[step]]",
            }
            yield f"{words[name]} changed"


def _differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Options that changed, with both values.

    >>> list(_differences({"off": [], "on": []}, {"off": ["nfc"], "on": []}))
    ['option off changed: [] → ["nfc"]']
    """
    for name in {**before, **now}:
        if before.get(name) != now.get(name):
            yield f"option {name} changed: {_shown(before.get(name))} → {_shown(now.get(name))}"


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 60 else f"{text[:60]}…"
