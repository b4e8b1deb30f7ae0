"""Generated tables for the laws: Korean as it comes, whole or broken, alive or rejected."""

import json
import unicodedata
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
from hypothesis import strategies as st

from pipeline.io.arrow_files import batched
from pipeline.table.reject_and_flag import complete
from schemas.columns import EMPTY_LISTS, INGESTED, MESSAGE

PIECES = [
    "안녕하세요", "ㅋㅋㅋㅋ", "ㅠㅠ", "대한민국", "10000원", "10³", "㎏", "①", "한국어 모델을 공유합니다.", "가", "각",
    "ᄒ", "ᅡ", "ᆫ", "ᄊᆞ", "漢字", "《훈민정음》",
    "abc", "ＡＢＣ１", "e\u0301", "🙂", "👨‍👩‍👧", " ", "  ", "\n", "\r\n", "\t",
    "\u00a0", "\u200b", "\ufeff", "\u00ad", "\u202e", "\u3000", "\x00", "\x07", "`code`", "```\nx = 1 \n```", "$x^2$",
    "https://example.com/가", "[MASK]", "[SEP]", "``", "''", "....", "\ufffd", "▁", "010-1234-5678",
    unicodedata.normalize("NFD", "맥에서 온 글"),
]  # fmt: skip

texts = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=6)), max_size=8).map("".join)
maybe_text = st.one_of(texts, st.sampled_from(["", " ", "\u200b"]), st.none())
maybe = st.one_of(st.none(), texts)
marks = st.sampled_from([None, None, True, False])

#: Texts that a stage may look into: keys, values and escapes of JSON.
values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(-9, 10**11), texts),
    lambda inner: st.one_of(st.lists(inner, max_size=2), st.dictionaries(texts, inner, max_size=2)),
    max_leaves=4,
)
objects = st.dictionaries(texts, values, max_size=3)


def as_json(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """JSON as people write it: compact or not, escaped or not."""
    return st.builds(
        lambda value, plain, compact: json.dumps(
            value, ensure_ascii=not plain, separators=(",", ":") if compact else None
        ),
        strategy,
        st.booleans(),
        st.booleans(),
    )


call_ids = st.sampled_from([None, "call_1", "call_2"])


def calls_of(ids: list[str | None], arguments: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        ({"id": number} if number else {})
        | {"type": "function", "function": {"name": "weather", "arguments": argument}}
        for number, argument in zip(ids, arguments, strict=False)
    ]


calls = st.builds(calls_of, st.lists(call_ids, min_size=2, max_size=2), st.lists(objects, min_size=1, max_size=2))


def message(role: str | None, **fields: Any) -> dict[str, Any]:
    return dict.fromkeys(field.name for field in MESSAGE) | {"role": role, "content": ""} | fields


questions = st.builds(lambda text: message("user", content=text), texts)
answers = st.builds(
    lambda text, reasoning, learn: message("assistant", content=text, reasoning=reasoning, learn=learn),
    texts.map(lambda text: text + "네"),
    maybe,
    marks,
)


@st.composite
def tool_rounds(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Calls of the assistant, and a result for each of them."""
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2))):
        made = draw(calls)
        text = draw(as_json(st.just(made)))
        found.append(
            message("assistant", content=draw(texts), reasoning=draw(maybe), tool_calls=text, learn=draw(marks))
        )
        found += [
            message(
                "tool", content=draw(texts), tool_call_id=call.get("id"), name=draw(st.sampled_from([None, "weather"]))
            )
            for call in made
        ]
    return found


@st.composite
def histories(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Exchanges in turn, some of them by way of tools."""
    found: list[dict[str, Any]] = []
    for _ in range(draw(st.integers(0, 2))):
        found += [draw(questions), *draw(tool_rounds()), draw(answers)]
    return found


#: Messages as they should not be: in any order, with a null or calls that are not calls.
broken = st.lists(
    st.one_of(
        st.none(),
        st.builds(
            lambda role, text, made: message(role, content=text, tool_calls=made),
            st.sampled_from(["user", "assistant", "tool", "system", None]),
            maybe,
            st.sampled_from([None, None, "[]", "{", '[{"name": "weather"}]']),
        ),
    ),
    max_size=3,
)
metas = st.one_of(st.none(), st.just('{"id":1}'), as_json(objects))

#: Rows of every kind. A plain one has an instruction, an input and an output; of the others each part may be there.
rows = st.one_of(
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["가", "나"]),
            "system": maybe,
            "instruction": maybe_text,
            "input": texts,
            "output": maybe_text,
            "meta": metas,
            "reject": st.sampled_from([None] * 9 + ["invalid-json"]),
        },
        optional={"raw": texts},
    ),
    st.fixed_dictionaries(
        {
            "source": st.sampled_from(["가", "나"]),
            "system": maybe,
            "tools": st.one_of(st.none(), as_json(st.lists(objects, max_size=2)), st.just("{")),
            "history": st.one_of(histories(), histories(), broken),
            "instruction": st.one_of(texts.map(lambda text: text + "?"), maybe_text),
            "input": texts,
            "steps": st.one_of(tool_rounds(), tool_rounds(), broken),
            "reasoning": maybe,
            "output": maybe_text,
            "tool_calls": st.one_of(st.none(), st.none(), as_json(calls), st.just("[{}]")),
            "rejected": st.one_of(st.none(), maybe_text),
            "label": marks,
            "learn": marks,
            "meta": metas,
            "reject": st.sampled_from([None] * 9 + ["invalid-json"]),
        }
    ),
)


def table_of(records: list[dict[str, Any]]) -> pa.Table:
    """A table as ingest gives it, origins by row number."""
    full = [
        row
        | {"origin": f"file.jsonl:{number}", "reject_stage": row["reject"] and "ingest", "reject_reason": row["reject"]}
        for number, row in enumerate(records, 1)
    ]
    columns = {
        name: [row.get(name, [] if name in EMPTY_LISTS else None) for row in full]
        for name in INGESTED.names
        if name not in ("fixes", "flags")
    }
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
