"""Self-Instruct on a scripted model: every rule on its cases, the rounds, the log, what comes out."""

import json
import re
from collections import Counter
from pathlib import Path
from random import Random

import pyarrow as pa
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.self_instruct import (
    Counts,
    Log,
    Made,
    SeedError,
    filters,
    grow,
    parsing,
    prompts,
    read_seeds,
    read_sentences,
    rounds,
    rows,
)
from pipeline.self_instruct.errors import GeneratorError
from pipeline.self_instruct.generators import open_generator
from pipeline.self_instruct.log import LogError
from pipeline.stages.ingest import ingest
from schemas.options import Source
from schemas.self_instruct import Answer, Family, SelfInstructOptions
from tests.support.paths import CASES, ROOT
from tests.support.self_instruct_model import SEEDS, SENTENCES, Model

FAMILIES: tuple[Family, ...] = ("tasks", "evolve", "simple")


def cases(name: str) -> list[dict]:
    return [json.loads(line) for line in (CASES / f"self_instruct_{name}.jsonl").read_text("utf-8").splitlines()]


def spelled_out(text: str) -> str:
    """`words {3}`: the words three times."""
    return re.sub(r"([^.]*)\{(\d+)\}", lambda match: match[1] * int(match[2]), text)


def said(text: str, finish: str = "stop") -> Answer:
    return Answer.model_validate({"text": text, "finish": finish, "prompt_tokens": 1, "completion_tokens": 1})


# --- the rules -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases("instructions"), ids=lambda case: case["text"][:30])
def test_instruction(case: dict) -> None:
    text = spelled_out(case["text"])
    holding = [name for name, breaks in filters.INSTRUCTION_RULES.items() if breaks(text)]
    assert holding == [case["reason"]] * (case["reason"] is not None)
    assert filters.broken(text, filters.INSTRUCTION_RULES) == case["reason"]


@pytest.mark.parametrize("case", cases("evolved"), ids=lambda case: case["text"][:30])
def test_evolved_instruction(case: dict) -> None:
    assert filters.broken(spelled_out(case["text"]), filters.EVOLVED_RULES) == case["reason"]


@pytest.mark.parametrize("case", cases("instances"), ids=lambda case: case["case"])
def test_instances(case: dict) -> None:
    examples = parsing.read_examples(said(case["text"], case.get("finish", "stop")))
    reasons = filters.judge_instances(examples, 3)
    got = [
        [one.instance and one.instance.input, one.instance and one.instance.output, reason]
        for one, reason in zip(examples, reasons, strict=True)
    ]
    assert got == case["want"]


@pytest.mark.parametrize("case", cases("answers"), ids=lambda case: case["text"][:30] or "blank")
def test_answer(case: dict) -> None:
    text = spelled_out(case["text"])
    assert filters.judge_answer(case["instruction"], text, case.get("finished", True)) == case["reason"]


@pytest.mark.parametrize("case", cases("lists"), ids=lambda case: case["case"])
def test_list(case: dict) -> None:
    readings = parsing.read_tasks(said(case["text"], case.get("finish", "stop")), 9)
    assert [text if finished else None for text, finished in readings] == case["want"]


def test_a_number_without_an_end_begins_no_list() -> None:
    assert parsing.read_tasks(said("9" * 5000 + ". 과제"), 9) == [("과제", True)]


def test_what_people_wrote_as_seeds_breaks_no_rule() -> None:
    tasks = read_seeds(ROOT / "raw" / "seeds")
    assert {filters.broken(task.instruction, filters.INSTRUCTION_RULES) for task in tasks} == {None}
    examples = [[parsing.Example(instance, True) for instance in task.instances] for task in tasks]
    assert {reason for one in examples for reason in filters.judge_instances(one, len(one))} == {None}


def test_every_rule_has_a_case_on_which_it_holds() -> None:
    for name, rules in (("instructions", filters.INSTRUCTION_RULES), ("evolved", filters.EVOLVED_RULES)):
        assert {case["reason"] for case in cases(name)} == {None, *rules}


def test_one_instruction_is_read_without_quotes_around_it() -> None:
    assert [text for text, _ in parsing.read_instruction(said(" “봄을 노래하는 시를 쓰세요.”\n"))] == [
        "봄을 노래하는 시를 쓰세요."
    ]
    both = "‘봄’과 ‘여름’"
    assert [text for text, _ in parsing.read_instruction(said(both))] == [both]
    assert parsing.read_instruction(said(" \n")) == []


