"""Text forms, and rows with ids, in the trainers that read them: the table of what the tests in tests/trainers found.

    python -m benchmarks.trainers .venv-trainers/bin/python .venv-axolotl/bin/python …

Each Python runs the tests of the trainers that it has (make test-trainers, test-axolotl, test-torchtune make these
environments). A test that fails ends the run, and no table is printed.
"""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

HEAD = ["trainer", "version", "form", "with", "layout", "ids", "learned"]
TESTS = ["-m", "pytest", "-q", "-m", "trainers", "-p", "no:anyio", "-W", "ignore", "tests/trainers"]
BEFORE = """\
# Text forms in other trainers

40 rows of each kind, a small byte-level vocabulary, chat templates as those of Qwen
(tests/support/small_tokenizers.py). A dataset is exported with the layout and the form. The trainer reads and prepares
it by its own code, without a script in between. Compared are the ids of every row, and the places that are learned.
"""
AFTER = """\
The line end behind an answer is learned by our layout and by TRL's own templates for training. axolotl leaves this one
token out. torchtune has no chat templates: its tokenizer of Qwen 2.5 cuts words in another way, so texts were compared;
it learns `<|im_start|>assistant` and the line end, too, and writes no line end behind the last answer. Rows with ids
were compared in the batches: which tokens are learned, and that packed sequences begin at position 0.

TRL 1.16 and 1.6, LLaMA-Factory and torchtune ran with transformers 5.23, datasets 5.2 and torch 2.13; axolotl, and
TRL 1.9, which it brings, with transformers 5.16 and datasets 4.8. LLaMA-Factory asks for torchaudio and for older
libraries: it ran with `DISABLE_VERSION_CHECK=1` and an empty module `torchaudio`, which texts do not need. Calls of
tools in `sharegpt` were not compared: its template writes them in words of its own. unsloth, which needs a GPU, was not
run, and nothing was sent to OpenAI.
"""


def rows_of(python: str) -> Iterator[list[str]]:
    """The rows that the tests give with this Python. Raises CalledProcessError where a test fails."""
    with TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        subprocess.run([python, *TESTS, f"--junitxml={report}"], check=True, stdout=sys.stderr)
        for found in ET.parse(report).iter("property"):
            if found.get("name") == "row":
                yield json.loads(found.get("value", ""))


def table(rows: list[list[str]]) -> str:
    """A Markdown table."""
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [HEAD, ["---"] * len(HEAD), *rows])


if __name__ == "__main__":
    every = [row for python in sys.argv[1:] for row in rows_of(python)]
    found = [list(row) for row in dict.fromkeys(map(tuple, every))]  # two environments may have one trainer
    print(f"{BEFORE}\n    python -m benchmarks.trainers .venv-*/bin/python\n\n{table(found)}\n\n{AFTER}", end="")
