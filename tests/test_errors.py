"""The tree of errors: what its docstring shows is what the code defines; and pydantic's faults as sentences."""

import ast
import builtins
import fnmatch
import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Literal

import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from pipeline.io.atomic_files import WriteError
from schemas.errors import KoInstructError, problems
from schemas.options import Config, Source
from tests.support.paths import ROOT


def error_classes() -> dict[str, list[str]]:
    """Every class of the project whose bases lead to an exception, with its bases. Read, not imported: no torch."""
    bases = {
        node.name: [ast.unparse(base) for base in node.bases]
        for folder in ("pipeline", "schemas")
        for path in (ROOT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    }

    def is_error(name: str) -> bool:
        builtin = getattr(builtins, name, None)
        return (isinstance(builtin, type) and issubclass(builtin, BaseException)) or any(
            is_error(base) for base in bases.get(name, ())
        )

    return {name: bases[name] for name in bases if is_error(name)}


def drawn(name: str, tree: dict[str, list[str]], depth: int = 0) -> Iterator[str]:
    """The lines of the docstring, as the classes are."""
    builtin = [base for base in tree[name] if base not in (*tree, "Exception")]
    yield f"{'  ' * depth}* {name}{f' ({builtin[0]})' if builtin else ''}"
    for child in sorted(child for child, bases in tree.items() if name in bases and not child.startswith("_")):
        yield from drawn(child, tree, depth + 1)


def test_the_docstring_shows_the_tree_of_errors() -> None:
    lines = (KoInstructError.__doc__ or "").splitlines()
    shown = [line.removeprefix("    ") for line in lines if line.lstrip().startswith("*")]
    assert shown == list(drawn("KoInstructError", error_classes()))


def test_every_error_of_the_project_is_in_the_tree() -> None:
    tree = error_classes()
    outside = {name for name, bases in tree.items() if not set(bases) & tree.keys()}
    assert outside == {"KoInstructError", "Stopped"}  # a signal is not an error


def test_the_pipeline_raises_no_built_in_error_that_a_user_can_meet() -> None:
    kinds = (ValueError, OSError, RuntimeError, ImportError, LookupError)
    raised = {
        (path.relative_to(ROOT).as_posix(), found[1])
        for path in (ROOT / "pipeline").rglob("*.py")
        for found in re.finditer(r"\braise (\w+)\(", path.read_text(encoding="utf-8"))
        if issubclass(getattr(builtins, found[1], object), kinds)
    }
    # What Python itself raises for a module that is not there.
    assert raised <= {("pipeline/io/source_code.py", "ModuleNotFoundError")}


def test_an_error_with_a_built_in_base_keeps_what_that_has() -> None:
    error = WriteError(28, "No space left on device", "a.arrow")
    assert isinstance(error, OSError)
    assert (error.errno, error.filename) == (28, "a.arrow")


def test_training_without_torch_names_the_extra() -> None:
    code = "import sys; sys.modules['torch'] = None; import pipeline.training"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1].endswith(
        "MissingLibraryError: pipeline.training needs torch: in the folder of ko-instruct, "
        "run: pip install -c constraints.txt -e '.[train]'"
    )


class Inner(BaseModel):
    model_config = ConfigDict(extra="forbid")

    kind: Literal["a", "b"] = "a"
    share: float = Field(default=0, le=1)


class Outer(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: str
    parts: tuple[Inner, ...] = ()
    inner_: Inner = Field(default=Inner(), alias="inner")


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "name: missing, and has no default"),
        ({"name": 3}, "name: found 3; it should be a valid string"),
        ({"name": "x", "nmae": "y"}, "nmae: unknown name; allowed: name, parts, inner. Did you mean name?"),
        (
            {"name": "x", "parts": [{}, {"kindd": 1}]},
            "parts[1].kindd: unknown name; allowed: kind, share. Did you mean kind?",
        ),
        ({"name": "x", "inner": {"kind": "c"}}, "inner.kind: found \"c\"; allowed: 'a' or 'b'"),
        ({"name": "x", "inner": {"share": 2}}, "inner.share: found 2; it should be less than or equal to 1"),
    ],
)
def test_a_fault_that_pydantic_found_as_a_sentence(data: dict[str, object], sentence: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Outer.model_validate(data)
    assert problems(caught.value, Outer) == [sentence]


def test_a_fault_of_the_config_says_what_is_found_and_what_is_allowed() -> None:
    data = {"dataset": {"name": "x"}, "source": [{"name": "x", "files": ["../a"]}], "tokenize": {"layout": "qa "}}
    with pytest.raises(ValidationError) as caught:
        Config.model_validate(data)
    assert sorted(problems(caught.value, Config)) == [
        'source[0].files[0]: found "../a"; a glob is relative to raw/ and does not leave it',
        "tokenize.layout: found \"qa \"; allowed: 'pair', 'fields', 'classification', 'qa', 'seq2seq', "
        "'causal', 'preference', 'unpaired' or 'prompt'. Did you mean qa?",
    ]


def test_a_file_whose_name_begins_with_a_tilde_is_named_as_a_glob() -> None:
    with pytest.raises(ValidationError, match=r'write "(\[~\]메모 \(1\).csv)"') as caught:
        Source(name="x", files=("~메모 (1).csv",))
    (named,) = re.findall(r'write "(.+?)"', str(caught.value))
    assert fnmatch.fnmatchcase("~메모 (1).csv", Source(name="x", files=(named,)).files[0])
    with pytest.raises(ValidationError, match=r"does not leave it \["):
        Source(name="x", files=("~/메모.csv",))
