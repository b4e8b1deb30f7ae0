"""Steps of the user: where they run, what is in the stamp, and which law each mistake breaks."""

import json
from pathlib import Path

import pytest

from pipeline.run.plan import plan_of_config
from pipeline.run.stamps import made_of, stamps
from tests.run.test_choose import QUESTIONS, build, command, kept, project, rejects, write

__all__ = ["project"]  # the fixture

GOOD = """
import pyarrow.compute as pc
from pipeline import reject

def drop_ads(table):
    return reject(table, pc.match_substring(table["output"], "진달래"), "normalize", "ad", "it praises a flower")
"""
STEP = '[[step]]\nafter = "normalize"\nfunction = "my_steps:drop_ads"'


def test_a_step_rejects_rows(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    (project / "my_steps.py").write_text(GOOD)
    done = build(project, {"a": ""}, STEP)
    assert done.exit_code == 0, done.stderr
    assert len(kept(project)) == 3
    found = [
        (row["origin"], row["reject_stage"], row["reject_reason"], row["reject_detail"]) for row in rejects(project)
    ]
    assert ("a.jsonl:3", "normalize", "ad", "it praises a flower") in found
    assert "- normalize: ad" in done.stdout
    manifest = json.loads((project / "processed/mine/manifest.json").read_text())
    assert [(step["after"], step["function"]) for step in manifest["steps"]] == [("normalize", "my_steps:drop_ads")]
    card = (project / "processed/mine/README.md").read_text()
    assert f"`my_steps.py` (sha256 `{manifest['steps'][0]['sha256'][:16]}…`)" in card
    assert '[[step]]\nafter = "normalize"\nfunction = "my_steps:drop_ads"\n' in card


def test_its_file_runs_once_for_each_raw_file(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    (project / "my_steps.py").write_text(f"with open('runs', 'a') as runs: runs.write('.')\n{GOOD}")
    assert build(project, {"a": ""}, STEP).exit_code == 0
    assert (project / "runs").read_text() == "."


def test_a_file_that_was_changed_is_read_again(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    for flower, left in (("진달래", 3), ("개구리", 4)):  # files of one size, within one second
        (project / "my_steps.py").write_text(GOOD.replace("진달래", flower))
        assert build(project, {"a": ""}, STEP).exit_code == 0
        assert len(kept(project)) == left
    assert not list(project.rglob("*.pyc"))


def test_to_look_at_a_config_does_not_run_its_steps(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    (project / "my_steps.py").write_text(GOOD)
    build(project, {"a": ""}, STEP)
    (project / "my_steps.py").write_text("1 / 0")
    assert command("check").exit_code == 0
    assert command("plan").exit_code == 0


def test_its_source_is_in_the_stamp_of_its_stage(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    (project / "my_steps.py").write_text(GOOD)
    build(project, {"a": ""}, STEP)
    made = made_of()
    before = stamps(plan_of_config(project / "pipeline.toml"), made)
    (project / "my_steps.py").write_text(GOOD.replace("진달래", "개나리"))
    after = stamps(plan_of_config(project / "pipeline.toml"), made)
    assert [name for name in before if before[name] != after[name]] == ["normalize"]


BODIES = {
    "table.slice(1)": "it gives 4 of 5 rows. A step drops and adds no row. To reject one, mark it: reject(",
    "table.to_pylist()": "it gives a list, and a step gives a pyarrow.Table",
    "table.drop_columns(['meta'])": "it adds, removes or moves columns (meta)",
    "table.set_column(5, 'x', table['meta'])": "it adds, removes or moves columns (",
    "put(table, 'output', table['instruction'])": "it changes the column output",
    "reject(table, pc.is_valid(table['output']), 'screen', 'x', 'y')": "stage 'screen', and it runs after normalize",
    "reject(table, pc.is_valid(table['output']), 'normalize', 'x', none(table))": "without reject_detail",
    "put(table, 'reject_stage', none(table))": "A row that is rejected keeps its first mark",
    "table['no such column']": "line 7: KeyError: ",
}


@pytest.mark.parametrize("body", BODIES)
def test_a_step_that_breaks_a_law(project: Path, body: str) -> None:
    write(project, "a.jsonl", QUESTIONS)
    code = (
        "import pyarrow as pa\nimport pyarrow.compute as pc\nfrom pipeline import reject\n"
        "none = lambda table: pa.nulls(len(table), 'string')\n"
        "put = lambda table, name, values: table.set_column(table.column_names.index(name), name, values)\n"
    )
    (project / "my_steps.py").write_text(f"{code}def drop_ads(table):\n    return {body}\n")
    wrong = build(project, {"a": ""}, STEP)
    assert wrong.exit_code == 1
    assert "my_steps.py, drop_ads: " in wrong.stderr
    assert BODIES[body] in wrong.stderr
    assert not (project / "processed" / "mine").exists()


def test_a_step_that_is_not_there(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    assert (
        "step 'my_steps:drop_ads': no file my_steps.py. The file is beside the config."
        in build(project, {"a": ""}, STEP).stderr
    )
    (project / "my_steps.py").write_text("1 / 0")
    assert "my_steps.py cannot be run: ZeroDivisionError" in build(project, {"a": ""}, STEP).stderr
    (project / "my_steps.py").write_text("")
    assert "my_steps.py has no function drop_ads" in build(project, {"a": ""}, STEP).stderr
    for name in ("../my_steps:drop_ads", "os:system('x')", "my_steps"):
        wrong = command("check", "--set", f"step=[{{after = 'screen', function = {json.dumps(name)}}}]")
        assert wrong.exit_code == 1
        assert "step[0].function" in wrong.stderr