@pytest.mark.parametrize(
    ("text", "yes"),
    [(" 예", True), ("네, 맞습니다.", True), ("‘예’", True), ("아니요", False), ("글쎄요", False), ("", False)],
)
def test_judgements(text: str, yes: bool) -> None:
    assert parsing.says(said(text), "예", "네") == yes


# --- prompts ---------------------------------------------------------------------------------------------------------


def test_prompts_end_where_the_answer_begins() -> None:
    assert prompts.new_tasks(["하나", "둘\n셋"], 8).endswith("과제 목록:\n1. 하나\n2. 둘 셋\n3.")
    assert "3번부터 10번까지" in prompts.new_tasks(["하나", "둘"], 8)
    assert prompts.instances("하나", SEEDS[:1], 2).endswith("과제: 하나\n예시 1\n")
    assert "입력: 어제 서울에" in prompts.instances("하나", SEEDS[:1], 2)
    assert "예시 1\n출력: 긍정\n입력: 배우들의" in prompts.labelled_instances("하나", SEEDS[1:2], 2)
    assert "예시 1\n출력: 꽃잎" in prompts.instances("하나", SEEDS[2:3], 2)
    assert prompts.is_classification("하나", SEEDS[:2]).count("분류 과제인가요?") == 3
    for how in prompts.EVOLUTIONS:
        wanted = "새 지시문" if how == "widen" else "고친 지시문"
        assert prompts.evolve("하나", how).endswith(f"주어진 지시문:\n하나\n\n{wanted}:\n")
    assert len({prompts.evolve("하나", how) for how in prompts.EVOLUTIONS}) == 6


# --- rounds ----------------------------------------------------------------------------------------------------------


def made_by(
    path: Path, family: Family = "tasks", count: int = 12, model: Model | None = None, seed: int = 0
) -> tuple[list[Made], Counts]:
    seeds = read_sentences(SENTENCES) if family == "simple" else SEEDS
    counts = Counts()
    options = SelfInstructOptions(family=family, seed=seed, requests=4)
    with Log(path) as log:
        made = [one for new in grow(seeds, model or Model(), options, log, counts, count) for one in new]
    return made, counts


