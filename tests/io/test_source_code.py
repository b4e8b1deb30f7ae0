"""What a result depends on: derived from the imports, and compared with what is really imported."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.io import source_code
from pipeline.io.source_code import Import, closure, code_of, libraries_of, modules, read_source, source_of, targets
from pipeline.io.versions import CHAIN
from schemas.errors import MissingLibraryError
from tests.support.paths import ROOT


def runtime(code: str, package: str = "") -> list[tuple[str, str]]:
    return [(each.module, each.name) for each in read_source(code, package).imports if not each.typing]


@pytest.mark.parametrize(
    "code",
    [
        "from a.b import c, d",
        "from a.b import (\n    c,\n    d,\n)",
        "from a.b import \\\n    c, \\\n    d",
        "from a.b import c as x; from a.b import d",
        "def f():\n    if True:\n        try:\n            from a.b import c, d\n        finally:\n            pass",
        "class C:\n    from a.b import c, d",
    ],
)
def test_an_import_is_read_in_every_form(code: str) -> None:
    assert runtime(code) == [("a.b", "c"), ("a.b", "d")]


def test_other_imports() -> None:
    assert runtime("import a.b as c") == [("a.b", "")]
    assert set(runtime("import a.b")) == {("a.b", ""), ("a", "")}
    assert runtime("from . import x\nfrom ..y import z", "a.b") == [("a.b", "x"), ("a.y", "z")]
    assert runtime("import_module('a.b')") == [("a.b", "")]
    assert set(runtime("import importlib\nx = importlib.import_module('.b', __package__)", "a")) == {
        ("importlib", ""),
        ("a.b", ""),
    }
    assert runtime('"""from a import b"""\ntext = "import c"  # import d') == []


def test_imports_for_a_type_checker_are_known_as_such() -> None:
    code = "if TYPE_CHECKING:\n    from a import b\nelse:\n    from c import d\nif typing.TYPE_CHECKING:\n    import e"
    assert runtime(code) == [("c", "d")]
    assert Import("a", "b", typing=True) in read_source(code).imports


def test_names_on_demand_are_followed_by_name() -> None:
    found = closure(targets(Import("pipeline", "normalize", typing=False)))
    assert {"pipeline", "pipeline.stages.normalize", "pipeline.stages.normalize.fixes"} <= found
    assert not [name for name in found if "tokenize" in name or "screen" in name]
    everything = closure(targets(Import("pipeline", "", typing=False)))
    assert {"pipeline.stages.normalize", "pipeline.stages.tokenize.qa", "pipeline.dataset.export"} <= everything
    door = targets(Import("pipeline.training", "LengthGroupedTrainer", typing=False))
    assert door == {"pipeline.training", "pipeline.training.trainer"}


def test_no_module_gives_names_on_demand_that_its_types_do_not_show() -> None:
    """`targets` takes them from there."""
    for name in modules():
        if source_of(name).lazy:
            shown = {each.name for each in source_of(name).imports if each.typing}
            try:
                module = __import__(name, fromlist=["__all__"])
            except MissingLibraryError:
                assert name == "pipeline.training"  # needs torch
                continue
            assert [each for each in module.__all__ if each not in vars(module) and each not in shown] == []


def test_a_module_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ModuleNotFoundError, match=r"has no module pipeline\.nowhere"):
        closure(["pipeline.nowhere"])
    with pytest.raises(ModuleNotFoundError, match=r"has no module pipeline\.nowhere"):
        targets(Import("pipeline.nowhere", "x", typing=False))


def test_data_files_belong_to_the_code_that_names_them() -> None:
    assert "schemas/recipes.toml" in code_of(closure(["pipeline.stages.ingest"]))
    assert "schemas/recipes.toml" not in code_of(closure(["pipeline.stages.normalize"]))
    kobert = code_of(["pipeline.tokenizers.kobert"])
    assert kobert.keys() == {
        "pipeline/tokenizers/kobert.py",
        "pipeline/tokenizers/embedded/check.json",
        "pipeline/tokenizers/embedded/spiece.model",
    }
    named = code_of(closure([CHAIN]))
    data = [file.relative_to(ROOT).as_posix() for file in source_code._files() if file.suffix != ".py"]
    assert [name for name in data if name not in named] == [
        "ko_instruct/py.typed",
        "pipeline/py.typed",
        "schemas/benchmarks.toml",  # `fetch` alone reads it
        "schemas/py.typed",
    ]


def test_libraries_are_those_that_are_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert {"numpy", "pyarrow", "ftfy"} == libraries_of(closure(["pipeline.stages.normalize"])).keys() & {
        *("numpy", "pyarrow", "ftfy", "transformers", "click")
    }
    tokenize = libraries_of(closure(["pipeline.tokenizers.load"]))
    assert {"jinja2", "sentencepiece", "tokenizers", "transformers"} <= {name.lower() for name in tokenize}
    monkeypatch.setattr(source_code, "_distributions", lambda: {"numpy": ["numpy"]})
    assert libraries_of(closure(["pipeline.stages.normalize"])).keys() == {"numpy"}
    extras = {"openpyxl": ["numpy"], "kiwipiepy": ["pyarrow"], "hanja": ["click"], "lingua": ["orjson"]}
    monkeypatch.setattr(source_code, "_distributions", lambda: extras)
    assert libraries_of(closure(["pipeline.stages.ingest"])).keys() == {"numpy"}
    assert libraries_of(closure(["pipeline.stages.normalize"])).keys() == {"pyarrow", "click"}
    assert libraries_of(closure(["pipeline.stages.screen"])).keys() == {"orjson", "pyarrow"}


#: Runs a script and prints the modules of this project that were imported, the libraries that an import statement in
#: them names (and not those that a library imports when it is called), and the files that were opened.
WATCHED = """
import builtins, dis, json, sys
libraries, opened, real = set(), set(), builtins.__import__

