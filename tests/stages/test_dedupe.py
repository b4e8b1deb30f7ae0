"""Duplicates of every kind as cases; the laws of dedupe; near-duplicates against their plain definition."""

import itertools
import json
import os
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.io import processes
from pipeline.stages.dedupe import apply, decide, dedupe, differences, fingerprint, keys, report
from pipeline.stages.dedupe.bags import LEAST, bag_table, bags
from pipeline.stages.dedupe.differences import same
from pipeline.stages.dedupe.differences.mentioned import mentions
from pipeline.stages.dedupe.groups import first_equal_rows, repeated_keys
from pipeline.stages.dedupe.known import Known
from pipeline.stages.dedupe.minhash import HASHES, Bands, choose_bands
from schemas.columns import INGESTED
from schemas.options import DedupeOptions
from tests.support.paths import CASES

CASES_FOLDER = CASES
TEXT = CASES.joinpath("dedupe.jsonl").read_text(encoding="utf-8")
CASES = [json.loads(line) for line in TEXT.rstrip("\n").split("\n")]


def exchanges(pairs: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Messages of a user and an assistant, in turn."""
    roles = ("user", "assistant")
    return [{"role": role, "content": text} for pair in pairs for role, text in zip(roles, pair, strict=True)]


SHORT = st.text("가나 ᄀ\u1161aAß12,.", max_size=4)
ROW = st.fixed_dictionaries(
    {"system": st.none() | SHORT, "instruction": SHORT, "input": SHORT, "output": SHORT},
    optional={
        "history": st.lists(st.tuples(SHORT, SHORT), max_size=2).map(exchanges),
        "reasoning": SHORT,
        "rejected": SHORT,
        "label": st.booleans(),
        "tools": st.sampled_from(["[]", '[{"name":"가"}]']),
        "tool_calls": st.just('[{"type":"function","function":{"name":"가","arguments":{}}}]'),
    },
)
POLICY = st.sampled_from(["drop", "flag", "keep"])
OPTIONS = st.builds(
    DedupeOptions,
    exact=POLICY,
    conflict=POLICY,
    near=POLICY,
    near_prompt=POLICY,
    keeper=st.sampled_from(["first", "longest"]),
    threshold=st.sampled_from([0.5, 0.85, 1.0]),
    numbers=st.booleans(),
    within=st.sampled_from(["prompt", "first-turn"]),
)


def table_of(rows: list[dict]) -> pa.Table:
    rows = [
        {"origin": f"a:{number}", "fixes": [], "flags": [], "history": [], **row} for number, row in enumerate(rows, 1)
    ]
    return pa.Table.from_pylist(rows, INGESTED)


@pytest.mark.parametrize("case", CASES, ids=[case["case"] for case in CASES])
def test_case(case: dict) -> None:
    rows = dedupe(table_of(case["rows"]), DedupeOptions(**case.get("options", {}))).to_pylist()
    for row, want in zip(rows, case["want"], strict=True):
        assert {key: row[key] for key in want} == want


PAIRS = [
    json.loads(line) for line in CASES_FOLDER.joinpath("dedupe_pairs.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("pair", PAIRS, ids=[f"{pair['kind']}-{number}" for number, pair in enumerate(PAIRS)])
def test_a_pair_loses_a_row_only_where_it_says_the_same(pair: dict) -> None:
    done = dedupe(table_of([pair["a"], pair["b"]]))
    assert done["reject_reason"].to_pylist() == [None, "near" if pair["same"] else None]


PIECES = st.sampled_from(
    ["가", "나라", "를", "알려", "주세요", "줘", "AI", "의", "3", "1,000", "?", ".", "ㅋㅋ", " ", "\n", "`x`", "="]
)


@pytest.mark.parametrize("text", ["질문: " * 3000, "가" + "." * 60_000, "<" + "가" * 60_000, "가. " * 20_000])
def test_what_a_long_text_mentions(text: str) -> None:
    """Neither a call within a call for each label, nor time by the square of a length."""
    assert not any(mentions(text + "끝"))


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(PIECES, max_size=8).map("".join))
@settings(max_examples=200, deadline=None)
def test_two_texts_are_the_same_in_both_orders_and_differ_where_they_are_not_equal(one: str, other: str) -> None:
    assert same(one, one)
    assert same(one, other) == same(other, one)
    assert bool(differences.differences(one, other)) or one.split() == other.split()


@given(st.lists(ROW, max_size=12), OPTIONS)
@settings(max_examples=60, deadline=None)
def test_laws(rows: list[dict], options: DedupeOptions) -> None:
    table = table_of(rows)
    done = dedupe(table, options)
    assert len(done) == len(table)
    assert dedupe(done, options).equals(done)
    marked = done.to_pylist()
    origins = {row["origin"] for row in marked}
    alive = {row["origin"] for row in marked if row["reject_stage"] is None}
    for row in marked:
        assert (row["duplicate_of"] is None) == (row["reject_stage"] is None)
        assert row["duplicate_of"] is None or row["duplicate_of"] in alive
        assert row["cluster"] is None or row["cluster"] in origins


@given(st.lists(ROW, max_size=8), st.lists(ROW, max_size=8))
@settings(max_examples=30, deadline=None)
def test_fingerprints_are_row_by_row(some: list[dict], more: list[dict]) -> None:
    whole = fingerprint(table_of(some + more))
    assert whole.equals(pa.concat_tables([fingerprint(table_of(some)), fingerprint(table_of(more))]).combine_chunks())


def test_decisions_apply_to_any_slice() -> None:
    table = table_of([{"instruction": text, "input": "", "output": "네"} for text in "가나가다나가"])
    decisions = decide(fingerprint(table), table)
    whole = apply(table, decisions)
    parts = [apply(table.slice(at, 2), decisions.slice(at, 2)) for at in range(0, 6, 2)]
    assert pa.concat_tables(parts).combine_chunks().equals(whole.combine_chunks())


def test_a_bare_table_needs_no_origins() -> None:
    done = dedupe(pa.table({"instruction": ["가", "가"], "output": ["나", "나"]}))
    assert done["duplicate_of"].to_pylist() == [None, "#0"]
    assert done["origin"].null_count == 2


@given(st.lists(PIECES, max_size=8).map("".join), st.lists(PIECES, max_size=8).map("".join), st.booleans())
@settings(max_examples=300, deadline=None)
def test_the_early_decision_is_that_of_all_differences(one: str, other: str, numbers: bool) -> None:
    """`same` decides from the essences of texts; `differences` looks at each word and sign."""
    harmless = differences.FORM if numbers else differences.FORM | {"number"}
    one, other = sorted((one, other), key=differences.essence)
    found = differences.differences(one, other)
    assert same(one, other, numbers=numbers) == all(difference.kind in harmless for difference in found)


WORDS = [
    "서울",
    "부산",
    "날씨",
    "오늘",
    "어떻게",
    "김치찌개",
    "알려",
    "주세요",
    "왜",
    "만들어",
    "12개",
    "7월",
    "줘",
    "ㅋㅋ",
]
PHRASE = st.lists(st.sampled_from(WORDS), min_size=1, max_size=9).map(" ".join)
#: Rows that are often similar: a phrase, and what a writer changes in it.
CHANGE = st.sampled_from(["", "!", "?", "요", " 네", "...", "ㅋㅋ"])


@st.composite
def similar_rows(draw: st.DrawFn) -> list[dict]:
    phrases = draw(st.lists(PHRASE, min_size=1, max_size=3))
    pick = st.sampled_from(phrases)
    rows = draw(st.lists(st.tuples(pick, CHANGE, pick, CHANGE), max_size=16))
    return [{"instruction": a + b, "input": "", "output": c + d} for a, b, c, d in rows]


def bigrams(text: str) -> set[str]:
    letters = "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())
    return {letters[at : at + 2] for at in range(max(1, len(letters) - 1))}


def stems(text: str) -> str:
    """The plain definition of `keys.stems`, written once more."""
    letters = "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())
    kept = "".join(c for c in letters if c not in keys.GRAMMAR and not "ㄱ" <= c <= "ㅣ")
    return "".join(chr(keys.sound_table()[ord(c)]) for c in (kept if len(kept) > 2 else letters))


def bag(text: str) -> list[int]:
    """The plain definition of `bags.bags`: what is left of the letters, in any order."""
    letters = "".join(c for c in unicodedata.normalize("NFC", text).casefold() if c.isalnum())
    left = sorted(int(bag_table()[ord(c)]) for c in letters if bag_table()[ord(c)])
    return left if len(left) >= LEAST else sorted(int(keys.sound_table()[ord(c)]) for c in letters)


def similarity(one: str, other: str) -> float:
    """The plain definition: 0 where texts differ in a word, 1 where their bags are equal, else the Jaccard index of the
    bigrams of their stems."""
    if not same(one, other):
        return 0.0
    if bag(one) == bag(other):
        return 1.0
    found = [bigrams(stems(text)) for text in (one, other)]
    return len(found[0] & found[1]) / len(found[0] | found[1])


@given(similar_rows())
@settings(max_examples=60, deadline=None)
def test_near_duplicates_are_those_of_the_definition(rows: list[dict]) -> None:
    done = dedupe(table_of(rows), DedupeOptions(threshold=0.6, recall=0.999999)).to_pylist()
    kept = [row for row in done if row["reject_reason"] is None]
    by_origin = {row["origin"]: row for row in done}
    for row in done:
        if row["reject_reason"] == "near":
            keeper = by_origin[row["duplicate_of"]]
            similar = min(similarity(row[name], keeper[name]) for name in ("instruction", "output"))
            assert keeper["reject_reason"] is None
            assert similar >= 0.6
    for one, other in itertools.combinations(kept, 2):
        assert min(similarity(one[name], other[name]) for name in ("instruction", "output")) < 0.6


@given(similar_rows(), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_clusters_do_not_depend_on_the_order(rows: list[dict], random: Random) -> None:
    table = table_of(rows)
    order = random.sample(range(len(rows)), len(rows))

    def partition(done: pa.Table) -> set[frozenset[str]]:
        clusters: dict[str, set[str]] = {}
        for row in done.to_pylist():
            clusters.setdefault(row["cluster"] or row["origin"], set()).add(row["origin"])
        return {frozenset(members) for members in clusters.values()}

    assert partition(dedupe(table)) == partition(dedupe(table.take(pa.array(order, pa.int64()))))


@given(similar_rows(), similar_rows())
@settings(max_examples=30, deadline=None)
def test_nothing_is_dropped_from_what_was_there_before(old: list[dict], new: list[dict]) -> None:
    table = table_of(old + new)
    decisions = decide(fingerprint(table), table, DedupeOptions(keeper="longest"), against=len(old))
    assert decisions["reason"][: len(old)].null_count == len(old)


def test_a_lower_threshold_decides_anew_over_the_same_fingerprints() -> None:
    rows = [row("집에서 도너츠 만드는 방법을 알려 줘"), row("집에서 도넛 만드는 방법을 알려 줘")]
    table = table_of(rows)
    fingerprints = fingerprint(table)
    assert decide(fingerprints, table, DedupeOptions(threshold=1))["reason"].to_pylist() == [None, None]
    assert decide(fingerprints, table, DedupeOptions(threshold=0.5))["reason"].to_pylist() == [None, "near"]


def row(instruction: str, output: str = "네, 그럴게요.") -> dict:
    return {"instruction": instruction, "input": "", "output": output}


def test_a_crowd_of_equal_signatures_is_bounded_and_leaves_one() -> None:
    table = table_of([row("정말 재미있는 영화였어요" + "!" * n) for n in range(300)])
    done = dedupe(table)
    assert done["reject_reason"].to_pylist() == [None] + ["near"] * 299
    assert set(done["cluster"].to_pylist()) == {"a:1"}
    report = json.loads(decide(fingerprint(table), table).schema.metadata[b"report"])
    assert report["skipped"] > 0


def test_a_chain_keeps_every_other_link() -> None:
    """Of A ~ B ~ C where A and C are not similar, B is dropped and C is kept: it is similar to no kept row."""
    texts = [
        "도너츠 케익 로보트 기념품",
        "도넛 케익 로보트 기념품",
        "도넛 케이크 로보트 기념품",
        "도넛 케이크 로봇 기념품",
    ]
    done = dedupe(table_of([row(text) for text in texts]), DedupeOptions(threshold=0.4, recall=0.9999))
    assert done["reject_reason"].to_pylist() == [None, "near", None, "near"]
    assert done["duplicate_of"].to_pylist() == [None, "a:1", None, "a:3"]
    assert done["cluster"].to_pylist() == ["a:1"] * 4


def test_bytes_do_not_depend_on_the_workers() -> None:
    table = table_of([row(f"{place} {word} {ending}") for place in WORDS for word in WORDS for ending in ("요", "")])
    parts = [table.slice(at, 50) for at in range(0, len(table), 50)]
    with ThreadPoolExecutor(2) as pool:
        fingerprints = pa.concat_tables(pool.map(fingerprint, parts))
    assert fingerprints.equals(fingerprint(table))
    assert decide(fingerprints, pa.concat_tables(parts)).equals(decide(fingerprint(table), table))


@given(similar_rows())
@settings(max_examples=20, deadline=None)
def test_decisions_do_not_depend_on_the_workers(rows: list[dict]) -> None:
    table = table_of(rows)
    fingerprints = fingerprint(table)
    one, two = (decide(fingerprints, table, DedupeOptions(threshold=0.5), workers=workers) for workers in (1, 2))
    assert one.equals(two, check_metadata=True)


def test_decisions_do_not_depend_on_the_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Words are compared in other processes, too, where there are many."""
    alike = ("설명해 주세요", "설명해 줘", "설명하시오", "알려 주세요", "설명해 주세요 ㅋㅋ (급함)")
    texts = [f"{place} {word} {ask}" for place in WORDS for word in WORDS for ask in alike]
    table = table_of([row(text, f"{text[:5]} 답입니다") for text in texts])
    fingerprints = fingerprint(table)
    plain = decide(fingerprints, table)
    monkeypatch.setattr(processes, "_MANY", 1)
    monkeypatch.setattr(processes, "_CALLS", 4)
    assert decide(fingerprints, table, workers=3).equals(plain, check_metadata=True)
    reasons = set(plain["reason"].to_pylist())
    assert {None, "near"} <= reasons
    assert any(plain["differences"].to_pylist())


@given(similar_rows(), st.data())
@settings(max_examples=40, deadline=None)
def test_decisions_do_not_depend_on_what_is_known_of_pairs(rows: list[dict], data: st.DataObject) -> None:
    """Rows come, go and change: what an earlier run found about pairs leads to the decisions of a run without it."""
    before, kept = Known(), data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows)))
    table = table_of([each for each, stays in zip(rows, kept, strict=True) if stays])
    options = DedupeOptions(threshold=0.5, numbers=data.draw(st.booleans()))
    decide(fingerprint(table), table, options, known=before)
    changed = table_of(data.draw(st.permutations(rows)))
    fingerprints, known = fingerprint(changed), Known(before.used, before.measured())
    plain = decide(fingerprints, changed, options)
    assert decide(fingerprints, changed, options, known=known).equals(plain, check_metadata=True)
    alone = Known()
    decide(fingerprints, changed, options, known=alone)
    assert known.used.keys() <= alone.used.keys()
    assert known.measured().key.tolist() == alone.measured().key.tolist()
    assert known.measured().found.tolist() == alone.measured().found.tolist()


