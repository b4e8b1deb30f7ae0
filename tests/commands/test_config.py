"""init and check: a config of one's own, and all its faults at once."""

import json
import os
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from pipeline.cli import main
from pipeline.run.config import load_config


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "raw" / "sample").mkdir(parents=True)
    (tmp_path / "raw" / "sample" / "shipped.jsonl").write_text(json.dumps({"instruction": "가", "output": "나"}))
    return tmp_path


def call(*arguments: str) -> Result:
    return CliRunner().invoke(main, list(arguments), catch_exceptions=False)


def write(path: Path, count: int = 20) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    words = [f"{path.name}의 {number}번 질문" for number in range(count)]
    path.write_text("\n".join(json.dumps({"instruction": word, "output": f"{word}에 대한 답"}) for word in words))


def test_init_declares_what_is_in_raw_and_the_config_builds(project: Path) -> None:
    write(project / "raw" / "KoAlpaca v1.1.jsonl")
    write(project / "raw" / "모음" / "깊이" / "하나.jsonl")
    write(project / "raw" / "모음 [2].json")
    (project / "raw" / "모음" / "README.md").write_text("읽어 주세요")
    done = call("init", "내 설정.toml", "--name", "내것")
    assert done.exit_code == 0, done.output
    assert "make processed CONFIG='내 설정.toml'" in done.output
    config = load_config(project / "내 설정.toml")
    assert config.dataset.name == "내것"
    assert [(source.name, source.files) for source in config.source] == [
        ("KoAlpaca_v1.1", ("KoAlpaca v1.1.jsonl",)),
        ("모음", ("모음/**/*.jsonl",)),
        ("모음__2_", ("모음 [[]2].json",)),
    ]
    assert call("check", "--config", "내 설정.toml").output == "내 설정.toml: no fault found\n"
    built = call("run", "--config", "내 설정.toml", "--tokenizer", "embedded")
    assert built.exit_code == 0, built.output
    assert json.loads((project / "processed" / "내것" / "manifest.json").read_bytes())["counts"]["rows_in"] == 60


def test_init_keeps_a_config_that_exists(project: Path) -> None:
    assert call("init").exit_code == 0
    before = (project / "pipeline.toml").read_text()
    again = call("init")
    assert again.exit_code == 1
    assert "pipeline.toml exists. Name another file: ko-instruct init mine.toml" in again.stderr
    assert (project / "pipeline.toml").read_text() == before
    assert call("init", "mine.toml").exit_code == 0


def test_a_config_without_data_says_where_data_goes(project: Path) -> None:
    assert call("init").exit_code == 0
    assert "There is no data file in raw/ yet" in (project / "pipeline.toml").read_text()
    assert call("check").exit_code == 0


FAULTY = """
[dataset]
name = "x"

[[source]]
name = "a"
files = ["a.jsonl"]
recipe = "없는/것"

[[source]]
name = "a"
files = ["빠진.jsonl"]

[normalize]
on = ["tylde"]

[screen]
mask = ["pii-fax"]
benchmarks = ["없는/*.json"]

[dedupe]
against = ["processed/없음"]
"""


def test_check_names_every_fault(project: Path) -> None:
    write(project / "raw" / "A.jsonl")
    (project / "pipeline.toml").write_text(FAULTY)
    done = call("check")
    assert done.exit_code == 1
    for fault in (
        "source 'a': 2 sources have this name. Give each its own.",
        "no recipe",
        "no file below raw matches 'a.jsonl'. There is A.jsonl: capital letters count.",
        "no file below raw matches '빠진.jsonl'.\n",
        "normalize.on lists 'tylde', which is not a fix",
        "screen.mask lists 'pii-fax', which is unknown",
        "matches '없는/*.json'",
        "dedupe.against: no file or folder processed/없음",
    ):
        assert fault in done.stderr


