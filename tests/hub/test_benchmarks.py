"""Known evaluation sets are downloaded, declared with their prompt fields, and kept out of the data."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.hub.benchmarks import KOREAN, benchmark_toml, benchmarks_named, known_benchmarks
from pipeline.hub.errors import FetchError
from pipeline.io.arrow_files import read_tables
from pipeline.run.config import load_config
from pipeline.run.plan import plan_of_config
from pipeline.run.read_units import load_benchmarks
from pipeline.stages.ingest import IngestError
from schemas.options import Benchmark
from tests.support import hub_server

CONFIG = '[dataset]\nname = "a"\n\n[[source]]\nname = "b"\nfiles = ["b.jsonl"]\noptional = true\n'
LONG = "수정 전 잔액시산표의 차변 합계액이 백만 원일 때, 수정 후 잔액시산표의 차변 합계액은 얼마인가?"
SHORT = "다음 중 옳은 것은?"
CHOICES = ["합명회사의 사원은 유한책임을 진다", "주식회사의 주주는 간접책임을 진다", "조합은 법인이다", "모두 옳다"]
KMMLU = "HAERAE-HUB/KMMLU"
HUB = {
    f"datasets/{KMMLU}/data/Accounting-test.csv": (
        f'question,answer,A,B,C,D\n"{LONG}",1,하나,둘,셋,넷\n{SHORT},2,{",".join(CHOICES)}\n'
    ),
    f"datasets/{KMMLU}/data/Accounting-dev.csv": "question,answer,A,B,C,D\n시험에 나오지 않는 물음,1,하나,둘,셋,넷\n",
    "datasets/maywell/LogicKor/questions.jsonl": json.dumps(
        {"id": 1, "category": "추론", "questions": ["열쇠 세 개로 상자 세 개를 여는 순서를 모두 쓰시오.", "왜?"]}
    ),
    "datasets/EunsuKim/CLIcK/Culture/Economy.json": json.dumps(
        [{"id": "a", "paragraph": "", "question": SHORT, "choices": CHOICES, "answer": CHOICES[1]}]
    ),
}


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[hub_server.Hub]:
    """Three evaluation sets at the revisions that are known of them; the others are not there."""
    with hub_server.running({address: text.encode() for address, text in HUB.items()}) as running:
        hub_server.lead_here(monkeypatch, running, tmp_path / "home")
        for benchmark in known_benchmarks():
            if repo := running.repos.get(f"datasets/{benchmark.id}"):
                repo.refs[benchmark.revision] = repo.head.oid
        (tmp_path / "pipeline.toml").write_text(CONFIG)
        (tmp_path / "raw").mkdir()
        monkeypatch.chdir(tmp_path)
        yield running


def run(*arguments: str) -> Result:
    return CliRunner().invoke(main, arguments)


def findings(tmp_path: Path, *rows: dict[str, object]) -> list[list[dict[str, str]]]:
    """The evidence of each row after `ko-instruct screen` with the config."""
    (tmp_path / "rows.jsonl").write_text(
        "".join(json.dumps({"input": "", "output": "답", **row}) + "\n" for row in rows)
    )
    done = run("screen", "rows.jsonl", "screened.arrow")
    assert done.exit_code == 0, done.output
    evidence = pa.concat_tables(read_tables(tmp_path / "screened.arrow"))["evidence"].to_pylist()
    return [[item for item in items if item["flag"] == "contaminated"] for items in evidence]


def test_all_known_sets_are_fetched_and_the_missing_ones_are_named(hub: hub_server.Hub, tmp_path: Path) -> None:
    done = run("fetch", "--benchmark", "korean")
    assert done.exit_code == 1
    *lines, advice = done.stdout.splitlines()
    assert [line.split(":")[0] for line in lines] == ["KMMLU", "CLIcK", "LogicKor"]
    assert "KMMLU-Pro: LGAI-EXAONE/KMMLU-Pro at main is not on the Hub" in done.stderr
    assert "not downloaded: KMMLU-Hard, KMMLU-Redux, KMMLU-Pro, MMMLU-ko, HAE-RAE" in done.stderr
    declared = {benchmark.name: benchmark for benchmark in load_config(tmp_path / "pipeline.toml").screen.benchmarks}
    assert list(declared) == ["KMMLU", "CLIcK", "LogicKor"]
    assert declared["KMMLU"].files == (f"{KMMLU}/data/Accounting-test.csv",)  # the split that is scored, alone
    assert declared["KMMLU"].revision == hub.repos[f"datasets/{KMMLU}"].head.oid
    (long, with_choices, alone, logic, clean) = findings(
        tmp_path,
        {"instruction": LONG},
        {"instruction": f"문제를 푸세요. {SHORT}", "input": "\n".join(f"({n}) {c}" for n, c in enumerate(CHOICES))},
        {"instruction": SHORT},
        {"instruction": "풀어 보세요.", "output": "문제: 열쇠 세 개로 상자 세 개를 여는 순서를 모두 쓰시오."},
        {"instruction": "시험에 나오지 않는 물음"},
    )
    origin = f"KMMLU, {KMMLU}/data/Accounting-test.csv:2: 100% of its n-grams"
    assert long == [{"flag": "contaminated", "field": "instruction", "detail": origin}]
    assert [item["field"] for item in with_choices] == ["instruction"]
    assert [item["detail"] for item in logic] == ["LogicKor, maywell/LogicKor/questions.jsonl:1: 100% of its n-grams"]
    assert (alone, clean) == ([], [])
    assert '[screen] reject = ["contaminated"]' in advice
    config = tmp_path / "pipeline.toml"
    config.write_text(config.read_text() + '\n[screen]\nreject = ["contaminated"]\n')
    assert run("screen", "rows.jsonl", "screened.arrow").exit_code == 0
    reasons = pa.concat_tables(read_tables(tmp_path / "screened.arrow"))["reject_reason"].to_pylist()
    assert reasons == ["contaminated", "contaminated", None, "contaminated", None]
    assert "reject" not in run("fetch", "--benchmark", "KMMLU").stdout


def test_a_gated_set_is_named_and_the_others_go_on(hub: hub_server.Hub, tmp_path: Path) -> None:
    for method in ("HEAD", "GET"):
        hub.fail(method, rf"{KMMLU}/resolve/", 403, headers={"X-Error-Code": "GatedRepo"}, times=9)
    done = run("fetch", "--benchmark", "korean")
    assert done.exit_code == 1
    assert f"KMMLU: {KMMLU} is gated: accept its terms at https://huggingface.co/datasets/{KMMLU}" in done.stderr
    names = [benchmark.name for benchmark in load_config(tmp_path / "pipeline.toml").screen.benchmarks]
    assert names == ["CLIcK", "LogicKor"]
    hub.faults.clear()
    again = run("fetch", "kmmlu", "--benchmark")
    assert again.exit_code == 0
    names = [benchmark.name for benchmark in load_config(tmp_path / "pipeline.toml").screen.benchmarks]
    assert names == ["CLIcK", "LogicKor", "KMMLU"]


@pytest.mark.parametrize("name", ["KMMLU", "kmmlu", KMMLU])
def test_one_set_is_fetched_by_its_name_or_id_and_declared_once(hub: hub_server.Hub, tmp_path: Path, name: str) -> None:
    first = run("fetch", "--benchmark", name)
    assert first.exit_code == 0
    written = (tmp_path / "pipeline.toml").read_text()
    assert tomllib.loads(written)["screen"]["benchmarks"][0]["prompt"] == ["question"]
    again = run("fetch", "--benchmark", name)
    assert "declared already, and not changed" in again.stdout
    assert (tmp_path / "pipeline.toml").read_text() == written


def test_a_list_of_globs_has_no_room_and_the_remedy_works(hub: hub_server.Hub, tmp_path: Path) -> None:
    (tmp_path / "raw" / "own.jsonl").write_text('{"instruction": "예?", "output": "네."}\n')
    config = tmp_path / "pipeline.toml"
    config.write_text(f'{CONFIG}\n[screen]\nbenchmarks = ["own.jsonl"]\n')
    before = load_config(config).screen.benchmarks
    done = run("fetch", "--benchmark", "KMMLU")
    assert done.exit_code == 1
    assert not hub.requests
    _, _, lines = done.stderr.partition("at the end of the file:\n")
    config.write_text(f"{CONFIG}\n[screen]\n{lines}")
    assert load_config(config).screen.benchmarks == before
    assert run("fetch", "--benchmark", "KMMLU").exit_code == 0
    assert [one.name for one in load_config(config).screen.benchmarks] == ["benchmark", "KMMLU"]


def test_a_prompt_that_no_record_has_stops_with_the_fields_there_are(tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / "set.jsonl").write_text('{"문제": "무엇인가?", "답": "나"}\n')
    config = tmp_path / "pipeline.toml"
    benchmark = Benchmark(name="시험", files=("set.jsonl",), prompt=("question",))
    config.write_text(f"{CONFIG}\n{benchmark_toml(benchmark)}\n")
    with pytest.raises(IngestError, match=r"no text in `question`. Its first record has 문제, 답") as error:
        load_benchmarks(plan_of_config(config))
    assert "[[screen.benchmarks]] '시험'" in str(error.value)
    config.write_text(f"{CONFIG}\n{benchmark_toml(benchmark.model_copy(update={'prompt': ('문제',)}))}\n")
    assert load_benchmarks(plan_of_config(config)) is not None


def test_names_of_sets() -> None:
    assert benchmarks_named(KOREAN) == known_benchmarks()
    assert benchmarks_named("nobody/other") == ()
    with pytest.raises(FetchError, match=r"no evaluation set has the name 'KMLU'.* Did you mean KMMLU\?"):
        benchmarks_named("KMLU")


def test_a_revision_is_for_one_set(hub: hub_server.Hub) -> None:
    done = run("fetch", "--benchmark", "korean", "--revision", "main")
    assert done.exit_code == 2
    assert "--revision is for one evaluation set" in done.stderr
    assert not hub.requests
    assert run("fetch", "--benchmark", "KMMLU", "--revision", "main").exit_code == 0


def test_the_list_of_known_sets() -> None:
    """Each set has one name, and each part names fields and a split."""
    known = known_benchmarks()
    names = [benchmark.name.lower() for benchmark in known]
    assert len({KOREAN, *names}) == len(names) + 1
    wanted = (
        "KMMLU KMMLU-Redux KMMLU-Pro CLIcK HAE-RAE KoBEST KLUE KorQuAD LogicKor KoMT-Bench Ko-IFEval HRM8K KSM MMMLU-ko"
    )
    assert {name.lower() for name in wanted.split()} <= set(names)
    for benchmark in known:
        configs = [part.config for part in benchmark.part]
        assert len(set(configs)) == len(configs)
        for part in benchmark.part:
            assert set(part.inferred) <= {"split", "files", "prompt", "more"}
            Benchmark(name=benchmark.name, files=part.files, prompt=part.prompt, more=part.more)
