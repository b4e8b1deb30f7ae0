"""show: every layout as its tokens, and what cannot be shown."""

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from pipeline.cli import main
from pipeline.dataset.show import GIVEN, TRAINED, Shown, in_brackets, in_colour, pieces_of
from pipeline.dataset.show_texts import as_json, as_messages
from pipeline.dataset.shown_rows import ShowError
from pipeline.dataset.text_forms import TEXT_FORMS
from pipeline.io import stage_files
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_files
from pipeline.tokenizers.protocol import Tokenizer
from schemas.options import Config
from schemas.text_forms import TextForm
from tests.stages.tokenize.test_tokenize import embedded
from tests.support import small_tokenizers as small
from tests.support.paths import CASES
from tests.support.tables import message, texts

ROWS = [
    {"instruction": "한국의 수도는?", "input": "서울은 한국의\n수도이다.", "output": "서울"},
    {"instruction": "인사해 줘.", "input": "", "output": "안녕 🙂"},
]


def cases(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (CASES / name).read_text(encoding="utf-8").splitlines()]


def built(folder: Path, tokenizer: str, layout: dict[str, Any], **export: Any) -> Path:
    raw = folder / "a.jsonl"
    raw.write_text("\n".join(map(json.dumps, ROWS)))
    config = {
        "dataset": {"name": "x"},
        "source": [{"name": "x", "files": ["x"]}],
        "tokenize": {"tokenizer": tokenizer, "max_unk_rate": 1} | layout,
        "export": {"validation": 0} | export,
    }
    run(plan_of_files([raw], folder / "out", Config.model_validate(config)), workers=1)
    return folder / "out"


