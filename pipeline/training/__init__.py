"""training: from a finished dataset to the batches that a model takes. The only module that imports torch.

    from pipeline.training import PaddingCollator, load

    Trainer(model, args, train_dataset=load("processed/mine"), data_collator=PaddingCollator(tokenizer.pad_token_id))

A collator for each layout, as `data_collator=` of a Trainer or `collate_fn=` of a DataLoader:

    pair, classification, qa, seq2seq, causal    PaddingCollator(pad_id)
    fields                                       FieldsCollator(pad_id)
    causal, packed                               packed_collator(model, pad_id)
    preference, unpaired                         TRL's own, in pipeline.training.trl_trainers
    prompt                                       none: a model writes the answers (GRPOTrainer of TRL)
"""

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import DatasetError, KoInstructError, MissingLibraryError

try:
    import torch
except ModuleNotFoundError as error:
    raise MissingLibraryError('pipeline.training needs torch: pip install "ko-instruct[train]"') from error

from datasets import Dataset, load_dataset
from huggingface_hub import hf_hub_download
from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler

from pipeline.dataset.layout import MANIFEST, STATE
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.reader import data_files
from pipeline.training.preference_columns import as_lists
from schemas.columns import MASKED, TEXTS
from schemas.manifest import Manifest

Row = Mapping[str, Any]
Batch = dict[str, Any]
Collator = Callable[[Sequence[Row]], Batch]

#: Every column that a model may take, of whatever layout.
MODEL_COLUMNS = (
    "instruction_ids",
    "instruction_mask",
    "input_ids",
    "input_mask",
    "output_ids",
    "output_mask",
    "token_type_ids",
    "attention_mask",
    "position_ids",
    "labels",
    "start_positions",
    "end_positions",
)


class ContaminationError(KoInstructError, ValueError):
    """Sequences that share a packed row would see each other."""


class TokenizerMismatchError(KoInstructError, ValueError):
    """The dataset's ids were made by another tokenizer than the model's."""


def load(path_or_hub_id: str | Path, split: str = "train", layout: str | None = None) -> Dataset:
    """One split of a finished dataset, whose rows come as torch tensors (int64) of the columns that a model takes.

    `path_or_hub_id`: a folder below processed/, or a repository that `push` has filled. `layout`: which one, where the
    repository holds several; packed rows go by `causal-packed`. The Arrow files of a folder are mapped into memory, not
    read; a download is converted to such files once, in the cache of `datasets`. The texts and all else of a row are
    there under `.with_format(None)`. Rows of the layouts preference, unpaired and prompt come as lists.

    Raises DatasetError for a split or a layout that there is not, and for a folder that is no finished dataset.
    """
    folder = Path(path_or_hub_id)
    if (folder / split / STATE).is_file():
        dataset = Dataset.load_from_disk(str(folder / split))
    elif folder.is_dir() and not (folder / MANIFEST).is_file():
        raise DatasetError(
            f"{folder} holds no {MANIFEST}: it is not a finished dataset. Name a folder below processed/."
        )
    elif folder.is_dir() and not any(file.format == "parquet" for file in data_files(folder)):
        found = ", ".join(path.parent.name for path in sorted(folder.glob(f"*/{STATE}")))
        raise DatasetError(f"{folder} has no split {split!r}: it has {found or 'neither Arrow nor Parquet files'}.")
    else:
        dataset = load_dataset(str(path_or_hub_id), layout, split=split)
    if "prompt_ids" in dataset.column_names:
        return as_lists(dataset)
    return dataset.with_format("torch", columns=[name for name in MODEL_COLUMNS if name in dataset.column_names])


def manifest_of(path_or_hub_id: str | Path, layout: str) -> Manifest:
    """What a finished dataset says of itself: its labels, its tokenizer, its counts.

    Named as for `load`; the layout finds it in a repository. Raises ManifestError or the Hub's EntryNotFoundError.
    """
    folder = Path(path_or_hub_id)
    if not folder.is_dir():
        folder = Path(hf_hub_download(str(path_or_hub_id), f"{layout}/{MANIFEST}", repo_type="dataset")).parent
    return read_manifest(folder)


