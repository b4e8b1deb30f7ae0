"""Layouts preference, unpaired and prompt: what TRL's trainers get is the prompt and the answers of layout causal."""

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, note
from hypothesis import strategies as st

from pipeline import tokenize
from pipeline.stages.tokenize import TooLongError
from pipeline.table.messages import to_messages
from pipeline.table.sequences import unroll
from pipeline.tokenizers.transformers_tokenizer import TransformersTokenizer
from schemas.options import TokenizeOptions
from tests.stages.tokenize.test_causal import (
    CALLS,
    TOOLS,
    answer,
    conversations,
    laid_out,
    result,
    row_of,
    sequences_of,
    spoken,
    user,
)
from tests.support import small_tokenizers as small
from tests.support.tables import table_of

Row = dict[str, Any]
TEMPLATES = {
    "chatml": small.CHATML,
    "default-system": small.DEFAULT_SYSTEM,
    "stripping": small.STRIPPING,
    "two-ends": small.TWO_ENDS,
    "system-last": small.SYSTEM_LAST,
    "tools": small.TOOLS,
    "opens-thought": small.OPENS_THOUGHT,
    "none": None,
}
THOUGHT = "<think>\n음…\n</think>\n\n"
thoughts = st.one_of(st.none(), spoken.filter(str.strip))
pairs = st.builds(
    lambda row, rejected, thought, reasoning: (
        row | {"rejected": (THOUGHT if thought else "") + rejected, "reasoning": reasoning}
    ),
    conversations,
    spoken.filter(str.strip).map(str.strip),
    st.booleans(),
    thoughts,
)


def alone(row: Row, rejected: bool) -> Row:
    """The record of one answer of a pair."""
    one = {name: value for name, value in row.items() if name != "rejected"}
    if not rejected:
        return one
    text = row["rejected"]
    has_thought = text.startswith(THOUGHT)
    return one | {"output": text.removeprefix(THOUGHT), "reasoning": "음…" if has_thought else None}


@given(rows=st.lists(pairs, max_size=2))
def test_prompt_and_answer_are_the_ids_of_layout_causal(rows: list[Row]) -> None:
    for template, reasoning in itertools.product(TEMPLATES, ["learn", "drop"]):
        note(f"template {template}, reasoning {reasoning}")
        check_ids_of_layout_causal(small.causal(TEMPLATES[template]), reasoning, rows)


def check_ids_of_layout_causal(tokenizer: TransformersTokenizer, reasoning: str, rows: list[Row]) -> None:
    answers = [alone(row, rejected) for row in rows for rejected in (False, True)]
    causal = iter(laid_out(answers, tokenizer, answers="last", reasoning=reasoning))
    for after in laid_out(rows, tokenizer, layout="preference", reasoning=reasoning):
        wholes = {"chosen_ids": next(causal), "rejected_ids": next(causal)}
        if after["reject_reason"]:
            assert after["prompt_ids"] is after["chosen_ids"] is after["n_tokens"] is None
            continue
        for name, whole in wholes.items():
            assert after["prompt_ids"] + after[name] == whole["input_ids"]
            assert len(after[name]) >= whole["n_learned"]
        assert after["n_tokens"] == sum(len(after[f"{name}_ids"]) for name in ("prompt", "chosen", "rejected"))
        assert after["n_learned"] == len(after["chosen_ids"]) + len(after["rejected_ids"])
        assert (after["truncated"], after["n_unk"]) == (0, 0)


@given(rows=st.lists(pairs, max_size=2), length=st.integers(24, 90))
def test_both_answers_fit_behind_one_prompt(rows: list[Row], length: int) -> None:
    """Whatever was cut, an answer is the beginning of the whole answer, and has its end only where it is whole."""
    for template in ("chatml", "tools", "none"):
        note(f"template {template}")
        check_both_answers_fit(small.causal(TEMPLATES[template]), rows, length)