@given(similar_rows(), st.sampled_from(["first", "longest"]))
@settings(max_examples=40, deadline=None)
def test_what_was_kept_is_all_kept_when_it_comes_again(rows: list[dict], keeper: str) -> None:
    options = DedupeOptions(keeper=keeper)
    table = table_of(rows)
    kept = table.filter(pc.is_null(dedupe(table, options)["reject_stage"]))
    assert dedupe(kept, options)["reject_stage"].null_count == len(kept)


@given(st.lists(st.tuples(st.sampled_from("가나"), st.text("다라", min_size=1, max_size=5)), max_size=12))
@settings(max_examples=40, deadline=None)
def test_the_keeper_is_the_first_or_the_longest(pairs: list[tuple[str, str]]) -> None:
    """Of rows with one prompt. Rows of other prompts, and of equal length in another order, change nothing."""
    table = table_of([row(prompt, output) for prompt, output in pairs])
    for keeper, best in (("first", lambda _: 0), ("longest", len)):
        done = dedupe(table, DedupeOptions(keeper=keeper, conflict="drop", near="keep"))
        kept = [at for at, stage in enumerate(done["reject_stage"].to_pylist()) if stage is None]
        groups = {prompt: [at for at, pair in enumerate(pairs) if pair[0] == prompt] for prompt, _ in pairs}
        assert kept == sorted(max(places, key=lambda at: (best(pairs[at][1]), -at)) for places in groups.values())


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 1)), max_size=60), st.integers(0, 58))
def test_the_first_equal_row_is_the_first(values: list[tuple[int, int]], shift: int) -> None:
    """Also where keys of rows that differ are equal by chance: without `mix` to spread them, many are."""
    words = np.array(values, np.uint64).reshape(-1, 2) << np.uint64(shift)
    for some in (words, words[:, :1]):
        rows = some.tolist()
        want = [rows.index(row) for row in rows]
        assert first_equal_rows(*some.T).tolist() == want
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(keys, "mix", lambda words: words)
            assert first_equal_rows(*some.T).tolist() == want


