"""examples/quickstart.ipynb from the first cell to the last: a trained classifier, a dataset on a Hub on loopback."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support import hub_server
from tests.support.paths import ROOT

pytestmark = pytest.mark.train
torch = pytest.importorskip("torch")
from transformers import BertConfig, BertModel  # noqa: E402

from pipeline.tokenizers.kobert import EMBEDDED  # noqa: E402

NOTEBOOK = json.loads((ROOT / "examples" / "quickstart.ipynb").read_text(encoding="utf-8"))
SIZE = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}


def cells(kind: str) -> list[tuple[str, list[str]]]:
    """The sources of the cells of a kind, each with its tags."""
    return [
        ("".join(cell["source"]), cell["metadata"].get("tags", []))
        for cell in NOTEBOOK["cells"]
        if cell["cell_type"] == kind
    ]


def run_all(settings: dict[str, Any]) -> dict[str, Any]:
    """Run the cells of code as a notebook does, in one namespace; with `settings` after the cell of the parameters.

    The cell that installs the project on Colab is left out.
    """
    names: dict[str, Any] = {"__name__": "__main__"}
    for source, tags in cells("code"):
        if "colab" not in tags:
            exec(compile(source, "quickstart.ipynb", "exec"), names)
        if "parameters" in tags:
            assert settings.keys() <= names.keys()
            names |= settings
    return names


@pytest.mark.filterwarnings("ignore:'pin_memory' argument is set:UserWarning")
@pytest.mark.filterwarnings("ignore:Use 'content=<...>' to upload raw bytes:DeprecationWarning")
def test_from_the_first_cell_to_the_last(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("processed"))
    torch.manual_seed(0)
    BertModel(BertConfig(**SIZE, vocab_size=8002, pad_token_id=1)).save_pretrained(tmp_path / "kobert")
    shutil.copy(EMBEDDED / "spiece.model", tmp_path / "kobert")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("HF_DATASETS_CACHE", str(tmp_path / "datasets"))
    with hub_server.running() as hub:
        hub_server.lead_here(monkeypatch, hub, tmp_path / "home")
        settings = {"MODEL": "kobert", "EPOCHS": 1, "HUB_ID": "tester/sentiment", "PUSH_OPTIONS": ["--allow-embedded"]}
        names = run_all(settings)
    assert names["answers"][0] in names["labels"] == ("부정", "긍정")
    assert {"model.safetensors", "spiece.model"} <= {path.name for path in (tmp_path / "runs/sentiment").iterdir()}
    assert any(name.startswith("classification/train-") for name in hub.repos["datasets/tester/sentiment"].files)
    printed = capsys.readouterr().out
    assert "검증 정확도: " in printed
    assert "KoBERTTokenizer True" in printed
    assert f"{len(names['train'])} 건을 허브에서 다시 읽었습니다." in printed


def test_the_notebook_is_clean_and_its_links_exist() -> None:
    """No output of a run, and every cell has an id, as the format asks."""
    assert len({cell["id"] for cell in NOTEBOOK["cells"]}) == len(NOTEBOOK["cells"])
    for cell in NOTEBOOK["cells"]:
        assert cell["cell_type"] == "markdown" or (cell["outputs"] == [] and cell["execution_count"] is None)
    for source, _ in cells("markdown"):
        for link in (part.split(")")[0] for part in source.split("](")[1:]):
            assert (ROOT / "examples" / link).is_file(), link
    [(colab, _)] = [(source, tags) for source, tags in cells("code") if "colab" in tags]
    assert "pip install -q -e '.[train]' -c constraints.txt" in colab
