"""The bag of a text: a key of its stems that is equal in whatever order they stand and whatever endings they have.

Of a short text, another ending, a misspelling or another order of words changes most bigrams, so that signatures do
not find its duplicates. Their bags are equal: particles and endings are left out, syllables of common misspellings
count as one, and so do the forms of a stem that lose a coda (만들, 만드). Texts with equal bags are a candidate pair.
"""

import functools
from collections import Counter

import numpy as np

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Bytes, Codes, Hashes, Ints, look_up, ranges
from pipeline.stages.dedupe.differences import spelling
from pipeline.stages.dedupe.differences.hangul import CODAS

#: Syllables of endings that stand in other words, too: they are not left out of signatures.
ENDINGS = "겠래실수있을까드리기지네고렴길바랍죠봐보볼달히안줄예등건어아으헤할좀"
#: Syllables of contractions, and what a misspelling has in their place, that stand in other words, too: they are left
#: out where enough other stems are left.
CONTRACTED = "것거걸겁겆꺼게겐건긴젠간잖"
#: The same of which the first syllable is no grammar: 우리는, 우린.
WITH_TOPIC = {"린": "리", "땐": "때", "넌": "너"}
#: Two syllables of words of grammar that another word may stand for: where they stand together, both are left out.
TOGETHER = (
    "대해 대하 대한 관해 관하 관한 때문 땜에 그런 런데 근데 조금 처럼 같이 위해 위하 려면 려고 며칠 몇일 "
    "부탁 드립 드려 지않 치않 동안 까진 보단 에선 에겐 한텐"
)
#: Syllables that a misspelling has in the place of one of these, and that are stems in most words.
STEMS = "써었싫사"
LEFT_OUT = frozenset(keys.GRAMMAR + ENDINGS)
#: Codas that a stem loses before some endings: 만들/만드, 돕/도와, 나을/나은, 합니다/하다.
LOST = ("", "ㄹ", "ㅂ", "ㅎ")
#: Sounds that misspellings make one, at most: each may be exchanged for others, and in the end all would be one.
MOST = 4
#: A bag of fewer stems says too little: then all letters count.
LEAST = 2
_FIRST, _SHAPE = 0xAC00, (19, 21, 28)
_SYLLABLES = 19 * 21 * 28
#: The low bits of a sum count the stems.
_COUNT = np.uint64((1 << 16) - 1)


def bags(codes: Codes, bounds: Ints) -> Codes:
    """The key of the bag of each text, uint32[texts]. `codes`, `bounds`: letters, as `keys.letters` gives them.

    >>> import pyarrow as pa
    >>> texts = ["시를 한 편 써 주세요", "시 한 편 써 줄 수 있을까요", "쉽게 역할을 설명해", "역활을 쉽게 설명하세요"]
    >>> one, two, three, four = bags(*keys.letters(*keys.fold_texts(pa.array(texts)))).tolist()
    >>> one == two, three == four, one == three
    (True, True, False)
    """
    found = _sums(_table_without_contractions(), codes, bounds)
    for table in (bag_table(), _letter_table()):
        few = np.flatnonzero(found & _COUNT < LEAST)
        sizes = np.diff(bounds)[few]
        some = codes[ranges(bounds[few], sizes)]
        found[few] = _sums(table, some, np.concatenate([[0], np.cumsum(sizes)]))
    return (found >> np.uint64(32)).astype(np.uint32)


def _sums(table: Hashes, codes: Codes, bounds: Ints) -> Hashes:
    codes = codes & keys.CODE
    values = look_up(table, codes)
    values[_together(codes, bounds)] = 0
    totals = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(values, out=totals[1:])
    found: Hashes = totals[bounds[1:]] - totals[bounds[:-1]]
    return found


def _together(codes: Codes, bounds: Ints) -> Ints:
    """The places of letters that stand with the one beside them in TOGETHER."""
    number, table = _together_tables()
    numbers = look_up(number, codes)
    first = np.flatnonzero(numbers[:-1])
    first = first[table[numbers[first], numbers[first + 1]]]
    first = first[bounds[np.searchsorted(bounds, first, "right")] > first + 1]  # both are of one text
    return np.concatenate([first, first + 1])


