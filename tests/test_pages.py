"""Every code block of the README and of docs/ runs, or is checked: what it writes is what the page says.

A page is a story in one folder, a copy of this project with processed/sample: its blocks run in their order.

- `sh` runs. A `text` block behind it is what it prints: these lines in this order, where … is any text.
- `python` runs. Behind two spaces and `#` is the value of the line, where it is a literal.
- A block with a file name behind its language is that file: ```toml mine.toml.
- `toml` is a config, or a part of one. `json` and `yaml` can be read.

NOT_RUN lists what does not run here: of that, the names are checked (tests/test_docs.py, and imports below).
Korean pages have the same blocks, but for comments: only those of the English pages run.
"""

import ast
import importlib.util
import json
import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import yaml

from pipeline.stages.ingest.detect.recipes import recipes
from schemas.options import Config
from tests.support.paths import ROOT
from tests.support.small_tokenizers import TOOLS, save_causal

pytestmark = pytest.mark.long

PAGES = [ROOT / "README.md", *sorted(path for path in ROOT.glob("docs/*.md") if not path.name.endswith(".ko.md"))]
IN_KOREAN = [(page, page.with_suffix(".ko.md")) for page in PAGES if page.with_suffix(".ko.md").exists()]
#: Lines of `sh` and blocks of `python` that do not run here, and why.
NOT_RUN = {
    r"pip install": "needs a package index",
    r"make (test|bench|check|audit|docs|clean)": "works on this repository, or takes long",
    r"hf auth login": "needs an account",
    r"--engine ray|spark": "needs Ray or Spark: tests/ray",
    r"sbatch|SBATCH|SLURM": "needs Slurm: tests/run/test_shards.py",
    r"ko-instruct browse": "serves until it is stopped: tests/browse",
    r"ko-instruct push": "publishes: tests/hub/test_push.py",
    r"ko-instruct fetch|load_dataset\(\"my-name": "needs the Hub: tests/hub",
    r"ko-instruct self-instruct|export OPENAI": "needs a model: tests/self_instruct",
    r"--config mixture\.toml": "needs data that is not in this repository: tests/run/test_mixture.py",
    r"torch|pipeline\.training|transformers|model\.config|AutoModel|[tT]rainer[.(]": "needs torch: tests/training",
    r"from trl|from openai": "needs a trainer: tests/trainers",
    r"kobert-base-v1": "needs the vocabulary of KoBERT: tests/tokenizers",
    r"^def normalize\(": "is a signature: docs/architecture.md",
}
#: What a part of a config is put into, where it lacks it.
REST = {"dataset": {"name": "mine"}, "source": [{"name": "mine", "files": ["*.jsonl"]}]}

pages = pytest.mark.parametrize("page", PAGES, ids=lambda path: path.relative_to(ROOT).as_posix())


class Block(NamedTuple):
    """A code block of a page."""

    language: str
    name: str  # of the file that it is; "": none
    text: str
    before: str  # the paragraph before it

    @property
    def not_run(self) -> bool:
        return any(re.search(pattern, self.text, re.MULTILINE) for pattern in NOT_RUN)


def blocks_of(page: Path) -> list[Block]:
    found = re.finditer(r"^```(\w*) ?(\S*)\n(.*?)^```$", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [Block(one[1], one[2], one[3], one.string[: one.start()].strip().rpartition("\n\n")[2]) for one in found]


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory, warm_command: Path) -> Path:
    """This project with the raw sample, its dataset and a tokenizer `model` with a chat template."""
    folder = tmp_path_factory.mktemp("pages")
    for name in ("Makefile", "pyproject.toml", "constraints.txt", "pipeline.toml"):
        shutil.copy(ROOT / name, folder)
    for name in ("raw/sample", "raw/seeds", "examples"):
        shutil.copytree(ROOT / name, folder / name)
    save_causal(folder / "model", TOOLS)
    scripts = folder / ".venv" / "bin"
    scripts.mkdir(parents=True)
    (folder / ".venv" / ".installed").touch()
    (scripts / "ko-instruct").symlink_to(warm_command)
    assert run("make processed", folder).returncode == 0
    return folder


