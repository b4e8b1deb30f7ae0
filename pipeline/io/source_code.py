"""What a result depends on besides its input and its options: this project's code that makes it, and the libraries that
this code imports.

Both are derived from the import statements, read with `ast`: nothing is listed by hand, and nothing is imported.

An import under `if TYPE_CHECKING` never runs. Of this project's modules it gives names to a type checker alone, so that
it is not followed; a library is counted all the same, since the code works with its objects, whoever imports it.
"""

import ast
import glob
import hashlib
import importlib.metadata
import os
import platform
import sys
from collections.abc import Iterable, Iterator, Sequence
from functools import cache
from importlib.util import resolve_name
from pathlib import Path
from typing import NamedTuple

#: The packages of this project, and the folder that they are in.
PACKAGES = ("pipeline", "schemas", "ko_instruct")
HOME = Path(__file__).resolve().parents[2]
#: Functions that import the module that they are given the name of.
CALLED = ("import_module", "__import__")


class Import(NamedTuple):
    """`import module`, or `from module import name`. `typing`: whether it is for a type checker alone."""

    module: str
    name: str
    typing: bool


class Source(NamedTuple):
    """What a source file holds: its imports, and whether the module has a `__getattr__`, which gives its names on
    demand."""

    imports: tuple[Import, ...]
    lazy: bool


def read_source(code: str, package: str = "") -> Source:
    """Read a source file. `package`: the package of the module, which a relative import begins at.

    >>> read_source("from a.b import (\\n    c,\\n    d,\\n)").imports
    (Import(module='a.b', name='c', typing=False), Import(module='a.b', name='d', typing=False))
    >>> read_source("def f():\\n    from ..c import d", package="a.b").imports
    (Import(module='a.c', name='d', typing=False),)
    """
    tree = ast.parse(code)
    nodes: list[tuple[ast.AST, bool]] = [*_statements(tree.body)]
    if any(name in code for name in CALLED):  # to visit every expression takes long
        nodes += [(node, False) for node in ast.walk(tree) if isinstance(node, ast.Call)]
    imports = [
        Import(resolve_name(module, package), name, typing)
        for node, typing in nodes
        for module, name in _imported(node)
    ]
    lazy = any(isinstance(node, ast.FunctionDef) and node.name == "__getattr__" for node in tree.body)
    return Source(tuple(imports), lazy)


def _statements(body: Sequence[ast.AST], typing: bool = False) -> Iterator[tuple[ast.AST, bool]]:
    """Each statement, those inside others too, and whether it is for a type checker alone."""
    for node in body:
        yield node, typing
        for name in ("body", "handlers", "cases", "orelse", "finalbody"):
            if isinstance(inner := getattr(node, name, None), list):
                yield from _statements(inner, typing or (name == "body" and _is_for_types(node)))


def _is_for_types(node: ast.AST) -> bool:
    """Whether a statement is `if TYPE_CHECKING`, whose condition holds for a type checker and never in a run."""
    match node:
        case ast.If(test=ast.Name("TYPE_CHECKING") | ast.Attribute(ast.Name("typing"), "TYPE_CHECKING")):
            return True
    return False


def _imported(node: ast.AST) -> Iterator[tuple[str, str]]:
    """Module and name of each import in a statement or call; a relative module begins with dots."""
    match node:
        case ast.Import(names=aliases):
            for alias in aliases:
                yield alias.name, ""
                if not alias.asname:  # `import a.b` gives the name `a`
                    yield alias.name.partition(".")[0], ""
        case ast.ImportFrom(module=module, names=aliases, level=level):
            for alias in aliases:
                yield "." * level + (module or ""), alias.name
        case ast.Call(
            func=ast.Name(id="import_module" | "__import__") | ast.Attribute(attr="import_module"),
            args=[ast.Constant(value=str(module)), *_],
        ):
            yield module, ""


@cache
def file_of(module: str) -> Path | None:
    """The file of a module of this project; None where there is no such module."""
    if module.partition(".")[0] not in PACKAGES:
        return None
    base = HOME.joinpath(*module.split("."))
    return next((file for file in (base / "__init__.py", base.with_suffix(".py")) if file.is_file()), None)


@cache
def source_of(module: str) -> Source:
    """What the file of a module of this project holds. Raises ModuleNotFoundError where there is none."""
    file = file_of(module)
    if file is None:
        raise ModuleNotFoundError(f"{HOME} has no module {module}")
    package = module if file.name == "__init__.py" else module.rpartition(".")[0]
    return read_source(file.read_text(encoding="utf-8"), package)


