"""Laws of conversations: no word is lost, what is written out is read in again, and time grows with the length."""

import itertools
import json
import re
import time
import tomllib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.ingest.detect.record import shapes_of
from pipeline.stages.ingest.detected import Detected
from pipeline.stages.ingest.faults import Fault, FileFault
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.shapes.rows import Row, table
from pipeline.stages.ingest.shapes.to_rows import rows_of
from pipeline.stages.ingest.shapes.transcripts import turns_of
from pipeline.stages.ingest.shapes.turn import Turn
from pipeline.stages.ingest.shapes.turns import talk_of
from pipeline.table.messages import SPOKEN, from_messages, to_messages
from schemas.options import Source
from schemas.shapes import Conversation, Delimited, Shape

#: A word in source records that no other place of the record has: `numbered` gives each a number.
WORD = "낱말"
MESSAGES = Conversation(turns="messages", role="role", text="content")

thoughts = st.sampled_from(
    ["", "<think>\n{}\n</think>\n\n", "<think> {}</think>", "<Thinking>{} </Thinking>\n", "<think>{}"]
)
answers = st.builds(lambda thought: thought.format(WORD) + WORD, thoughts)


def dumps(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


good_call = st.sampled_from(
    [
        {"id": WORD, "type": "function", "function": {"name": WORD, "arguments": dumps({"a": WORD})}},
        {"type": "function", "function": {"name": WORD, "arguments": {"a": [WORD, {"b": WORD}]}}, "why": WORD},
        {"name": WORD, "parameters": {"a": WORD}, "thought": WORD},
    ]
)
call = good_call | st.just({"city": WORD})
written_calls = st.lists(call, min_size=1, max_size=2) | st.lists(call, min_size=1, max_size=2).map(dumps)
tagged = st.lists(call, min_size=1, max_size=2).map(
    lambda calls: WORD + "".join(f"\n<tool_call>\n{dumps(one)}\n</tool_call>" for one in calls)
)
part = st.sampled_from(
    [
        WORD,
        {"type": "text", "text": WORD},
        {"type": "text", "text": WORD, "note": WORD},
        {"text": WORD, "thought": True},
        {"type": "thinking", "thinking": WORD, "signature": WORD},
        {"type": "tool_use", "id": WORD, "name": WORD, "input": {"a": WORD}, "note": WORD},
        {"type": "tool_result", "tool_use_id": 1, "content": [{"type": "text", "text": WORD, "note": WORD}]},
        {"functionCall": {"name": WORD, "args": {"a": WORD}}, "signature": WORD},
        {"functionResponse": {"name": WORD, "response": {"a": WORD}, "note": WORD}},
        {"type": "image_url", "image_url": WORD},
    ]
)
contents = st.just(WORD) | answers | tagged | st.lists(part, max_size=3) | st.none() | st.just({"a": WORD})
more = st.fixed_dictionaries(
    {},
    optional={
        "name": st.just(WORD),
        "tool_call_id": st.just(WORD),
        "tool_calls": written_calls | st.none(),
        "function_call": call,
        "reasoning_content": st.just(WORD),
        "thinking": st.just(WORD) | st.just({"a": WORD}),
        "weight": st.sampled_from([0, 1, None]),
        "note": st.just(WORD) | st.just([WORD]),
    },
)
roles = st.sampled_from(["system", "user", "user", "assistant", "assistant", "tool", "function_call", "input", "누구"])
messages = st.builds(lambda role, content, rest: {"role": role, "content": content, **rest}, roles, contents, more)
#: Conversations as they should be: questions, calls with their results, answers.
asked = st.builds(lambda content, rest: {"role": "user", "content": content, **rest}, st.just(WORD), more)
called = st.builds(
    lambda content, calls, result, rest: [
        {"role": "assistant", "content": content, "tool_calls": calls, **rest},
        {"role": "tool", "content": result, **rest},
    ],
    st.none() | st.just(WORD),
    st.lists(good_call, min_size=1, max_size=2),
    st.sampled_from([WORD, {"a": WORD}, f"<tool_response>{WORD}</tool_response>", [{"type": "text", "text": WORD}]]),
    st.fixed_dictionaries({}, optional={"name": st.just(WORD), "tool_call_id": st.just(WORD), "note": st.just(WORD)}),
)
answered = st.builds(
    lambda content, rest: {"role": "assistant", "content": content, **rest},
    answers | tagged | st.lists(part, min_size=1, max_size=2),
    st.fixed_dictionaries(
        {}, optional={"reasoning_content": st.just(WORD), "weight": st.just(0), "note": st.just(WORD)}
    ),
)
rounds = st.builds(
    lambda question, calls, answer: [question, *itertools.chain(*calls), answer],
    asked,
    st.lists(called, max_size=2),
    answered,
)
conversations = st.lists(messages, min_size=1, max_size=6) | st.lists(rounds, min_size=1, max_size=3).map(
    lambda found: list(itertools.chain(*found))
)


def numbered(value: Any) -> Any:
    """The same value with a number behind each WORD: no text in it is there twice."""
    numbers = itertools.count()
    return json.loads(re.sub(WORD, lambda _: f"{WORD}{next(numbers)}번", dumps(value)))


def words(value: Any) -> set[str]:
    return set(re.findall(rf"{WORD}\d+번", dumps(value)))


def read(record: Any, shape: Shape) -> list[Row]:
    rows = rows_of(Entry(":1", record, dumps(record).encode()), shape)
    table(rows, "file", "source").validate(full=True)
    return rows


def columns(row: Row) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in row._asdict().items()}