def entries(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_tasks_follow_the_paper(tmp_path: Path) -> None:
    made, counts = made_by(tmp_path / "a.log", count=30)
    log = entries(tmp_path / "a.log")
    human = {task.id for task in SEEDS}
    asked = [entry for entry in log if entry.get("step") == "candidate"]
    assert all(len(entry["parents"]) == 8 for entry in asked)
    assert all(len(human & set(entry["parents"])) in (8, 7, 6) for entry in asked)
    assert all(len(human & set(entry["parents"])) == 6 for entry in asked if entry["round"] > 0)
    sound = {one.task.id for one in made}
    assert all(set(entry["parents"]) <= human | sound for entry in asked)
    labelled = {
        entry["id"] for entry in log if entry.get("step") == "instances" and "먼저 가능한 답" in entry["prompt"]
    }
    assert labelled >= {one.task.id for one in made if one.task.is_classification}
    assert labelled.isdisjoint({one.task.id for one in made if not one.task.is_classification})
    temperatures = {(entry["step"], entry["sampling"]["temperature"]) for entry in log if "sampling" in entry}
    assert temperatures == {("instructions", 0.7), ("classification", 0), ("instances", 0)}
    assert counts.candidates.keys() >= {None, "similar", "too-short", "not-korean", "unfinished", "write-a-program"}
    assert counts.instances.keys() >= {None, "empty", "unreadable", "conflict"}


def test_instructions_are_new_whatever_came_before(tmp_path: Path) -> None:
    made, _ = made_by(tmp_path / "a.log", count=30)
    texts = [task.instruction for task in SEEDS] + [one.task.instruction for one in made]
    for number, one in enumerate(made, len(SEEDS)):
        scores = [rouge_l(one.task.instruction, other) for other in texts[:number]]
        assert max(scores) < 0.7
        assert one.verdict.nearest.similarity >= round(max(scores), 6) - 1e-6


def rouge_l(one: str, other: str) -> float:
    """By the textbook: F-measure of the longest common subsequence of letters and digits."""
    a, b = ([letter for letter in text if letter.isalnum()] for text in (one, other))
    row = [0] * (len(b) + 1)
    for letter in a:
        before = 0
        for at, other_letter in enumerate(b, 1):
            before, row[at] = row[at], before + 1 if letter == other_letter else max(row[at], row[at - 1])
    return 2 * row[-1] / (len(a) + len(b))


def test_evolve_asks_for_more_than_before(tmp_path: Path) -> None:
    made, counts = made_by(tmp_path / "a.log", "evolve", 25)
    log = entries(tmp_path / "a.log")
    assert {one.verdict.candidate.evolution for one in made} <= set(prompts.EVOLUTIONS)
    assert {entry["evolution"] for entry in log if entry.get("step") == "candidate"} == set(prompts.EVOLUTIONS)
    same = {entry["id"] for entry in log if entry.get("step") == "gain" and entry["answer"]["text"] == "같음"}
    reasons = {entry["id"]: entry["reason"] for entry in log if entry.get("step") == "candidate"}
    assert same
    assert {reasons[name] for name in same} == {"no-gain"}
    texts = {task.id: task.instruction for task in [*SEEDS, *(one.task for one in made)]}
    again = [one for one in made if one.verdict.candidate.parents[0].startswith("evolve-")]
    alike = [rouge_l(one.task.instruction, texts[one.verdict.candidate.parents[0]]) for one in again]
    assert min(alike) < 0.5 < 0.7 < max(alike)  # like their parents or not
    assert all(one.verdict.nearest.similarity < 0.7 for one in made)
    assert counts.candidates.keys() >= {None, "prompt-leak", "no-gain", "similar", "unfinished"}
    assert counts.instances.keys() >= {None, "refusal", "empty"}


@pytest.mark.parametrize(
    ("evolution", "text", "reason"),
    [
        ("constraints", "다음 글을 한 문장으로 요약하세요. 꼭 높임말로.", None),
        ("widen", "다음 글을 한 문장으로 요약하세요. 꼭 높임말로.", "similar"),
        ("constraints", "다음 글을 한 문장으로, 요약하세요!", "near-duplicate"),
        ("constraints", "영화평이 긍정인지 부정인지 고르고 까닭을 쓰세요.", "similar"),
    ],
    ids=["harder, and like its parent", "wider, and like its parent", "its parent", "like another than its parent"],
)
def test_what_was_evolved_beside_its_parent(evolution: str, text: str, reason: str | None, tmp_path: Path) -> None:
    pool = rounds.Pool(SEEDS)
    pool.seen.add([task.id for task in SEEDS], [task.instruction for task in SEEDS])
    candidate = rounds.Candidate("evolve-0-0", text, True, ("seed_task_000",), evolution)
    with Log(tmp_path / "a.log") as log:
        this = rounds.Round(0, pool, SelfInstructOptions(family="evolve"), Model(), log, Counts())
        (verdict,) = rounds.judge(this, [candidate], filters.EVOLVED_RULES)
    assert verdict.reason == reason


def test_simple_takes_the_sentences_in_turn(tmp_path: Path) -> None:
    made, counts = made_by(tmp_path / "a.log", "simple", 12)
    log = entries(tmp_path / "a.log")
    assert counts.candidates.keys() >= {None, "echo", "too-short", "unfinished"}
    assert not {one.task.instruction for one in made} & set(SENTENCES.splitlines())
    asked = [entry["id"] for entry in log if entry.get("step") == "instruction"]
    assert asked[:7] == ["line_1", "line_3", "line_4", "line_1", "line_3", "line_4", "line_1"]
    assert "문장: 할머니의 된장찌개가 그립다.\n" in log[2]["prompt"]


def test_few_seeds_are_enough(tmp_path: Path) -> None:
    with Log(tmp_path / "a.log") as log:
        new = next(grow(SEEDS[:1], Model(), SelfInstructOptions(), log, Counts(), 5))
    assert new
    assert new[0].verdict.candidate.parents == (SEEDS[0].id,)


def test_it_stops_when_novelty_dries_up(tmp_path: Path) -> None:
    class Parrot(Model):
        def answers(self, requests, sampling):  # type: ignore[no-untyped-def]
            self.asked += len(requests)
            for _ in requests:
                yield said(SEEDS[0].instruction)

    parrot = Parrot()
    made, counts = made_by(tmp_path / "a.log", model=parrot)
    assert (made, parrot.asked) == ([], 5 * 4)
    assert counts.candidates == Counter({"near-duplicate": 20})


# --- the log ---------------------------------------------------------------------------------------------------------


def bytes_of(path: Path, family: Family, model: Model | None = None, count: int = 12, seed: int = 0) -> bytes:
    made, _ = made_by(path, family, count, model, seed)
    return b"".join(json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows(made, "scripted"))


@pytest.mark.parametrize("family", FAMILIES)
def test_same_seed_same_bytes(family: Family, tmp_path: Path) -> None:
    first, second = (bytes_of(tmp_path / name, family, count=6) for name in ("a.log", "b.log"))
    assert first == second
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()
    assert bytes_of(tmp_path / "c.log", family, count=6, seed=1) != first


@pytest.mark.parametrize(("family", "batch"), [("tasks", 1), ("tasks", 3), ("evolve", 1), ("simple", 3)])
def test_killed_at_20_random_moments_it_comes_to_the_same_end(family: Family, batch: int, tmp_path: Path) -> None:
    whole = bytes_of(tmp_path / "a.log", family, Model(batch), count=3)
    log = (tmp_path / "a.log").read_bytes()
    random = Random(f"{family}{batch}")
    for number in [0, 1, len(log) - 1, *(random.randrange(len(log)) for _ in range(17))]:
        torn = tmp_path / "torn.log"
        torn.write_bytes(log[:number])
        model = Model(batch)
        assert bytes_of(torn, family, model, count=3) == whole
        assert torn.read_bytes() == log
        known = log[: log[:number].rfind(b"\n") + 1].count(b'"answer":')
        asked = log.count(b'"answer":')
        assert asked - known <= model.asked <= asked - known + batch - 1


def test_a_finished_run_asks_nothing_again_and_a_larger_count_goes_on(tmp_path: Path) -> None:
    small = bytes_of(tmp_path / "a.log", "tasks", count=6)
    model = Model()
    assert bytes_of(tmp_path / "a.log", "tasks", model, count=6) == small
    assert model.asked == 0
    assert bytes_of(tmp_path / "a.log", "tasks", count=20) == bytes_of(tmp_path / "b.log", "tasks", count=20)
    assert (tmp_path / "a.log").read_bytes() == (tmp_path / "b.log").read_bytes()
    assert bytes_of(tmp_path / "a.log", "tasks", count=6) == small


def test_the_log_of_another_run_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.log"
    made_by(path)
    kept = path.read_bytes()
    with pytest.raises(LogError, match=r"a\.log:1: .* its `options` is .*another --out; or remove the log"):
        made_by(path, seed=1)
    lines = kept.splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:2], lines[3], *lines[4:]]))
    with pytest.raises(LogError, match=r"a\.log:3: the log was written by another run: its `id` is \"2\""):
        made_by(path)
    path.write_bytes(b"".join([*lines[:2], b"{torn\n", *lines[3:]]))
    with pytest.raises(LogError, match=r"a\.log:3: .* is not an entry of a log"):
        made_by(path)


