r"""Korean instruction datasets, for training code and notebooks: every public function in one place.

    from ko_instruct import KoBERTTokenizer, load, load_tokenizer, normalize, tokenize

A stage is a function from an Arrow table to an Arrow table. One line makes a table of a DataFrame, and one line makes a
DataFrame of a table:

>>> import pandas as pd
>>> import pyarrow as pa
>>> from ko_instruct import normalize, validate
>>> frame = pd.DataFrame({"instruction": ["한국의 수도는?", "수도는?"], "output": ["서울\u200b입니다.", None]})
>>> table = pa.Table.from_pandas(frame, preserve_index=False)
>>> frame = normalize(validate(table)).to_pandas()
>>> frame["output"][0], list(frame["fixes"][0]), frame["reject_reason"][1]
('서울입니다.', ['zero-width'], 'output-missing')

A stage never removes a row. The rows that were not rejected:

>>> len(frame[frame["reject_stage"].isna()])
1

A single text:

>>> from ko_instruct import find_personal_data, fix_text
>>> fix_text("서울\u200b입니다.")
FixedText(text='서울입니다.', fixes=('zero-width',))
>>> find_personal_data("연락처는 010-2345-6789입니다.")
[PersonalData(kind='pii-phone', start=5, end=18)]

A name is imported when it is used: `load` needs torch, and nothing else here does. The first one raises ImportError
where a file of yours is named pipeline or schemas, as our packages are.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from ko_instruct.hiding import check

if TYPE_CHECKING:
    from ko_instruct.texts import FixedText, PersonalData, find_personal_data, fix_text
    from ko_instruct.version import __version__
    from pipeline.dataset.export import export
    from pipeline.stages.dedupe import dedupe
    from pipeline.stages.ingest import ingest
    from pipeline.stages.normalize import normalize
    from pipeline.stages.screen import screen
    from pipeline.stages.split import split
    from pipeline.stages.tokenize import tokenize
    from pipeline.stages.validate import validate
    from pipeline.table.messages import from_messages, to_messages
    from pipeline.table.sequences import unroll
    from pipeline.tokenizers.kobert_hf import KoBERTTokenizer
    from pipeline.tokenizers.load import load_tokenizer
    from pipeline.training import load  # noqa: F401  # left out of __all__: it needs torch
    from schemas.errors import KoInstructError
    from schemas.options import (
        Config,
        DedupeOptions,
        ExportOptions,
        IngestOptions,
        NormalizeOptions,
        ScreenOptions,
        Source,
        TokenizeOptions,
        ValidateOptions,
    )

__all__ = [
    "Config",
    "DedupeOptions",
    "ExportOptions",
    "FixedText",
    "IngestOptions",
    "KoBERTTokenizer",
    "KoInstructError",
    "NormalizeOptions",
    "PersonalData",
    "ScreenOptions",
    "Source",
    "TokenizeOptions",
    "ValidateOptions",
    "__version__",
    "dedupe",
    "export",
    "find_personal_data",
    "fix_text",
    "from_messages",
    "ingest",
    "load_tokenizer",
    "normalize",
    "screen",
    "split",
    "to_messages",
    "tokenize",
    "unroll",
    "validate",
]

#: Names that `from ko_instruct import *` leaves out: `load` needs torch.
NOT_STARRED = ("load",)

#: The module of each name that is neither a stage (`pipeline.stages`) nor an option (`schemas.options`).
ELSEWHERE = {
    "KoBERTTokenizer": "pipeline.tokenizers.kobert_hf",
    "KoInstructError": "schemas.errors",
    "PersonalData": "ko_instruct.texts",
    "__version__": "ko_instruct.version",
    "export": "pipeline.dataset.export",
    "find_personal_data": "ko_instruct.texts",
    "fix_text": "ko_instruct.texts",
    "from_messages": "pipeline.table.messages",
    "load": "pipeline.training",
    "load_tokenizer": "pipeline.tokenizers.load",
    "to_messages": "pipeline.table.messages",
    "unroll": "pipeline.table.sequences",
    "FixedText": "ko_instruct.texts",
}


def __getattr__(name: str) -> Any:
    if name not in __all__ and name not in NOT_STARRED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    check()
    module = "schemas.options" if name[0].isupper() else f"pipeline.stages.{name}"
    return getattr(import_module(ELSEWHERE.get(name, module)), name)


def __dir__() -> list[str]:
    return sorted([*__all__, *NOT_STARRED])
