"""Checks before training: does the tokenizer fit the dataset, and does the model keep packed sequences apart?"""

from collections import Counter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import torch
from datasets import Dataset

from pipeline.training.collators import Collator
from pipeline.training.packed_collators import ContaminationError
from schemas.columns import TEXTS
from schemas.errors import KoInstructError

#: The columns of ids that a model reads, the prompt before each answer that has one; of packed rows their lengths.
READ = (
    *("seq_lengths", "instruction_ids", "input_ids", "output_ids", "labels"),
    *("prompt_ids", "chosen_ids", "rejected_ids", "completion_ids"),
)
#: The texts that `prompt_ids` hold.
PROMPT = ("system", "instruction", "input")
#: Below this mean share of characters that text and decoded ids have in common, another tokenizer made the ids.
SAME_CHARACTERS = 0.5


class TokenizerMismatchError(KoInstructError, ValueError):
    """Another tokenizer than the model's made the ids of the dataset."""


class TooLongForModelError(KoInstructError, ValueError):
    """A row has more tokens than the model has positions."""


def check_length(dataset: Dataset, model: Any) -> None:
    """Compare the longest sequence with the positions of the model: a longer one fails late, in an index out of range.

    `dataset`: as `load` gives it. Of packed rows each sequence counts for itself, as its positions begin at 0. A model
    whose config has no `max_position_embeddings`, as T5's, has no such limit. Raises TooLongForModelError.
    """
    limit = getattr(model.config, "max_position_embeddings", None)
    longest = longest_sequence(dataset)
    if limit is not None and longest > limit:
        raise TooLongForModelError(
            f"The longest sequence has {longest:,} tokens, and {type(model).__name__} has {limit:,} positions. Set "
            f"max_length = {limit} (or less) under [tokenize] in pipeline.toml and build the dataset again."
        )


def longest_sequence(dataset: Dataset) -> int:
    """Tokens of the longest sequence that a model reads at once."""
    rows = dataset.with_format("arrow")
    names = [name for name in READ if name in dataset.column_names]
    longest = 0
    for batch in rows.select_columns(names).iter(batch_size=10_000):
        if "seq_lengths" in names:
            longest = max(longest, pc.max(pc.list_flatten(batch["seq_lengths"])).as_py())
            continue
        lists = [name for name in names if pa.types.is_nested(batch[name].type)]  # labels may be numbers
        length = {name: pc.list_value_length(batch[name]).to_numpy() for name in lists}
        prompt = length.pop("prompt_ids", 0)
        sequences = [prompt + each for each in length.values()] or [prompt]
        longest = max([longest, *(int(np.max(sizes)) for sizes in sequences)])
    return longest


def check_packing(model: Any, collator: Collator) -> None:
    """Test whether the model keeps packed sequences apart: the first one must not change the logits of the second.

    Two passes over 8 tokens, on the device of the model. Raises ContaminationError.
    """
    second, length = [3, 1, 4, 1], 4
    training = model.training
    model.eval()
    try:
        logits = []
        for first in ([1, 2, 3, 4], [8, 7, 6, 5]):
            row = {"input_ids": first + second, "labels": first + second, "position_ids": [*range(length)] * 2}
            batch = {
                name: value.to(model.device) if isinstance(value, torch.Tensor) else value
                for name, value in collator([row]).items()
            }
            with torch.no_grad():
                logits.append(model(**batch).logits[0, length:].float())
    finally:
        model.train(training)
    difference = (logits[0] - logits[1]).abs().max()
    if difference > 8 * torch.finfo(model.dtype).eps * logits[0].abs().max():
        raise ContaminationError(
            f"Packed sequences see each other in {type(model).__name__} (with attention "
            f"{model.config._attn_implementation!r} the logits differ by {difference:.2g}). Use packed_collator, "
            "another attn_implementation, or a dataset without packing."
        )


def check_tokenizer(dataset: Dataset, tokenizer: Any, rows: int = 32) -> None:
    """Decode some rows and compare them with their texts: did this tokenizer make the ids?

    A wrong tokenizer raises no error in training, but the model learns little (SKTBrain/KoBERT#104: accuracy 0.17
    instead of 0.56). `dataset`: as `load` gives it. Packed rows have no texts and are not checked. Raises
    TokenizerMismatchError.
    """
    if "instruction" not in dataset.column_names:
        return
    sample = dataset.with_format(None).select(range(min(rows, len(dataset))))
    name = next(name for name in ("instruction_ids", "input_ids", "prompt_ids") if name in sample.column_names)
    fields = PROMPT if name == "prompt_ids" else TEXTS
    shares, worst = [], ("", "", 1.0)
    for row in sample:
        text = " ".join(row[field] or "" for field in fields)
        decoded = tokenizer.decode(row[name], skip_special_tokens=True)
        share = common_characters(text, decoded)
        shares.append(share)
        worst = min(worst, (text, decoded, share), key=lambda case: case[2])
    if shares and sum(shares) / len(shares) < SAME_CHARACTERS:
        raise TokenizerMismatchError(
            f"The ids are not of this tokenizer ({type(tokenizer).__name__}): the text is {worst[0][:60]!r}, and the "
            f"ids decode to {worst[1][:60]!r}. Build the dataset with the tokenizer of the model, or open the model "
            "that belongs to the ids (the manifest names their tokenizer)."
        )


def common_characters(one: str, other: str) -> float:
    """The share of the shorter text's characters, without spaces, that the other one has too.

    The shorter one: with a chat template the ids hold more than the texts of the row, in classification less.

    >>> common_characters("안녕 하세요", "안녕하십니까"), common_characters("안녕", "")
    (0.6, 0.0)
    """
    first, second = (Counter("".join(text.split())) for text in (one, other))
    return (first & second).total() / max(1, min(first.total(), second.total()))
