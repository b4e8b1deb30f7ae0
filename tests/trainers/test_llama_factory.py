"""Text forms in LLaMA-Factory's own dataset code: `dataset_dir` is the exported folder.

Its tokens are those of our layout causal, row for row, with the template of its own that writes the same marks.
"""

from pathlib import Path
from typing import Any

import pytest

from tests.support.small_tokenizers import CHATML
from tests.trainers.built import TALKS, Built, learned, same
from tests.trainers.conftest import Record

pytestmark = [pytest.mark.trainers, pytest.mark.filterwarnings("ignore")]  # warnings of other tools are theirs
pytest.importorskip("llamafactory", reason="LLaMA-Factory is not installed", exc_type=ImportError)

from llamafactory.data.loader import get_dataset  # noqa: E402
from llamafactory.data.template import get_template_and_fix_tokenizer  # noqa: E402
from llamafactory.hparams import DataArguments, ModelArguments  # noqa: E402
from transformers import AutoTokenizer, Seq2SeqTrainingArguments  # noqa: E402


def rows_of(built: Built, form: str, folder: Path) -> Any:
    tokenizer = AutoTokenizer.from_pretrained(built.model)
    model = ModelArguments(model_name_or_path=str(built.model), cache_dir=str(folder / "cache"))
    data = DataArguments(template="chatml", dataset_dir=str(built.folder), dataset=f"mine-{form}-train", cutoff_len=512)
    template = get_template_and_fix_tokenizer(tokenizer, data)
    training = Seq2SeqTrainingArguments(output_dir=str(folder / "out"), use_cpu=True, report_to=[])
    return get_dataset(template, model, data, training, stage="sft", tokenizer=tokenizer)["train_dataset"]


@pytest.mark.parametrize("form", ["alpaca", "sharegpt"])
def test_sft(form: str, tmp_path: Path, record: Record) -> None:
    built = Built(tmp_path, TALKS, CHATML, form, layout="causal")
    theirs = rows_of(built, form, tmp_path)
    assert len(theirs) == len(TALKS)
    for ours, row in zip(built.ours(), theirs, strict=True):
        assert row["input_ids"] == ours["input_ids"]
        assert learned(row) == learned(ours)
    trainer = "LLaMA-Factory, template chatml"
    record("llamafactory", trainer, form, "conversations", "causal", same(TALKS), same(TALKS))
