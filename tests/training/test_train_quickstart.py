"""examples/quickstart.ipynb from the first cell to the last: a trained classifier, a dataset on a Hub on loopback."""

import json
import os
import re
import shutil
import subprocess
import sys
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


def script(settings: dict[str, Any]) -> str:
    """The cells of code, one after another, with `settings` after those of the notebook.

    The cell that installs the project on Colab is left out.
    """
    parts = []
    for source, tags in cells("code"):
        if "colab" not in tags:
            parts.append(source)
        if "parameters" in tags:
            assert all(re.search(rf"^{name} = ", source, re.MULTILINE) for name in settings)
            parts += [f"{name} = {value!r}" for name, value in settings.items()]
    return "\n".join(parts)


def test_from_the_first_cell_to_the_last(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples", tmp_path / "examples", ignore=shutil.ignore_patterns("processed"))
    torch.manual_seed(0)
    BertModel(BertConfig(**SIZE, vocab_size=8002, pad_token_id=1)).save_pretrained(tmp_path / "kobert")
    shutil.copy(EMBEDDED / "spiece.model", tmp_path / "kobert")
    settings = {"MODEL": "kobert", "EPOCHS": 1, "HUB_ID": "tester/sentiment", "PUSH_OPTIONS": ["--allow-embedded"]}
    (tmp_path / "quickstart.py").write_text(script(settings), encoding="utf-8")
    with hub_server.running() as hub:
        environment = os.environ | hub_server.environment(hub, tmp_path / "home") | {"PYTHONPATH": str(ROOT)}
        command = [sys.executable, "quickstart.py"]
        done = subprocess.run(
            command, cwd=tmp_path, env=environment, capture_output=True, text=True, encoding="utf-8", check=False
        )
    assert done.returncode == 0, done.stdout + done.stderr
    assert {"model.safetensors", "spiece.model"} <= {path.name for path in (tmp_path / "runs/sentiment").iterdir()}
    assert any(name.startswith("classification/train-") for name in hub.repos["datasets/tester/sentiment"].files)
    assert "검증 정확도: " in done.stdout
    assert re.search(r"^(긍정|부정): 배송도 빠르고", done.stdout, re.MULTILINE)
    assert "KoBERTTokenizer True" in done.stdout
    assert "64 건을 허브에서 다시 읽었습니다." in done.stdout


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
