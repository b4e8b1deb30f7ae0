"""report: a dataset as one HTML file to look at, that opens from disk and needs nothing else.

One pass over the exported folder fills a summary (`gather`), and a template writes it (`page`). The same folder gives
the same bytes.
"""

from collections.abc import Callable, Mapping
from pathlib import Path

from pipeline.dataset.reader import read_batches
from pipeline.dataset.report.gather import Read, Summary, gather
from pipeline.dataset.report.page import page
from pipeline.dataset.report.sample import Row
from schemas.manifest import Manifest

__all__ = ["report"]

Before = Callable[[Summary], Mapping[str, Row]]


def report(
    folder: Path,
    manifest: Manifest,
    samples: bool = True,
    times: Mapping[str, float] | None = None,
    read: Read = read_batches,
    before: Before = lambda summary: {},
) -> str:
    """The report on the dataset in this folder, as HTML.

    `samples`: whether it holds texts of rows. `times`: seconds of each stage, where they are known. `read`: how data
    files are read. `before`: gives texts as they were before fixes, by origin. Raises RowsError where a file of the
    dataset is damaged.
    """
    summary = gather(folder, manifest, read)
    return page(summary, samples, times, before(summary) if samples else {})
