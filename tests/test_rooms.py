"""The rooms of the house: which module may import which. Reads every import of the project, those inside functions and
those for a type checker too."""

import ast
import tomllib
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter

import pytest

from pipeline.io.source_code import file_of, modules, source_of, targets
from tests.support.paths import ROOT

#: The rooms from the bottom up: a module imports its own room and lower ones, and never another room of its floor.
FLOORS = (
    ("schemas",),
    ("pipeline.table", "pipeline.tokenizers"),
    ("pipeline.io",),
    ("pipeline.stages.ingest.faults",),
    ("pipeline.stages.ingest.parse",),
    ("pipeline.stages.ingest.fields",),
    ("pipeline.stages.ingest.shapes",),
    ("pipeline.stages.ingest.detect",),
    ("pipeline.stages.ingest.offers",),
    ("pipeline.stages.ingest.readers",),
    ("pipeline.stages",),
    ("pipeline.dataset",),
    ("pipeline.hub", "pipeline.run", "pipeline.training", "pipeline.self_instruct", "pipeline.browse"),
    ("pipeline.commands",),
    ("pipeline.cli",),
    # The doors, for code outside of the house.
    ("pipeline", "pipeline.kobert", "ko_instruct"),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}


@pytest.fixture(scope="module")
def imports() -> dict[str, set[str]]:
    """Of every module those that it imports by any statement. Around a module are packages, which it does not name."""
    return {module: set[str]().union(*map(targets, source_of(module).imports)) - {module} for module in modules()}


def room(module: str) -> str:
    """The room of a module: of several names the longest.

    >>> room("pipeline.io.arrow_files"), room("pipeline.kobert"), room("pipeline.nowhere.x")
    ('pipeline.io', 'pipeline.kobert', 'pipeline')
    """
    return max((name for name in FLOOR if f"{module}.".startswith(f"{name}.")), key=len)


def test_every_module_has_a_room() -> None:
    """A new package below pipeline/ takes its place in FLOORS."""
    assert [module for module in modules() if room(module) == "pipeline" and module != "pipeline"] == []


def test_every_package_is_installed() -> None:
    """A package that pyproject.toml does not list is missing in a wheel."""
    listed = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    found = [
        path.parent.relative_to(ROOT).as_posix().replace("/", ".")
        for room in ("ko_instruct", "pipeline", "schemas")
        for path in (ROOT / room).rglob("__init__.py")
    ]
    assert sorted(listed) == sorted(found)


def test_schemas_import_nothing_of_the_pipeline(imports: dict[str, set[str]]) -> None:
    arrows = {(module, other) for module, others in imports.items() for other in others if room(module) == "schemas"}
    assert {other for _, other in arrows if room(other) != "schemas"} == set()


def test_no_arrow_runs_up(imports: dict[str, set[str]]) -> None:
    assert [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in sorted(others)
        if room(module) != room(other) and FLOOR[room(module)] <= FLOOR[room(other)]
    ] == []


def test_no_stage_imports_another_stage(imports: dict[str, set[str]]) -> None:
    def stage(module: str) -> str:
        return module.split(".")[2] if module.startswith("pipeline.stages.") else ""

    assert [
        f"{module} imports {other}"
        for module, others in imports.items()
        for other in sorted(others)
        if stage(module) and stage(other) and stage(module) != stage(other)
    ] == []


def test_no_circle_between_modules(imports: dict[str, set[str]]) -> None:
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        pytest.fail(" → ".join(reversed(error.args[1])))


def test_no_import_is_hidden() -> None:
    """`import_module` of a name that is computed stands in a `__getattr__` alone: a type checker sees the names.

    And in the command line, which imports a command when it is asked for. It is part of no stamp.
    """
    hidden = [
        f"{module}, line {call.lineno}"
        for module in modules()
        for call in computed_imports(module)
        if not source_of(module).lazy and module != "pipeline.cli"
    ]
    assert hidden == []


def computed_imports(module: str) -> Iterator[ast.Call]:
    file = file_of(module)
    assert file
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in ("import_module", "__import__"):
            (name, *_) = node.args
            if not isinstance(name, ast.Constant):
                yield node


def test_the_reader_sees_the_arrows(imports: dict[str, set[str]]) -> None:
    """Else the tests above would hold nothing."""
    assert {"pipeline.io.arrow_files", "pipeline.stages.dedupe"} <= imports["pipeline.run.row_wise"]
    assert "pipeline.stages.normalize" in imports["pipeline"]
    assert len(imports) > 90