def modules() -> list[str]:
    """Every module of this project."""
    return sorted(
        ".".join(file.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")
        for file in _files()
        if file.suffix == ".py"
    )


def targets(statement: Import) -> set[str]:
    """The modules of this project that an import reaches; none for an import of a library.

    A module with a `__getattr__` imports what it gives only when that is asked for. Where it takes each name from is
    what it says to the type checker.
    """
    module, name, _ = statement
    if module.partition(".")[0] not in PACKAGES:
        return set()
    if name and file_of(f"{module}.{name}"):
        return {f"{module}.{name}"}
    source = source_of(module)
    on_demand = [each for each in source.imports if each.typing] if source.lazy else []
    named = [each for each in on_demand if each.name == name] or on_demand
    return {module}.union(*map(targets, named))


def closure(modules: Iterable[str]) -> frozenset[str]:
    """These modules and all of this project that run when they run: what they import at any depth, and the packages
    around each."""
    waiting, found = list(modules), set[str]()
    while waiting:
        module = waiting.pop()
        if module not in found:
            found.add(module)
            waiting += filter(file_of, _packages(module))
            for statement in source_of(module).imports:
                waiting += () if statement.typing else targets(statement)
    return frozenset(found)


def _packages(module: str) -> Iterator[str]:
    """The packages around a module.

    >>> list(_packages("a.b.c"))
    ['a.b', 'a']
    """
    while module := module.rpartition(".")[0]:
        yield module


def code_of(modules: Iterable[str]) -> dict[str, str]:
    """sha256 of the files of these modules, and of the data files that they name, by their place in the project."""
    chosen = sorted(modules)
    files = {file for module in chosen if (file := file_of(module))}
    data = {file: _names_of_data(file) for file in _files() if file.suffix != ".py"}
    names = frozenset[str]().union(*data.values())
    named = set[str]().union(*(_named_in(file, names) for file in files))
    files |= {file for file in data if named & data[file]}
    return {file.relative_to(HOME).as_posix(): hashlib.sha256(file.read_bytes()).hexdigest() for file in sorted(files)}


@cache
def _named_in(file: Path, names: frozenset[str]) -> frozenset[str]:
    """Which of these names are in a string of a source file, alone or as a part of a path."""
    code = file.read_text(encoding="utf-8")
    if not any(name in code for name in names):
        return frozenset()
    texts = (node.value for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Constant))
    return names.intersection(part for text in texts if isinstance(text, str) for part in text.split("/"))


def _names_of_data(file: Path) -> set[str]:
    """The names by which code may reach a data file: its own, and those of the folders between it and its package."""
    above = [folder for folder in file.parents if folder.is_relative_to(HOME) and folder != HOME]
    return {file.name, *(folder.name for folder in above if not (folder / "__init__.py").exists())}


def libraries_of(modules: Iterable[str]) -> dict[str, str]:
    """Versions of the libraries that these modules import, by the names that pip knows. One that is not installed, as
    an extra may be, is left out."""
    imported = {each.module.partition(".")[0] for module in modules for each in source_of(module).imports}
    foreign = imported - set(sys.stdlib_module_names) - set(PACKAGES)
    distributions = _distributions()
    names = {name for module in foreign for name in distributions.get(module, ())}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


@cache
def _distributions() -> dict[str, list[str]]:
    """The distributions that are installed, by the modules in them."""
    return dict(importlib.metadata.packages_distributions())


@cache
def state() -> str:
    """A digest of all that this module reads: the project's files, and what is installed. As long as it is the same, so
    is every answer given here, whichever way Python was started. In one process it is the same to its end."""
    digest = hashlib.sha256(platform.python_version().encode())
    for file in _files():
        digest.update(file.relative_to(HOME).as_posix().encode() + hashlib.sha256(file.read_bytes()).digest())
    digest.update("\n".join(_installed()).encode())
    return digest.hexdigest()


def _installed() -> list[str]:
    """What is installed, as the names of its folders: of a distribution that is there twice, the first on the path.

    Of this project its version: `python -m` looks for what is installed in the current folder too, which may be HOME,
    and `ko-instruct` does not.
    """
    first: dict[str, str] = {}
    for folder in sys.path:
        for kind in ("*.dist-info", "*.egg-info"):
            for name in sorted(glob.glob(kind, root_dir=folder or ".")):
                first.setdefault(name.partition("-")[0], name)
    others = (name for name in first.values() if not name.startswith("ko_instruct"))
    return [importlib.metadata.version("ko-instruct"), *sorted(others)]


def _files() -> list[Path]:
    """Every file of this project's packages: code and data."""
    alone = (HOME / f"{package}.py" for package in PACKAGES)
    found = [file for file in alone if file.is_file()]
    for package in PACKAGES:
        for folder, folders, names in os.walk(HOME / package):
            folders[:] = [name for name in folders if name != "__pycache__"]
            found += (Path(folder, name) for name in names)
    return sorted(found)
