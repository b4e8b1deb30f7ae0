"""The lines for trainers in docs/trainers.md and docs/trainers.ko.md, as the card of a dataset shows them.

    python -m scripts.trainers

writes them again between their two marks. They are made from the manifests of two datasets `mine`: layout causal with
masks and every text form, and layout causal with packed rows.
"""

import re
from pathlib import Path
from typing import get_args

from pipeline.dataset.trainers import trainer_lines
from schemas.manifest import Counts, FormCounts, Manifest, Tokens
from schemas.options import Dataset, ExportOptions, StageOptions, TokenizeOptions
from schemas.text_forms import TextForm
from schemas.tokenizer import UsedTokenizer

FILES = [Path(__file__).parents[1] / "docs" / name for name in ("trainers.md", "trainers.ko.md")]
BEGIN, END = "<!-- lines: python -m scripts.trainers -->", "<!-- end of lines -->"


def example(forms: tuple[TextForm, ...], export: ExportOptions) -> Manifest:
    """The manifest of a dataset of layout causal with these text forms, in two splits."""
    splits = {"train": 19, "validation": 1}
    counts = Counts(rows_in=20, kept=20, rejected=[], sources={"mine": 20}, splits=splits, fixes={}, flags={})
    return Manifest(
        dataset=Dataset(name="mine"),
        sources=[],
        tokenizer=UsedTokenizer(name="embedded", kind="embedded", sha256=""),
        options=StageOptions(tokenize=TokenizeOptions(layout="causal"), export=export),
        versions={},
        raw={},
        counts=counts,
        tokens=Tokens(total=0, mean=0, longest=0, unknown=0, cut=0, cut_rows=0),
        examples=splits,
        forms={form: FormCounts(rows=splits, left_out={}) for form in forms},
        columns={},
        files={},
    )


def with_lines(text: str) -> str:
    """The document with the lines as they are now."""
    examples = [example((), ExportOptions(packing=True)), example(get_args(TextForm), ExportOptions(masks=True))]
    parts = [
        f"### {trainer}\n\n```{language}\n{lines}```\n"
        for manifest in examples
        for trainer, language, lines in trainer_lines(manifest)
    ]
    block = f"{BEGIN}\n\n" + "\n".join(parts) + f"\n{END}"
    return re.sub(f"{re.escape(BEGIN)}.*{re.escape(END)}", lambda _: block, text, flags=re.DOTALL)


if __name__ == "__main__":
    for file in FILES:
        file.write_text(with_lines(file.read_text(encoding="utf-8")), encoding="utf-8")
