"""What is new: ROUGE-L by its definition, and the near-duplicate check of dedupe."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.self_instruct.novelty import Nearest, Seen, similarities, units

TEXT = st.text("가나다라 Aa.,1२", max_size=12)


def lcs(one: str, other: str) -> int:
    row = [0] * (len(other) + 1)
    for letter in one:
        before = 0
        for at, other_letter in enumerate(other, 1):
            before, row[at] = row[at], before + 1 if letter == other_letter else max(row[at], row[at - 1])
    return row[-1]


def rouge_l(one: str, other: str) -> float:
    """F-measure of precision and recall of the longest common subsequence (Lin 2004), over `units`."""
    a, b = units([one, other])
    common = lcs(a, b)
    if not common:
        return 0.0
    precision, recall = common / len(b), common / len(a)
    return 2 * precision * recall / (precision + recall)


def reference(texts: list[str], seen: list[str], threshold: float) -> list[bool]:
    """One by one against the whole pool, which grows by what is new."""
    pool, verdicts = list(seen), []
    for text in texts:
        verdicts.append(all(round(rouge_l(text, other), 9) < threshold for other in pool))
        if verdicts[-1]:
            pool.append(text)
    return verdicts


def seen_of(texts: list[str]) -> Seen:
    seen = Seen()
    seen.add([f"seed_{number}" for number in range(len(texts))], texts)
    return seen


def judged(texts: list[str], seen: Seen, threshold: float = 0.7) -> list[tuple[bool, Nearest]]:
    return seen.judge([f"new_{number}" for number in range(len(texts))], texts, threshold, [()] * len(texts))


def test_units_are_letters_digits_and_signs() -> None:
    nfd = unicodedata.normalize("NFD", "한글")
    assert units(["안녕, Hello! 3+5 = 8", nfd, "", "  ", "?!"]) == ["안녕hello3+5=8", "한글", "", "", "?!"]


@given(TEXT, TEXT)
def test_similarity_is_rouge_l(one: str, other: str) -> None:
    a, b = units([one, other])
    if a or b:
        assert similarities([a], [b])[0, 0] == pytest.approx(rouge_l(one, other), abs=1e-12)


@given(
    st.lists(TEXT.filter(str.strip), max_size=6),
    st.lists(TEXT.filter(str.strip), max_size=6),
    st.sampled_from([0.5, 0.7, 0.75, 1.0]),
)
def test_decisions_are_those_of_the_reference_loop(texts: list[str], before: list[str], threshold: float) -> None:
    assert [is_new for is_new, _ in judged(texts, seen_of(before), threshold)] == reference(texts, before, threshold)


@given(st.lists(TEXT, max_size=8))
def test_in_one_call_or_one_by_one(texts: list[str]) -> None:
    together, apart = seen_of(["가나다라"]), seen_of(["가나다라"])
    verdicts = judged(texts, together)
    for number, text in enumerate(texts):
        ((is_new, nearest),) = apart.judge([f"new_{number}"], [text], 0.7, [()])
        assert (is_new, nearest) == verdicts[number]
        if is_new:
            apart.add([f"new_{number}"], [text])


def test_at_the_threshold_it_is_not_new() -> None:
    seen = seen_of(["가나다라마바사아자차"])
    assert judged(["가나다라마바사123"], seen) == [(False, Nearest("seed_0", 0.7))]
    assert judged(["가나다라마바1234"], seen) == [(True, Nearest("seed_0", 0.6))]


def test_the_nearest_is_named_the_first_of_equals() -> None:
    seen = seen_of(["봄에 피는 꽃", "여름에 부는 바람", "봄에 피는 꽃"])
    (verdict,) = judged(["봄에 피는 별"], seen)
    assert verdict == (False, Nearest("seed_0", 0.8))
    first, second = judged(["겨울 하늘의 흰 눈송이", "겨울 하늘의 흰 눈사람"], seen)
    assert first[0]
    assert second == (False, Nearest("new_0", round(14 / 18, 6)))


def test_what_it_was_made_from_it_may_be_like() -> None:
    seen = seen_of(["봄에 피는 꽃", "봄에 부는 바람"])
    (verdict,) = seen.judge(["a"], ["봄에 피는 별"], 0.7, [["seed_0"]])
    assert verdict == (True, Nearest("seed_1", 0.545455))
    (verdict,) = seen.judge(["a"], ["봄에 피는 별"], 0.7, [["seed_0", "seed_1"]])
    assert verdict[0]
    assert verdict[1].similarity == 0


def test_near_duplicates_are_those_of_dedupe() -> None:
    seen = seen_of(["서울과 부산 가운데 어느 도시의 겨울이 더 따뜻한지 설명하고 그 까닭을 쓰세요."])
    texts = [
        "서울과 부산 가운데 어느 도시의 겨울이 더 따뜻한지 설명하고, 그 까닭을 쓰세요!",
        "전혀 다른 것을 묻는 지시문입니다.",
        "전혀 다른것을 묻는 지시문 입니다",
        "3 더하기 5를 계산하세요.",
        "3 더하기 7을 계산하세요.",
    ]
    ids = [f"new_{number}" for number in range(len(texts))]
    first, second, third, *sums = seen.duplicates(ids, texts)
    assert first == Nearest("seed_0", 1.0)
    assert second is None
    assert third == Nearest("new_1", 1.0)
    assert sums == [None, None]  # other numbers, other tasks
    assert Seen().duplicates([], []) == []
