"""What spares most pairs of texts a look at their words changes no decision."""

import gzip
import itertools
import json
import os
import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.stages.dedupe import decide, fingerprint, keys, pair_texts, verify
from pipeline.stages.dedupe import differ_in_form as by_form
from pipeline.stages.dedupe.differences import (
    FORM,
    LONG,
    align,
    contractions,
    differences,
    endings,
    is_about_form,
    particles,
    same,
    spelling,
    tasks,
)
from pipeline.stages.dedupe.differences.words_of_text import Word
from pipeline.stages.dedupe.essentials import may_say_the_same
from pipeline.stages.dedupe.middles import Prose, differ_in_form, is_prose
from pipeline.stages.dedupe.rests import are_words, decide_alone, rests
from pipeline.table.reject_and_flag import complete, set_column
from schemas.options import DedupeOptions

T = TypeVar("T")

#: Forms of one stem, as they stand before endings.
VERBS = [
    forms.split("/")
    for forms in [
        "설명하/설명해/설명합/설명한/설명할",
        "알리/알려/알릴/알립",
        "쓰/써/쓸/씁",
        "고르/골라/고를",
        "돕/도와/도우",
        "낫/나아",
        "잇/이어",
        "짓/지어",
        "걷/걸어",
        "크/커/큰/클/큽",
        "되/돼/됩/될",
        "주/줘/줄/줍",
        "보/봐/볼/봅",
        "먹/먹어",
        "재밌/재밌어",
        "꼽/꼽아",
        "무엇/뭐/뭣",
        "거/것",
    ]
]
STEMS = [stem for forms in VERBS for stem in forms] + ["김치찌개", "최고", "영화", "할리우드", "사과", "꽤", "짱"]
ENDINGS = sorted(
    {"", "아", "어", "해", "했다", "었다", "습니다", "봐", "줘", *endings.AFTER_INFINITIVE[:20], *endings.AFTER_TASK}
    | {ending for some in (*endings.AFTER_STEM.values(), *endings.AFTER_NOUN.values()) for ending in some}
    | {particle for some in particles.ROLES.values() for particle in some}
)
WRONG = sorted(spelling.PAIRS)
#: Words that may be contracted, and words beside which they are, or are not.
CONTRACTED = [f"{stem}{form}" for pair in contractions.CONTRACTED for form in pair for stem in ("", "친구에", "두달")]
BESIDE = ["두", "일주일", "그런데", "접수된", "먹는", "뭐", "새를", "않", "오늘", "내가", "학교에서", "책을", "산"]
WORD = st.one_of(
    st.tuples(st.sampled_from(STEMS), st.sampled_from(ENDINGS)).map("".join),
    st.sampled_from(WRONG),
    st.sampled_from(CONTRACTED),
    st.sampled_from(BESIDE),
    st.sampled_from(sorted(spelling.PAIRS.values())),
    st.sampled_from(
        ["좀", "제발", "은", "를", "AI", "ai", "Good", "3", "1,000", "ㅇㅇ", "@", "-_-", "^-^", "(끝)", "`x`"]
    ),
    st.text("가각갂나낫나았어엇있잇밌밍랐렷하합해", min_size=1, max_size=4),
)
JOINT = st.sampled_from([" ", "", ". ", "!", "? ", "...", " ㅋㅋ ", "~ ", "\n", ", ", "~~~"])
TEXT = st.lists(st.tuples(WORD, JOINT), max_size=5).map(lambda words: "".join(itertools.chain.from_iterable(words)))


@st.composite
def pairs_of_texts(draw: st.DrawFn) -> tuple[str, str]:
    """Two texts that are often similar: some words of the second are those of the first."""
    words = draw(st.lists(st.tuples(WORD, JOINT), max_size=5))
    other = [
        (draw(WORD) if draw(st.integers(0, 3)) == 0 else word, draw(JOINT) if draw(st.booleans()) else joint)
        for word, joint in words
    ]
    return tuple("".join(itertools.chain.from_iterable(text)) for text in (words, other))


def may_be_same(one: str, other: str) -> bool:
    return each_may_be_same([(one, other)])[0]


def each_may_be_same(pairs: Sequence[tuple[str, str]]) -> list[bool]:
    folded = keys.fold_texts(pa.array([text for pair in pairs for text in pair]))
    first = np.arange(0, 2 * len(pairs), 2)
    by_letters = may_say_the_same(*keys.letters(*folded), first, first + 1)
    both: list[bool] = (by_letters & may_say_the_same(*folded, first, first + 1)).tolist()
    return both


def some(strategy: st.SearchStrategy[T], count: int) -> st.SearchStrategy[list[T]]:
    """So many values in one example: to look at many pairs takes little longer than to look at one."""
    return st.lists(strategy, min_size=count, max_size=count)


