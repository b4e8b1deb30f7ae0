"""An archive that was joined from its parts in a wrong order says so, and how to join it."""

import random
import zipfile
from pathlib import Path

import pytest

from pipeline.stages.ingest import IngestError
from tests.stages.ingest.test_ingest import GOOD, rows_of

#: How many parts; a part has SIZE bytes.
COUNT, SIZE = 12, 100_000


def parts_of(folder: Path) -> list[bytes]:
    """An archive of many members, cut into parts as AI-Hub cuts it."""
    path, some = folder / "whole.zip", random.Random(1)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(COUNT):
            archive.writestr(f"{number}.jsonl", GOOD)
            archive.writestr(f"{number}.bin", some.randbytes(SIZE))
    data = path.read_bytes()
    path.unlink()
    return [data[at : at + SIZE] for at in range(0, len(data), SIZE)]


@pytest.mark.parametrize("order", ["text", "reversed middle", "first part alone", "without the last"])
def test_parts_that_are_joined_wrongly(order: str, tmp_path: Path) -> None:
    parts = parts_of(tmp_path)
    names = [f"whole.zip.part{number}" for number in range(len(parts))]
    joined = {
        "text": [part for _, part in sorted(zip(names, parts, strict=True))],
        "reversed middle": [parts[0], *reversed(parts[1:-1]), parts[-1]],
        "first part alone": parts[:1],
        "without the last": parts[:-1],
    }[order]
    path = tmp_path / "whole.zip"
    path.write_bytes(b"".join(joined))
    with pytest.raises(IngestError, match=r"whole\.zip.*join all parts in the order of the numbers in their names"):
        rows_of(path)


def test_parts_that_are_joined_rightly(tmp_path: Path) -> None:
    path = tmp_path / "whole.zip"
    path.write_bytes(b"".join(parts_of(tmp_path)))
    rows = rows_of(path)
    assert sum(row["reject_reason"] is None for row in rows) == COUNT
