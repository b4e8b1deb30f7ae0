"""A value of any kind in any field of a known record gives rows or an IngestError, and loses no text of the record."""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from pipeline.stages.ingest import IngestError, ingest
from schemas.options import Source
from tests.stages.ingest.test_ingest import CASES
from tests.support.lost_texts import lost_words

pytestmark = pytest.mark.long

#: Values as JSON, which one field of a record holds in place of its own.
ODD = (
    *(
        "null",
        "true",
        "0",
        "-1.5",
        '""',
        '" "',
        '"²"',
        '"열 마리"',
        "[]",
        "{}",
        "[[]]",
        "[null]",
        "[{}]",
        '{"a": null}',
    ),
    *(
        '{"a": null}',
        '["가", 1]',
        '[["가", "나"], 7]',
        '{"role": ["user"]}',
        '[{"type": ["text"], "text": "달"}]',
        "9" * 5000,
    ),
    *('"' + "9" * 5000 + '"', "[" * 260 + "]" * 260, '{"content": {"parts": [1]}}', '"{\\"a\\": "', '"<think>"'),
)
#: Takes the place of a value until its JSON does.
MARK = "\ufdd1"
#: How many of ODD are tried in each field: others in each field. `make test-attack` tries all.
TRIED = len(ODD) if "ATTACKS" in os.environ else 1


def records_of(case: dict[str, Any]) -> list[Any]:
    """The records of a case that is JSON Lines or one JSON value; none of other cases."""
    for lines in (case["data"].splitlines(), [case["data"]]):
        try:
            return [json.loads(line) for line in lines if line.strip()]
        except (ValueError, RecursionError):
            continue
    return []


def changed(value: Any) -> Iterator[Any]:
    """The value with MARK in the place of each of the values in it, one after another."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        for new in itertools.chain([MARK], changed(item)):
            yield value | {key: new} if isinstance(value, dict) else [*value[:key], new, *value[key + 1 :]]


JSON_CASES = [case for case in CASES if "name" not in case and records_of(case)]


@pytest.mark.parametrize("case", JSON_CASES, ids=[case["case"] for case in JSON_CASES])
def test_an_odd_value(case: dict[str, Any], tmp_path: Path) -> None:
    options = {**case.get("source", {}), **({"shape": case["shape"]} if "shape" in case else {})}
    source = Source(name="source", files=("file",), **options)
    records = records_of(case)
    next_odd = itertools.cycle(ODD[len(case["data"]) % len(ODD) :] + ODD[: len(case["data"]) % len(ODD)])
    for new in changed(records):
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in new)
        for odd in itertools.islice(next_odd, TRIED):
            text = lines.replace(json.dumps(MARK, ensure_ascii=False), odd)
            path = tmp_path / "file"
            path.write_text(text, encoding="utf-8")
            left_out: set[str] = set()
            try:
                rows = pa.concat_tables(ingest(path, "file", source, left_out=left_out)).to_pylist()
            except IngestError:
                continue
            assert rows
            held = [json.loads(line) for line in text.splitlines() if len(odd) < 1000]
            assert not lost_words(held, rows, left_out), text
