"""Stamps: a stage is redone when what makes its result has changed, and only then."""

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

import pytest

from pipeline.io import source_code
from pipeline.io.versions import CHAIN
from pipeline.run.plan import Plan, plan_of_config
from pipeline.run.stamps import COMPOSITION, OVER_ALL, ROW_WISE, Made, made_of, stamps
from tests.support.paths import ROOT

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def plan() -> Plan:
    return plan_of_config(ROOT / "pipeline.toml")


def test_the_stamp_of_a_stage_holds_the_code_that_it_runs() -> None:
    code = {stage: set(made["code"]) for stage, made in made_of().items()}
    assert {"pipeline/stages/validate.py", "pipeline/table/reject_and_flag.py", "schemas/record.py"} <= code["validate"]
    assert not [name for name in code["validate"] if "tokenize" in name or "ingest" in name]
    assert {"pipeline/stages/tokenize/causal.py", "pipeline/tokenizers/kobert.py"} <= code["tokenize"]
    assert "pipeline/tokenizers/embedded/spiece.model" in code["tokenize"]
    assert "schemas/recipes.toml" in code["ingest"]
    assert {"pipeline/run/export.py", "pipeline/stages/split.py", "pipeline/dataset/export.py"} <= code["export"]
    assert {"pipeline/run/dedupe.py", "pipeline/dataset/reference.py"} <= code["dedupe"]


def test_the_composition_is_in_a_stamp_of_its_own_without_the_stages() -> None:
    code = {stage: set(made["code"]) for stage, made in made_of().items()}
    assert {"pipeline/run/row_wise.py", "pipeline/run/named_stages.py"} <= code[COMPOSITION]
    assert not [name for name in code[COMPOSITION] if name.startswith(("pipeline/stages/", "pipeline/table/"))]
    for stage in ROW_WISE:
        assert not code[stage] & code[COMPOSITION]
    together = set[str]().union(*(code[stage] for stage in (*ROW_WISE, COMPOSITION)))
    assert set(source_code.code_of(source_code.closure(["pipeline.run.row_wise"]))) <= together


def test_all_that_makes_a_dataset_is_in_a_stamp() -> None:
    """But for the composition of `ko-instruct run`, which redoes everything, and for what names the raw files and the
    tokenizer."""
    stamped = set[str]().union(*(made["code"] for made in made_of().values()))
    chain = source_code.closure([CHAIN])
    assert set(source_code.code_of(chain)) - stamped == {
        *("pipeline/run/shards.py", "pipeline/run/stamps.py", "pipeline/io/object_store.py"),
        *("pipeline/run/chain.py", "pipeline/run/plan.py", "pipeline/run/config.py", "pipeline/dataset/own_files.py"),
        "pipeline/run/tokenizer.py",
    }


def test_the_libraries_of_a_stage_are_in_its_stamp() -> None:
    versions = {stage: set(made["versions"]) for stage, made in made_of().items()}
    assert {"ftfy", "python", "ko-instruct"} <= versions["normalize"]
    assert {"jinja2", "tokenizers", "transformers"} <= {name.lower() for name in versions["tokenize"]}
    assert "transformers" not in versions["normalize"]


def test_an_option_is_in_the_stamp_of_its_stage_alone(plan: Plan) -> None:
    made = made_of()
    dedupe = plan.config.dedupe.model_copy(update={"exact": "flag"})
    other = Plan(plan.config.model_copy(update={"dedupe": dedupe}), plan.units, (), plan.folder, plan.stages)
    before, after = stamps(plan, made), stamps(other, made)
    assert [name for name in before if before[name] != after[name]] == ["dedupe"]


def test_an_extra_that_is_installed_later_is_in_the_stamp(plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    before = stamps(plan, made_of())
    installed = source_code._distributions() | {"kiwipiepy": ["pytest"]}
    monkeypatch.setattr(source_code, "_distributions", lambda: installed)
    after = stamps(plan, made_of())
    assert [name for name in before if before[name] != after[name]] == ["normalize", "screen"]


# --- changes of the code, in a copy of the project ---


@pytest.fixture
def project_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A copy of the project, in which `made_of_copy` looks. A file that has not changed is parsed once."""
    for package in ("pipeline", "schemas"):
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(source_code, "HOME", tmp_path)
    monkeypatch.setattr(source_code, "read_source", cache(source_code.read_source))
    yield tmp_path
    forget()


def forget() -> None:
    """What was read of the project's files, as in a new process."""
    for function in (source_code.file_of, source_code.source_of, source_code._named_in):
        function.cache_clear()


def made_of_copy() -> dict[str, Made]:
    forget()
    return made_of()


@pytest.fixture
def changed(project_copy: Path) -> Callable[[str, str, str], list[str]]:
    """A function that edits a file of a copy of the project, and gives the stamps that change with it."""
    first = made_of_copy()

    def change(name: str, old: str, new: str) -> list[str]:
        file = project_copy / name
        text = file.read_text()
        assert old in text
        file.write_text(text.replace(old, new, 1))
        after = made_of_copy()
        file.write_text(text)
        return sorted(stage for stage in first if first[stage] != after[stage])

    return change


def test_a_change_of_the_code_changes_the_stamps_of_what_it_makes(
    changed: Callable[[str, str, str], list[str]],
) -> None:
    assert changed("pipeline/stages/normalize/fixes.py", '"""', '"""A ') == ["normalize"]
    assert changed("pipeline/run/row_wise.py", '"""', '"""A ') == [COMPOSITION]
    assert changed("pipeline/run/export.py", '"""', '"""A ') == ["export"]
    assert changed("schemas/recipes.toml", "id", "#\nid") == ["ingest"]
    assert changed("pipeline/run/plan.py", '"""', '"""A ') == []
    assert set(changed("pipeline/table/reject_and_flag.py", '"""', '"""A ')) >= {"validate", "screen", "tokenize"}


def test_an_import_of_several_lines_is_followed(project_copy: Path) -> None:
    """That reformatting the import of a module once lost it in silence."""
    user = project_copy / "pipeline" / "stages" / "validate.py"
    imported = project_copy / "pipeline" / "table" / "more.py"
    imported.write_text("A = B = 1\n")
    text = user.read_text()
    for statement in (
        "from pipeline.table.more import A, B",
        "from pipeline.table.more import (\n    A,\n    B,\n)",
        "from pipeline.table import (\n    more,\n)",
        "def f():\n    from .. import (\n        table,\n    )\n    from ..table import more",
    ):
        user.write_text(f"{text}\n{statement}\n")
        assert "pipeline/table/more.py" in made_of_copy()["validate"]["code"], statement


def test_every_stage_has_a_stamp(plan: Plan) -> None:
    assert set(stamps(plan, made_of())) == {*ROW_WISE, *OVER_ALL, COMPOSITION, "sources"}
