"""pipeline.training: what collators may never do, whatever the rows; datasets opened without a copy; packing."""

import doctest
import importlib
import itertools
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import dedupe, export, validate
from pipeline.kobert import KoBERTTokenizer
from pipeline.stages.split import split
from pipeline.stages.tokenize import tokenize
from pipeline.tokenizers.kobert import EMBEDDED
from pipeline.tokenizers.load import load_tokenizer
from schemas.columns import MASKED
from schemas.options import ExportOptions, TokenizeOptions
from tests.dataset.test_export import about
from tests.support import hub_server
from tests.support.tables import table_of

pytestmark = pytest.mark.train

torch = pytest.importorskip("torch", reason="torch is not installed: make test-train installs it")

from transformers import (  # noqa: E402
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    BloomConfig,
    BloomForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTNeoXConfig,
    GPTNeoXForCausalLM,
    LlamaConfig,
    LlamaForCausalLM,
    TrainingArguments,
)

from pipeline.training import (  # noqa: E402
    BlockMaskCollator,
    ContaminationError,
    FieldsCollator,
    LengthGroupedTrainer,
    PaddingCollator,
    PaddingFreeCollator,
    TokenizerMismatchError,
    TooLongForModelError,
    check_length,
    check_packing,
    check_tokenizer,
    load,
    packed_collator,
)
from pipeline.training.checks import longest_sequence  # noqa: E402

PAD = 1
ids = st.lists(st.integers(0, 9000), min_size=1, max_size=12)
multiples = st.sampled_from([1, 2, 8])


@pytest.mark.parametrize("name", ["checks", "collators"])
def test_the_examples_of_a_module(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"pipeline.training.{name}"))
    assert result.attempted
    assert not result.failed


def rows_of(lists: list[list[int]], **more: Any) -> list[dict[str, Any]]:
    return [{"input_ids": torch.tensor(values), **{k: v(values) for k, v in more.items()}} for values in lists]


def test_torch_comes_with_training_alone() -> None:
    script = """
import sys
from pipeline import dedupe, export, ingest, normalize, screen, tokenize, validate
import pipeline.run.chain, pipeline.cli, pipeline.hub, pipeline.tokenizers.load
assert "torch" not in sys.modules
import pipeline.training
assert "torch" in sys.modules
assert "transformers.trainer" not in sys.modules  # it takes seconds to import
from pipeline.training import LengthGroupedTrainer
assert "transformers.trainer" in sys.modules
"""
    in_a_new_process(script)


# Padding.


