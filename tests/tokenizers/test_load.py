"""Which tokenizer is used, and why: order, reasons and errors, against a Hub on loopback; no test asks the real one."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.tokenizers import kobert
from pipeline.tokenizers import load as load_tokenizer
from pipeline.tokenizers.kobert import VocabularyError
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError
from schemas.tokenizer import Resolution
from tests.support import hub_server
from tests.support.hub_server import Hub

KOBERT = "skt/kobert-base-v1"
EMBEDDED = kobert.EMBEDDED / "spiece.model"


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """An empty Hub, and an empty cache."""
    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "hf")
        yield hub


def why_not(name: str) -> str:
    """The reason that is given for going on to the next."""
    found = resolve([name, "embedded"])
    assert found.name == "embedded"
    ((tried, why),) = found.tried
    assert tried == name
    assert "\n" not in why
    return why


# What a name can be.


def test_embedded() -> None:
    found = resolve(["embedded"])
    assert (found.kind, found.revision, found.tried) == ("embedded", None, ())
    assert found.sha256 == hashlib.sha256(EMBEDDED.read_bytes()).hexdigest()
    assert Resolution.model_validate_json(found.model_dump_json()) == found
    assert open_tokenizer(found).encode(pa.array(["안녕", None])).to_pylist()[1] is None


def test_a_file_and_a_folder_are_the_same_tokenizer(tmp_path: Path) -> None:
    path = tmp_path / "spiece.model"
    path.write_bytes(EMBEDDED.read_bytes())
    (tmp_path / "tokenizer_config.json").write_text("{}")
    file, folder = resolve([str(path), "embedded"]), resolve([str(tmp_path), "embedded"])
    assert (file.name, folder.name) == (str(path), str(tmp_path))
    assert (file.kind, file.path, file.sha256) == (folder.kind, folder.path, folder.sha256)
    assert open_tokenizer(file).name == "embedded"


def test_the_real_vocabulary(spiece: Path) -> None:
    found = resolve([str(spiece)])
    assert found.kind == "kobert"
    ids = open_tokenizer(found).encode(pa.array(["한국어 모델을 공유합니다."])).to_pylist()
    assert ids == [[4958, 6855, 2046, 7088, 1050, 7843, 54]]


def test_the_first_that_can_be_had(hub: Hub) -> None:
    found = resolve(["/nowhere/spiece.model", "embedded", KOBERT])
    assert found.name == "embedded"
    assert found.tried == (("/nowhere/spiece.model", "no such file or folder"),)
    assert hub.requests == []


# The Hub.


def test_from_the_hub_then_from_the_cache(hub: Hub) -> None:
    hub.seed({f"{KOBERT}/spiece.model": EMBEDDED.read_bytes(), f"{KOBERT}/config.json": b"{}", f"{KOBERT}/w.bin": b"0"})
    first = resolve([KOBERT, "embedded"])
    assert (first.name, first.tried) == (KOBERT, ())
    assert first.revision == hub.repos[KOBERT].head.oid
    assert Path(first.path).read_bytes() == EMBEDDED.read_bytes()
    assert not any(path.endswith("w.bin") for _, path in hub.requests if "/resolve/" in path)
    hub.requests.clear()
    assert resolve([KOBERT, "embedded"]) == first
    assert resolve([KOBERT, "embedded"], online=False) == first
    assert hub.requests == []


def test_a_cache_without_the_vocabulary_is_completed(hub: Hub) -> None:
    """AutoConfig leaves config.json alone in the cache: that is no tokenizer yet."""
    from huggingface_hub import hf_hub_download

    hub.seed({f"{KOBERT}/spiece.model": EMBEDDED.read_bytes(), f"{KOBERT}/config.json": b"{}"})
    hf_hub_download(KOBERT, "config.json")
    assert resolve([KOBERT]).sha256 == resolve(["embedded"]).sha256


def test_not_asked_when_not_online(hub: Hub) -> None:
    found = resolve([KOBERT, "embedded"], online=False)
    assert found.tried == ((KOBERT, "not in the local Hub cache"),)
    assert hub.requests == []


def test_offline(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert why_not(KOBERT) == "not in the local Hub cache, and HF_HUB_OFFLINE is set"
    assert hub.requests == []


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with hub_server.running() as gone:
        pass
    hub_server.lead_here(monkeypatch, gone, tmp_path)
    assert why_not(KOBERT).startswith("the Hub cannot be reached (")


def test_a_hub_that_does_not_answer_is_asked_once(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(load_tokenizer, "TIMEOUT", 0.2)
    hub.hang("HEAD", KOBERT, times=9)
    assert why_not(KOBERT).startswith("the Hub cannot be reached (")
    assert len(hub.requests) == 1


def test_no_such_model(hub: Hub) -> None:
    assert why_not("skt/kobert-base-v9") == "not on the Hub, or private and you are not logged in (`hf auth login`)"


def test_a_gated_model(hub: Hub) -> None:
    hub.fail("HEAD", KOBERT, 403, headers={"X-Error-Code": "GatedRepo"})
    assert why_not(KOBERT) == "gated: accept its terms on its Hub page, then log in with `hf auth login`"


def test_a_hub_in_trouble(hub: Hub) -> None:
    hub.fail("HEAD", KOBERT, 502)
    assert why_not(KOBERT) == "the Hub answered with status 502"


def test_a_model_without_a_tokenizer(hub: Hub) -> None:
    hub.seed({"owner/weights/model.safetensors": b"0", "owner/weights/config.json": b"{}"})
    assert why_not("owner/weights").startswith("the folder holds no tokenizer")


# Never silently.


def test_a_wrong_vocabulary_is_an_error_and_not_a_reason(hub: Hub) -> None:
    hub.seed({f"{KOBERT}/spiece.model": b"<html>not found</html>"})
    with pytest.raises(VocabularyError, match="not a SentencePiece model"):
        resolve([KOBERT, "embedded"])


def test_none_of_them(hub: Hub, tmp_path: Path) -> None:
    with pytest.raises(LoadError) as refused:
        load_tokenizer.load_tokenizer([KOBERT, str(tmp_path), "토크나이저/경로"])
    message = str(refused.value)
    assert f"{KOBERT}: not on the Hub" in message
    assert f"{tmp_path}: the folder holds no tokenizer" in message
    assert "토크나이저/경로: no such file or folder" in message
    assert all(remedy in message for remedy in ("hf auth login", "/path/to/spiece.model", '"embedded"'))
    with pytest.raises(LoadError, match="the list is empty"):
        resolve([])


# Any other tokenizer.


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small word-level tokenizer with BERT's template, truncation and padding switched on in its file."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "안녕", "하세요"]
    tokenizer = Tokenizer(models.WordLevel({word: number for number, word in enumerate(words)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=4)
    folder = tmp_path_factory.mktemp("bert")
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, unk_token="[UNK]", pad_token="[PAD]", cls_token="[CLS]", sep_token="[SEP]"
    ).save_pretrained(folder)
    return folder


def test_auto(bert: Path) -> None:
    loaded = load_tokenizer.load_tokenizer([str(bert)])
    assert loaded.resolution.kind == "auto"
    tokenizer = loaded.tokenizer
    assert (tokenizer.single, tokenizer.pair) == (([2], [3]), ([2], [3], [3]))
    assert (tokenizer.name, tokenizer.pad_id, tokenizer.unk_id) == (str(bert), 0, 1)
    values = ["안녕 하세요 a 안녕 a 하세요", None, "", "안녕 여러분", "안녕 여러분"]
    for column in (pa.array(values), pa.chunked_array([values[:2], values[2:]])):
        ids = tokenizer.encode(column)
        assert ids.type == pa.list_(pa.int32())
        assert ids.to_pylist() == [[5, 6, 4, 5, 4, 6], None, [], [5, 1], [5, 1]]
    assert tokenizer.encode(pa.array([], pa.string())).to_pylist() == []


def test_auto_from_the_hub(bert: Path, hub: Hub) -> None:
    hub.seed({f"owner/bert/{path.name}": path.read_bytes() for path in bert.iterdir()})
    found = resolve(["owner/bert"])
    assert (found.kind, found.revision) == ("auto", hub.repos["owner/bert"].head.oid)
    assert found.sha256 == resolve([str(bert)]).sha256
    assert open_tokenizer(found).encode(pa.array(["안녕"])).to_pylist() == [[5]]


def test_auto_of_a_slow_tokenizer(tmp_path: Path) -> None:
    from transformers import ByT5Tokenizer

    ByT5Tokenizer().save_pretrained(tmp_path)
    tokenizer = load_tokenizer.load_tokenizer([str(tmp_path)]).tokenizer
    assert (tokenizer.single, tokenizer.pair) == (([], [1]), ([], [1], [1]))
    assert tokenizer.encode(pa.array(["ab", None])).to_pylist() == [[100, 101], None]


def test_code_in_a_repository_is_not_run(bert: Path, tmp_path: Path) -> None:
    ran = tmp_path / "ran"
    folder = tmp_path / "remote"
    folder.mkdir()
    for path in bert.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    config: dict[str, Any] = json.loads((folder / "tokenizer_config.json").read_text())
    config |= {"auto_map": {"AutoTokenizer": ["code.Strange", None]}, "tokenizer_class": "Strange"}
    (folder / "tokenizer_config.json").write_text(json.dumps(config))
    (folder / "code.py").write_text(f"open({str(ran)!r}, 'w')\n")
    with pytest.raises(LoadError, match="such programs are never run here"):
        load_tokenizer.load_tokenizer([str(folder)])
    assert not ran.exists()
