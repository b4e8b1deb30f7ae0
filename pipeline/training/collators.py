"""Collators: the rows of a batch, padded to its longest row."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.training.columns import MODEL_COLUMNS
from schemas.columns import MASKED
from schemas.errors import DatasetError

Row = Mapping[str, Any]
Batch = dict[str, Any]
Collator = Callable[[Sequence[Row]], Batch]


def pad(lists: Sequence[Any], value: int, multiple: int = 1) -> torch.Tensor:
    """Lists of ids as one int64 tensor (rows, length), filled with `value` on the right.

    The length is that of the longest list, rounded up to a multiple of `multiple`.

    >>> pad([[5, 6, 7], [8]], value=1, multiple=4)
    tensor([[5, 6, 7, 1],
            [8, 1, 1, 1]])
    """
    length = -(-max(len(ids) for ids in lists) // multiple) * multiple
    padded = torch.full((len(lists), length), value, dtype=torch.int64)
    for line, ids in zip(padded, lists, strict=True):
        line[: len(ids)] = torch.as_tensor(ids)
    return padded


def ones(lists: Sequence[Any]) -> list[torch.Tensor]:
    """The mask of each list before padding."""
    return [torch.ones(len(ids), dtype=torch.int64) for ids in lists]


def columns_of(rows: Sequence[Row], needed: str) -> dict[str, list[Any]]:
    """The columns that a model may take. Raises DatasetError if the rows have no column `needed`."""
    if needed not in rows[0]:
        raise DatasetError(
            f"The rows have no {needed}, only {', '.join(rows[0]) or 'nothing'}. Open the dataset with "
            "pipeline.training.load, and use the collator of its layout. If the model does not name this column, set "
            "remove_unused_columns=False in TrainingArguments."
        )
    return {name: [row[name] for row in rows] for name in MODEL_COLUMNS if name in rows[0]}


@dataclass(frozen=True)
class PaddingCollator:
    """Pads the rows of a batch to the longest: layouts pair, classification, qa, seq2seq and causal.

    Gives `input_ids` and `attention_mask` (1 for tokens, 0 for padding); and, where the rows have them,
    `token_type_ids` (padded with 0), `labels` (a list is padded with -100, a number stays a number), `start_positions`
    and `end_positions`: int64 of (rows, length) or (rows). Columns of different lengths, as in seq2seq, are padded each
    to its own longest. `pad_to_multiple_of`: 8 suits the matrix units of most GPUs in half precision.

    Raises DatasetError for rows of a layout that needs another collator.
    """

    pad_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = columns_of(rows, "input_ids")
        if "instruction_ids" in columns:
            raise DatasetError("These rows have the layout fields: use FieldsCollator.")
        if "position_ids" in columns:
            raise DatasetError(
                "These rows are packed: use packed_collator(model, pad_id), which keeps sequences apart."
            )
        columns.setdefault("attention_mask", ones(columns["input_ids"]))
        fill = {"input_ids": self.pad_id, "attention_mask": 0, "token_type_ids": 0, "labels": MASKED}
        return {
            name: pad(values, fill[name], self.pad_to_multiple_of) if _is_list(values[0]) else _numbers(values)
            for name, values in columns.items()
        }


@dataclass(frozen=True)
class FieldsCollator:
    """Pads instruction, input and output of a batch, each to its own longest: layout fields.

    Gives `instruction_ids`, `instruction_mask`, `input_ids`, `input_mask`, `output_ids`, `output_mask`, int64 of (rows,
    length of that field). A model of your own takes them by these names; for another model a few lines convert them
    (examples/notes.py). A Trainer needs `remove_unused_columns=False`.
    """

    pad_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = columns_of(rows, "instruction_ids")
        batch = {}
        for field in ("instruction", "input", "output"):
            ids = columns[f"{field}_ids"]
            mask = columns.get(f"{field}_mask", ones(ids))
            batch[f"{field}_ids"] = pad(ids, self.pad_id, self.pad_to_multiple_of)
            batch[f"{field}_mask"] = pad(mask, 0, self.pad_to_multiple_of)
        return batch


def _is_list(value: Any) -> bool:
    return bool(torch.as_tensor(value).ndim)


def _numbers(values: Sequence[Any]) -> torch.Tensor:
    return torch.as_tensor([int(value) for value in values])