def pad(lists: Sequence[Any], value: int, multiple: int = 1) -> torch.Tensor:
    """Lists of ids as one int64 tensor (rows, length), filled with `value` on the right.

    The length is that of the longest list, rounded up to a multiple of `multiple`.
    """
    length = -(-max(len(ids) for ids in lists) // multiple) * multiple
    padded = torch.full((len(lists), length), value, dtype=torch.int64)
    for line, ids in zip(padded, lists, strict=True):
        line[: len(ids)] = torch.as_tensor(ids)
    return padded


def ones(lists: Sequence[Any]) -> list[torch.Tensor]:
    """The mask of each list before padding."""
    return [torch.ones(len(ids), dtype=torch.int64) for ids in lists]


@dataclass(frozen=True)
class PaddingCollator:
    """Pads the rows of a batch to its longest: layouts pair, classification, qa, seq2seq and causal.

    Gives `input_ids`, `attention_mask` (1 on tokens, 0 on padding) and what else the rows have of `token_type_ids`
    (padded with 0), `labels` (a list is padded with -100, a number stays one), `start_positions`, `end_positions`:
    int64 of (rows, length) or (rows). Columns of different lengths, as in seq2seq, are padded each to its own longest.
    `pad_to_multiple_of`: 8 suits the matrix units of most GPUs in half precision.

    Raises ValueError for rows of a layout that needs another collator.
    """

    pad_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = _columns(rows, "input_ids")
        if "instruction_ids" in columns:
            raise DatasetError("these rows have the layout fields: collate them with FieldsCollator")
        if "position_ids" in columns:
            raise DatasetError("these rows are packed: packed_collator(model, pad_id) keeps their sequences apart")
        columns.setdefault("attention_mask", ones(columns["input_ids"]))
        fill = {"input_ids": self.pad_id, "attention_mask": 0, "token_type_ids": 0, "labels": MASKED}
        return {
            name: pad(values, fill[name], self.pad_to_multiple_of) if _is_list(values[0]) else _numbers(values)
            for name, values in columns.items()
        }


@dataclass(frozen=True)
class FieldsCollator:
    """Pads instruction, input and output of a batch each to its own longest: layout fields.

    Gives `instruction_ids`, `instruction_mask`, `input_ids`, `input_mask`, `output_ids`, `output_mask`, int64 of (rows,
    length of that field): a model of your own takes them by these names, or a few lines make of them what another one
    wants (examples/notes.py). A Trainer must be told `remove_unused_columns=False`.
    """

    pad_id: int
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = _columns(rows, "instruction_ids")
        batch = {}
        for field in ("instruction", "input", "output"):
            ids = columns[f"{field}_ids"]
            mask = columns.get(f"{field}_mask", ones(ids))
            batch[f"{field}_ids"] = pad(ids, self.pad_id, self.pad_to_multiple_of)
            batch[f"{field}_mask"] = pad(mask, 0, self.pad_to_multiple_of)
        return batch


def packed_collator(model: Any, pad_id: int, pad_to_multiple_of: int = 1) -> Collator:
    """The collator of packed rows that keeps their sequences apart in this model: layout causal, packed.

    With flash attention, which takes the lengths of sequences, `PaddingFreeCollator`; with torch's own attention (sdpa,
    eager) `BlockMaskCollator`. `check_packing` tries out whether it holds.

    Raises ContaminationError where neither can keep them apart.
    """
    if "position_ids" not in inspect.signature(model.forward).parameters:
        raise ContaminationError(
            f"{type(model).__name__} takes no position_ids, so that packed sequences cannot be told apart: "
            "build the dataset without packing, and collate it with PaddingCollator"
        )
    attention = model.config._attn_implementation
    if "flash" in attention:
        return PaddingFreeCollator()
    if attention in ("sdpa", "eager"):
        return BlockMaskCollator(pad_id, model.dtype, pad_to_multiple_of)
    raise ContaminationError(
        f"it is not known how attention {attention!r} keeps packed sequences apart: load the model with "
        'attn_implementation="sdpa", "eager" or "flash_attention_2"'
    )


@dataclass(frozen=True)
class PaddingFreeCollator:
    """All sequences of a batch end to end in one row, without padding: for flash attention alone.

    Gives `input_ids`, `labels` and `position_ids` of (1, tokens), and the bounds of sequences as transformers hands
    them to flash attention: `cu_seq_lens_q`, `cu_seq_lens_k` (int32), `max_length_q`, `max_length_k`. Other attention
    is told nothing by these. The first label of a sequence is -100: no token before it may be asked for it.
    """

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = _columns(rows, "position_ids")
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
    0 where a token is seen, the least number of `dtype` (that of the model) elsewhere. A mask that is there leaves
    nothing to guess: transformers finds packed sequences by their position_ids only where no cache is in use, and the
    models' own default is to use one. The first label of a sequence is -100.
    """

    pad_id: int
    dtype: Any = torch.float32
    pad_to_multiple_of: int = 1

    def __call__(self, rows: Sequence[Row]) -> Batch:
        columns = _columns(rows, "position_ids")
        # A padding token is a sequence of its own: it sees itself, since a softmax over nothing is no number.
        ids, labels, positions = (
            pad(columns[name], fill, self.pad_to_multiple_of)
            for name, fill in (("input_ids", self.pad_id), ("labels", MASKED), ("position_ids", 0))
        )
        starts = positions == 0
        sequence = starts.cumsum(1)
        seen = (sequence[:, :, None] == sequence[:, None, :]).tril()
        mask = torch.zeros(seen.shape, dtype=self.dtype).masked_fill(~seen, torch.finfo(self.dtype).min)
        return {
            "input_ids": ids,
            "labels": labels.masked_fill(starts, MASKED),
            "position_ids": positions,
            "attention_mask": mask[:, None],
        }


def check_packing(model: Any, collator: Collator) -> None:
    """Try out whether the model keeps packed sequences apart: whatever the first holds, the second gives the same.

    One pass over 16 tokens, on the device where the model is. Raises ContaminationError.
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
            f"{type(model).__name__} lets packed sequences see each other (with attention "
            f"{model.config._attn_implementation!r} the logits differ by {difference:.2g}): use packed_collator, "
            "another attn_implementation, or a dataset without packing"
        )


