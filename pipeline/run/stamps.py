"""Stamps: what each stage's result depends on besides its input, as files whose times Make compares.

A stamp holds the options of a stage, its code, the versions of the libraries that this code imports, and the state of
the files that it reads besides its input. It is rewritten only when that changes, so that its time means something.
"""

import json
import shlex
import shutil
from pathlib import Path
from typing import Any, TypedDict

from pipeline.io import source_code, stage_files
from pipeline.io.atomic_files import write_if_changed
from pipeline.io.kept import kept
from pipeline.io.versions import own_versions
from pipeline.run.config import ConfigError
from pipeline.run.plan import Plan, Unit
from pipeline.run.raw_state import state_of
from pipeline.run.verdicts import state_of_verdicts
from schemas.options import MIXED

#: The stages of the rows of a raw file, each with the modules that make its result, with all that these import.
ROW_WISE = {
    "ingest": ("pipeline.stages.ingest",),
    "validate": ("pipeline.stages.validate",),
    "normalize": ("pipeline.stages.normalize",),
    "screen": ("pipeline.stages.screen",),
    "keep": ("pipeline.table.keep",),
    "verdicts": ("pipeline.table.verdicts",),
    "tokenize": ("pipeline.stages.tokenize", "pipeline.tokenizers.load"),
    "fingerprint": ("pipeline.stages.dedupe",),
}
#: Their composition. Its stamp holds what it imports besides the stages, which have stamps of their own.
COMPOSITION = "row_wise"
COMPOSED = ("pipeline.run.row_wise",)
#: The stages over all rows: the composition imports the stage, so that one stamp holds both.
OVER_ALL = {"dedupe": ("pipeline.run.dedupe",), "export": ("pipeline.run.export",)}

#: Which stamps make Make begin with the raw file, and with which it begins with the rows that are clean already.
CLEANING = ("ingest", "validate", "normalize", "screen", "keep", "verdicts", COMPOSITION)
TOKENIZING = ("tokenize", "fingerprint")


class Made(TypedDict):
    """What a stage is made of: sha256 of each file of its code, and the versions of its libraries."""

    code: dict[str, str]
    versions: dict[str, str]


def made_of() -> dict[str, Made]:
    """What each stage is made of, and the composition of the row-wise ones, by the name of their stamp."""
    closures = {stage: source_code.closure(modules) for stage, modules in (ROW_WISE | OVER_ALL).items()}
    stages = frozenset[str]().union(*(closures[stage] for stage in ROW_WISE))
    closures[COMPOSITION] = source_code.closure(COMPOSED) - stages
    return {
        stage: {
            "code": source_code.code_of(modules),
            "versions": own_versions() | source_code.libraries_of(modules),
        }
        for stage, modules in closures.items()
    }


def kept_made_of() -> dict[str, Made]:
    """The same, kept until the code or what is installed changes."""
    return kept("stages", made_of)


def stamps(plan: Plan, made: dict[str, Made]) -> dict[str, str]:
    """The content of the stamp of each stage, and of that of the sources."""
    options = plan.config.model_dump(mode="json", by_alias=True)
    read_besides = {"screen": plan.benchmarks, "dedupe": plan.existing}
    contents: dict[str, Any] = {
        stage: {
            **about,
            "options": options.get(stage),
            "files": [state_of(unit) for unit in read_besides.get(stage, ())],
        }
        for stage, about in made.items()
    }
    for own in plan.steps:
        contents[own.step.after].setdefault("steps", []).append(own.used().model_dump())
    contents["export"]["gates"] = [options["gate"], *(source.gate.model_dump() for source in plan.config.source)]
    shares = [{name: source.pop(name) for name in MIXED} for source in options["source"]]
    contents["export"]["mix"] = [options["mix"], shares]
    contents["sources"] = [options["dataset"], options["source"], [unit.key for unit in plan.units]]
    return {name: _json(content) for name, content in contents.items()}


def write_plan(plan: Plan) -> Path:
    """Write the stamps of all stages and raw files, and the plan that the Makefile includes; gives the path of that."""
    for name, content in stamps(plan, kept_made_of()).items():
        write_if_changed(plan.stamp(name), content)
    for unit in plan.units:
        write_if_changed(plan.file(unit, stage_files.SOURCE), _json(planned(plan, unit)))
    _forget_old_units(plan)
    makefile = plan.stages / stage_files.PLAN
    write_if_changed(makefile, "\n".join(_makefile(plan)) + "\n")
    return makefile


def planned(plan: Plan, unit: Unit) -> dict[str, Any]:
    """The state of a raw file, and of the verdicts on its rows where there are any."""
    verdicts = state_of_verdicts(plan.verdicts_on(unit))
    return state_of(unit) | ({"verdicts": verdicts} if verdicts else {})


def _makefile(plan: Plan) -> list[str]:
    """The lines of the plan as Make reads it: names of files, lists of stamps, and the raw file of each unit that has a
    step of its own."""
    variables = {
        "FOLDER": plan.folder,
        "STAGES": plan.stages,
        "UNITS": " ".join(unit.key for unit in plan.units),
        "SOURCE": stage_files.SOURCE,
        "TOKENIZED": stage_files.OF_MAKE.tokenized,
        "FINGERPRINTS": stage_files.OF_MAKE.fingerprints,
        "CLEANING": " ".join(str(plan.stamp(name)) for name in CLEANING),
        "TOKENIZING": " ".join([*(str(plan.stamp(name)) for name in TOKENIZING), str(plan.tokenizer)]),
        "DEDUPING": f"{plan.stamp('dedupe')} {plan.stamp('sources')}",
        "EXPORTING": plan.stamp("export"),
    }
    lines = [f"{name} := {value}" for name, value in variables.items()]
    for unit in (unit for unit in plan.units if not unit.is_small):
        if "\n" in str(unit.path):
            raise ConfigError(
                f"{str(unit.path)!r}: Make takes no name with a line end. Give the file another name, or build the "
                "dataset with ko-instruct run."
            )
        raw = shlex.quote(str(unit.path)).replace("$", "$$").replace("#", "\\#")
        made = " ".join(str(plan.file(unit, name)) for name in stage_files.OF_MAKE)
        lines.append(f"{made}: RAW = {raw}")
    return lines


def _forget_old_units(plan: Plan) -> None:
    """Remove the stage files of raw files that are gone or claimed by another source now."""
    keys = {unit.key for unit in plan.units}
    for marker in plan.stages.glob(f"*/*/{stage_files.SOURCE}"):
        if marker.parent.relative_to(plan.stages).as_posix() not in keys:
            shutil.rmtree(marker.parent)


def _json(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"
