"""Files of rows: what is in any row is read."""

import json
from pathlib import Path

from pipeline.io.row_files import read_rows


def test_a_key_that_the_first_row_lacks_is_read(tmp_path: Path) -> None:
    rows = [
        {"instruction": "가?", "output": "나"},
        {"instruction": "다?", "output": "라", "flags": ["refusal"], "reject_stage": "screen", "mine": 3},
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    (table,) = read_rows(path)
    assert table["flags"].to_pylist()[1] == ["refusal"]
    assert table["reject_stage"].to_pylist() == [None, "screen"]
    assert table["mine"].to_pylist() == [None, 3]
