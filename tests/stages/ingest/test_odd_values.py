"""A value of any kind in any field of a known record gives rows or an IngestError, and loses no text of the record.

In each field another one of ODD is tried, by `make test-attack` all of them.
"""

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

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
#: How many of ODD are tried in each field.
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


#: Cases whose words stand for what a row does not hold: names of classes and of people. And one that is too deep.
NO_TEXTS = (
    *("rows of the datasets server, with names of classes", "a third person where two are in order"),
    "a record in 300 levels",
)
JSON_CASES = [case for case in CASES if "name" not in case and records_of(case)]


def rows_of(path: Path, text: str, source: Source) -> tuple[list[dict[str, Any]], set[str]] | None:
    """The rows of a file with this text, and the fields that no row holds; None where there is an error."""
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    left_out: set[str] = set()
    try:
        return [row for table in ingest(path, "file", source, left_out=left_out) for row in table.to_pylist()], left_out
    except IngestError:
        return None


@pytest.mark.parametrize("case", JSON_CASES, ids=[case["case"] for case in JSON_CASES])
def test_an_odd_value(case: dict[str, Any], tmp_path: Path) -> None:
    options = {**case.get("source", {}), **({"shape": case["shape"]} if "shape" in case else {})}
    source, path, records = Source(name="source", files=("file",), **options), tmp_path / "file", records_of(case)
    have_texts = case["case"] not in NO_TEXTS
    known = rows_of(path, case["data"], source)
    gone = set(lost_words(records, *known)) if known and have_texts else set()
    first = len(case["data"]) % len(ODD)
    odd_values = itertools.cycle(ODD[first:] + ODD[:first])
    for new in changed(records):
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in new)
        for odd in itertools.islice(odd_values, TRIED):
            text = lines.replace(json.dumps(MARK, ensure_ascii=False), odd)
            found = rows_of(path, text, source)
            if found and have_texts and len(odd) < 300:
                held = [json.loads(line) for line in text.splitlines()]
                assert not [word for word in lost_words(held, *found) if word not in gone and word not in odd], text
