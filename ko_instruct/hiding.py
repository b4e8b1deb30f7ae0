"""Another module named `pipeline` or `schemas` hides the package of ko-instruct: say which file does so.

Such a file is easily there: a pipeline.py beside a notebook. Nothing here imports either package.
"""

from importlib.util import find_spec
from pathlib import Path

PACKAGES = ("pipeline", "schemas")
#: The folder of the packages of ko-instruct.
HOME = Path(__file__).resolve().parents[1]


def check() -> None:
    """Raises ImportError if Python would import, or has imported, another module by the name of a package of ours."""
    for package in PACKAGES:
        found = location(package)
        if found not in (None, HOME / package):
            raise ImportError(f"{found} hides the package {package} of ko-instruct. {remedy(found)}", name=package)


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