@given(conversations, st.sampled_from([None, [{"name": WORD}], dumps([{"name": WORD}]), "도구 " + WORD, {}]))
@settings(max_examples=500)
def test_no_word_of_a_conversation_is_lost(turns: list[Any], tools: Any) -> None:
    record = numbered({"id": WORD, "messages": turns, "tools": tools, "system": WORD})
    rows = read(record, MESSAGES.model_copy(update={"system": "system"}))
    assert words(record) <= words([columns(row) for row in rows])


@given(conversations)
@settings(max_examples=300)
def test_what_messages_give_is_what_they_are(turns: list[Any]) -> None:
    for row in read(numbered({"messages": turns}), MESSAGES):
        if row.reason is None:
            spoken = {name: columns(row)[name] for name in SPOKEN}
            assert from_messages(to_messages(spoken)) == spoken


def node(replies: list[Any]) -> dict[str, Any]:
    return {"text": WORD, "note": WORD, "replies": replies}


trees = st.recursive(st.builds(lambda: node([])), lambda inner: st.lists(inner, max_size=3).map(node), max_leaves=8)


def with_roles(tree: Any, asks: bool = True) -> Any:
    replies = [with_roles(reply, not asks) for reply in tree["replies"]]
    return {**tree, "role": "prompter" if asks else "assistant", "replies": replies}


@given(trees, st.sampled_from(["all", "best"]))
def test_no_word_of_a_tree_is_lost_and_no_answer_is_learned_twice(tree: Any, paths: Any) -> None:
    record = numbered({"prompt": with_roles(tree)})
    (shape,) = shapes_of(record)
    rows = read(record, shape.model_copy(update={"paths": paths}))
    assert words(record) <= words([columns(row) for row in rows])
    taught = [
        message["content"]
        for row in rows
        for message in to_messages(columns(row))
        if message["role"] == "assistant" and message.get("weight") != 0
    ]
    assert len(taught) == len(set(taught))


@given(st.lists(st.tuples(st.just(WORD), st.just(WORD) | st.none()), min_size=1, max_size=4), st.booleans())
def test_no_word_of_exchanges_is_lost(pairs: list[Any], as_objects: bool) -> None:
    found = [{"input": q, "output": a, "note": WORD} if as_objects else [q, a] for q, a in pairs]
    record = numbered({"conversation": found})
    for shape in shapes_of(record):
        assert words(record) <= words([columns(row) for row in read(record, shape)])


TEMPLATES: dict[str, Callable[[str, str], str]] = {
    "ChatML": lambda role, text: f"<|im_start|>{role}\n{text}<|im_end|>\n",
    "Llama 3": lambda role, text: f"<|start_header_id|>{role}<|end_header_id|>\n\n{text}<|eot_id|>",
}


