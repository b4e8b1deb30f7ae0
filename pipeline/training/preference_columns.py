"""The rows of the layouts preference, unpaired and prompt: columns that the trainers of TRL take, as lists."""

from datasets import Dataset

#: Of all three layouts.
PREFERENCE_COLUMNS = ("prompt", "prompt_ids", "chosen_ids", "rejected_ids", "completion_ids", "label")


def as_lists(dataset: Dataset) -> Dataset:
    """The dataset with rows of these columns alone. TRL's own collators join lists, and do not take tensors."""
    present = [name for name in PREFERENCE_COLUMNS if name in dataset.column_names]
    if "completion_ids" not in present and "label" in present:
        present.remove("label")  # the label of a record belongs to layout unpaired
    return dataset.with_format(None, columns=present)
