"""Another module named `pipeline` or `schemas` hides the package of ko-instruct: take ours, or say which file does so.

Such a file is easily there: a pipeline.py beside a notebook. Nothing here imports either package.
"""

import sys
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path

PACKAGES = ("pipeline", "schemas")
#: The folder of the packages of ko-instruct.
HOME = Path(__file__).resolve().parents[1]


def check() -> None:
    """Raises ImportError if Python would import, or has imported, another module by the name of a package of ours.

    The program that runs may have such a name itself (`python pipeline.py`): nobody imports it, so ours is taken.
    """
    for package in PACKAGES:
        found = location(package)
        if found == program():
            take(package)
        elif found not in (None, HOME / package):
            raise ImportError(f"{found} hides the package {package} of ko-instruct. {remedy(found)}", name=package)


def take_all() -> None:
    """Import our packages, whatever hides them: for the command line, which needs no modules of others."""
    for package in PACKAGES:
        take(package)


def take(package: str) -> None:
    """Import this package from its own folder."""
    if package in sys.modules and location(package) == HOME / package:
        return
    folder = HOME / package
    spec = spec_from_file_location(package, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec
    assert spec.loader
    sys.modules[package] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[package])


def program() -> Path | None:
    """The file that Python runs; None where it runs none (a notebook, `python -c`)."""
    file = getattr(sys.modules["__main__"], "__file__", None)
    return Path(file).resolve() if file else None


def location(name: str) -> Path | None:
    """The file of a module, or the folder of a package, without an import; None: there is none.

    >>> location("schemas").name, location("doctest").name, location("no_such_module")
    ('schemas', 'doctest.py', None)
    """
    spec = find_spec(name)
    if spec is None:
        return None
    if spec.submodule_search_locations is not None:
        return Path(next(iter(spec.submodule_search_locations))).resolve()
    return Path(spec.origin or name).resolve()


def remedy(found: Path | None) -> str:
    if found and {"site-packages", "dist-packages"} & set(found.parts):
        return "It belongs to another library: uninstall that one, or install ko-instruct in its own environment."
    return "Give it another name, and start Python again."
