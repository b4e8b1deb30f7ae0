"""report: a dataset as one HTML file to look at, that opens from disk and needs nothing else.

One pass over the exported folder fills a summary (`gather`), and a template writes it (`page`). The same folder gives
the same bytes.
"""

from collections.abc import Mapping
from pathlib import Path

from pipeline.dataset.reader import read_batches
from pipeline.dataset.report.gather import Read, gather
from pipeline.dataset.report.page import page
from schemas.manifest import Manifest

__all__ = ["report"]


def report(
    folder: Path,
    manifest: Manifest,
    samples: bool = True,
    times: Mapping[str, float] | None = None,
    read: Read = read_batches,
) -> str:
    """The report on the dataset in this folder, as HTML.

    `samples`: whether it holds texts of rows. `times`: seconds of each stage, where they are known. `read`: how data
    files are read. Raises RowsError where a file of the dataset is damaged.
    """
    return page(gather(folder, manifest, read), samples, times)
