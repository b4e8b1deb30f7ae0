"""The names that `layout` makes are the names that it recognises."""

import pytest

from pipeline.dataset import layout
from pipeline.dataset.layout import DATA_FILES, data_file, format_and_split, inside_config, kind_of, shard_number


@pytest.mark.parametrize("kind", DATA_FILES)
@pytest.mark.parametrize("config", ["pair", "causal-packed"])
def test_a_data_file_is_recognised_in_the_folder_and_in_a_repository(kind: layout.Format, config: str) -> None:
    name = data_file(kind, "train", config).format(shard=shard_number(0, 12))
    inside = inside_config(name, config)
    assert format_and_split(name) == format_and_split(inside) == (kind, "train")
    assert kind_of(inside) == kind


def test_other_files_are_not_data_files() -> None:
    kinds = {name: kind_of(name) for name in ("manifest.json", "README.md", "rejects.jsonl", "train/state.json")}
    assert kinds == dict(zip(kinds, ("manifest", "card", "rejects", "arrow"), strict=True))
    assert not any(map(format_and_split, kinds))
    assert kind_of("mine.csv") is kind_of("train/README.md") is kind_of("pair/sub/train-0.parquet") is None
