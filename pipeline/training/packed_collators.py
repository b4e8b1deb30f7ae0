"""Collators for packed rows, which keep the sequences of a row apart: layout causal, packed."""

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.training.collators import Batch, Collator, Row, columns_of, pad
from schemas.columns import MASKED
from schemas.errors import KoInstructError


class ContaminationError(KoInstructError, ValueError):
    """Sequences in one packed row would see each other."""


def packed_collator(model: Any, pad_id: int, pad_to_multiple_of: int = 1) -> Collator:
    """The collator that keeps packed sequences apart in this model.

    With flash attention, which takes the lengths of sequences: `PaddingFreeCollator`. With torch's own attention (sdpa,
    eager): `BlockMaskCollator`. `check_packing` tests the result.

    Raises ContaminationError where neither can keep them apart.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise ContaminationError(
            f"{type(model).__name__} takes no position_ids, so that packed sequences cannot be kept apart. Build the "
            "dataset without packing, and use PaddingCollator."
        )
    attention = model.config._attn_implementation
    if "flash" in attention:
        return PaddingFreeCollator()
    if attention in ("sdpa", "eager"):
        return BlockMaskCollator(pad_id, model.dtype, pad_to_multiple_of)
    raise ContaminationError(
        f"How the attention {attention!r} keeps packed sequences apart is not known. Load the model with "
        'attn_implementation="sdpa", "eager" or "flash_attention_2".'
    )


@dataclass(frozen=True)
class PaddingFreeCollator:
    """All sequences of a batch end to end in one row, without padding: for flash attention only.

    Gives `input_ids`, `labels` and `position_ids` of (1, tokens), and the bounds of sequences as transformers passes
    them to flash attention: `cu_seq_lens_q`, `cu_seq_lens_k` (int32), `max_length_q`, `max_length_k`. Any other
    attention ignores these. The first label of a sequence is -100: the token before it belongs to another sequence.
    """

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = columns_of(rows, "position_ids")
        ids, labels, positions = (
            torch.cat([torch.as_tensor(values) for values in columns[name]]).to(torch.int64)
            for name in ("input_ids", "labels", "position_ids")
        )
        starts = positions == 0
        bounds = torch.cat([starts.nonzero().flatten(), torch.tensor([len(ids)])])
        longest = int(bounds.diff().max())
        return {
            "input_ids": ids[None],
            "labels": labels.masked_fill(starts, MASKED)[None],
            "position_ids": positions[None],
            **dict.fromkeys(("cu_seq_lens_q", "cu_seq_lens_k"), bounds.to(torch.int32)),
            **dict.fromkeys(("max_length_q", "max_length_k"), longest),
        }


@dataclass(frozen=True)
class BlockMaskCollator:
    """Pads packed rows, with a mask that lets a token see its own sequence up to itself: for torch's own attention.

    Gives `input_ids`, `labels` and `position_ids` of (rows, length), and `attention_mask` of (rows, 1, length, length):
    0 where a token is seen, elsewhere the lowest number of `dtype` (that of the model). Without a mask, transformers
    finds packed sequences by their position_ids, but only where the model uses no cache, and by default it uses one.
    The first label of a sequence is -100.
    """

    pad_id: int
    dtype: Any = torch.float32
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = columns_of(rows, "position_ids")
        # Each padding token is a sequence of its own and sees itself: a softmax over nothing would give nan.
        ids, labels, positions = (
            pad(columns[name], fill, self.pad_to_multiple_of)
            for name, fill in (("input_ids", self.pad_id), ("labels", MASKED), ("position_ids", 0))
        )
        starts = positions == 0
        sequence = starts.cumsum(1)  # int64 (rows, length): the number of the sequence of each token
        seen = (sequence[:, :, None] == sequence[:, None, :]).tril()
        mask = torch.zeros(seen.shape, dtype=self.dtype).masked_fill(~seen, torch.finfo(self.dtype).min)
        return {
            "input_ids": ids,
            "labels": labels.masked_fill(starts, MASKED),
            "position_ids": positions,
            "attention_mask": mask[:, None],
        }
