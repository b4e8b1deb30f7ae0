"""Decided in parts, rows have the decisions of one part: in every column, and in what was counted."""

import itertools
import random
import tempfile
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import orjson
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.io.exchange import Sent
from pipeline.run.dedupe_in_parts import Steps, brought_together_by_tasks, decide_in_parts
from pipeline.stages.dedupe import decide, fingerprint, texts
from pipeline.stages.dedupe.components import Labels, connected_components
from pipeline.stages.dedupe.job import Job
from pipeline.stages.dedupe.parts import LINK
from pipeline.table.reject_and_flag import complete
from schemas.columns import INGESTED
from schemas.options import DedupeOptions

pytestmark = pytest.mark.long

CONTEXTS = [
    "다음 글을 한 문장으로 요약해 주세요.",
    "다음 글을 한 문장으로 요약해주세요!",
    "다음 글을 한 문장으로 요약해 주십시오.",
    "아래 문장을 영어로 옮겨 주세요.",
    "아래 문장을 일본어로 옮겨 주세요.",
    "오늘 날씨가 어떤지 알려 주세요.",
]
INPUTS = ["", "봄이 오면 산에 들에 진달래가 핍니다.", "봄이 오면 산에 들에 진달래가 핍니다", "어제는 비가 왔습니다."]
ANSWERS = ["네, 알겠습니다.", "네 알겠습니다", "저는 잘 모르겠습니다.", "봄에는 진달래가 핍니다."]
TALKS = [
    [],
    [
        {"role": "user", "content": CONTEXTS[4]},
        {"role": "assistant", "content": ANSWERS[2], "reasoning": None, "tool_calls": None},
    ],
]
OPTIONS = [
    DedupeOptions(),
    DedupeOptions(near="keep", near_prompt="keep"),
    DedupeOptions(near_prompt="drop", conflict="drop", keeper="longest"),
    DedupeOptions(numbers=False, exact="flag", near="flag", shared_output="keep"),
]


def row(number: int, context: str, input_: str, output: str, talk: list[dict[str, Any]], stage: str | None) -> Any:
    return {
        "origin": f"a.jsonl:{number}",
        "history": talk,
        "instruction": context,
        "input": input_,
        "output": output,
        "reject_stage": stage,
    }


RECORDS = st.lists(
    st.tuples(
        st.sampled_from(CONTEXTS),
        st.sampled_from(INPUTS),
        st.sampled_from(ANSWERS),
        st.sampled_from(TALKS),
        st.sampled_from([None, None, None, "validate"]),
    ),
    max_size=40,
)


def table_of(records: list[Any]) -> pa.Table:
    rows = [row(number, *record) for number, record in enumerate(records)]
    schema = pa.schema([INGESTED.field(name) for name in row(0, "", "", "", [], None)])
    return complete(pa.Table.from_pylist(rows, schema))


class InMemory(NamedTuple):
    """All rows of a table (`pipeline.stages.dedupe.parts.Rows`)."""

    prints: pa.Table
    job: Job
    against: int


def check(table: pa.Table, options: DedupeOptions, count: int, against: int, **limits: int) -> None:
    """Decided in so many parts, with these limits of `Steps`, the rows have the decisions of one part."""
    prints, rows = fingerprint(table), texts(table, "#")
    whole = decide(prints, rows, options, against)
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(map, Path(folder), count, **limits)
        joined = decide_in_parts(InMemory(prints, Job(prints, rows, options), against), steps)
    assert joined.schema == whole.schema
    assert orjson.loads(joined.schema.metadata[b"report"]) == orjson.loads(whole.schema.metadata[b"report"])
    for name in whole.column_names:
        assert joined[name].to_pylist() == whole[name].to_pylist(), name


@given(
    RECORDS, st.sampled_from(OPTIONS), st.sampled_from([1, 2, 7, 50]), st.integers(0, 5), st.sampled_from([0, 1 << 26])
)
def test_parts_decide_as_one(
    records: list[Any], options: DedupeOptions, count: int, against: int, most_links: int
) -> None:
    check(table_of(records), options, count, min(against, len(records)), span=8, most_links=most_links)


@pytest.mark.parametrize("options", OPTIONS)
@pytest.mark.parametrize("count", [2, 7])
def test_more_alike_contexts_than_are_paired(options: DedupeOptions, count: int) -> None:
    """Of many contexts in one bucket some pairs are not compared: in a part the same ones are left out."""
    chosen = random.Random(1)
    words = ["봄", "여름", "가을", "겨울", "아침", "저녁", "바다", "하늘", "나무", "구름", "노을", "강물"]
    contexts = [f"{' '.join(some)} 이야기를 들려 주세요" for some in itertools.permutations(words, 3)]
    records = [(context, "", chosen.choice(ANSWERS), [], None) for context in chosen.sample(contexts, 700)]
    check(table_of(records), options, count, 0, span=100)


def test_conversations_continue_records_of_other_parts() -> None:
    answer = {"role": "assistant", "reasoning": None, "tool_calls": None}
    records: list[Any] = [
        (f"{number}번 상자를 열어 보세요.", "", f"구슬 {number}개.", [], None) for number in range(40)
    ]
    for number in range(40):
        turns = [{"role": "user", "content": records[number][0]}, answer | {"content": records[number][2]}]
        records.append((f"{number * 7}층까지 걸어서 올라가요?", "", "네, 걸어서요.", turns, None))
    for most_links in (0, 1 << 26):
        check(table_of(records), DedupeOptions(), 50, 0, span=7, most_links=most_links)


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30))), st.sampled_from([1, 2, 7]), st.booleans())
def test_rounds_of_tasks_label_as_one_process(links: list[tuple[int, int]], count: int, chain: bool) -> None:
    """`chain`: with a path through many nodes, whose numbers are in no order."""
    path = [number * 7919 % 257 for number in range(250 if chain else 0)]
    one, other = np.array([*links, *itertools.pairwise(path)], np.uint64).reshape(-1, 2).T
    edges = Sent(pa.table([one, other], LINK), one)
    with tempfile.TemporaryDirectory() as folder:
        steps = Steps(map, Path(folder), count)
        linked = steps.begin("links", lambda _: edges, [None])
        labels = Labels(brought_together_by_tasks([linked], steps))
        nodes = np.arange(300, dtype=np.uint64)
        found = labels.of(nodes)
    least = connected_components(300, one.astype(np.int64), other.astype(np.int64))
    assert found.tolist() == least.tolist()