def run(script: str, project: Path) -> "subprocess.CompletedProcess[str]":
    foreign = ("KO_INSTRUCT", "MAKE", "MFLAGS", "VENV", "LAYOUT", "OPENAI")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    paths = {"PATH": f"{project}/.venv/bin:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), "HF_HOME": str(project)}
    return subprocess.run(
        ["sh", "-ec", script],
        cwd=project,
        env=clean | paths | {"HF_HUB_OFFLINE": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        encoding="utf-8",
        check=False,
    )


@pages
def test_the_blocks_of_a_page_run(page: Path, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = tmp_path / "project"
    shutil.copytree(base, project, symlinks=True)
    monkeypatch.chdir(project)
    monkeypatch.syspath_prepend(project)
    blocks = blocks_of(page)
    if any(block.text.startswith("make processed") for block in blocks):
        shutil.rmtree(project / "processed")  # the page builds it
    names: dict[str, Any] = {}
    printed: str | None = None
    for block in blocks:
        assert block.language, f"a block without a language: {block.text}"
        if block.name:
            assert block.name in block.before, f"the text before the block does not say that it is {block.name}"
            write(project / block.name, block.text)
        if block.language == "sh":
            printed = run_lines(block, project)
        elif block.language == "text":
            if printed is not None:
                shows(printed, block.text)
            printed = None
        else:
            printed = None
            check(block, names)


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run_lines(block: Block, project: Path) -> str | None:
    """What the lines of a block print that run here; None where the last one does not."""
    lines = re.sub(r"\\\n", " ", block.text).splitlines()
    here = [line for line in lines if not any(re.search(pattern, line) for pattern in NOT_RUN)]
    if not here:
        return None
    done = run("\n".join(here), project)
    expected = re.findall(r"exit code (\d)", block.before)
    assert done.returncode == int(expected[0] if expected else 0), f"{block.text}\n{done.stdout}"
    assert "Traceback" not in done.stdout, f"{block.text}\n{done.stdout}"
    return done.stdout if here[-1] == lines[-1] else None


def shows(printed: str, expected: str) -> None:
    lines = iter(printed.splitlines())
    for line in expected.splitlines():
        pattern = ".*".join(map(re.escape, line.rstrip().split("…")))
        found = line.strip() == "…" or any(re.fullmatch(pattern, one.rstrip()) for one in lines)
        assert found, f"{line!r} is not printed, or not in this order:\n{printed}"


def check(block: Block, names: dict[str, Any]) -> None:
    if block.language == "toml":
        config = Config.model_validate(REST | without_base(tomllib.loads(block.text)))
        assert all(source.recipe in ("", *recipes()) for source in config.source)
    elif block.language == "json":
        for line in block.text.splitlines():
            json.loads(line)
    elif block.language == "yaml":
        yaml.safe_load(block.text)
    elif block.language == "python" and not block.name:
        run_python(block, names)
    else:
        assert block.name or block.language in ("text", "csv", "python"), block.language


def without_base(config: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in config.items() if name != "extends"}


def run_python(block: Block, names: dict[str, Any]) -> None:
    tree = ast.parse(block.text)
    if block.not_run:
        imports_exist(tree)
        return
    lines = block.text.splitlines()
    for statement in tree.body:
        comment = lines[(statement.end_lineno or 1) - 1].rpartition("  # ")[2]
        source = ast.unparse(statement)
        if isinstance(statement, ast.Expr) and is_literal(comment):
            assert eval(source, names) == ast.literal_eval(comment), source
        else:
            exec(source, names)


def is_literal(text: str) -> bool:
    try:
        ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return False
    return True


def imports_exist(tree: ast.Module) -> None:
    """Nothing is imported: torch need not be installed. The names of other packages are not looked up."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("pipeline", "schemas", "ko_instruct")):
            found = importlib.util.find_spec(node.module or "")
            assert found is not None
            assert found.origin is not None
            text = Path(found.origin).read_text(encoding="utf-8")
            assert all(re.search(rf"\b{name.name}\b", text) for name in node.names), ast.unparse(node)


@pytest.mark.parametrize(("english", "korean"), IN_KOREAN, ids=lambda path: path.name)
def test_a_korean_page_has_the_blocks_of_the_english_one(english: Path, korean: Path) -> None:
    both = [
        [(block.language, block.name, without_comments(block.text)) for block in blocks_of(page)]
        for page in (english, korean)
    ]
    assert both[0] == both[1]


def without_comments(code: str) -> str:
    """Without comments, but for those of values."""
    kept = []
    for line in code.splitlines():
        before, mark, comment = line.rpartition("# ")
        kept.append(line if not mark or is_literal(comment) else before.rstrip())
    return "\n".join(line for line in kept if line)


def test_what_does_not_run_is_still_in_a_page() -> None:
    texts = "".join(block.text for page in PAGES for block in blocks_of(page) if block.language in ("sh", "python"))
    assert [pattern for pattern in NOT_RUN if not re.search(pattern, texts, re.MULTILINE)] == []


@pytest.mark.parametrize("index", ["README.md", "README.ko.md"])
def test_every_page_is_in_the_index(index: str) -> None:
    linked = set(re.findall(r"\]\(([^)#\s]+)", (ROOT / "docs" / index).read_text(encoding="utf-8")))
    suffix = index.removeprefix("README")
    names = [path.name for path in PAGES if path.parent.name == "docs" and path.name != "README.md"]
    assert [name for name in names if not {name, name.replace(".md", suffix)} & linked] == []


def test_the_files_of_a_dataset_are_those_of_the_page(base: Path) -> None:
    cells = re.findall(r"^\| (`[^|]*`) \|", (ROOT / "docs" / "start.md").read_text(encoding="utf-8"), re.MULTILINE)
    paths = [path.strip("`") for cell in cells[: cells.index("`README.md`") + 1] for path in cell.split(", ")]
    assert len(paths) > 5
    assert [path for path in paths if not list((base / "processed" / "sample").glob(path.rstrip("/")))] == []