@given(some(st.one_of(pairs_of_texts(), st.tuples(TEXT, TEXT)), 10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_texts_that_say_the_same_may_say_the_same(pairs: list[tuple[str, str]], numbers: bool) -> None:
    for pair, may_be in zip(pairs, each_may_be_same(pairs), strict=True):
        assert may_be or not same(*pair, numbers=numbers), pair


FORMS = st.sampled_from(VERBS).flatmap(lambda forms: st.tuples(*[st.sampled_from(forms)] * 2))


@given(some(st.tuples(FORMS, st.sampled_from(ENDINGS), st.sampled_from(ENDINGS)), 25))
@settings(max_examples=40, deadline=None)
def test_forms_of_one_verb_may_say_the_same(drawn: list[tuple[tuple[str, str], str, str]]) -> None:
    words = [(one + ending, other + another) for (one, other), ending, another in drawn]
    pairs = words + [(f"글을 {one}", f"글을 {other}") for one, other in words]
    for pair, may_be in zip(pairs, each_may_be_same(pairs), strict=True):
        assert may_be or not same(*pair), pair


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("글을 알려 주세요", "글을 알리세요"),
        ("정말 맛없엇다", "정말 맛없었다"),
        ("줄을 잇네요", "줄을 이어요"),
        ("방법을 고릅니다", "방법을 고르세요"),
        ("글을 만들어 줘", "글을 만듫어 줘"),
        ("오랫만에 봅니다", "오랜만에 봅니다"),
        ("메뉴 추천 부탁드립니다", "메뉴 추천해 줘"),
        ("성공하려면 노력이 필요하다", "성공하기 위해서는 노력이 필요하다"),
        ("제발 도와줘", "제바아알 도와줘"),
        ("-_- ^-^", "-_- ^-^"),
        ("@ @", "@ @ ㅋㅋ"),
    ],
)
def test_what_changes_in_a_stem(one: str, other: str) -> None:
    """Each of these says the same, and the quick test needs a rule of its own for it."""
    assert same(one, other)
    assert may_be_same(one, other)


def slips(text: str) -> Iterator[str]:
    """The text with another jamo in one syllable, as it is typed by mistake: every such text."""
    jamo = (19, 21, 28)
    for at, syllable in enumerate(text):
        if syllable != " ":
            right = np.unravel_index(ord(syllable) - 0xAC00, jamo)
            for place, count in enumerate(jamo):
                for other in range(count):
                    wrong = np.ravel_multi_index([*right[:place], other, *right[place + 1 :]], jamo)
                    yield text[:at] + chr(0xAC00 + int(wrong)) + text[at + 1 :]


@pytest.mark.parametrize("text", ["프로그램을 만들어", "스마트폰 화면", "정말 재밌었어요", "설명을 갔다"])
def test_slips_may_say_the_same(text: str) -> None:
    pairs = [(text, slip) for slip in slips(text)]
    assert len(set(pairs)) > 300
    for pair, may_be in zip(pairs, each_may_be_same(pairs), strict=True):
        assert may_be or not same(*pair), pair


def test_a_word_beside_a_number_counts_where_numbers_do_not() -> None:
    """A fault that the quick test showed: the whole place was a difference of numbers alone."""
    assert same("사과 3 개", "사과 5 개", numbers=False)
    assert not same("사과를 3 개", "수박을 5 개", numbers=False)


def test_misspellings_may_say_the_same() -> None:
    pairs = [
        pair
        for wrong, right in spelling.PAIRS.items()
        for pair in ((wrong, right), (f"아주 {wrong}", f"아주{right}"), (f"{wrong}은", f"{right}은"))
    ]
    for pair, may_be in zip(pairs, each_may_be_same(pairs), strict=True):
        assert may_be or not same(*pair), pair


@given(st.lists(st.one_of(pairs_of_texts(), st.tuples(TEXT, TEXT)), min_size=1, max_size=6))
@settings(max_examples=400, deadline=None)
def test_middles_decide_as_whole_texts_do(pairs: list[tuple[str, str]]) -> None:
    texts = list(itertools.chain.from_iterable(pairs))
    prose = Prose.of(pa.array(texts))
    both = [at for at in range(0, len(texts), 2) if prose.is_prose[at] and prose.is_prose[at + 1]]
    found = differ_in_form(prose, np.array(both, np.int64), np.array(both, np.int64) + 1, {})
    assert found.tolist() == [same(texts[at], texts[at + 1]) for at in both]


