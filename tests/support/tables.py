"""Generated tables for the laws: Korean as it comes, whole or broken, alive or rejected."""

import unicodedata
from collections.abc import Iterable

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.io.arrow_files import batched
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED

PIECES = [
    "안녕하세요", "ㅋㅋㅋㅋ", "ㅠㅠ", "대한민국", "10000원", "10³", "㎏", "①", "한국어 모델을 공유합니다.", "가", "각",
    "ᄒ", "ᅡ", "ᆫ", "ᄊᆞ", "漢字", "《훈민정음》",
    "abc", "ＡＢＣ１", "e\u0301", "🙂", "👨‍👩‍👧", " ", "  ", "\n", "\r\n", "\t",
    "\u00a0", "\u200b", "\ufeff", "\u00ad", "\u202e", "\u3000", "\x00", "\x07", "`code`", "```\nx = 1 \n```", "$x^2$",
    "https://example.com/가", "[MASK]", "[SEP]", "``", "''", "....", "\ufffd", "▁", "010-1234-5678",
    unicodedata.normalize("NFD", "맥에서 온 글"),
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=8).map("".join)
said = st.one_of(texts, st.sampled_from(["", " ", "\u200b"]), st.none())

rows = st.fixed_dictionaries(
    {
        "source": st.sampled_from(["가", "나"]),
        "system": st.one_of(st.none(), texts),
        "history": st.lists(st.fixed_dictionaries({"user": texts, "assistant": texts}), max_size=2),
        "instruction": said,
        "input": texts,
        "output": said,
        "meta": st.one_of(st.none(), st.just('{"id":1}')),
        "reject": st.sampled_from([None] * 9 + ["invalid-json"]),
    }
)


def table_of(records: list[dict[str, object]]) -> pa.Table:
    """A table as ingest gives it, origins by row number."""
    full = [
        row
        | {"origin": f"file.jsonl:{number}", "reject_stage": row["reject"] and "ingest", "reject_reason": row["reject"]}
        for number, row in enumerate(records, 1)
    ]
    columns = {name: [row.get(name) for row in full] for name in INGESTED.names if name not in ("fixes", "flags")}
    schema = pa.schema([field for field in INGESTED if field.name in columns])
    return complete(pa.table(columns, schema))


tables = st.lists(rows, min_size=0, max_size=8).map(table_of)


def rechunk(tables: Iterable[pa.Table], rows: int) -> list[pa.Table]:
    """The same rows in tables of exactly `rows` rows (fewer in the last)."""
    found: list[pa.Table] = []
    with batched(found.append, rows) as put:
        for table in tables:
            put(table)
    return found
