"""What goes into a dataset: conditions, and options of one source."""

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main

Records = list[dict[str, Any]]


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with raw/, where the command line runs."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw").mkdir()
    return tmp_path


def write(project: Path, name: str, records: Records) -> None:
    lines = [json.dumps(record, ensure_ascii=False) for record in records]
    (project / "raw" / name).write_text("\n".join(lines) + "\n")


def command(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def build(project: Path, sources: dict[str, str], more: str = "") -> Result:
    """Run a config. `sources`: lines of each source of raw/<name>.jsonl. `more`: other sections."""
    tables = "".join(
        f'[[source]]\nname = "{name}"\nfiles = ["{name}.jsonl"]\n{text}\n' for name, text in sources.items()
    )
    export = '[export]\nformats = ["jsonl"]\nvalidation = 0\n' if "[export]" not in more else ""
    head = '[dataset]\nname = "mine"\n[tokenize]\ntokenizer = "embedded"\n'
    (project / "pipeline.toml").write_text(f"{more}\n{head}{export}{tables}")
    return command("run")


def kept(project: Path) -> Records:
    files = sorted((project / "processed/mine/jsonl").glob("train-*.jsonl"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def rejects(project: Path) -> Records:
    return [json.loads(line) for line in (project / "processed/mine/rejects.jsonl").read_text().splitlines()]


QUESTIONS = [
    {"instruction": "사과를 영어로 번역해 줘.", "output": "apple", "score": 5},
    {"instruction": "대한민국의 수도는 어디인가요?", "output": "서울입니다.", "score": 4},
    {"instruction": "봄에 피는 꽃을 알려 줘.", "output": "개나리와 진달래가 핍니다.", "score": 2},
    {"instruction": "바다는 왜 파란가요?", "output": "죄송하지만 저는 그 질문에 답변할 수 없습니다.", "score": 5},
    {"instruction": "겨울 음식을 추천해 줘.", "output": "", "score": 5},
]


def test_conditions_of_every_stage(project: Path) -> None:
    for name in "abcd":
        write(
            project,
            f"{name}.jsonl",
            [record | {"instruction": f"{name} {record['instruction']}"} for record in QUESTIONS],
        )
    conditions = {
        "a": "meta.score >= 4",
        "b": '"번역" in instruction',
        "c": 'not flags has "refusal"',
        "d": "n_tokens < 22",
    }
    done = build(project, {name: f"keep = '{condition}'" for name, condition in conditions.items()})
    assert done.exit_code == 0, done.stderr
    found = [
        (row["origin"], row["reject_stage"], row["reject_reason"])
        for row in rejects(project)
        if row["reject_stage"] != "dedupe"
    ]
    assert found == [
        ("a.jsonl:3", "ingest", "not-wanted"),
        ("a.jsonl:5", "validate", "output-blank"),
        ("b.jsonl:2", "normalize", "not-wanted"),
        ("b.jsonl:3", "normalize", "not-wanted"),
        ("b.jsonl:4", "normalize", "not-wanted"),
        ("b.jsonl:5", "validate", "output-blank"),
        ("c.jsonl:4", "screen", "not-wanted"),
        ("c.jsonl:5", "validate", "output-blank"),
        ("d.jsonl:3", "tokenize", "not-wanted"),
        ("d.jsonl:4", "tokenize", "not-wanted"),
        ("d.jsonl:5", "validate", "output-blank"),
    ]
    assert rejects(project)[0]["reject_detail"] == "does not fit the condition: meta.score >= 4"
    manifest = json.loads((project / "processed/mine/manifest.json").read_text())
    assert [source["keep"] for source in manifest["sources"]] == list(conditions.values())
    card = (project / "processed/mine/README.md").read_text()
    assert 'keep = "\\"번역\\" in instruction"' in card


def test_rows_that_are_not_wanted_do_not_break_a_gate(project: Path) -> None:
    write(
        project,
        "a.jsonl",
        [{"instruction": f"질문 {number}", "output": f"답 {number}", "n": number} for number in range(50)],
    )
    assert build(project, {"a": "keep = 'meta.n == 7'"}).exit_code == 0
    assert [row["instruction"] for row in kept(project)] == ["질문 7"]


def test_a_condition_that_no_row_fits(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    stopped = build(project, {"a": "keep = 'meta.scroe >= 4'"})
    assert stopped.exit_code == 3
    assert "source 'a': no row fits its condition 'meta.scroe >= 4': 5 rows are not wanted." in stopped.stderr
    assert "keep        a: no row has meta.scroe, which the condition of the source reads" in stopped.stderr
    # The remedy of the message.
    allowed = build(project, {"a": "keep = 'meta.scroe >= 4'\n[source.gate]\nmax_rejected = 1"}, "[gate]\nmin_rows = 0")
    assert allowed.exit_code == 0


def test_a_fault_in_a_condition_has_its_line(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": "keep = 'meta.score => 4'"})
    wrong = command("check")
    assert wrong.exit_code == 1
    line = (project / "pipeline.toml").read_text().splitlines().index("keep = 'meta.score => 4'") + 1
    assert f'line {line}: source[0].keep: found "meta.score => 4"; at character 12, "=> 4": write >=' in wrong.stderr


def test_a_condition_on_a_flag_that_is_off(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    wrong = build(project, {"a": 'keep = \'not flags has "refusal"\'\n[source.screen]\noff = ["refusal"]'})
    assert wrong.exit_code == 1
    assert "source 'a': its condition reads the flag refusal, and screen.off lists it" in wrong.stderr


def test_options_of_one_source(project: Path) -> None:
    record = {
        "instruction": "Write a short poem about the sea and the wind.",
        "output": "“Waves” rise and fall all day long.",
        "id": 1,
    }
    write(project, "a.jsonl", [record])
    write(project, "b.jsonl", [record | {"instruction": "Explain the tides of the sea in one sentence.", "id": 2}])
    own = 'normalize = { on = ["quotes"] }\n[source.screen]\nmin_hangul = 0\n[source.ingest]\nmeta = "none"'
    done = build(project, {"a": "", "b": own}, '[normalize]\noff = ["nfc"]\n[screen]\nreject = ["not-korean"]')
    assert done.exit_code == 3  # all rows of a are rejected
    done = build(
        project,
        {"a": "gate = { max_rejected = 1 }", "b": own},
        '[normalize]\noff = ["nfc"]\n[screen]\nreject = ["not-korean"]',
    )
    assert done.exit_code == 0, done.stderr
    (row,) = kept(project)
    assert (row["source"], row["output"], row["meta"]) == ("b", '"Waves" rise and fall all day long.', None)
    assert [row["reject_reason"] for row in rejects(project)] == ["not-korean"]
    manifest = json.loads((project / "processed/mine/manifest.json").read_text())
    assert manifest["sources"][1]["screen"] == {"min_hangul": 0}
    card = (project / "processed/mine/README.md").read_text()
    assert 'normalize = {"on" = ["quotes"]}' in card
    assert 'ingest = {"meta" = "none"}' in card


def test_one_stage_on_a_file_has_the_options_of_each_source(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": "", "b": "optional = true\nnormalize = { on = ['quotes'] }"})
    rows = [{"source": name, "instruction": "“가”", "output": "나"} for name in ("b", "a", "c", "b")]
    (project / "rows.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    assert command("normalize", "rows.jsonl", "out.jsonl").exit_code == 0
    found = [json.loads(line) for line in (project / "out.jsonl").read_text().splitlines()]
    assert [(row["source"], row["instruction"]) for row in found] == [
        ("b", '"가"'), ("a", "“가”"), ("c", "“가”"), ("b", '"가"'),
    ]  # fmt: skip


def test_typos_in_the_options_of_a_source(project: Path) -> None:
    write(project, "a.jsonl", QUESTIONS)
    build(project, {"a": '[source.normalize]\nno = ["nfc"]'})
    wrong = command("check")
    assert "source[0].normalize.no: unknown name; allowed: on, off" in wrong.stderr
    lines = (project / "pipeline.toml").read_text().splitlines()
    at = lines.index('no = ["nfc"]') + 1
    assert f"line {at}: source[0].normalize.no" in wrong.stderr
    build(project, {"a": '[source.normalize]\non = ["nfkc"]'})
    assert "source 'a': normalize.on lists 'nfkc', which is not a fix" in command("check").stderr
    build(project, {"a": '[source.screen]\nbenchmarks = ["x.jsonl"]'})
    assert "source[0].screen: benchmarks are those of all sources: name them in [screen]" in command("check").stderr