def check_rests(pairs: list[tuple[str, str]], numbers: bool = True) -> None:
    """What is left of two texts between their equal beginnings and ends decides as the whole texts do."""
    texts = pa.array(list(itertools.chain.from_iterable(pairs)))
    first = np.arange(0, len(texts), 2)
    pieces = rests(texts, first, first + 1)
    left = np.logical_and(
        *(
            is_prose(some) | decide_alone(some, texts.take(pa.array(of)))
            for some, of in zip(pieces, (first, first + 1), strict=True)
        )
    )
    words = are_words(texts)
    for at, (whole, piece) in enumerate(
        zip(pairs, zip(*(one.to_pylist() for one in pieces), strict=True), strict=True)
    ):
        if words[2 * at] and words[2 * at + 1] and left[at]:
            assert same(*piece, numbers=numbers) == same(*whole, numbers=numbers)
            assert differences(*piece) == differences(*whole)


@st.composite
def texts_that_differ_in_the_middle(draw: st.DrawFn) -> tuple[str, str]:
    around, cut = draw(st.lists(st.tuples(WORD, JOINT), min_size=3, max_size=8)), draw(st.integers(0, 8))
    before, behind = (
        "".join(word + (joint if len(joint) < 2 else " ") for word, joint in some)
        for some in (around[:cut], around[cut:])
    )
    one, other = draw(pairs_of_texts())
    return f"{before} {one} {behind}", f"{before} {other} {behind}"


@given(some(texts_that_differ_in_the_middle(), 10), st.booleans())
@settings(max_examples=60, deadline=None)
def test_rests_decide_as_whole_texts_do(pairs: list[tuple[str, str]], numbers: bool) -> None:
    check_rests(pairs, numbers)


@st.composite
def texts_that_repeat_words(draw: st.DrawFn) -> tuple[str, str]:
    words = draw(st.lists(st.sampled_from(["가", "나", "은", "좀", "아", "!", "?", "뭐", "3", "AI", "ai"]), max_size=9))
    other = list(words)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(other)))
        other[at : at + draw(st.integers(0, 2))] = draw(st.lists(st.sampled_from([*"가나은좀?.", "ai"]), max_size=3))
    return " ".join(words), " ".join(other)


@given(some(texts_that_repeat_words(), 10))
@settings(max_examples=60, deadline=None)
def test_rests_of_texts_that_repeat_words(pairs: list[tuple[str, str]]) -> None:
    check_rests(pairs)


#: Stands around what differs in long texts; a difference in the second is of code.
AROUND = ("이 영화는 정말 볼 만합니다. " * 12, "`x = 1` 이 줄은 값을 정합니다. " * 12)


@given(pairs_of_texts(), st.sampled_from(AROUND), st.sampled_from(["", "요약하세요.", "번역하세요."]))
@settings(max_examples=300, deadline=None)
def test_long_texts_are_the_same_where_every_difference_is_one_of_form(
    pair: tuple[str, str], around: str, instruction: str
) -> None:
    one, other = sorted(f"{around}{text} {around}" for text in pair)
    assert len(one) > LONG
    assert same(one, other, instruction) == all(found.kind in FORM for found in differences(one, other, instruction))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("그는 친구에게 한국어를 가르친다", "그는 한국어를 친구에게 가르친다"),
        ("그는 까페에 갔다", "그는 카페에 갔다"),
        ("방법을 좀 알려 주세요.", "방법을 알려 주세요."),
        ("방법을 설명해 주세요.", "방법을 설명해줘."),
    ],
)
def test_long_texts_that_begin_to_differ_and_say_the_same(one: str, other: str) -> None:
    for around in AROUND:
        assert same(f"{around}{one} {around}", f"{around}{other} {around}")


SOME_WORDS = [
    *("영화", "배우가", "정말", "재미있는", "이야기를", "보고", "나서", "생각했다"),
    *("그리고", "우리는", "집에", "돌아왔다", "날씨가", "좋아서", "산책을", "했다"),
]

#: What a writer changes in a long text, by the number of a word; whether it still says the same.
CHANGES: dict[str, tuple[Callable[[int, str], str], bool]] = {
    "two words": (lambda at, word: "다른" if at in (3, 90) else word, False),
    "every fifth word": (lambda at, word: f"{word}요" if at % 5 == 0 else word, False),
    "a filler": (lambda at, word: f"{word} 좀" if at % 10 == 0 else word, True),
    "spaces": (lambda at, word: f"{word}\n" if at % 7 == 0 else word, True),
    "order": (lambda at, word: SOME_WORDS[at * 7 % 16], False),
}


def changed(words: int, change: Callable[[int, str], str]) -> tuple[str, str]:
    rng = random.Random(words)
    text = [rng.choice(SOME_WORDS) for _ in range(words)]
    return " ".join(text), " ".join(itertools.starmap(change, enumerate(text)))