# --- seeds, rows, the command ----------------------------------------------------------------------------------------


def write_seeds(folder: Path) -> Path:
    folder.mkdir()
    lines = [json.dumps({"name": "x", **task.model_dump()}, ensure_ascii=False) for task in SEEDS]
    (folder / "seed_tasks.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (folder / "README.md").write_text("seeds")
    return folder


def test_seeds_are_read_from_a_file_or_a_folder(tmp_path: Path) -> None:
    folder = write_seeds(tmp_path / "seeds")
    assert read_seeds(folder) == read_seeds(folder / "seed_tasks.jsonl") == SEEDS


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("{broken", "not a seed task: Invalid JSON"),
        ('{"id": "a", "instances": []}', "not a seed task: instruction: missing"),
        ('{"id": "a", "instruction": "가", "instances": []}', "instances: it needs at least one"),
        (
            '{"id": "a", "instruction": "가", "instances": [{"input": 3}]}',
            "instances[0].input: found 3; it should be a valid",
        ),
        ('{"id": "seed_task_000", "instruction": "가", "instances": [{"output": "나"}]}', "ids of seeds are unique"),
    ],
)
def test_seeds_that_cannot_be_used(line: str, says: str, tmp_path: Path) -> None:
    file = write_seeds(tmp_path / "seeds") / "seed_tasks.jsonl"
    with file.open("a", encoding="utf-8") as more:
        more.write(line + "\n")
    with pytest.raises(SeedError, match=r"seed_tasks\.jsonl:9: ") as caught:
        read_seeds(file)
    assert says in str(caught.value)