def check_tokenizer(dataset: Dataset, tokenizer: Any, rows: int = 32) -> None:
    """Decode some rows and hold them against their own text: whether this tokenizer made the ids.

    A wrong one makes no error in training, only a model that learns little (SKTBrain/KoBERT#104: accuracy 0.17 in
    place of 0.56). `dataset`: as `load` gives it; packed rows hold no text, and are not looked at. Raises
    TokenizerMismatchError.
    """
    if "instruction" not in dataset.column_names:
        return
    sample = dataset.with_format(None).select(range(min(rows, len(dataset))))
    name = next(name for name in ("instruction_ids", "input_ids", "prompt_ids") if name in sample.column_names)
    fields = ("system", "instruction", "input") if name == "prompt_ids" else TEXTS
    shares, worst = [], ("", "", 1.0)
    for row in sample:
        text = " ".join(row[field] or "" for field in fields)
        decoded = tokenizer.decode(row[name], skip_special_tokens=True)
        one, other = (Counter("".join(part.split())) for part in (text, decoded))
        # Of a chat template the ids hold more than the row, of a classification less.
        share = (one & other).total() / max(1, min(one.total(), other.total()))
        shares.append(share)
        worst = min(worst, (text, decoded, share), key=lambda case: case[2])
    if shares and sum(shares) / len(shares) < 0.5:
        raise TokenizerMismatchError(
            f"The ids are not of this tokenizer ({type(tokenizer).__name__}): where the text says {worst[0][:60]!r}, "
            f"they say {worst[1][:60]!r}. Build the dataset with the model's own tokenizer, or open the model that "
            "belongs to the ids (the manifest names their tokenizer)."
        )


class LengthGroupedTrainer(Trainer):
    """A Trainer whose batches are of rows of about the same length, so that little is padded.

    What `train_sampling_strategy="group_by_length"` does, by the column `n_tokens` and not by a look at every row: the
    Trainer removes that column before it asks for it, and reads `datasets` row by row where it does not.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset: Any = self.train_dataset
        lengths = dataset.with_format("numpy")["n_tokens"][:].tolist()
        return LengthGroupedSampler(self.args.train_batch_size * self.args.gradient_accumulation_steps, lengths=lengths)


def _columns(rows: Sequence[Row], needed: str) -> dict[str, list[Any]]:
    """The columns that a model may take, of rows that have at least `needed`."""
    if needed not in rows[0]:
        raise DatasetError(
            f"the rows have no {needed}, only {', '.join(rows[0]) or 'nothing'}: open the dataset with "
            "pipeline.training.load, take the collator of its layout, and where the model does not name this column "
            "itself set remove_unused_columns=False in TrainingArguments"
        )
    return {name: [row[name] for row in rows] for name in MODEL_COLUMNS if name in rows[0]}


def _is_list(value: Any) -> bool:
    return bool(torch.as_tensor(value).ndim)


def _numbers(values: Sequence[Any]) -> torch.Tensor:
    return torch.as_tensor([int(value) for value in values])