@pytest.mark.parametrize("name", CHANGES)
def test_long_texts_take_time_as_they_grow(name: str) -> None:
    change, says_the_same = CHANGES[name]
    spent = []
    for words in (500, 4000):
        one, other = changed(words, change)
        start = time.process_time()
        assert same(one, other) == says_the_same
        spent.append(time.process_time() - start)
    assert spent[1] < max(30 * spent[0], 0.3)


@given(st.lists(st.sampled_from("가나다라"), max_size=40), st.lists(st.sampled_from("가나다라"), max_size=40))
@settings(max_examples=300, deadline=None)
def test_long_lists_are_equal_between_the_places_where_they_differ(mine: list[str], yours: list[str]) -> None:
    words = [[Word("Hangul", text, " ", "") for text in some] for some in (mine, yours)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(align, "LONG", 0)
        found = align.blocks(*words)
    at = other_at = 0
    for block in (*found, align.Block(len(mine), len(mine), len(yours), len(yours))):
        assert mine[at : block.start] == yours[other_at : block.other_start]
        at, other_at = block.end, block.other_end


@given(st.lists(pairs_of_texts(), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_decisions_do_not_depend_on_how_pairs_are_parted(pairs: list[tuple[str, str]]) -> None:
    table = complete(
        pa.table({"instruction": list(itertools.chain.from_iterable(pairs)), "output": ["네"] * 2 * len(pairs)})
    )
    table = set_column(table, "origin", pa.array([f"a:{number}" for number in range(len(table))], pa.string()))
    fingerprints, options = fingerprint(table), DedupeOptions(threshold=0.3, recall=0.999)
    at_once = decide(fingerprints, table, options)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pair_texts, "_BYTES", 100)
        patch.setattr(pair_texts, "_MOST_PAIRS", 3)
        patch.setattr(verify, "_BIGRAMS", 10)
        assert decide(fingerprints, table, options).equals(at_once)


@given(TEXT)
@settings(max_examples=200, deadline=None)
def test_the_wider_pattern_finds_all_instructions_about_form(text: str) -> None:
    for instruction in (text, f"{text} 띄어 쓰기", f"해시 태그 {text}", f"lower-case {text}", f"{text} 정중"):
        assert tasks.about_form(pa.array([instruction])) == [is_about_form(instruction, of_material=True)]


@contextmanager
def every_pair_word_by_word() -> Iterator[None]:
    prose_of = Prose.of

    def no_prose(texts: pa.StringArray) -> Prose:
        found = prose_of(texts)
        return found._replace(is_prose=np.zeros_like(found.is_prose))

    with pytest.MonkeyPatch.context() as patch:
        for module in (verify, by_form):
            patch.setattr(module, "may_say_the_same", lambda codes, bounds, first, second: np.ones(len(first), bool))
        patch.setattr(by_form, "is_prose", lambda texts: np.zeros(len(texts), bool))
        patch.setattr(Prose, "of", no_prose)
        yield


def decided(table: pa.Table, options: DedupeOptions) -> tuple[pa.Table, pa.Table]:
    """The decisions as they are, and with every pair compared word by word."""
    table = complete(table)
    table = set_column(table, "origin", pa.array([f"a:{number}" for number in range(len(table))], pa.string()))
    fingerprints = fingerprint(table)
    quick = decide(fingerprints, table, options)
    with every_pair_word_by_word():
        return quick, decide(fingerprints, table, options)


@given(
    st.lists(st.tuples(st.one_of(pairs_of_texts(), st.tuples(TEXT, TEXT)), TEXT), min_size=1, max_size=8), st.booleans()
)
@settings(max_examples=60, deadline=None)
def test_decisions_are_those_word_by_word(rows: list[tuple[tuple[str, str], str]], numbers: bool) -> None:
    texts = [(text, output) for pair, output in rows for text in pair]
    table = pa.table({"instruction": [one for one, _ in texts], "output": [other for _, other in texts]})
    quick, slow = decided(table, DedupeOptions(threshold=0.3, recall=0.999, numbers=numbers))
    assert quick.equals(slow)


@pytest.mark.skipif("KO_INSTRUCT_DATA" not in os.environ, reason="KO_INSTRUCT_DATA is not set")
def test_decisions_on_reviews_are_those_word_by_word() -> None:
    path = Path(os.environ["KO_INSTRUCT_DATA"]) / "nsmc_instruct.jsonl.gz"
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        rows = [json.loads(line) for line in itertools.islice(lines, 40_000)]
    table = pa.Table.from_pylist([{name: row[name] for name in ("instruction", "input", "output")} for row in rows])
    quick, slow = decided(table, DedupeOptions())
    assert quick.equals(slow)
    assert quick["reason"].to_pylist().count("near") > 200