def check_both_answers_fit(tokenizer: TransformersTokenizer, rows: list[Row], length: int) -> None:
    whole = laid_out(rows, tokenizer, layout="preference")
    short = laid_out(rows, tokenizer, layout="preference", max_length=length)
    for long, cut in zip(whole, short, strict=True):
        if cut["reject_reason"]:
            assert cut["reject_reason"] == long["reject_reason"] or cut["reject_reason"] in ("too-long", "same-answers")
            continue
        longest = max(len(cut["chosen_ids"]), len(cut["rejected_ids"]))
        assert len(cut["prompt_ids"]) + longest <= length
        assert (cut["truncated"] > 0) == (cut["prompt_ids"] != long["prompt_ids"] or cut["n_tokens"] < long["n_tokens"])
        for name in ("chosen_ids", "rejected_ids"):
            assert cut[name]
            if tokenizer.chat is not None or cut[name][-1] == tokenizer.eos_id:
                text = tokenizer.decode(cut[name]).removesuffix("\n")
                if text.endswith("<|im_end|>"):
                    assert cut[name] == long[name]


@given(rows=st.lists(pairs, min_size=1, max_size=3), layout=st.sampled_from(["preference", "unpaired", "prompt"]))
def test_a_row_does_not_depend_on_its_neighbours(rows: list[Row], layout: str) -> None:
    tokenizer = small.causal(small.TOOLS)
    each = [laid_out([row], tokenizer, layout=layout, max_length=64)[0] for row in rows]
    for one, other in zip(each, laid_out(rows, tokenizer, layout=layout, max_length=64), strict=True):
        assert one | {"origin": None} == other | {"origin": None}


def test_the_oldest_exchanges_are_left_out_for_both_answers() -> None:
    tokenizer = small.causal()
    history = [user("하나?"), answer("하나입니다."), user("둘?"), answer("둘입니다.")]
    row = row_of("서울", history=history, rejected="부산입니다. " * 9)
    (whole,) = laid_out([row], tokenizer, layout="preference")
    length = len(whole["prompt_ids"]) + len(whole["rejected_ids"]) - 1
    (after,) = laid_out([row], tokenizer, layout="preference", max_length=length)
    assert tokenizer.decode(after["prompt_ids"]) == (
        "<|im_start|>user\n둘?<|im_end|>\n<|im_start|>assistant\n둘입니다.<|im_end|>\n"
        "<|im_start|>user\n한국의 수도는?<|im_end|>\n<|im_start|>assistant\n"
    )
    assert (after["chosen_ids"], after["rejected_ids"]) == (whole["chosen_ids"], whole["rejected_ids"])
    assert after["truncated"] == len(whole["prompt_ids"]) - len(after["prompt_ids"])


def test_a_call_is_a_chosen_answer() -> None:
    tokenizer = small.causal(small.TOOLS)
    (after,) = laid_out([row_of("", tools=TOOLS, tool_calls=CALLS, rejected="몰라요.")], tokenizer, layout="preference")
    assert tokenizer.decode(after["chosen_ids"]) == '<call>weather {"city": "부산"}</call><|im_end|>\n'
    assert tokenizer.decode(after["rejected_ids"]) == "몰라요.<|im_end|>\n"


def test_a_prompt_that_is_written_otherwise_before_a_thought_ends_where_both_agree() -> None:
    tokenizer = small.causal(small.OPENS_THOUGHT)
    (after,) = laid_out([row_of(reasoning="수도다.", rejected="몰라요.")], tokenizer, layout="preference")
    assert tokenizer.decode(after["prompt_ids"]).endswith("<|im_start|>assistant\n")
    assert tokenizer.decode(after["chosen_ids"]) == "<think>\n수도다.\n</think>\n\n서울입니다.<|im_end|>\n"


REFUSED = {
    "not-a-pair": row_of(),
    "same-answers": row_of(rejected="서울입니다."),
    "bad-answer": row_of(rejected="부산입니다.", label=False),
    "nothing-to-learn": row_of(rejected="부산입니다.", learn=False),
    "no-template": row_of(rejected="부산입니다.", tools=TOOLS),
}


@pytest.mark.parametrize("reason", REFUSED)
def test_pairs_that_cannot_be_learned_are_rejected(reason: str) -> None:
    (after,) = laid_out([REFUSED[reason]], small.causal(), layout="preference")
    assert (after["reject_stage"], after["reject_reason"]) == ("tokenize", reason)
    assert after["prompt_ids"] is after["n_tokens"] is None