def watch(name, globals=None, locals=None, fromlist=(), level=0):
    frame = sys._getframe(1)
    ours = frame.f_globals.get("__name__", "").partition(".")[0] in ("pipeline", "schemas")
    if ours and frame.f_code.co_code[frame.f_lasti] == dis.opmap["IMPORT_NAME"]:
        libraries.add(name.partition(".")[0])
    return real(name, globals, locals, fromlist, level)

builtins.__import__ = watch
sys.addaudithook(lambda event, found: opened.add(str(found[0])) if event == "open" else None)
{script}
ours = [name for name in sys.modules if name.partition(".")[0] in ("pipeline", "schemas")]
print(json.dumps([ours, sorted(libraries), sorted(opened)]))
"""
#: What is kept is derived again: whether it may be used, files that are not imported decide, too.
RUN = """
from pathlib import Path
from pipeline.io import kept
kept.kept = lambda name, derive: derive()
from pipeline.run.chain import run
from pipeline.run.plan import plan_of_config
run(plan_of_config(Path("pipeline.toml")), 1)
"""
#: One layout and source that need as much of the code as possible, and none of the network.
CONFIG = """
[dataset]
name = "small"

[[source]]
name = "a"
files = ["a.*"]

[screen]
benchmarks = ["evaluation.jsonl"]

[dedupe]
against = ["old.jsonl"]

[tokenize]
tokenizer = ["embedded"]

[export]
formats = ["arrow", "parquet", "jsonl"]
"""
STAGES = {
    "pipeline.stages.ingest": "from pathlib import Path; from schemas.options import Source\n"
    "list(stage.ingest(Path('raw/a.csv'), 'a.csv', Source(name='a', files=('a.csv',))))",
    "pipeline.stages.normalize": "stage.normalize(table)",
    "pipeline.stages.screen": "stage.screen(table)",
    "pipeline.stages.dedupe": "stage.dedupe(table)",
    "pipeline.stages.validate": "stage.validate(table)",
    CHAIN: RUN,
}


@pytest.mark.long
@pytest.mark.parametrize("module", STAGES)
def test_what_is_really_imported_is_in_the_closure(module: str, tmp_path: Path) -> None:
    raw = tmp_path / "raw"
    raw.mkdir()
    row = {"instruction": "낮말은 누가 듣나요?", "output": "새가 듣습니다. 澤ì•ˆë…•"}
    for path in (raw / "a.jsonl", raw / "evaluation.jsonl", tmp_path / "old.jsonl"):
        path.write_text(json.dumps(row) + "\n")
    (raw / "a.csv").write_text("instruction,input,output\n인사해 줘.,,안녕하세요.\n")
    (tmp_path / "pipeline.toml").write_text(CONFIG)
    table = f"import pyarrow as pa\ntable = pa.table({{name: [value] for name, value in {row!r}.items()}})\n"
    script = STAGES[module] if module == CHAIN else f"{table}import {module} as stage\n{STAGES[module]}"
    done = subprocess.run(
        [sys.executable, "-c", WATCHED.replace("{script}", script)],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    ours, libraries, opened = json.loads(done.stdout.splitlines()[-1])
    derived = closure([module])
    assert set(ours) <= derived
    assert "pipeline.table.reject_and_flag" in ours or module.endswith("ingest")
    used = set(libraries) - set(sys.stdlib_module_names) - set(source_code.PACKAGES)
    assert "pyarrow" in used
    assert used <= {each.module.partition(".")[0] for name in derived for each in source_of(name).imports}
    data = {Path(name).relative_to(ROOT).as_posix() for name in opened if Path(name).is_relative_to(ROOT / "pipeline")}
    data |= {Path(name).relative_to(ROOT).as_posix() for name in opened if Path(name).is_relative_to(ROOT / "schemas")}
    assert {name for name in data if "__pycache__" not in name} <= code_of(derived).keys()
