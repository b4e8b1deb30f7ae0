"""Korean instruction datasets, stage by stage: each stage is a pure function from an Arrow table to an Arrow table.

`from pipeline import normalize` gives the function, imported when it is asked for: the command line starts fast.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.dedupe import dedupe
    from pipeline.export import export
    from pipeline.ingest import ingest
    from pipeline.normalize import normalize
    from pipeline.screen import screen
    from pipeline.tokenize import tokenize
    from pipeline.validate import validate

__all__ = ["dedupe", "export", "ingest", "normalize", "screen", "tokenize", "validate"]


class _Stages(ModuleType):
    """A stage's function has the name of its module, and the function is what the package shows, whoever imports."""

    def __getattr__(self, name: str) -> Any:
        if name not in __all__:
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        # Of the module itself: to another thread it may be imported, and not yet bound to its package.
        return getattr(import_module(f"{self.__name__}.{name}"), name)

    def __setattr__(self, name: str, value: object) -> None:
        # Python binds a submodule to its package as soon as it is imported.
        super().__setattr__(name, getattr(value, name) if name in __all__ and isinstance(value, ModuleType) else value)


sys.modules[__name__].__class__ = _Stages