def test_no_seeds_at_all(tmp_path: Path) -> None:
    with pytest.raises(SeedError, match="holds no seed tasks"):
        read_seeds(tmp_path)
    with pytest.raises(SeedError, match="no seed sentences"):
        read_sentences("\n \n")


def test_seeds_are_data_in_themselves(tmp_path: Path) -> None:
    path = write_seeds(tmp_path / "seeds") / "seed_tasks.jsonl"
    table = pa.concat_tables(ingest(path, path.name, Source(name="seeds", files=("seeds/*",))))
    assert table["instruction"].to_pylist() == [task.instruction for task in SEEDS]
    assert table["output"].to_pylist() == [task.instances[0].output for task in SEEDS]
    assert json.loads(table["meta"][0].as_py()) == {"id": "seed_task_000", "name": "x", "is_classification": False}


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["self-instruct", *arguments], catch_exceptions=False)


def test_the_command_writes_rows_that_ingest_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.self_instruct.generators.open_generator", lambda *_, **__: Model())
    out = tmp_path / "generated" / "new.jsonl"
    arguments = ["--seeds", str(write_seeds(tmp_path / "seeds")), "--generator", "x", "--out", str(out)]
    result = call(*arguments, "--count", "10", "--price", "1", "2")
    assert result.exit_code == 0
    assert re.search(
        r"^round 0: \d+ of 10 tasks; \d+ of \d+ instructions taken \(\d+%\); similar \d+", result.stderr, re.MULTILINE
    )
    assert re.search(r"^  - similar +\d+ +\d+\.\d%$", result.stderr, re.MULTILINE)
    assert re.search(r"^cost +0\.\d+$", result.stderr, re.MULTILINE)
    assert f"10 tasks written to {out}, the log to {tmp_path / 'generated' / 'new.log'}" in result.stderr
    written = out.read_bytes()

    source = Source(name="new", files=("generated/*.jsonl",))
    table = pa.concat_tables(ingest(out, "generated/new.jsonl", source))
    records = [json.loads(line) for line in written.splitlines()]
    assert len({record["id"] for record in records}) == 10
    assert table["reject_stage"].null_count == len(table) == len(records)
    for row, record in zip(table.to_pylist(), records, strict=True):
        texts = [record.pop(name) for name in ("instruction", "input", "output")]
        assert [row[name] for name in ("instruction", "input", "output")] == texts
        assert json.loads(row["meta"]) == record
        assert record.keys() == {"id", "generator", "round", "parents", "nearest", "similarity", "is_classification"}

    again = call(*arguments, "--count", "10")
    assert out.read_bytes() == written
    assert "round" not in again.stderr.split("instructions ")[0]


def test_the_command_says_that_novelty_dried_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Mute(Model):
        def answers(self, requests, sampling):  # type: ignore[no-untyped-def]
            return (said("") for _ in requests)

    monkeypatch.setattr("pipeline.self_instruct.generators.open_generator", lambda *_, **__: Mute())
    sentences, out = tmp_path / "sentences.txt", tmp_path / "new.jsonl"
    sentences.write_text(SENTENCES, encoding="utf-8")
    result = call("--simple", "--seeds", str(sentences), "--generator", "x", "--count", "3", "--out", str(out))
    assert result.exit_code == 0
    assert "stopped at 0 of 3 tasks: 5 rounds in a row brought nothing new" in result.stderr
    assert out.read_bytes() == b""


def test_the_log_is_not_the_output(tmp_path: Path) -> None:
    result = call("--generator", "x", "--count", "3", "--out", str(tmp_path / "new.log"))
    assert result.exit_code == 2
    assert "a file that ends in .jsonl" in result.stderr


def test_options_out_of_range_are_named(tmp_path: Path) -> None:
    result = call("--generator", "x", "--count", "3", "--out", str(tmp_path / "a.jsonl"), "--top-p", "2")
    assert result.exit_code == 2
    assert "--top-p: found 2.0; it should be less than or equal to 1" in result.stderr


def test_a_generator_that_is_none() -> None:
    with pytest.raises(GeneratorError, match="is not a generator: give openai:MODEL"):
        open_generator("./nowhere", batch=1, concurrency=1, retries=0, timeout=1)