@pytest.mark.parametrize("input_", ["", "세 문장으로 답해 줘."])
def test_many_prompts_of_one_template_hide_no_duplicate(input_: str) -> None:
    """However far apart two rows are: the number of like prompts without an input, or with one input, loses no pair."""
    towns = [f"{one}{other}시" for one in "강남동북산성양" for other in "구노두루무보소주천평포해호화"]
    asked = [
        f"{one}에서 {other}까지 가는 길에 있는 오래된 맛집을 추천해 줘" for one in towns[:9] for other in towns[9:40]
    ]
    again = [text.replace("추천해 줘", "추천해 주시겠어요?") for text in asked[::40]]
    rows = [row(prompt, "네, 알겠습니다.") | {"input": input_} for prompt in [*asked, *again]]
    reasons = dedupe(table_of(rows))["reject_reason"].to_pylist()
    assert reasons == [None] * len(asked) + ["near"] * len(again)


@given(st.lists(st.integers(0, 30), max_size=60), st.integers(0, 59))
def test_repeated_keys_are_those_that_occur_more_than_once(values: list[int], shift: int) -> None:
    """However their bits lie: equal keys side by side, the rows of one in order."""
    keys_ = np.array(values, np.uint64) << np.uint64(shift)
    rows, found = repeated_keys(keys_)
    assert found.tolist() == keys_[rows].tolist()
    assert sorted(rows.tolist()) == [at for at, value in enumerate(values) if values.count(value) > 1]
    assert [(key, row) for key, row in zip(found.tolist(), rows.tolist(), strict=True)] == sorted(
        zip(found.tolist(), rows.tolist(), strict=True)
    )


