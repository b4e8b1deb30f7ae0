"""Mixtures through a whole run: shares, repeats, order, and the same bytes however it is built."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config
from tests.run.test_choose import Records, build, command, kept, project, rejects, write
from tests.support.folders import digests

__all__ = ["project"]  # the fixture


def sources(project: Path, **rows: int) -> None:
    for name, count in rows.items():
        topics = ["바다", "하늘", "강", "산", "들", "숲"]
        records: Records = [
            {
                "instruction": f"{topics[number % 6]} {name}{number * 7919 % 10007}에 대해 알려 줘.",
                "output": f"{name}{number}은(는) " + "길고 " * (number % 9) + "좋은 곳입니다.",
            }
            for number in range(count)
        ]
        write(project, f"{name}.jsonl", records)


def manifest(project: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((project / "processed/mine/manifest.json").read_text())
    return found


OPTIONS = '[dedupe]\nexact = "keep"\nnear = "keep"\nnear_prompt = "keep"\nconflict = "keep"\nshared_output = "keep"\n'


def test_shares_of_rows(project: Path) -> None:
    sources(project, a=60, b=60, c=60)
    weights = {"a": "weight = 3", "b": "weight = 1", "c": "weight = 1"}
    done = build(project, weights, OPTIONS + "[mix]\ntotal_rows = 50")
    assert done.exit_code == 0, done.stderr
    assert manifest(project)["counts"]["sources"] == {"a": 30, "b": 10, "c": 10}
    assert "- mix: over-share" in done.stdout
    assert re.search(r"^  a +60[.]0%  60[.]0%    30 ", done.stdout, re.MULTILINE)
    over = rejects(project)
    assert len(over) == 130
    assert {(row["reject_stage"], row["reject_reason"]) for row in over} == {("mix", "over-share")}
    card = (project / "processed/mine/README.md").read_text()
    assert "| a | 60.0% | 60.0% | 30 | 0 |" in card
    assert "[mix]\ntotal_rows = 50\n" in card
    assert "weight = 3" in card
    assert command("verify", "processed/mine").exit_code == 0


def test_a_budget_of_tokens(project: Path) -> None:
    sources(project, a=60, b=60)
    assert build(project, {"a": "weight = 2", "b": "weight = 1"}, OPTIONS + "[mix]\ntotal_tokens = 900").exit_code == 0
    longest = manifest(project)["tokens"]["longest"]
    a, b = manifest(project)["mixture"]["sources"]
    assert 600 - longest < a["tokens"] <= 600
    assert 300 - longest < b["tokens"] <= 300
    assert manifest(project)["tokens"]["total"] == a["tokens"] + b["tokens"]
    assert (a["asked"], a["wanted"]) == (0.666667, 600)


def test_a_source_that_has_less_than_its_share(project: Path) -> None:
    sources(project, a=5, b=60)
    done = build(project, {"a": "weight = 1", "b": "weight = 1"}, OPTIONS + "[mix]\ntotal_rows = 40")
    assert manifest(project)["counts"]["sources"] == {"a": 5, "b": 20}
    assert "(has 5 of the 20 that are its share)" in done.stdout


def test_repeats_are_numbered_and_on_one_side(project: Path) -> None:
    sources(project, a=40, b=10)
    options = OPTIONS + '[export]\nformats = ["arrow", "parquet", "jsonl", "messages"]\nvalidation = 0.3\n'
    done = build(project, {"a": "", "b": "repeat = 2.5"}, options)
    assert done.exit_code == 0, done.stderr
    counts = manifest(project)["counts"]
    assert (counts["rows_in"], counts["repeated"], counts["kept"]) == (50, 15, 65)
    files = sorted((project / "processed/mine/jsonl").glob("*.jsonl"))
    side = {json.loads(line)["origin"]: file.name for file in files for line in file.read_text().splitlines()}
    repeated = [origin for origin in side if "#" in origin]
    assert sorted(origin.partition("#")[2] for origin in repeated) == ["2"] * 10 + ["3"] * 5
    assert all(side[origin] == side[origin.partition("#")[0]] for origin in repeated)
    assert len(set(side.values())) == 2
    checked = command("verify", "processed/mine")
    assert checked.exit_code == 0, checked.output


def test_limits_of_a_source(project: Path) -> None:
    sources(project, a=40, b=40)
    assert build(project, {"a": "max_rows = 7", "b": "max_tokens = 200"}, OPTIONS).exit_code == 0
    a, b = manifest(project)["mixture"]["sources"]
    assert a["rows"] == 7
    assert 150 < b["tokens"] <= 200


@pytest.mark.parametrize("order", ["sources", "shuffled", "short-first"])
def test_order_and_workers(project: Path, order: str) -> None:
    sources(project, a=300, b=50)
    done = build(project, {"a": "", "b": "repeat = 2"}, OPTIONS + f'[mix]\norder = "{order}"')
    assert done.exit_code == 0, done.stderr
    rows = kept(project)
    assert len(rows) == 400
    first = [row["source"] for row in rows[:100]]
    if order == "short-first":
        lengths = [row["n_tokens"] for row in rows]
        assert lengths == sorted(lengths)
    else:
        assert (first == ["a"] * 100) == (order == "sources")
    before = digests(project / "processed" / "mine")
    run(plan_of_config(project / "pipeline.toml"), workers=4)
    assert digests(project / "processed" / "mine") == before


@pytest.mark.parametrize(
    ("weights", "options", "fault"),
    [
        (("weight = 1", ""), "", "some sources have a weight, and b has none: give every source one"),
        (
            ("", ""),
            "[mix]\ntotal_rows = 3\ntotal_tokens = 4",
            "total_tokens and total_rows are two totals: leave one out",
        ),
        (("", ""), '[mix]\ntotal_rows = 3\nby = "tokens"', 'total_rows goes with by = rows, and by is "tokens"'),
        (("", ""), '[mix]\ntotal_tokens = 3\nby = "rows"', "total_tokens goes with by = tokens or learned-tokens"),
        (("repeat = 0.5", ""), "", "it should be greater than or equal to 1"),
    ],
)
def test_options_that_do_not_fit(project: Path, weights: tuple[str, str], options: str, fault: str) -> None:
    sources(project, a=3, b=3)
    done = build(project, dict(zip("ab", weights, strict=True)), options)
    assert done.exit_code == 1
    assert fault in done.stderr
