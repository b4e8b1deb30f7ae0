"""A Trainer that groups rows of similar length."""

from typing import Any

from transformers import Trainer
from transformers.trainer_pt_utils import LengthGroupedSampler


class LengthGroupedTrainer(Trainer):
    """A Trainer whose batches hold rows of similar length, so that there is little padding.

    It does what `train_sampling_strategy="group_by_length"` does, but takes the lengths from the column `n_tokens`.
    The Trainer of transformers removes that column first, and then reads the dataset row by row.
    """

    def _get_train_sampler(self, train_dataset: Any = None) -> Any:
        dataset: Any = self.train_dataset
        lengths = dataset.with_format("numpy")["n_tokens"][:].tolist()
        return LengthGroupedSampler(self.args.train_batch_size * self.args.gradient_accumulation_steps, lengths=lengths)
