"""Every example in a docstring is true."""

import doctest
import importlib
from pathlib import Path

from tests.support.paths import ROOT

PACKAGES = ("ko_instruct", "pipeline", "schemas", "scripts")
#: The tests of training run the examples that need torch; one example needs the Hub.
ELSEWHERE = (ROOT / "pipeline" / "training", ROOT / "pipeline" / "tokenizers" / "kobert_hf.py")
#: Modules of dedupe whose functions no example of a few lines can show. All others have one.
WITHOUT_EXAMPLES = {"differ_in_form", "fingerprint_columns", "fingerprints", "job", "marks"}


def modules_with_examples() -> list[Path]:
    """By their text: to import all the others takes long."""
    files = [path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py"))]
    return [
        path
        for path in files
        if not any(path.is_relative_to(other) for other in ELSEWHERE) and ">>> " in path.read_text(encoding="utf-8")
    ]


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def test_the_examples_in_docstrings() -> None:
    found = {name_of(path): doctest.testmod(importlib.import_module(name_of(path))) for path in modules_with_examples()}
    assert len(found) > 40
    assert [name for name, result in found.items() if not result.attempted] == []
    assert [name for name, result in found.items() if result.failed] == [], "see the output of this test"


def test_every_module_of_dedupe_has_an_example() -> None:
    folder = ROOT / "pipeline" / "stages" / "dedupe"
    shown = {path.stem for path in modules_with_examples() if path.parent == folder}
    assert {path.stem for path in folder.glob("*.py")} - shown - {"__init__"} == WITHOUT_EXAMPLES
