"""The lines for trainers in docs/trainers.md and docs/trainers.ko.md, as the card of a dataset shows them.

    python -m scripts.trainers

writes them again between their two marks. They are made from the manifest of a dataset `mine` with every text form.
"""

import re
from pathlib import Path
from typing import get_args

from pipeline.dataset.trainers import trainer_lines
from schemas.manifest import Counts, FormCounts, Manifest, Tokens
from schemas.options import Dataset, StageOptions
from schemas.text_forms import TextForm
from schemas.tokenizer import UsedTokenizer

FILES = [Path(__file__).parents[1] / "docs" / name for name in ("trainers.md", "trainers.ko.md")]
BEGIN, END = "<!-- lines: python -m scripts.trainers -->", "<!-- end of lines -->"


def example() -> Manifest:
    """The manifest of a dataset with every text form in two splits."""
    splits = {"train": 19, "validation": 1}
    counts = Counts(rows_in=20, kept=20, rejected=[], sources={"mine": 20}, splits=splits, fixes={}, flags={})
    return Manifest(
        dataset=Dataset(name="mine"),
        sources=[],
        tokenizer=UsedTokenizer(name="embedded", kind="embedded", sha256=""),
        options=StageOptions(),
        versions={},
        raw={},
        counts=counts,
        tokens=Tokens(total=0, mean=0, longest=0, unknown=0, cut=0, cut_rows=0),
        forms={form: FormCounts(rows=splits, left_out={}) for form in get_args(TextForm)},
        columns={},
        files={},
    )


def with_lines(text: str) -> str:
    """The document with the lines as they are now."""
    parts = [f"### {trainer}\n\n```{language}\n{lines}```\n" for trainer, language, lines in trainer_lines(example())]
    block = f"{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    for file in FILES:
        file.write_text(with_lines(file.read_text(encoding="utf-8")), encoding="utf-8")