@given(similar_rows(), similar_rows(), OPTIONS)
@settings(max_examples=30, deadline=None)
def test_fingerprints_may_be_read_column_by_column(some: list[dict], more: list[dict], options: DedupeOptions) -> None:
    rejected = {"reject_stage": "validate", "reject_reason": "output-blank"}
    table = table_of([*some, row("빈 답", "") | rejected, *more])
    fingerprints = fingerprint(table)
    halves = pa.concat_tables([fingerprints.slice(0, len(some)), fingerprints.slice(len(some)).combine_chunks()])
    decided = decide(lambda name: halves[name].chunks, table, options, against=2)
    assert decided.equals(decide(fingerprints, table, options, against=2), check_metadata=True)


def test_there_is_one_fingerprint_of_each_row() -> None:
    table = table_of([row("가"), row("나")])
    with pytest.raises(ValueError, match="1 fingerprints of 2 rows"):
        decide(fingerprint(table.slice(1)), table)


def test_the_curve_finds_what_is_at_the_threshold() -> None:
    for threshold in (0.5, 0.7, 0.85, 0.95):
        bands = choose_bands(threshold, 0.99)
        assert bands.bands * bands.hashes <= HASHES
        assert bands.chance(threshold) >= 0.99
        longer = Bands(HASHES // (bands.hashes + 1), bands.hashes + 1)
        assert longer.chance(threshold) < 0.99


@pytest.mark.skipif("KO_INSTRUCT_DATA" not in os.environ, reason="KO_INSTRUCT_DATA is not set")
def test_records_in_two_files() -> None:
    folder = Path(os.environ["KO_INSTRUCT_DATA"])
    parts = [json.loads(folder.joinpath(f"koalpaca_v1.0_{name}.json").read_bytes()) for name in "ab"]
    shared = {tuple(row.values()) for row in parts[0]} & {tuple(row.values()) for row in parts[1]}
    assert len(shared) == 11_419
    table = pa.Table.from_pylist(parts[0] + parts[1]).select(["instruction", "input", "output"])
    done = dedupe(table)
    for row, stage in zip(parts[1], done["reject_stage"][len(parts[0]) :].to_pylist(), strict=True):
        assert stage == "dedupe" or tuple(row.values()) not in shared


def test_against_an_existing_dataset() -> None:
    old = pa.table({"instruction": ["수도는 어디인가요?"], "output": ["서울입니다."]})
    new = table_of([row("수도는 어디인가요", "서울입니다"), row("가장 높은 산은 어디인가요", "한라산입니다")])
    done = dedupe(new, against=old)
    assert done["reject_reason"].to_pylist() == ["near", None]
    assert done["duplicate_of"].to_pylist() == ["against#0", None]


def test_the_report_shows_clusters_with_texts_and_the_least_similar_rejections() -> None:
    table = table_of(
        [
            row("오늘 서울 날씨를 알려 주세요", "맑습니다."),
            row("다른 이야기를 해 볼까요"),
            row("오늘 서울 날씨를 알려 주세요!", "맑습니다."),
            row("오늘 서울 날씨를 알려 주세요", "흐립니다."),
            row("오늘 서울 날씨 알려줘", "맑습니다."),
            row("오늘 서울 날씨를 알려 주세요", "맑습니다."),
            row("빈 답", "") | {"reject_stage": "validate", "reject_reason": "output-blank"},
        ]
    )
    options = DedupeOptions(threshold=0.5, prompt_threshold=0.6, recall=0.9999, conflict="drop")
    decisions = decide(fingerprint(table), table, options)
    (cluster,) = report.clusters(table, decisions)
    assert cluster["cluster"] == "a:1"
    assert [member["origin"] for member in cluster["rows"]] == ["a:1", "a:3", "a:4", "a:5", "a:6"]
    assert [member["reason"] for member in cluster["rows"]] == [None, "near", "conflict", "near", "exact"]
    worst, *others = report.doubtful(table, decisions)
    assert (worst["origin"], worst["kept"]["instruction"]) == ("a:5", "오늘 서울 날씨를 알려 주세요")
    assert worst["differences"] == ["particle: 날씨를 → 날씨", "ending: 알려 주세요 → 알려줘"]
    assert [pair["origin"] for pair in others] == ["a:3", "a:4"]
    assert report.summary(decisions).startswith(
        "7 rows, 1 of them rejected before: 2 kept, duplicates rejected: 1 conflict, 1 exact, 2 near; 1 clusters. "
    )
    assert "0.60  100.0%" in report.explain(options)
    assert "       1  ending: 알려 주세요 → 알려줘" in report.kinds(decisions)


def test_a_message_that_is_null_in_a_history() -> None:
    """A fault that the laws found: such a row is rejected by validate, but a table need not have passed it."""
    message = {"role": "user", "content": "질문"}
    answer = {"role": "assistant", "content": "답"}
    rows = [
        {"instruction": "가", "output": "나", "history": [None]},
        {"instruction": "다", "output": "라", "history": [message, None, answer]},
    ]
    assert dedupe(pa.Table.from_pylist(rows))["reject_stage"].null_count == 2


@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_a_bag_does_not_depend_on_the_order_of_words(words: list[str], random: Random) -> None:
    moved = random.sample(words, len(words))
    texts = pa.array([" ".join(words), "".join(moved), " ".join([*words, "토끼"])])
    one, other, another = bags(*keys.letters(*keys.fold_texts(texts))).tolist()
    assert one == other
    assert one != another