def test_an_unanswered_record_is_no_pair() -> None:
    (after,) = laid_out([row_of(None, rejected="부산입니다.")], small.causal(), layout="preference")
    assert after["reject_reason"] == "not-a-pair"


def test_answers_that_differ_only_in_what_is_left_out_are_the_same() -> None:
    tokenizer = small.causal()
    row = row_of("네", rejected=f"{THOUGHT}네")
    assert laid_out([row], tokenizer, layout="preference")[0]["reject_reason"] is None
    assert laid_out([row], tokenizer, layout="preference", reasoning="drop")[0]["reject_reason"] == "same-answers"
    long = row_of("네" * 99, rejected="네" * 98 + "요")
    assert laid_out([long], tokenizer, layout="preference", max_length=64)[0]["reject_reason"] == "same-answers"
    assert laid_out([long], tokenizer, layout="preference")[0]["reject_reason"] is None


def test_a_pair_that_is_too_long_names_its_longer_answer() -> None:
    rows = [row_of(rejected="부산입니다. " * 30)]
    (after,) = laid_out(rows, small.causal(), layout="preference", max_length=40, truncation="drop")
    assert after["reject_reason"] == "too-long"
    with pytest.raises(TooLongError, match=r"prompt \d+ \+ output 1\d\d \+ the rest"):
        laid_out(rows, small.causal(), layout="preference", max_length=40, truncation="error")


def test_masked_thoughts_need_another_layout() -> None:
    with pytest.raises(ValueError, match='reasoning = "mask" is not for layout "preference"'):
        TokenizeOptions(layout="preference", reasoning="mask")


# Unpaired.


@pytest.mark.parametrize("label", [True, False])
def test_a_labelled_answer_is_one_sequence(label: bool) -> None:
    tokenizer = small.causal()
    history = [user("안녕?"), answer("네.")]
    (after,) = laid_out([row_of(label=label, history=history)], tokenizer, layout="unpaired")
    (whole,) = laid_out([row_of(history=history)], tokenizer, answers="last")
    assert after["prompt_ids"] + after["completion_ids"] == whole["input_ids"]
    assert tokenizer.decode(after["completion_ids"]) == "서울입니다.<|im_end|>\n"
    assert (after["label"], after["sequences"]) == (label, None)
    assert after["n_tokens"] == len(whole["input_ids"])
    assert after["n_learned"] == len(after["completion_ids"]) == whole["n_learned"]


@given(rows=st.lists(pairs, max_size=3))
def test_a_pair_is_two_labelled_sequences(rows: list[Row]) -> None:
    tokenizer = small.causal()
    paired = laid_out(rows, tokenizer, layout="preference")
    table = unroll(
        tokenize(table_of(rows), tokenizer, TokenizeOptions.model_validate({"layout": "unpaired", "max_length": 4096}))
    )
    found = [row for row in table.to_pylist() if row["completion_ids"] is not None]
    wanted = []
    for row in paired:
        if row["reject_reason"] is None:
            wanted += [(row["prompt_ids"], row["chosen_ids"], True), (row["prompt_ids"], row["rejected_ids"], False)]
    assert [(row["prompt_ids"], row["completion_ids"], row["label"]) for row in found] == wanted


def test_a_masked_thought_belongs_to_the_prompt() -> None:
    tokenizer = small.causal()
    row = row_of(reasoning="수도다.", rejected=f"{THOUGHT}부산입니다.", label=None)
    better, worse = sequences_of(row, tokenizer, layout="unpaired", reasoning="mask")
    assert tokenizer.decode(better["completion_ids"]).endswith("서울입니다.<|im_end|>\n")
    assert "수도다." in tokenizer.decode(better["prompt_ids"])
    assert "음…" in tokenizer.decode(worse["prompt_ids"])
    assert "음…" not in tokenizer.decode(worse["completion_ids"])


def test_answers_without_a_label_are_rejected() -> None:
    rows = [row_of(), row_of(None, label=True), row_of(label=True, learn=False), row_of(rejected="서울입니다.")]
    reasons = [row["reject_reason"] for row in laid_out(rows, small.causal(), layout="unpaired")]
    assert reasons == ["no-label", "nothing-to-learn", "nothing-to-learn", "same-answers"]


def test_a_rejected_row_keeps_its_label() -> None:
    (after,) = laid_out([row_of(label=False, learn=False)], small.causal(), layout="unpaired")
    assert after["label"] is False


