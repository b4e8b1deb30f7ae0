"""diff: which records came, went and changed, of datasets as they are exported, downloaded, packed or damaged."""

import json
import random
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.dataset.diff import diff
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from schemas.difference import Difference, Kind
from schemas.options import Config
from tests.support import small_tokenizers as small
from tests.support.paths import CASES

LINES = [json.loads(line) for line in (CASES / "diff.jsonl").read_text(encoding="utf-8").splitlines()]
WORDS = ("사과", "배", "포도", "수박", "참외", "딸기", "귤", "감", "자두", "복숭아")
RECORDS = [{"instruction": f"{word}의 맛을 설명해 줘.", "output": f"{word}은(는) 달콤합니다."} for word in WORDS]


def written(path: Path, rows: Sequence[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    return path


def built(folder: Path, records: Sequence[dict[str, Any]], name: str = "a.jsonl", **options: Any) -> Path:
    """A dataset of these records, in a folder of its own."""
    folder.mkdir()
    raw = written(folder / name, records)
    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": "embedded", "max_unk_rate": 1} | options.pop("tokenize", {}),
        **options,
    }
    run(plan_of_files([raw], folder / "out", Config.model_validate(config)), workers=1)
    return folder / "out"


def reasons(found: Difference, kind: Kind) -> dict[str, int]:
    return {f"{one.source}: {one.why}": one.rows for one in found.rows if one.kind == kind}


@pytest.mark.parametrize("case", LINES, ids=lambda case: case["case"])
def test_what_differs(tmp_path: Path, case: dict[str, Any]) -> None:
    found = diff(written(tmp_path / "old.jsonl", case["old"]), written(tmp_path / "new.jsonl", case["new"]))
    kinds: tuple[Kind, ...] = ("came", "went", "changed")
    assert {kind: reasons(found, kind) for kind in kinds} == {kind: case.get(kind, {}) for kind in kinds}
    assert (found.same, found.moved) == (case["same"], case.get("moved", 0))


@pytest.mark.parametrize("seed", range(5))
def test_both_directions_agree(tmp_path: Path, seed: int) -> None:
    """What came in one direction went in the other, and every kept record is counted once."""
    chance = random.Random(seed)
    rows = [{"origin": f"a:{n}", "source": "a", "instruction": f"질문 {n % 40}", "output": "답"} for n in range(60)]
    other = [row | {"output": chance.choice(["답", "다른 답"])} for row in rows if chance.random() > 0.2]
    chance.shuffle(other)
    old, new = written(tmp_path / "old.jsonl", rows), written(tmp_path / "new.jsonl", other)
    there, back = diff(old, new), diff(new, old)
    assert (there.totals["came"], there.totals["went"]) == (back.totals["went"], back.totals["came"])
    assert there.same + there.totals["changed"] + there.totals["went"] == len(rows)
    assert there.same + there.totals["changed"] + there.totals["came"] == len(other)


def test_two_datasets_with_other_options(tmp_path: Path) -> None:
    records = [*RECORDS, {"instruction": "\u1100\u1161 글자는?", "output": "가"}, RECORDS[0]]
    old = built(tmp_path / "old", records)
    new = built(tmp_path / "new", records, normalize={"off": ["nfc"]}, dedupe={"exact": "keep"})
    found = diff(old, new)
    assert reasons(found, "came") == {"a: was rejected by dedupe: exact": 1}
    assert reasons(found, "changed") == {"a: text": 1, "a: fixes": 1}
    assert {one.name: (one.old, one.new) for one in found.settings} == {
        "options.normalize.off": ([], ["nfc"]),
        "options.dedupe.exact": ("drop", "keep"),
    }
    came, changed = found.examples
    assert came.why.startswith("was rejected by dedupe: exact: is equal to a.jsonl:1")
    assert changed.old is not None
    assert changed.new is not None
    assert (changed.old["fixes"], changed.new["fixes"]) == (["nfc"], [])
    assert not diff(old, old).differs


def test_a_downloaded_dataset_has_no_rejects(tmp_path: Path) -> None:
    """A config of a repository: Parquet and manifest in one folder, nothing else."""
    old, new = built(tmp_path / "old", RECORDS), built(tmp_path / "new", RECORDS[1:])
    downloaded = tmp_path / "repository" / "pair"
    shutil.copytree(new / "pair", downloaded)
    shutil.copy(new / "manifest.json", downloaded)
    found = diff(old, downloaded)
    assert (found.totals["came"], found.totals["went"]) == (0, 1)
    assert found.rejected == (0, None)
    assert f"{downloaded} has no rejects.jsonl: why a record is not in it is not known" in found.notes
    (downloaded / "manifest.json").unlink()
    assert any("no manifest.json" in note for note in diff(old, downloaded).notes)


@pytest.mark.parametrize(
    "manifest",
    [
        '{"raw": [], "sources": 3, "options": "none", "tokenizer": null}',
        '{"raw": {"a": 3}, "sources": [1, {"name": []}], "versions": []}',
        "[" * 100_000,
        "[]",
        "{}",
    ],
)
def test_a_manifest_that_someone_edited(tmp_path: Path, manifest: str) -> None:
    good = built(tmp_path / "good", RECORDS)
    shutil.copytree(good, tmp_path / "edited")
    (tmp_path / "edited" / "manifest.json").write_text(manifest)
    for arguments in ((good, tmp_path / "edited"), (tmp_path / "edited", good)):
        result = call(*arguments)
        assert "0 came, 0 went, 0 changed, 10 the same" in result.stdout or "Build the dataset again" in result.stderr


def test_a_dataset_of_other_makers(tmp_path: Path) -> None:
    """Columns that have our names and another meaning, lists of numbers with nulls, no origin."""
    table = pa.table(
        {
            "instruction": ["가?", "다?"],
            "output": ["나", "라"],
            "sequence": ["ACGT", "TTTT"],
            "scores": pa.array([[1, None], None], pa.list_(pa.int64())),
        }
    )
    pq.write_table(table, tmp_path / "a.parquet")
    pq.write_table(table.slice(1), tmp_path / "b.parquet")
    found = diff(tmp_path / "a.parquet", tmp_path / "b.parquet")
    assert (found.kept, found.same, found.totals["went"]) == ((2, 1), 1, 1)


def test_other_layouts_and_packs(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "tok")
    causal = {"layout": "causal", "tokenizer": str(tmp_path / "tok")}
    pair = built(tmp_path / "pair", RECORDS)
    packed = built(
        tmp_path / "packed", RECORDS, tokenize=causal, export={"packing": True, "formats": ["parquet", "jsonl"]}
    )
    found = diff(pair, packed)
    assert (found.totals["came"], found.totals["went"], found.same) == (0, 0, len(RECORDS))
    assert "token ids are not compared: the layouts or the tokenizers differ" in found.notes
    bare = built(tmp_path / "bare", RECORDS, tokenize=causal, export={"packing": True, "formats": ["parquet"]})
    assert 'Add "jsonl" to formats under [export]' in call(pair, bare).stderr  # the remedy: `packed` above


def test_a_record_of_several_sequences_is_one_record(tmp_path: Path) -> None:
    messages = [
        {"role": role, "content": content}
        for number in range(3)
        for role, content in (("user", f"질문 {number}입니다."), ("assistant", f"대답 {number}입니다."))
    ]
    records = [{"messages": messages}, *RECORDS]
    old, new = built(tmp_path / "old", records), built(tmp_path / "new", records, tokenize={"max_length": 16})
    found = diff(old, new)
    assert found.kept == (len(records), len(records))
    assert reasons(found, "changed")["a: ids"] >= 1
    assert not diff(old, old).differs


def call(*arguments: object) -> Result:
    return CliRunner().invoke(main, ["diff", *map(str, arguments)], catch_exceptions=False)


def test_what_is_printed(tmp_path: Path) -> None:
    changed = [RECORDS[0] | {"output": "사과는 새콤달콤합니다.\x1b[2J"}, *RECORDS[1:]]
    old, new = built(tmp_path / "old", RECORDS), built(tmp_path / "new", changed[:-1])
    result = call(old, new)
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{old} → {new}"
    assert lines[1] == "records kept: 10 → 9; rejected: 0 → 0"
    assert lines[2] == "0 came, 1 went, 1 changed, 8 the same"
    assert "  1  a: is not in the new dataset" in lines
    assert "  raw.a.jsonl: changed" in lines
    assert "# went: a.jsonl:10, is not in the new dataset" in lines
    assert "output: 사과[-은(는)-]{+는+} {+새콤+}달콤합니다." in result.stdout
    assert "\x1b" not in result.stdout
    assert call(old, new, "--exit-code").exit_code == 1
    assert call(old, old, "--exit-code").exit_code == 0
    assert call(old, old).stdout.splitlines()[-1] == "no difference"
    assert Difference.model_validate_json(call(old, new, "--json").stdout).totals["went"] == 1
    assert "#" not in call(old, new, "--examples", "0").stdout


def test_what_cannot_be_compared(tmp_path: Path) -> None:
    good = built(tmp_path / "good", RECORDS)
    (tmp_path / "empty").mkdir()
    assert "there are no rows here" in call(good, tmp_path / "empty").stderr
    raw = written(tmp_path / "raw.jsonl", [{"prompt": "가", "completion": "나"}])
    refused = call(good, raw)
    assert refused.exit_code == 1
    assert f"{raw}:1: not a row" in refused.stderr
    repository = tmp_path / "repository"
    for config in ("pair", "causal"):
        shutil.copytree(good / "pair", repository / config)
    refused = call(good, repository)
    assert f"Name one of their folders: {repository / 'causal'}, {repository / 'pair'}." in refused.stderr
    assert call(good, repository / "pair").exit_code == 0  # the remedy


@pytest.mark.parametrize("name", ["pair/*.parquet", "rejects.jsonl", "manifest.json"])
@pytest.mark.parametrize("damage", [lambda data: data[: len(data) // 2], lambda data: data[:-20] + b"\xff" * 20])
def test_damaged_files_are_named(tmp_path: Path, name: str, damage: Any) -> None:
    good = built(tmp_path / "good", [*RECORDS, RECORDS[0]])
    shutil.copytree(good, tmp_path / "damaged")
    (path,) = (tmp_path / "damaged").glob(name)
    path.write_bytes(damage(path.read_bytes()))
    result = call(good, tmp_path / "damaged")
    assert result.exit_code == 1
    assert str(path) in result.stderr


def test_personal_data_is_masked_in_examples(tmp_path: Path) -> None:
    """Also where one of the datasets does not mask it."""
    records = [
        *RECORDS,
        {"instruction": "연락처를 알려 줘.", "output": "담당자 전화는 010-2345-6789입니다.", "phone": 1098765432},
        {"instruction": "메일 주소를 알려 줘.", "output": "hong.gildong@example-corp.co.kr 입니다."},
    ]
    old = built(tmp_path / "old", records)
    new = built(tmp_path / "new", records[:-1], screen={"mask": ["pii-phone", "pii-email"]})
    secrets = ("2345-6789", "1098765432", "hong.gildong")
    for options in ((), ("--json",)):
        assert not [text for text in secrets if text in call(old, new, *options).stdout]
    assert "hong.gildong" in call(old, new, "--raw").stdout
    assert all(text in call(old, new, "--raw", "--json").stdout for text in secrets)


def test_without_a_manifest_on_one_side_nothing_is_new(tmp_path: Path) -> None:
    old, new = built(tmp_path / "old", RECORDS), built(tmp_path / "new", RECORDS)
    (old / "manifest.json").unlink()
    found = diff(old, new)
    assert not found.settings
    assert [note for note in found.notes if "options, versions and raw files are not compared" in note]
    assert found.notes[-1].startswith("token ids are not compared: without manifest.json")


def test_rejected_records_that_differ(tmp_path: Path) -> None:
    """New, gone and rejected for another reason: none of them is kept in any dataset."""
    row = {"source": "a", "instruction": "사과는?", "output": "달콤합니다."}
    gone = [row | {"origin": f"a:{n}", "output": f"답 {n}", "reject_stage": "screen"} for n in range(3)]
    kept = row | {"origin": "a:9", "output": "새콤합니다."}
    first = [kept, *(one | {"reject_reason": "refusal", "reject_detail": ""} for one in gone[:2])]
    second = [kept, *(one | {"reject_reason": "no-answer", "reject_detail": ""} for one in gone[1:])]
    old, new = written(tmp_path / "old.jsonl", first), written(tmp_path / "new.jsonl", second)
    result = call(old, new, "--exit-code")
    assert result.exit_code == 1
    assert "no difference" not in result.stdout
    found = Difference.model_validate_json(call(old, new, "--json").stdout)
    assert found.rejects == (1, 1, 1)
    assert "rejected records: 1 are new, 1 are gone, 1 have another reason" in result.stdout
