"""The laws once more, on rows of random characters: fewer kinds of rows than hypothesis builds, and many more of them.

`make test` tries a few hundred rows, `make test-attack` hundreds of thousands (RANDOM_ROWS=…, SEED=…).
"""

import json
import os
import random
import unicodedata
from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pytest

from tests import test_laws as laws
from tests.support.adversarial import UNITS
from tests.support.tables import PIECES, message, table_of

ROWS = int(os.environ.get("RANDOM_ROWS", "200"))
SEED = int(os.environ.get("SEED", "0"))
#: Rows of a table: the laws are tried on one table after the other.
TABLE = 500

LAST = 0x10FFFF
SURROGATES = range(0xD800, 0xE000)


def a_character(rng: random.Random) -> str:
    """Of all planes of Unicode, or of the blocks that Korean text has."""
    low, high = rng.choice(
        [(0, LAST), (0, 0xFF), (0x1100, 0x11FF), (0x3000, 0x33FF), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF)]
    )
    code = rng.randint(low, high)
    return "" if code in SURROGATES else chr(code)


def a_text(rng: random.Random) -> str:
    draws: list[Callable[[], str]] = [
        lambda: rng.choice(PIECES),
        lambda: rng.choice(UNITS) * rng.choice([1, 1, 2, 5, 40]),
        lambda: a_character(rng),
    ]
    text = "".join(rng.choice(draws)() for _ in range(rng.choice([0, 1, 3, 8, 20])))
    return unicodedata.normalize("NFD", text) if rng.random() < 0.1 else text


def maybe(rng: random.Random) -> str | None:
    return a_text(rng) if rng.random() < 0.3 else None


def a_history(rng: random.Random) -> list[dict[str, Any]]:
    if rng.random() < 0.6:
        return []
    roles = ["user", "assistant"] * rng.choice([1, 1, 2])
    if rng.random() < 0.2:
        rng.shuffle(roles)
    return [message(role, content=a_text(rng)) for role in roles]


def a_row(rng: random.Random) -> dict[str, Any]:
    return {
        "source": rng.choice(["가", "나"]),
        "system": maybe(rng),
        "history": a_history(rng),
        "instruction": a_text(rng) + rng.choice(["", "?"]),
        "input": a_text(rng),
        "reasoning": maybe(rng),
        "output": a_text(rng) + rng.choice(["", "네."]),
        "meta": json.dumps({a_text(rng): a_text(rng)}, ensure_ascii=rng.random() < 0.5) if rng.random() < 0.3 else None,
        "raw": maybe(rng),
        "reject": "invalid-json" if rng.random() < 0.1 else None,
    }


@pytest.mark.parametrize("number", range(max(ROWS // TABLE, 1)))
def test_laws(number: int) -> None:
    rng = random.Random(f"{SEED} {number}")
    table = table_of([a_row(rng) for _ in range(min(ROWS, TABLE))])
    laws.test_laws_of_one_table.hypothesis.inner_test(table)  # type: ignore[attr-defined]
    cut = rng.randrange(len(table))
    for stage in laws.ROW_WISE:
        apart = pa.concat_tables([stage(table.slice(0, cut)), stage(table.slice(cut))])
        assert apart.to_pylist() == stage(table).to_pylist(), stage.__name__