def shown(path: Path, *arguments: str) -> str:
    result = call(path, *arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def call(path: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["show", str(path), *arguments], catch_exceptions=False)


def test_a_conversation(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "tok")
    folder = built(tmp_path, str(tmp_path / "tok"), {"layout": "causal"})
    title, *lines = shown(folder, "--row", "1").splitlines()
    assert title.startswith("# a.jsonl:2, ")
    assert title.endswith(" of them trained")
    text = "\n".join(lines).replace("·", "")
    assert text.startswith("<|im_start|>user⏎\n인사해 줘.<|im_end|>⏎\n<|im_start|>assistant⏎\n[안녕 🙂<|im_end|>⏎\n]\n")


def test_packs(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "tok")
    folder = built(tmp_path, str(tmp_path / "tok"), {"layout": "causal"}, packing=True, formats=["parquet"])
    text = shown(folder)
    assert [line.split(",")[0] for line in text.splitlines() if line.startswith("#")] == ["# a.jsonl:1", "# a.jsonl:2"]
    assert "<|im_end|>·⏎\n]" in text


@pytest.mark.parametrize(
    ("layout", "titles", "marked"),
    [
        ({"layout": "pair"}, ["a.jsonl:1"], "[서·울·[SEP]]"),
        ({"layout": "fields"}, ["a.jsonl:1, instruction", "a.jsonl:1, input", "a.jsonl:1, output"], ""),
        ({"layout": "classification", "labels": ["안녕 🙂", "서울"]}, ["a.jsonl:1, label 1"], ""),
        ({"layout": "seq2seq"}, ["a.jsonl:1, input_ids", "a.jsonl:1, labels"], "[[CLS]·서·울·[SEP]]"),
        ({"layout": "qa"}, ["a.jsonl:1, window 0: answer at 9 to 10"], "·[서·울]·은·"),
    ],
)
def test_layouts_of_kobert(tmp_path: Path, layout: dict[str, Any], titles: list[str], marked: str) -> None:
    text = shown(built(tmp_path, "embedded", layout))
    assert [line for line in text.splitlines() if line.startswith("#")] == [
        line for line in text.splitlines() if any(line.startswith(f"# {title}, ") for title in titles)
    ]
    assert text.count("# ") == len(titles)
    assert marked in text


@pytest.mark.parametrize("tokenizer", [embedded, small.causal], ids=["embedded", "causal"])
@given(parts=st.lists(texts, min_size=1, max_size=3))
def test_what_is_shown_is_what_the_tokenizer_decodes(tokenizer: Callable[[], Tokenizer], parts: list[str]) -> None:
    """Between two special tokens, however long the text: spaces of its first tokens, too."""
    kind = tokenizer()
    specials = set(kind.specials.values())
    special = min(specials)
    encoded = [ids for ids in kind.encode_literally(pa.array(parts)).to_pylist() if ids and not specials & set(ids)]
    ids = [token for some in encoded for token in (special, *some)]
    pieces = list(pieces_of(Shown("", ids, [GIVEN] * len(ids)), kind))
    shown: list[str] = []
    for piece in pieces:
        if piece.special:
            shown.append("")
        else:
            shown[-1] += piece.text
    assert shown == [kind.decode(some) for some in encoded]


def test_a_file_of_a_stage(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from pipeline.tokenizers.load import resolve

    monkeypatch.chdir(tmp_path)
    stages = tmp_path / ".stages" / "x"
    (stages / "a").mkdir(parents=True)
    (stages / "tokenizer.json").write_text(resolve(["embedded"]).model_dump_json())
    rows = "\n".join(map(json.dumps, [*ROWS, {"instruction": "모름", "input": "", "output": "없음"}]))
    target = str(stages / "a" / "tokenize.arrow")
    command = ["tokenize", "-", target, "--tokenizer", "embedded", "--layout", "qa"]
    done = CliRunner().invoke(main, command, input=rows, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert "window 0: answer at" in shown(Path(target))
    refused = call(Path(target), "--row", "2")
    assert refused.exit_code == 1
    assert "this row has no ids: tokenize: answer-not-in-context: the answer '없음'" in refused.stderr


def test_what_cannot_be_shown(tmp_path: Path) -> None:
    folder = built(tmp_path, "embedded", {})
    for arguments, says in (
        (["--row", "2"], "there is no row 2. There are 2 rows"),
        (["--split", "tset"], "there is no split 'tset' with Arrow or Parquet files. Splits here: train."),
    ):
        result = call(folder, *arguments)
        assert result.exit_code == 1
        assert says in result.stderr
    small.save_causal(tmp_path / "tok")
    result = call(folder, "--tokenizer", str(tmp_path / "tok"))
    assert result.exit_code == 1
    assert "would decode to the wrong text" in result.stderr
    (folder / "manifest.json").unlink()
    assert "not known which tokenizer made the ids" in call(folder).stderr
    (folder.parent / "tokenizer.json").write_text('{"version": "1.0", "model": {}}')  # of a model
    assert "not known which tokenizer made the ids" in call(folder).stderr


def test_the_place_of_a_tokenizer_of_another_version_is_not_known(tmp_path: Path) -> None:
    folder = built(tmp_path, "embedded", {})
    kept = stage_files.stages_of(folder) / stage_files.TOKENIZER
    kept.parent.mkdir(parents=True, exist_ok=True)
    for text in ("[]", "{", "{}", '{"sha256": 1}'):
        kept.write_text(text)
        assert call(folder).exit_code == 0


def test_a_folder_in_a_dataset_or_around_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The message names the dataset, in the way in which the folder was named."""
    folder = built(tmp_path, "embedded", {})
    for arguments in (["show"], ["show", "--rejects"], ["report"], ["browse"], ["diff", str(folder)]):
        result = CliRunner().invoke(main, [*arguments, str(folder / "train")])
        assert result.exit_code == 1
        assert result.stderr.endswith(f"This is a folder in a dataset. Name the dataset: {folder}\n")
    monkeypatch.chdir(folder.parent)
    assert call(Path(folder.name, "train")).stderr.endswith(f"Name the dataset: {folder.name}\n")
    assert call(Path()).stderr.endswith(f"There are datasets in this folder. Name one: {folder.name}\n")
    monkeypatch.chdir(folder / "train")
    assert call(Path()).stderr.endswith(f"Name the dataset: {folder}\n")
    assert call(folder).exit_code == 0


def test_a_copied_dataset_whose_tokenizer_is_elsewhere(tmp_path: Path) -> None:
    """One line, with the command that shows the row."""
    small.save_causal(tmp_path / "tok")
    folder = built(tmp_path, str(tmp_path / "tok"), {"layout": "causal"})
    copied = tmp_path / "other place"
    shutil.copytree(folder, copied)
    (tmp_path / "tok").rename(tmp_path / "now")
    result = call(copied)
    assert result.exit_code == 1
    (line,) = result.stderr.splitlines()
    command = f"ko-instruct show {shlex.quote(str(copied))} --tokenizer PATH"
    assert line.endswith(f"Name where it is now: {command}")
    arguments = shlex.split(command.replace("PATH", str(tmp_path / "now")))[1:]
    assert CliRunner().invoke(main, arguments).exit_code == 0


@pytest.mark.parametrize(
    "line",
    [
        b"{",
        b'{"a": 1}',
        b'{"instruction": 1e400, "output": "x"}',
        b"\xff",
        b'{"instruction": "x", "output": "x", "history": 3}',
    ],
)
def test_damaged_rejects_are_no_raw_file(tmp_path: Path, line: bytes) -> None:
    folder = built(tmp_path, "embedded", {})
    rejects = folder / "rejects.jsonl"
    rejects.write_bytes(line + b"\n")
    for arguments in (["show", "--rejects"], ["diff", str(folder)], ["report"]):
        result = CliRunner().invoke(main, [*arguments, str(folder)])
        assert result.exit_code == 1
        assert str(rejects) in result.stderr
        assert result.stderr.endswith("Build the dataset again (make processed), or download it again.\n"), (
            result.stderr
        )


def test_a_long_number_of_a_call_is_shown_whole() -> None:
    calls = '[{"type":"function","function":{"name":"센다","arguments":{"n":12345678901234567890123}}}]'
    row = {"instruction": "세어 줘.", "output": None, "tool_calls": calls}
    assert "→ 센다(n=12345678901234567890123)" in as_messages(row)


@pytest.mark.parametrize("case", cases("show_messages.jsonl"), ids=lambda case: case["case"])
def test_rows_as_messages(case: dict[str, Any]) -> None:
    assert as_messages(case["row"]).splitlines() == case["shown"]


@pytest.mark.parametrize("kind", ["jsonl", "parquet"])
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_a_record_of_a_text_form_is_a_raw_record(tmp_path: Path, form: TextForm, kind: str) -> None:
    history = [message("user", content="안녕?"), message("assistant", content="네.")]
    row = {"history": history, "instruction": "몇 시?", "output": "3시입니다."}
    more = {"preference": {"rejected": "몰라."}, "unpaired": {"label": True}}
    record = TEXT_FORMS[form](row | more.get(form, {}))
    path = tmp_path / f"train.{kind}"
    if kind == "jsonl":
        path.write_text(json.dumps(record) + "\n")
    else:
        pq.write_table(pa.Table.from_pylist([record]), path)
        assert json.loads(shown(path, "--format", "json")) == record
    for arguments in ([], ["--format", "messages"]):
        refused = call(path, *arguments)
        assert refused.exit_code == 1
        assert "`ko-instruct ingest`" in refused.stderr
    rows = tmp_path / "rows.arrow"
    assert CliRunner().invoke(main, ["ingest", str(path), str(rows)]).exit_code == 0
    assert "[user]\n몇 시?\n[assistant]\n3시입니다.\n" in shown(rows, "--format", "messages")


def test_characters_of_several_tokens_come_out_whole() -> None:
    tokenizer = small.causal()
    ids = tokenizer.backend.encode("뷁🙂<|im_end|>\ufffd\n끝")
    pieces = list(pieces_of(Shown("", ids, [GIVEN] * len(ids)), tokenizer))
    assert "".join(piece.text for piece in pieces) == "뷁🙂<|im_end|>\ufffd\n끝"
    assert [piece.text for piece in pieces if piece.special] == ["<|im_end|>"]
    assert in_brackets(pieces) == "뷁·🙂·<|im_end|>·\ufffd⏎\n끝"


def test_colours() -> None:
    ids = embedded().encode_with_offsets(pa.array(["서울[SEP]"]))[0].to_pylist()[0]
    text = in_colour(list(pieces_of(Shown("", ids, [GIVEN, TRAINED, TRAINED]), embedded())))
    assert text == "\x1b[2m서\x1b[0m\x1b[32m\x1b[1m\x1b[4m울\x1b[0m\x1b[35m\x1b[1m[SEP]\x1b[0m"


def test_messages(tmp_path: Path) -> None:
    small.save_causal(tmp_path / "tok")
    folder = built(tmp_path, str(tmp_path / "tok"), {"layout": "causal"})
    assert shown(folder, "--row", "1", "--format", "messages") == (
        "# a.jsonl:2\n[user]\n인사해 줘.\n[assistant]\n안녕 🙂\n\n"
    )
    assert shown(folder, "--format", "messages").splitlines()[:4] == [
        "# a.jsonl:1",
        "[user]",
        "한국의 수도는?",
        ROWS[0]["input"].split("\n")[0],
    ]


CALL = [{"id": "1", "type": "function", "function": {"name": "시계", "arguments": {"도시": "서울"}}}]


def test_all_that_a_conversation_may_hold() -> None:
    history = [
        message("user", content="안녕?"),
        message("assistant", content="네.", learn=False),
    ]
    steps = [message("assistant", tool_calls=json.dumps(CALL)), message("tool", content="3시", name="1")]
    row = {"system": "짧게.", "tools": "[]", "history": history, "instruction": "몇 시?", "input": "", "steps": steps}
    row |= {"reasoning": "시계를 본다.", "output": "3시\x1b[2J", "rejected": "몰라요.", "label": None, "origin": "a:1"}
    text = as_messages(row)
    assert text.splitlines() == [
        "# a:1", "[tools]", "", "[system]", "짧게.", "[user]", "안녕?", "[assistant, not learned]", "네.", "[user]",
        "몇 시?", "[assistant]", '→ 시계(도시="서울")  #1', "[tool 1]", "3시", "[assistant]",
        "(시계를 본다.)", "3시\\x1b[2J", "[assistant, the worse answer]", "몰라요.",
    ]  # fmt: skip
    assert json.loads(as_json(row)) == row
    assert "\x1b" not in as_json(row)
    with pytest.raises(ShowError, match="this row has no texts"):
        as_messages({"input_ids": [1]})


def test_a_sample_is_the_same_each_time(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps({"instruction": f"질문 {n}", "output": f"답 {n}"}) + "\n" for n in range(50)))
    lines = shown(path, "--sample", "5", "--format", "json").splitlines()
    assert lines == shown(path, "--sample", "5", "--format", "json").splitlines()
    numbers = [int(json.loads(line)["output"].split()[1]) for line in lines]
    assert len(numbers) == 5
    assert numbers == sorted(set(numbers))
    assert lines != shown(path, "--sample", "5", "--seed", "1", "--format", "json").splitlines()
    assert len(shown(path, "--sample", "99", "--format", "json").splitlines()) == 50
    table = pa.table({"instruction": ["하나"], "output": ["둘"]})
    pq.write_table(table, tmp_path / "rows.parquet")
    assert "[assistant]\n둘" in shown(tmp_path / "rows.parquet", "--format", "messages")
    pq.write_table(table.slice(0, 0), tmp_path / "none.parquet")
    assert "there are no rows" in call(tmp_path / "none.parquet", "--sample", "1").stderr


def test_rejected_rows(tmp_path: Path) -> None:
    folder = built(tmp_path, "embedded", {"layout": "qa"})
    text = shown(folder, "--rejects")
    assert text.startswith("# a.jsonl:2, rejected by tokenize: ")
    assert "[assistant]\n안녕 🙂" in text
    assert json.loads(shown(folder, "--rejects", "--format", "json"))["origin"] == "a.jsonl:2"
    refused = call(folder, "--rejects", "--format", "tokens")
    assert "this row has no ids: tokenize" in refused.stderr
    assert "Show what it has with --format messages" in refused.stderr
    assert "rejected rows: there is no row 9" in call(folder, "--rejects", "--row", "9").stderr


def test_rows_that_fit_a_condition(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [
        {"instruction": f"질문 {n}", "output": "답" * n, "source": "ab"[n % 2], "meta": json.dumps({"점수": n})}
        for n in range(50)
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))

    def fitting(where: str, *arguments: str) -> list[int]:
        lines = shown(path, "--format", "json", "--where", where, *arguments).splitlines()
        return [len(json.loads(line)["output"]) for line in lines]

    assert fitting('source == "b" and len(output) > 40') == [41]
    assert fitting('source == "b" and len(output) > 40', "--row", "4") == [49]
    assert fitting("meta.점수 < 3", "--sample", "9") == [0, 1, 2]
    found = fitting('source == "a"', "--sample", "5")
    assert len(found) == 5
    assert not any(number % 2 for number in found)
    for arguments, says in (
        (["--where", "len(output) > 99"], "where len(output) > 99: there are no rows."),
        (["--where", "len(output) > 99", "--sample", "2"], "where len(output) > 99: there are no rows."),
        (["--where", "len(output) > 48", "--row", "1"], "there is no row 1. There are 1 rows"),
        (["--where", "outptu == 3"], "Did you mean output?"),
        (["--where", "n_tokens > 3"], "the rows have no column n_tokens. A condition can read"),
        (["--where", "cluster == null"], "the rows have no column cluster."),
    ):
        result = call(path, *arguments)
        assert result.exit_code == 1
        assert says in result.stderr


def test_conditions_of_a_finished_dataset(tmp_path: Path) -> None:
    """Columns and flags of later stages, too, which no `keep` reads; the remedy of the message works."""
    folder = built(tmp_path, "embedded", {"layout": "qa"})
    assert json.loads(shown(folder, "--where", "n_tokens > 3 and similarity == null", "--format", "json"))["origin"]
    assert "there are no rows" in call(folder, "--where", 'flags has "near-prompt" or fixes has "nfc"').stderr
    refused = call(folder, "--where", 'reject_stage == "tokenize"')
    assert "the rows have no column reject_stage. Rejected rows have it: add --rejects." in refused.stderr
    assert "rejected by tokenize" in shown(folder, "--rejects", "--where", 'reject_stage == "tokenize"')
    assert "there are no rows" in call(folder, "--rejects", "--where", "duplicate_of != null").stderr


def test_the_ids_of_tokens(tmp_path: Path) -> None:
    folder = built(tmp_path, "embedded", {})
    text = shown(folder, "--ids")
    row = json.loads(shown(folder, "--format", "json"))
    assert [int(number) for found in re.findall(r"⟨([\d,]+)⟩", text) for number in found.split(",")] == row["input_ids"]
    assert re.sub(r"⟨[\d,]+⟩", "", text) == shown(folder)


def test_a_record_that_could_not_be_read_is_shown_as_json(tmp_path: Path) -> None:
    """The remedy of each message works."""
    path = tmp_path / "rejects.jsonl"
    path.write_text(
        '{"origin": "a:1", "instruction": null, "output": null, "raw": "{", "reject_reason": "invalid-json"}'
    )
    assert "with --format json" in call(path).stderr
    assert shown(path, "--format", "messages") == "# a:1, rejected by invalid-json\n[raw record]\n{\n\n"
    assert json.loads(shown(path, "--format", "json"))["raw"] == "{"


def test_a_file_of_a_dataset_has_the_tokenizer_of_the_dataset(tmp_path: Path) -> None:
    folder = built(tmp_path, "embedded", {}, formats=["arrow", "parquet"])
    whole = shown(folder)
    for split in ("pair/train-*.parquet", "train/*.arrow"):
        (file,) = folder.glob(split)
        assert shown(file) == whole, file


def test_a_condition_that_is_not_utf_8(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["show", str(tmp_path), "--where", 'output has "\udcff"'])
    assert result.exit_code == 2
    assert "this is not UTF-8" in result.stderr


@pytest.mark.parametrize("options", [("--sample", "2", "--row", "1"), ("--rejects", "--split", "train")])
def test_options_of_which_one_would_have_no_effect(tmp_path: Path, options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["show", str(tmp_path), *options])
    assert result.exit_code == 2
    assert "give one of them, not both" in result.stderr


def test_a_rejected_record_without_texts(tmp_path: Path) -> None:
    """It is shown as it is in the file, with the reason, between others."""
    rejects = [
        {"origin": "a:1", "instruction": None, "output": None, "raw": '{"a": 1', "reject_stage": "ingest"},
        {"origin": "a:2", "instruction": "사과는?", "output": "", "raw": None, "reject_stage": "validate"},
    ]
    rows = [row | {"reject_reason": "why", "reject_detail": "여기"} for row in rejects]
    (tmp_path / "rejects.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    text = shown(tmp_path, "--rejects", "--sample", "2")
    assert '# a:1, rejected by ingest: why: 여기\n[raw record]\n{"a": 1\n' in text
    assert "사과는?" in text