@functools.cache
def _together_tables() -> tuple[Bytes, Bools]:
    """The number of each code point in TOGETHER, 0 for the others: uint8[0x110000]; and which numbers stand so."""
    pairs = TOGETHER.split()
    letters = sorted(set("".join(pairs)))
    number = np.zeros(0x110000, np.uint8)
    number[[ord(letter) for letter in letters]] = 1 + np.arange(len(letters))
    table = np.zeros((len(letters) + 1, len(letters) + 1), bool)
    for pair in pairs:
        table[number[ord(pair[0])], number[ord(pair[1])]] = True
    return number, table


@functools.cache
def bag_table() -> Hashes:
    """What each code point adds to a bag: uint64[0x110000]; 0: nothing, as it stands for grammar or laughter."""
    stem = _stems()
    exchanged = _exchanged(stem)
    # Also what a misspelling has in the place of what is left out: 깨끗이, 깨끗히.
    left_out = LEFT_OUT | {each for pair in exchanged if LEFT_OUT & set(pair) for each in pair} - set(STEMS)
    number = np.arange(0x110000)
    number[_FIRST : _FIRST + _SYLLABLES] = _united(stem, [pair for pair in exchanged if not left_out >= set(pair)])
    table = _values(number)
    table[ord("ㄱ") : ord("ㅣ") + 1] = 0
    table[[ord(syllable) for syllable in sorted(left_out)]] = 0
    return table


@functools.cache
def _table_without_contractions() -> Hashes:
    table = bag_table().copy()
    table[[ord(syllable) for syllable in CONTRACTED]] = 0
    for short, first in WITH_TOPIC.items():
        table[ord(short)] = table[ord(first)]
    return table


@functools.cache
def _letter_table() -> Hashes:
    return _values(keys.sound_table().astype(np.int64))


def _values(number: Ints) -> Hashes:
    values: Hashes = keys.mix(number.view(np.uint64)) & ~_COUNT | np.uint64(1)
    return values


def _stems() -> Ints:
    """For each syllable the one that stands for those that sound alike without a coda that is lost: code points."""
    sound = keys.sound_table()[_FIRST : _FIRST + _SYLLABLES].astype(np.int64) - _FIRST
    onset, vowel, coda = np.unravel_index(sound, _SHAPE)
    lost = np.isin(coda, [CODAS.index(jamo) for jamo in LOST])
    stem: Ints = np.ravel_multi_index((onset, vowel, np.where(lost, 0, coda)), _SHAPE) + _FIRST
    return stem


def _exchanged(stem: Ints) -> list[tuple[str, str]]:
    """The pairs of syllables of which common misspellings exchange one for the other, each once.

    >>> pairs = _exchanged(_stems())
    >>> ("겆", "거") in pairs, ("찌", "지") in pairs
    (True, False)
    """

    def adds(syllable: str) -> int:
        return 0 if syllable in LEFT_OUT else int(stem[ord(syllable) - _FIRST])

    found: dict[tuple[str, str], None] = {}
    for wrong, right in spelling.PAIRS.items():
        changed = [pair for pair in zip(wrong, right, strict=False) if adds(pair[0]) != adds(pair[1])]
        if len(wrong) == len(right) and len(changed) == 1:
            found[changed[0]] = None
    return list(found)


def _united(stem: Ints, pairs: list[tuple[str, str]]) -> Ints:
    """The stems, int64[syllables], with one for those of each pair; but for syllables that are exchanged for many."""
    stems = [sorted(int(stem[ord(syllable) - _FIRST]) for syllable in pair) for pair in pairs]
    often = Counter(each for pair in stems for each in pair)
    size = dict.fromkeys(often, 1)
    one_of = {each: each for each in often}
    for pair in sorted(stems, key=lambda pair: sum(often[each] for each in pair)):
        one, other = sorted(one_of[each] for each in pair)
        if one != other and size[one] + size[other] <= MOST:
            size[one] += size[other]
            one_of = {each: one if now == other else now for each, now in one_of.items()}
    united = stem.copy()
    for each, one in one_of.items():
        united[stem == each] = one
    return united
