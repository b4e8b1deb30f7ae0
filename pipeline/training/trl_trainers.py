"""TRL's trainers of preferences, on rows that have ids. Needs TRL: the extra `trl`.

    from pipeline.training import load
    from pipeline.training.trl_trainers import PreferenceTrainer

    PreferenceTrainer(model, args=DPOConfig(max_length=None), train_dataset=load("processed/mine"))

TRL's DPOTrainer and KTOTrainer make new ids of texts, whatever ids a row has: without the rules of ko-instruct for
thoughts, ends of answers and special tokens in texts, and cut from the right at `max_length`. Here the batches hold
the ids of the dataset. All else is TRL's: losses, options, collators. TRL's own SFTTrainer (layout causal) and
GRPOTrainer (layout prompt) take the rows as they are.
"""

from typing import Any

from datasets import Dataset

from schemas.errors import DatasetError, MissingLibraryError, install

try:
    from trl import DPOTrainer, KTOTrainer
except ModuleNotFoundError as error:
    raise MissingLibraryError(f"this needs TRL: {install('trl')}") from error


class PreferenceTrainer(DPOTrainer):
    """TRL's DPOTrainer for rows of layout `preference`. Its options are a DPOConfig: `max_length=None`, since no row is
    longer than the dataset's own max_length.

    Raises DatasetError for rows of another layout.
    """

    def _prepare_dataset(self, dataset: Dataset, processing_class: Any, args: Any, dataset_name: str) -> Dataset:
        return _of_layout("preference", dataset, ("prompt_ids", "chosen_ids", "rejected_ids"))


class UnpairedTrainer(KTOTrainer):
    """TRL's KTOTrainer for rows of layout `unpaired`. Its options are a KTOConfig with `max_length=None`.

    KTO takes the rows in their order, and compares an answer with that of its neighbour, which must have another
    prompt: shuffle the rows, since the two answers of a pair are neighbours. Where there are more good answers than bad
    ones, `desirable_weight` and `undesirable_weight` make them equal; TRL's hint about it is not given here.

    Raises DatasetError for rows of another layout.
    """

    def _prepare_dataset(self, dataset: Dataset, processing_class: Any, args: Any, dataset_name: str) -> Dataset:
        rows = _of_layout("unpaired", dataset, ("prompt_ids", "completion_ids", "label"))
        if not self.calculate_KL:
            return rows
        return rows.map(_with_other_completions, batched=True, batch_size=args.per_device_train_batch_size)


def _of_layout(layout: str, dataset: Dataset, columns: tuple[str, ...]) -> Dataset:
    missing = [name for name in columns if name not in dataset.column_names]
    if missing:
        raise DatasetError(f"the rows have no {' and no '.join(missing)}: build the dataset with layout {layout!r}")
    return dataset.select_columns(list(columns))


def _with_other_completions(rows: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Each prompt of a batch with the completion of its neighbour, by which KTO estimates the KL divergence."""
    completions = rows["completion_ids"]
    return {"KL_completion_ids": [completions[-1], *completions[:-1]]}
