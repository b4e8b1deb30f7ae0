"""The errors in docs/errors.md: each is raised, what is said to help is tried, and both documents have its message."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import close_session, create_repo, upload_folder
from huggingface_hub.errors import OfflineModeIsEnabled

from pipeline.kobert import KoBERTTokenizer
from pipeline.tokenizers.kobert import EMBEDDED
from tests.support import hub_server
from tests.support.paths import ROOT
from tests.support.small_tokenizers import save_causal

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
from transformers import (  # noqa: E402
    AutoModelForSeq2SeqLM,
    AutoTokenizer,
    BertConfig,
    BertForSequenceClassification,
    BertModel,
    EncoderDecoderModel,
    Trainer,
    TrainingArguments,
)

DOCUMENTS = [re.sub(r"\s+", " ", (ROOT / "docs" / name).read_text()) for name in ("errors.md", "errors.ko.md")]
DOC = (ROOT / "docs" / "errors.md").read_text()
SIZE = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}


def raised(kind: type[Exception], message: str, do: Callable[[], Any]) -> None:
    """This is raised, and both documents have these words of its message."""
    for document in DOCUMENTS:
        assert message in document
    with pytest.raises(kind, match=re.escape(message)):
        do()


@pytest.fixture
def bert(tmp_path: Path) -> Path:
    BertModel(BertConfig(**SIZE, vocab_size=8002, pad_token_id=1)).save_pretrained(tmp_path / "bert")
    return tmp_path / "bert"


def test_a_model_that_only_reads(bert: Path) -> None:
    message = "AutoModelForSeq2SeqLM is designed to be instantiated using"
    raised(OSError, message, lambda: AutoModelForSeq2SeqLM("bert-base-uncased"))
    raised(ValueError, "Unrecognized configuration class", lambda: AutoModelForSeq2SeqLM.from_pretrained(bert))
    assert BertForSequenceClassification.from_pretrained(bert)
    assert EncoderDecoderModel.from_encoder_decoder_pretrained(str(bert), str(bert))


class Notes(torch.utils.data.Dataset):  # type: ignore[type-arg]
    """As the notes have it, with the names of the columns."""

    def __init__(self, *names: str) -> None:
        self.names = names

    def __len__(self) -> int:
        return 2

    def __getitem__(self, number: int) -> dict[str, Any]:
        return {name: torch.tensor(1 if name == "labels" else [2, 5, 3]) for name in self.names}


def trainer(folder: Path, rows: Any, **options: Any) -> Trainer:
    options = {"use_cpu": True, "report_to": "none", "max_steps": 1, "save_strategy": "no", **options}
    model = BertForSequenceClassification(BertConfig(**SIZE, vocab_size=20))
    return Trainer(model, TrainingArguments(str(folder / "out"), disable_tqdm=True, **options), train_dataset=rows)


def test_a_batch_of_nothing(tmp_path: Path) -> None:
    from datasets import Dataset

    rows = Notes("instruction_ids", "output_ids")
    message = "The batch received was empty, your model won't be able to train on it"
    raised(ValueError, message, lambda: trainer(tmp_path, rows).train())
    message = "You must specify exactly one of input_ids or inputs_embeds"
    raised(ValueError, message, lambda: trainer(tmp_path, rows, remove_unused_columns=False).train())
    message = "No columns in the dataset match the model's forward method signature"
    raised(ValueError, message, lambda: trainer(tmp_path, Dataset.from_dict({"output_ids": [[1]]})).train())
    assert trainer(tmp_path, Notes("input_ids", "labels")).train().global_step == 1


def test_an_encoding_is_no_list_of_ids(tmp_path: Path) -> None:
    kobert = KoBERTTokenizer.from_pretrained(str(EMBEDDED))
    for tokenizer in (AutoTokenizer.from_pretrained(save_causal(tmp_path / "tok")), kobert):
        found = tokenizer(["하나", "둘"], padding=True)
        message = "Could not infer dtype of tokenizers.Encoding"
        raised(RuntimeError, message, lambda found=found: torch.tensor(found[0]))  # type: ignore[misc]
        assert torch.tensor(found["input_ids"][0]).tolist() == found["input_ids"][0]
        tensors = tokenizer(["하나", "둘"], padding=True, return_tensors="pt")["input_ids"]
        assert tensors.tolist() == found["input_ids"]


@pytest.mark.filterwarnings("ignore:Version v4.12.0 introduces a better way:FutureWarning")
def test_the_first_token_of_a_text(bert: Path) -> None:
    tokenizer = KoBERTTokenizer.from_pretrained(str(EMBEDDED))
    model = EncoderDecoderModel.from_encoder_decoder_pretrained(str(bert), str(bert))
    ids = torch.tensor([[2, 5, 3]])
    message = "Make sure to set the decoder_start_token_id attribute of the model's configuration."
    raised(ValueError, message, lambda: model(input_ids=ids, labels=ids))
    message = "`decoder_start_token_id` or `bos_token_id` has to be defined for encoder-decoder generation."
    raised(ValueError, message, lambda: model.generate(ids, max_length=4))
    [lines] = [part for part in re.findall(r"```python\n(.*?)```", DOC, re.DOTALL) if "decoder_start" in part]
    exec(lines, {"model": model, "tokenizer": tokenizer})
    assert model(input_ids=ids, labels=ids).loss.isfinite()
    assert model.generate(ids, max_length=4)[0, 0] == tokenizer.cls_token_id


@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_publishing_without_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = Notes("input_ids", "labels")
    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        with pytest.raises(OfflineModeIsEnabled, match="offline mode is enabled"):
            trainer(tmp_path, rows, push_to_hub=True, hub_model_id="tester/mine")
        trained = trainer(tmp_path, rows)
        trained.train()
        trained.save_model(str(tmp_path / "mine"))
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
        create_repo("tester/mine")
        upload_folder(repo_id="tester/mine", folder_path=tmp_path / "mine")
        close_session()
    assert "model.safetensors" in hub.repos["tester/mine"].files
    assert all("offline mode is enabled." in document for document in DOCUMENTS)