# Prompts.

asked = conversations.map(lambda row: row | {"output": None, "reject": None})


@given(rows=st.lists(asked, max_size=2), answered=st.booleans())
def test_a_prompt_is_what_a_model_is_given(rows: list[Row], answered: bool) -> None:
    """The text and its ids, which a trainer gets from the text."""
    rows = [row | {"output": "서울입니다."} for row in rows] if answered else rows
    for template in TEMPLATES:
        note(f"template {template}")
        check_prompt_is_what_a_model_is_given(small.causal(TEMPLATES[template]), rows)


def check_prompt_is_what_a_model_is_given(tokenizer: TransformersTokenizer, rows: list[Row]) -> None:
    for row, after in zip(rows, laid_out(rows, tokenizer, layout="prompt"), strict=True):
        assert after["reject_reason"] is None
        assert tokenizer.backend(text=[after["prompt"]])["input_ids"] == [after["prompt_ids"]]
        assert (after["n_tokens"], after["n_learned"]) == (len(after["prompt_ids"]), 0)
        assert after["flags"] == []
        if tokenizer.chat is not None:
            messages = to_messages(row | {"output": None})
            assert after["prompt"] == tokenizer._chat(messages, True)


@given(rows=st.lists(asked, max_size=3), length=st.integers(20, 80))
def test_no_more_exchanges_are_left_out_of_a_prompt_than_must_be(rows: list[Row], length: int) -> None:
    for template in ("chatml", "tools", "none"):
        note(f"template {template}")
        check_exchanges_left_out(small.causal(TEMPLATES[template]), rows, length)


def check_exchanges_left_out(tokenizer: TransformersTokenizer, rows: list[Row], length: int) -> None:
    for row, after in zip(rows, laid_out(rows, tokenizer, layout="prompt", max_length=length), strict=True):
        shorter = [row | {"history": row["history"][start:]} for start in range(0, len(row["history"]) + 1, 2)]
        whole = laid_out(shorter, tokenizer, layout="prompt")
        fitting = [one for one in whole if one["n_tokens"] <= length]
        if not fitting:
            assert after["reject_reason"] == "too-long"
            continue
        assert after["prompt"] == fitting[0]["prompt"]
        assert after["truncated"] == whole[0]["n_tokens"] - after["n_tokens"]


def test_the_results_of_tools_belong_to_a_prompt() -> None:
    tokenizer = small.causal(small.TOOLS)
    steps = [answer("", tool_calls=CALLS), result("맑음")]
    (after,) = laid_out([row_of(None, tools=TOOLS, steps=steps)], tokenizer, layout="prompt")
    assert after["prompt"].endswith("<|im_start|>tool\n맑음<|im_end|>\n<|im_start|>assistant\n")


def test_a_token_that_the_tokenizer_puts_before_a_text_is_not_in_the_prompt_twice() -> None:
    tokenizer = small.llama2()
    (after,) = laid_out([row_of()], tokenizer, layout="prompt")
    assert after["prompt"] == "[INST] 한국의 수도는? [/INST]"
    assert tokenizer.backend(text=[after["prompt"]])["input_ids"] == [after["prompt_ids"]]
    assert after["prompt_ids"].count(tokenizer.specials["<s>"]) == 1
    (other,) = laid_out([row_of()], small.llama2(small.CHATML), layout="prompt")
    assert other["flags"] == ["other-prompt"]
    assert other["prompt"].startswith("<|im_start|>user")


def test_a_prompt_with_a_special_token_in_a_text_is_rejected() -> None:
    (after,) = laid_out([row_of(instruction="<|im_end|>이 무엇인가?")], small.causal(), layout="prompt")
    assert after["reject_reason"] == "not-literal"
    assert after["prompt"] is None


# What other layouts leave out.


@pytest.mark.parametrize("layout", ["causal", "seq2seq"])
def test_a_rejected_answer_that_is_left_out_is_flagged(layout: str) -> None:
    rows = laid_out([row_of(rejected="부산입니다."), row_of()], small.causal(), layout=layout)
    assert [row["flags"] for row in rows] == [["rejected-left-out"], []]
    assert np.all([row["reject_reason"] is None for row in rows])
