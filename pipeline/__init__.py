"""Korean instruction datasets, stage by stage: each stage is a pure function from an Arrow table to an Arrow table.

`from pipeline import normalize` gives the function, imported when it is asked for: the command line starts fast.
The modules behind them are `pipeline.stages.normalize` and so on.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pipeline.dataset.export import export
    from pipeline.io.verdict_file import read_verdicts
    from pipeline.stages.dedupe import dedupe
    from pipeline.stages.ingest import ingest
    from pipeline.stages.mix import mix
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen
    from pipeline.stages.split import split
    from pipeline.stages.tokenize import tokenize
    from pipeline.stages.validate import validate
    from pipeline.table.keep import keep
    from pipeline.table.messages import from_messages, to_messages
    from pipeline.table.reject_and_flag import reject
    from pipeline.table.sequences import unroll
    from pipeline.table.verdicts import apply_verdicts
    from pipeline.tokenizers.load import load_tokenizer

__all__ = [
    "apply_verdicts",
    "dedupe",
    "export",
    "from_messages",
    "ingest",
    "keep",
    "load_tokenizer",
    "mix",
    "normalize",
    "read_verdicts",
    "reject",
    "screen",
    "split",
    "to_messages",
    "tokenize",
    "unroll",
    "validate",
]

#: Functions that are not in the module of their own name below `pipeline.stages`.
ELSEWHERE = {
    "apply_verdicts": "pipeline.table.verdicts",
    "from_messages": "pipeline.table.messages",
    "keep": "pipeline.table.keep",
    "load_tokenizer": "pipeline.tokenizers.load",
    "read_verdicts": "pipeline.io.verdict_file",
    "reject": "pipeline.table.reject_and_flag",
    "to_messages": "pipeline.table.messages",
    "unroll": "pipeline.table.sequences",
    "export": "pipeline.dataset.export",
}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(ELSEWHERE.get(name, f"pipeline.stages.{name}")), name)


def __dir__() -> list[str]:
    return __all__
