"""Training: from a finished dataset to the batches that a model takes. The only package that imports torch.

    from pipeline.training import PaddingCollator, load

    Trainer(model, args, train_dataset=load("processed/mine"), data_collator=PaddingCollator(tokenizer.pad_token_id))

A collator for each layout, as `data_collator=` of a Trainer or `collate_fn=` of a DataLoader:

    pair, classification, qa, seq2seq, causal    PaddingCollator(pad_id)
    fields                                       FieldsCollator(pad_id)
    causal, packed                               packed_collator(model, pad_id)
    preference, unpaired                         TRL's own, by the trainers of pipeline.training.trl_trainers
"""

from typing import TYPE_CHECKING, Any

from schemas.errors import MissingLibraryError, install

try:
    import torch  # noqa: F401
except ModuleNotFoundError as error:
    raise MissingLibraryError(f"pipeline.training needs torch: {install('train')}") from error

from pipeline.training.checks import (
    TokenizerMismatchError,
    TooLongForModelError,
    check_length,
    check_packing,
    check_tokenizer,
)
from pipeline.training.collators import Batch, Collator, FieldsCollator, PaddingCollator, Row, ones, pad
from pipeline.training.columns import MODEL_COLUMNS
from pipeline.training.loading import load, manifest_of
from pipeline.training.packed_collators import (
    BlockMaskCollator,
    ContaminationError,
    PaddingFreeCollator,
    packed_collator,
)

if TYPE_CHECKING:
    from pipeline.training.trainer import LengthGroupedTrainer

__all__ = [
    "MODEL_COLUMNS",
    "Batch",
    "BlockMaskCollator",
    "Collator",
    "ContaminationError",
    "FieldsCollator",
    "LengthGroupedTrainer",
    "PaddingCollator",
    "PaddingFreeCollator",
    "Row",
    "TokenizerMismatchError",
    "TooLongForModelError",
    "check_length",
    "check_packing",
    "check_tokenizer",
    "load",
    "manifest_of",
    "ones",
    "packed_collator",
    "pad",
]


def __getattr__(name: str) -> Any:
    """LengthGroupedTrainer, imported when it is asked for: the Trainer of transformers takes seconds to import."""
    if name != "LengthGroupedTrainer":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pipeline.training.trainer import LengthGroupedTrainer

    return LengthGroupedTrainer


def __dir__() -> list[str]:
    return __all__