@given(lists=st.lists(ids, min_size=1, max_size=5), multiple=multiples)
def test_padding_changes_no_id_and_masks_what_it_adds(lists: list[list[int]], multiple: int) -> None:
    rows = rows_of(
        lists,
        token_type_ids=lambda values: torch.ones(len(values), dtype=torch.int64),
        labels=lambda values: torch.tensor(values),
        n_tokens=len,
        origin=lambda values: "raw.jsonl:1",
    )
    batch = PaddingCollator(PAD, multiple)(rows)
    assert set(batch) == {"input_ids", "token_type_ids", "labels", "attention_mask"}
    longest = max(map(len, lists))
    assert {tuple(value.shape) for value in batch.values()} == {(len(lists), -(-longest // multiple) * multiple)}
    assert {value.dtype for value in batch.values()} == {torch.int64}
    for number, values in enumerate(lists):
        mask = batch["attention_mask"][number].bool()
        assert mask.tolist() == [place < len(values) for place in range(len(mask))]
        assert batch["input_ids"][number][mask].tolist() == values
        assert batch["labels"][number][mask].tolist() == values
        assert set(batch["input_ids"][number][~mask].tolist()) <= {PAD}
        assert set(batch["labels"][number][~mask].tolist()) <= {MASKED}
        assert batch["token_type_ids"][number].tolist() == mask.long().tolist()


@given(pairs=st.lists(st.tuples(ids, ids), min_size=1, max_size=5), multiple=multiples)
def test_prompt_and_answer_of_seq2seq_are_padded_apart(pairs: list[tuple[list[int], list[int]]], multiple: int) -> None:
    batch = PaddingCollator(PAD, multiple)([{"input_ids": one, "labels": other} for one, other in pairs])
    for name, side, fill in (("input_ids", 0, PAD), ("labels", 1, MASKED)):
        lists = [pair[side] for pair in pairs]
        width = -(-max(map(len, lists)) // multiple) * multiple
        assert batch[name].tolist() == [values + [fill] * (width - len(values)) for values in lists]
    assert batch["attention_mask"].sum(1).tolist() == [len(one) for one, _ in pairs]


def test_numbers_stay_numbers() -> None:
    rows = [
        {"input_ids": [2, 5, 3], "token_type_ids": [0, 0, 0], "labels": torch.tensor(1)},
        {"input_ids": [2, 3], "token_type_ids": [0, 0], "labels": torch.tensor(0)},
    ]
    assert PaddingCollator(PAD)(rows)["labels"].tolist() == [1, 0]
    rows = [{"input_ids": [2, 5, 3], "start_positions": 1, "end_positions": 2}]
    batch = PaddingCollator(PAD)(rows)
    assert (batch["start_positions"].tolist(), batch["end_positions"].tolist()) == ([1], [2])


def test_a_mask_that_is_there_is_kept() -> None:
    batch = PaddingCollator(PAD, 4)([{"input_ids": [2, 3, 1], "attention_mask": [1, 1, 0]}])
    assert batch["attention_mask"].tolist() == [[1, 1, 0, 0]]


@given(rows=st.lists(st.tuples(ids, ids, ids), min_size=1, max_size=4), multiple=multiples)
def test_fields_are_padded_each_to_its_own_length(rows: list[tuple[list[int], ...]], multiple: int) -> None:
    names = ("instruction", "input", "output")
    batch = FieldsCollator(PAD, multiple)(
        [{f"{name}_ids": values for name, values in zip(names, row, strict=True)} for row in rows]
    )
    assert list(batch) == [f"{name}_{kind}" for name in names for kind in ("ids", "mask")]
    for side, name in enumerate(names):
        for number, row in enumerate(rows):
            mask = batch[f"{name}_mask"][number].bool()
            assert batch[f"{name}_ids"][number][mask].tolist() == row[side]
            assert set(batch[f"{name}_ids"][number][~mask].tolist()) <= {PAD}


@pytest.mark.parametrize(
    ("row", "collator", "message"),
    [
        ({"input_ids": [2], "instruction_ids": [2], "output_ids": [2]}, PaddingCollator(PAD), "FieldsCollator"),
        ({"input_ids": [2], "labels": [2], "position_ids": [0]}, PaddingCollator(PAD), "packed_collator"),
        ({"instruction": "인사해 줘."}, PaddingCollator(PAD), "only instruction. Open .* pipeline.training.load"),
        ({"input_ids": [2], "labels": 1}, FieldsCollator(PAD), "no instruction_ids, only input_ids, labels"),
        ({"input_ids": [2], "labels": [2]}, BlockMaskCollator(PAD), "no position_ids"),
        ({}, PaddingFreeCollator(), "remove_unused_columns=False"),
    ],
)
def test_rows_of_another_layout_are_refused(row: dict[str, Any], collator: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        collator([row])


# Packing.


def packed(*sequences: list[int]) -> dict[str, Any]:
    flat = [number for sequence in sequences for number in sequence]
    return {
        "input_ids": flat,
        "labels": list(flat),
        "position_ids": [place for sequence in sequences for place in range(len(sequence))],
        "seq_lengths": [len(sequence) for sequence in sequences],
    }


bins = st.lists(st.lists(ids, min_size=1, max_size=4), min_size=1, max_size=3)


@given(bins=bins)
def test_padding_free_rows_are_one_row(bins: list[list[list[int]]]) -> None:
    batch = PaddingFreeCollator()([packed(*sequences) for sequences in bins])
    sequences = [sequence for row in bins for sequence in row]
    assert batch["input_ids"].tolist() == [[number for sequence in sequences for number in sequence]]
    assert batch["labels"].tolist() == [[n for first, *rest in sequences for n in (MASKED, *rest)]]
    bounds = batch["cu_seq_lens_q"].tolist()
    assert [end - start for start, end in itertools.pairwise(bounds)] == [*map(len, sequences)]
    assert batch["cu_seq_lens_q"].dtype == torch.int32
    assert batch["max_length_q"] == batch["max_length_k"] == max(map(len, sequences))
    from transformers.modeling_flash_attention_utils import prepare_fa_kwargs_from_position_ids

    (theirs, _), (longest, _) = prepare_fa_kwargs_from_position_ids(batch["position_ids"])
    assert (theirs.tolist(), int(longest)) == (bounds, batch["max_length_q"])


@given(bins=bins, multiple=multiples)
def test_the_block_mask_shows_a_token_its_own_sequence(bins: list[list[list[int]]], multiple: int) -> None:
    batch = BlockMaskCollator(PAD, pad_to_multiple_of=multiple)([packed(*sequences) for sequences in bins])
    for number, sequences in enumerate(bins):
        owner = [which for which, sequence in enumerate(sequences) for _ in sequence]
        width = batch["input_ids"].shape[1]
        owner += range(len(sequences), len(sequences) + width - len(owner))  # padding sees itself
        seen = [[owner[j] == owner[i] and j <= i for j in range(width)] for i in range(width)]
        assert (batch["attention_mask"][number, 0] == 0).tolist() == seen
        flat = [n for first, *rest in sequences for n in (MASKED, *rest)]
        assert batch["labels"][number].tolist() == flat + [MASKED] * (width - len(flat))


SIZE = {"vocab_size": 32, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4}
MODELS: dict[str, Any] = {
    "llama": lambda: LlamaForCausalLM(LlamaConfig(**SIZE)),
    "gpt_neox": lambda: GPTNeoXForCausalLM(GPTNeoXConfig(**SIZE)),
    "gpt2": lambda: GPT2LMHeadModel(GPT2Config(vocab_size=32, n_embd=32, n_layer=2, n_head=4)),
}


def small(name: str, attention: str) -> Any:
    torch.manual_seed(0)
    model = MODELS[name]().eval()
    model.set_attn_implementation(attention)
    return model


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_packed_sequences_give_what_they_give_alone(name: str, attention: str, dtype: str) -> None:
    model = small(name, attention).to(getattr(torch, dtype))
    collate = packed_collator(model, PAD, pad_to_multiple_of=8)
    check_packing(model, collate)
    sequences = [[5, 6, 7, 8, 9], [10, 11], [12, 13, 14]]
    with torch.no_grad():
        logits = model(**collate([packed(*sequences), packed([3, 4])])).logits
        start = 0
        for sequence in sequences:
            alone = model(torch.tensor([sequence])).logits[0]
            near = 1e-5 if dtype == "float32" else 2e-2
            torch.testing.assert_close(logits[0, start : start + len(sequence)], alone, rtol=near, atol=near)
            start += len(sequence)
    assert logits.isfinite().all()


@pytest.mark.parametrize("name", MODELS)
def test_what_leaks_is_found(name: str) -> None:
    """The form for flash attention tells torch's own nothing: with a cache in use sequences see each other."""
    model = small(name, "sdpa")
    assert model.config.use_cache
    with pytest.raises(ContaminationError, match=r"see each other .*sdpa"):
        check_packing(model, PaddingFreeCollator())


def test_the_mode_of_a_model_that_was_checked_is_as_before() -> None:
    model = small("llama", "sdpa").train()
    check_packing(model, packed_collator(model, PAD))
    assert model.training


def test_models_that_cannot_take_packed_rows() -> None:
    bloom = BloomForCausalLM(BloomConfig(vocab_size=32, hidden_size=32, n_layer=1, n_head=4))
    with pytest.raises(ContaminationError, match="BloomForCausalLM takes no position_ids"):
        packed_collator(bloom, PAD)
    model = small("llama", "sdpa")
    model.config._attn_implementation = "flex_attention"
    with pytest.raises(ContaminationError, match="'flex_attention'"):
        packed_collator(model, PAD)
    model.config._attn_implementation = "flash_attention_2"
    assert packed_collator(model, PAD) == PaddingFreeCollator()


# Datasets.


def finish(folder: Path, layout: str = "pair", count: int = 40, max_length: int = 512, **options: Any) -> Path:
    """Sums of many lengths as a finished dataset in processed/."""
    records = [
        {
            "source": "가",
            "history": [],
            "instruction": f"{number}에 {number + 1}을 더하면 얼마인가요?",
            "input": "",
            "output": "차근차근 더해 보면 답이 나옵니다. " * (1 + number % 7) + f"답은 {2 * number + 1}입니다.",
            "reject": None,
        }
        for number in range(count)
    ]
    tokenizer = load_tokenizer(["embedded"]).tokenizer
    chosen_layout = TokenizeOptions.model_validate({"layout": layout, "max_length": max_length})
    table = dedupe(tokenize(validate(table_of(records)), tokenizer, chosen_layout))
    chosen = ExportOptions(validation=0.2, **options)
    made_of = about(options={"tokenize": {"layout": layout}})
    export([table.append_column("split", split(table, chosen))], folder, chosen, made_of)
    return folder


@pytest.mark.parametrize(
    ("layout", "columns"),
    [("pair", {"input_ids", "token_type_ids"}), ("fields", {"instruction_ids", "input_ids", "output_ids"})],
)
def test_only_what_a_model_takes_is_seen(tmp_path: Path, layout: str, columns: set[str]) -> None:
    dataset = load(finish(tmp_path / "d", layout))
    first = dataset[0]
    assert set(first) == columns
    assert {value.dtype for value in first.values()} == {torch.int64}
    assert dataset.with_format(None)[0]["instruction"].endswith("얼마인가요?")


def test_a_folder_is_mapped_and_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = finish(tmp_path / "d")
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "cache"))
    before = pa.total_allocated_bytes()
    dataset = load(folder, "validation")
    assert [Path(file["filename"]) for file in dataset.cache_files] == sorted((folder / "validation").glob("*.arrow"))
    assert pa.total_allocated_bytes() == before
    assert not (tmp_path / "cache").exists()


def test_a_folder_of_parquet_alone(tmp_path: Path) -> None:
    with_arrow, parquet = finish(tmp_path / "a"), finish(tmp_path / "p", formats=("parquet",))
    script = f"""
from pipeline.training import load
one, other = load({str(with_arrow)!r}), load({str(parquet)!r})
assert [row["input_ids"].tolist() for row in one] == [row["input_ids"].tolist() for row in other]
assert other.info.config_name == "pair"
"""
    in_a_new_process(script, HF_HOME=str(tmp_path / "home"), HF_HUB_OFFLINE="1")


@pytest.mark.parametrize("formats", [("arrow",), ("parquet",), ("parquet", "messages", "alpaca")])
@pytest.mark.parametrize("layout", ["pair", "prompt"])
def test_a_stream_gives_the_rows_of_the_dataset(tmp_path: Path, layout: str, formats: tuple[str, ...]) -> None:
    """Text forms in the folder are configs of their own, and not taken for the layout."""
    folder = finish(tmp_path / "d", layout, formats=formats)
    script = f"""
from pipeline.training import load
rows, stream = load({str(folder)!r}), load({str(folder)!r}, streaming=True)
plain = lambda row: {{name: value.tolist() if hasattr(value, "tolist") else value for name, value in row.items()}}
assert [plain(row) for row in stream] == [plain(row) for row in rows]
"""
    in_a_new_process(script, HF_HOME=str(tmp_path / "home"), HF_HUB_OFFLINE="1")


def test_a_row_that_is_too_long_for_the_model(tmp_path: Path) -> None:
    dataset = load(finish(tmp_path / "d"))
    longest = max(len(row["input_ids"]) for row in dataset)
    small = {"hidden_size": 8, "intermediate_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    fits = BertModel(BertConfig(**small, vocab_size=9, max_position_embeddings=longest))
    check_length(dataset, fits)
    short = BertModel(BertConfig(**small, vocab_size=9, max_position_embeddings=longest - 1))
    with pytest.raises(TooLongForModelError, match=rf"has {longest} tokens, and BertModel has {longest - 1} positions"):
        check_length(dataset, short)
    check_length(load(finish(tmp_path / "remedy", max_length=longest - 1)), short)


@pytest.mark.parametrize(
    ("layout", "columns"),
    [
        ("prompt", ["prompt_ids"]),
        ("fields", ["instruction_ids", "input_ids", "output_ids"]),
        ("seq2seq", ["input_ids", "labels"]),
    ],
)
def test_every_sequence_of_a_layout_is_measured(tmp_path: Path, layout: str, columns: list[str]) -> None:
    dataset = load(finish(tmp_path / "d", layout))
    rows = dataset.with_format(None)
    assert longest_sequence(dataset) == max(len(row[name]) for row in rows for name in columns)


def in_a_new_process(script: str, **environment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", script], env=os.environ | environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_a_repository_of_two_layouts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from huggingface_hub import close_session

    from pipeline.hub import push
    from schemas.push import PushOptions

    forms = ("arrow", "parquet", "messages")
    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        for layout in ("pair", "fields"):
            push(finish(tmp_path / layout, layout, formats=forms), "tester/d", PushOptions(allow_embedded=True))
        close_session()
        script = f"""
from pipeline.training import load, manifest_of
for layout in ("pair", "fields"):
    assert manifest_of("tester/d", layout) == manifest_of({str(tmp_path)!r} + "/" + layout, layout)
    here, there = load({str(tmp_path)!r} + "/" + layout), load("tester/d", layout=layout)
    assert here.format == there.format, (here.format, there.format)
    for one, other in zip(here, there, strict=True):
        assert {{k: v.tolist() for k, v in one.items()}} == {{k: v.tolist() for k, v in other.items()}}
    assert len(load("tester/d", "validation", layout)) == len(load({str(tmp_path)!r} + "/pair", "validation"))
from datasets import load_dataset
texts = load_dataset("tester/d", "messages")
assert {{name: len(rows) for name, rows in texts.items()}} == manifest_of("tester/d", "pair").forms["messages"].rows
assert texts["train"][0]["messages"][0]["role"] == "user"
try:
    load("tester/d")
except ValueError as error:
    assert "['fields', 'messages', 'pair']" in str(error), error
else:
    raise AssertionError("a layout was taken unasked")
"""
        in_a_new_process(script, **hub_server.environment(hub, tmp_path / "reader"))


def test_a_missing_split_and_a_folder_without_a_manifest(tmp_path: Path) -> None:
    folder = finish(tmp_path / "d", formats=("arrow",))
    with pytest.raises(ValueError, match=r"no split 'test'\. It has train, validation"):
        load(folder, "test")
    with pytest.raises(ValueError, match=r"no manifest\.json"):
        load(tmp_path)


class OtherTokenizer:
    """KoBERT's place in line: ids mean other pieces."""

    def __init__(self, shift: int) -> None:
        self.ours: Any = load_tokenizer(["embedded"]).tokenizer
        self.shift = shift

    def decode(self, numbers: list[int], skip_special_tokens: bool) -> str:
        size = self.ours.processor.get_piece_size()
        return str(self.ours.processor.decode([(n + self.shift) % size for n in numbers if n > 4]))


@pytest.mark.parametrize("layout", ["pair", "fields"])
def test_the_tokenizer_must_be_the_ids_own(tmp_path: Path, layout: str) -> None:
    dataset = load(finish(tmp_path / "d", layout))
    check_tokenizer(dataset, OtherTokenizer(0))
    for shift in (1, 2, 50):
        with pytest.raises(TokenizerMismatchError, match="얼마인가요"):
            check_tokenizer(dataset, OtherTokenizer(shift))


def test_kobert_opened_by_the_wrong_class(tmp_path: Path) -> None:
    """AutoTokenizer takes the folder for BERT's, without a word, and then knows none (SKTBrain/KoBERT#104)."""
    folder = tmp_path / "kobert"
    BertModel(BertConfig(**SIZE | {"vocab_size": 4000})).save_pretrained(folder)
    shutil.copy(EMBEDDED / "spiece.model", folder)
    dataset = load(finish(tmp_path / "d"))
    check_tokenizer(dataset, KoBERTTokenizer.from_pretrained(folder))
    with pytest.raises(TokenizerMismatchError, match="BertTokenizer"):
        check_tokenizer(dataset, AutoTokenizer.from_pretrained(folder))


def test_batches_of_one_length(tmp_path: Path) -> None:
    dataset = load(finish(tmp_path / "d", count=400))
    model = BertForSequenceClassification(BertConfig(**SIZE | {"vocab_size": 4000}))
    arguments = TrainingArguments(tmp_path / "out", per_device_train_batch_size=4, use_cpu=True, report_to="none")
    collate = PaddingCollator(PAD)

    def padded(trainer: Any) -> tuple[int, int]:
        batches = list(trainer.get_train_dataloader())
        return sum((b["attention_mask"] == 0).sum().item() for b in batches), sum(len(b["input_ids"]) for b in batches)

    from transformers import Trainer

    torch.manual_seed(0)
    grouped, rows = padded(LengthGroupedTrainer(model, arguments, train_dataset=dataset, data_collator=collate))
    shuffled, _ = padded(Trainer(model, arguments, train_dataset=dataset, data_collator=collate))
    assert rows == len(dataset)
    assert grouped < shuffled / 3