def test_unknown_names_have_a_line_and_a_suggestion(project: Path) -> None:
    (project / "pipeline.toml").write_text(
        '[dataset]\nname = "x"\n[[source]]\nname = "a"\nfiles = "a"\n[[source]]\nname = "b"\nfile = ["b"]\n'
        "[tokenize]\nmax_lenght = 3\nlayout = 'pears'\n[tokenise]\n"
    )
    stderr = call("check").stderr
    assert "line 8: source[1].file: unknown name; allowed: name, files, " in stderr
    assert "line 6: source[1].files: missing, and has no default" in stderr
    assert "line 5: source[0].files: " in stderr
    assert "line 10: tokenize.max_lenght: unknown name; allowed: " in stderr
    assert "line 11: tokenize.layout: found \"pears\"; allowed: 'pair'" in stderr
    assert "line 12: tokenise: unknown name; allowed: " in stderr
    for near in ("files", "max_length", "tokenize"):
        assert f". Did you mean {near}?\n" in stderr + "\n"


def test_check_names_faults_of_every_kind_at_once(project: Path) -> None:
    """What is misspelt does not hide what does not exist; in the order of the lines."""
    write(project / "raw" / "대화.jsonl")
    (project / "mine.toml").write_text(
        '[dataset]\nnmae = "x"\n[[source]]\nname = "a"\nfils = ["a.jsonl"]\n[[source]]\nname = "b"\n'
        'files = ["대화.josnl"]\nlicence = "mit"\nencoding = "utf-9"\n[normalize]\noff = ["nfcc"]\n'
        '[screen]\nmask = ["pii-emial"]\n[tokenise]\n[export]\nformats = ["arow"]\n'
    )
    done = call("check", "mine.toml")
    assert done.exit_code == 1
    lines = [int(number) for number in re.findall(r"line (\d+): ", done.stderr)]
    assert lines == sorted(lines) == [1, 2, 3, 5, 9, 10, 15, 17]
    for fault in (
        "dataset.nmae: unknown name; allowed: name, title, description. Did you mean name?",
        'source[1].encoding: found "utf-9"',
        "export.formats[0]: found \"arow\"; allowed: 'parquet', 'arrow'",
        ". Did you mean arrow?",
        "source 'b': no file below raw matches '대화.josnl'. Did you mean 대화.jsonl?",
        "normalize.off lists 'nfcc', which is not a fix",
        ". Did you mean nfc?",
        "screen.mask lists 'pii-emial', which is unknown",
        ". Did you mean pii-email?",
    ):
        assert fault in done.stderr
    assert "literal[" not in done.stderr


def test_what_is_looked_for_anyway_is_not_called_unknown(project: Path) -> None:
    (project / "pipeline.toml").write_text(
        '[dataset]\nname = "x"\n[[source]]\nname = "a"\nfiles = ["a"]\n[screen]\non = ["pii-email"]\n'
    )
    assert "screen.on lists 'pii-email', which is looked for without it. Remove it" in call("check").stderr


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads every file")
def test_a_file_that_cannot_be_read(project: Path) -> None:
    write(project / "raw" / "a.jsonl")
    write(project / "raw" / "b c.jsonl")
    call("init")
    (project / "raw" / "a.jsonl").chmod(0)
    (project / "raw" / "b c.jsonl").chmod(0)
    found = call("check").stderr
    assert "it cannot be read. Change its permissions: chmod +r raw/a.jsonl" in found
    assert "it cannot be read. Change its permissions: chmod +r 'raw/b c.jsonl'" in found


def test_the_config_that_init_wrote_can_be_checked_as_it_says(project: Path) -> None:
    write(project / "raw" / "a.jsonl")
    assert "run ko-instruct check 'my config.toml', then run: make processed" in call("init", "my config.toml").stdout
    assert "`ko-instruct check 'my config.toml'`" in (project / "my config.toml").read_text()
    assert call("check", "my config.toml").stdout == "my config.toml: no fault found\n"


def test_init_names_the_files_that_need_a_shape(project: Path) -> None:
    write(project / "raw" / "a.jsonl")
    (project / "raw" / "감정.jsonl").write_text('{"text": "좋아요", "label": "긍정"}\n', "utf-8")
    done = call("init")
    assert "To do: 감정.jsonl: no known shape fits a record with the fields text, label: name its shape" in done.stdout
    text = (project / "pipeline.toml").read_text("utf-8")
    assert text.count("# To do: ") == 1
    (shape,) = re.findall(r"`(shape = .*?)`", text)
    written = shape.replace('"…"', '"감정을 말해 줘."', 1)
    (project / "pipeline.toml").write_text(text.replace("# To do", f"{written}\n#"), "utf-8")
    assert call("check").exit_code == 0