@given(st.lists(st.tuples(st.sampled_from(["user", "assistant", "tool", "누구"]), st.just(WORD)), max_size=6))
def test_a_mark_ends_the_turn_before_it_whatever_its_role(turns: list[tuple[str, str]]) -> None:
    for template in TEMPLATES.values():
        record = numbered({"text": "".join(template(*turn) for turn in turns)})
        rows = read(record, Delimited())
        assert words(record) <= words([columns(row) for row in rows])
        assert all(row.reason or not re.search(r"<\|\w+\|>", dumps(columns(row))) for row in rows)


@given(thoughts, st.sampled_from(["", " ", "\n\n"]), st.text(max_size=8))
def test_a_thought_can_be_put_back_as_it_was(thought: str, space: str, answer: str) -> None:
    text = thought.format(WORD) + space + answer
    (row,) = read({"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": text}]}, MESSAGES)
    said = json.loads(row.meta)["messages"][1] if row.meta else {}
    opening, closing = said.get("thought_marks", ["<think>\n", "\n</think>\n\n"])
    assert row.output is not None
    assert (row.output if row.reasoning is None else opening + row.reasoning + closing + row.output) == text


def test_the_remedy_of_an_unknown_role_works() -> None:
    record = {"messages": [{"role": "user", "content": "?"}, {"role": '주치의 "김"', "content": "네."}]}
    (bad,) = read(record, MESSAGES)
    remedy = re.search(r"roles = \{.*?\}", bad.detail or "")
    assert remedy is not None
    (good,) = read(record, MESSAGES.model_copy(update=tomllib.loads(remedy[0])))
    assert (good.reason, good.output) == (None, "네.")


def test_the_remedy_of_a_list_of_unknown_turns_works() -> None:
    texts = [("갑", "어디 가?"), ("을", "바다요.")]
    said = [{"id": f"M{number}", "form": text, "who": who} for number, (who, text) in enumerate(texts)]
    with pytest.raises(Fault) as fault:
        Detected([{"topic": "여행", "utterance": said}])
    remedy = re.search(r"`(shape = \{ kind = \"conversation\".*?)`", fault.value.detail)
    assert remedy is not None
    source = Source.model_validate({"name": "s", "files": ["*"], **tomllib.loads(remedy[1])})
    assert source.shape is not None
    (row,) = read({"topic": "여행", "utterance": said}, source.shape)
    assert (row.instruction, row.output, row.reason) == ("어디 가?", "바다요.", None)


@pytest.mark.parametrize("weight", [0.5, 2, -1, "조금", [1]])
def test_the_remedy_of_an_unknown_weight_works(weight: Any) -> None:
    record = {"messages": [{"role": "user", "content": "?"}, {"role": "assistant", "content": "네.", "weight": weight}]}
    with pytest.raises(FileFault) as fault:
        read(record, MESSAGES)
    shapes = [
        Source.model_validate({"name": "s", "files": ["*"], **tomllib.loads(line)}).shape
        for line in re.findall(r"`(shape = .*?)`", str(fault.value))
    ]
    assert len(shapes) == (2 if isinstance(weight, int | float) else 1)
    *least, every = shapes
    assert every is not None
    (good,) = read(record, every)
    assert (good.reason, good.learn, json.loads(good.meta or "")["messages"][1]) == (None, None, {"weight": weight})
    for shape in least:
        assert shape is not None
        (good,) = read(record, shape)
        assert (good.reason, good.learn, good.meta) == (None, True, None)


def conversation_of(turns: int) -> Iterator[Turn]:
    for number in range(turns):
        yield Turn("user", f"질문 {number}")
        yield Turn("assistant", f"<think>\n생각\n</think>\n\n답 {number}")


def test_time_grows_with_the_length_of_a_conversation() -> None:
    def seconds(turns: int) -> float:
        said = list(conversation_of(turns))
        text = "".join(f"<|im_start|>{turn.role}\n{turn.text}<|im_end|>\n" for turn in said)
        took = []
        for _ in range(5):
            start = time.process_time()
            talk_of(said)
            talk_of([*said[::2], *said[1::2]])
            cut = turns_of(text)
            took.append(time.process_time() - start)
            assert cut is not None
            assert len(cut[1]) == len(said)
        return min(took)

    assert seconds(2000) < 80 * seconds(100)
