"""The text forms of a dataset: each kept row is in the form, or counted among those that it leaves out."""

from collections.abc import Iterator
from pathlib import Path

import pyarrow.parquet as pq

from pipeline.dataset.layout import form_file
from pipeline.dataset.reader import read_lines
from pipeline.dataset.verify.check import Check
from schemas.manifest import FormCounts, Manifest
from schemas.text_forms import TextForm


def check_forms(folder: Path, manifest: Manifest) -> Check:
    """The rows of each file of a form, and with those that are left out all that are kept."""
    faults = [fault for form, counts in manifest.forms.items() for fault in _faults(folder, form, counts, manifest)]
    return Check("forms", f"the rows of {', '.join(manifest.forms) or 'no text form'}", faults)


def _faults(folder: Path, form: TextForm, counts: FormCounts, manifest: Manifest) -> Iterator[str]:
    rows, left_out, kept = sum(counts.rows.values()), sum(counts.left_out.values()), manifest.counts.kept
    if rows + left_out != kept:
        yield f"{form} has {rows:,} rows and leaves out {left_out:,}, but {kept:,} rows are kept"
    for split, expected in counts.rows.items():
        lines, parquet = (folder / form_file(form, split, kind) for kind in ("jsonl", "parquet"))
        found = {}
        if lines.is_file():
            found[lines] = sum(1 for _ in read_lines(lines))
        if parquet.is_file():
            found[parquet] = pq.read_metadata(parquet).num_rows
        for file, number in found.items():
            if number != expected:
                name = file.relative_to(folder).as_posix()
                yield f"{name} has {number:,} rows, and the manifest counts {expected:,}"
