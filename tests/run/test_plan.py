"""The plan: what a stage's result depends on."""

from pathlib import Path

import pytest

from pipeline.run.plan import STAGES, Unit, code_of, load_config, plan_of_files, stamp
from schemas.options import Config, Source
from tests.support.paths import ROOT


def test_the_code_of_a_stage_is_all_that_it_imports() -> None:
    validate = code_of(STAGES["validate"])
    assert {"pipeline/stages/validate.py", "pipeline/table/reject_and_flag.py", "schemas/record.py"} <= validate.keys()
    assert not [name for name in validate if "tokenize" in name or "ingest" in name]
    tokenize = code_of(STAGES["tokenize"])
    assert {
        "pipeline/stages/tokenize/causal.py",
        "pipeline/tokenizers/kobert.py",
        "pipeline/tokenizers/load.py",
    } <= tokenize.keys()
    assert "schemas/recipes.toml" in code_of(STAGES["ingest"])


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_imports_no_other_stage(stage: str) -> None:
    others = {name for name in STAGES if name not in (stage, "fingerprint") and stage != "fingerprint"}
    names = {
        Path(name).parts[2].removesuffix(".py")
        for name in code_of(STAGES[stage])
        if name.startswith("pipeline/stages/")
    }
    assert not names & others


def test_schemas_import_nothing_of_the_pipeline() -> None:
    for path in (ROOT / "schemas").glob("*.py"):
        assert "import pipeline" not in path.read_text()
        assert "from pipeline" not in path.read_text()


def test_an_option_stands_in_the_stamp_of_its_stage_alone() -> None:
    config = load_config(ROOT / "pipeline.toml")
    other = config.model_copy(update={"dedupe": config.dedupe.model_copy(update={"exact": "flag"})})
    changed = [stage for stage, code in STAGES.items() if stamp(config, stage, code) != stamp(other, stage, code)]
    assert changed == ["dedupe"]


@pytest.mark.parametrize(
    ("origin", "key"),
    [
        ("sample/a.jsonl", "원천/sample--a.jsonl"),
        ("가나/다.json", "원천/가나--다.json"),
        ("a (~1200)#$1.json", "원천/a___1200___1.json-"),
    ],
)
def test_keys_of_units_are_names_that_make_and_shells_can_bear(origin: str, key: str) -> None:
    found = Unit(Source(name="원천", files=("*",)), Path(origin), origin).key
    assert found.startswith(key)
    assert not set(found) & set(" ()~#$%:'\"\\")


def test_a_folder_or_file_of_any_name_gives_names_that_a_config_allows(tmp_path: Path) -> None:
    plan = plan_of_files([Path("내 데이터 (1).json")] * 2, tmp_path / "내 폴더!", Config.model_construct())
    assert plan.config.dataset.name == "내_폴더_"
    assert [source.name for source in plan.config.source] == ["내_데이터__1_"]
    assert len(plan.units) == 1


def test_units_of_files_with_one_name_stay_apart(tmp_path: Path) -> None:
    plan = plan_of_files(
        [Path("a/x.jsonl"), Path("b/x.jsonl.gz"), Path("b/x.jsonl")], tmp_path / "out", Config.model_construct()
    )
    assert len({unit.origin for unit in plan.units}) == 3
    assert len({unit.key for unit in plan.units}) == 3
