"""The bag of a text: a key of its stems that is equal in whatever order they stand and whatever endings they have.

Of a short text, another ending, a misspelling or another order of words changes most bigrams, so that signatures do not
find its duplicates. Their bags are equal: particles and endings are left out, syllables of common misspellings count as
one, and so do the forms of a stem that lose a coda (만들, 만드). Texts with equal bags are a candidate pair, and no more.
"""

import functools

import numpy as np

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Codes, Hashes, Ints, look_up, ranges
from pipeline.stages.dedupe.differences import spelling
from pipeline.stages.dedupe.differences.hangul import CODAS

#: Syllables of endings that stand in other words, too: they are not left out of signatures.
ENDINGS = "겠래실수있을까드리기지네고렴길바랍죠봐보볼달히안줄예등건어아으헤"
#: Syllables that a misspelling has in the place of one of these, and that are stems in most words.
STEMS = "써었싫사"
#: Codas that a stem loses before some endings: 만들/만드, 돕/도와, 나을/나은, 합니다/하다.
LOST = ("", "ㄹ", "ㅂ", "ㅎ")
#: A bag of fewer stems says too little: then all letters count.
LEAST = 2
_FIRST, _SHAPE = 0xAC00, (19, 21, 28)
_SYLLABLES = 19 * 21 * 28
#: The low bits of a sum count the stems.
_COUNT = np.uint64((1 << 16) - 1)


def bags(codes: Codes, bounds: Ints) -> Codes:
    """The key of the bag of each text, uint32[texts], from the letters of texts as `keys.letters` gives them.

    >>> import pyarrow as pa
    >>> texts = ["시를 한 편 써 주세요", "시 한 편 써 줄 수 있을까요", "쉽게 역할극을 설명해 줘", "역활극을 쉽게 설명하세요"]
    >>> one, two, three, four = bags(*keys.letters(*keys.fold_texts(pa.array(texts)))).tolist()
    >>> one == two, three == four, one == three
    (True, True, False)
    """
    found = _sums(bag_table(), codes, bounds)
    few = np.flatnonzero(found & _COUNT < LEAST)
    sizes = np.diff(bounds)[few]
    some = codes[ranges(bounds[few], sizes)]
    found[few] = _sums(_letter_table(), some, np.concatenate([[0], np.cumsum(sizes)]))
    return (found >> np.uint64(32)).astype(np.uint32)


def _sums(table: Hashes, codes: Codes, bounds: Ints) -> Hashes:
    totals = np.zeros(len(codes) + 1, np.uint64)
    np.cumsum(look_up(table, codes & keys.CODE), out=totals[1:])
    found: Hashes = totals[bounds[1:]] - totals[bounds[:-1]]
    return found


@functools.cache
def bag_table() -> Hashes:
    """What each code point adds to a bag: uint64[0x110000]; 0: nothing, as it stands for grammar or laughter."""
    number = np.arange(0x110000)
    number[_FIRST : _FIRST + _SYLLABLES] = _stems()
    table = _values(number)
    table[ord("ㄱ") : ord("ㅣ") + 1] = 0
    table[[ord(syllable) for syllable in _grammar()]] = 0
    return table


@functools.cache
def _letter_table() -> Hashes:
    return _values(keys.sound_table()[:0x110000].astype(np.int64))


def _values(number: Ints) -> Hashes:
    values: Hashes = keys.mix(number.view(np.uint64)) & ~_COUNT | np.uint64(1)
    return values


def _grammar() -> set[str]:
    """The syllables that are left out, and those that a misspelling has in their place: 깨끗이, 깨끗히."""
    listed = set(keys.GRAMMAR + ENDINGS)
    return listed | {each for pair in _exchanged() if listed & set(pair) for each in pair} - set(STEMS)


def _stems() -> Ints:
    """For each syllable the code point that stands for it, int64[syllables]: one for those that differ in a coda that is
    lost, for those that sound alike, and for those that a common misspelling exchanges."""
    sound = keys.sound_table()[_FIRST : _FIRST + _SYLLABLES].astype(np.int64) - _FIRST
    onset, vowel, coda = np.unravel_index(sound, _SHAPE)
    lost = np.isin(coda, [CODAS.index(jamo) for jamo in LOST])
    stem = np.ravel_multi_index((onset, vowel, np.where(lost, 0, coda)), _SHAPE)
    for wrong, right in _exchanged():
        one, other = sorted((int(stem[ord(wrong) - _FIRST]), int(stem[ord(right) - _FIRST])))
        stem[stem == other] = one
    found: Ints = stem + _FIRST
    return found


def _exchanged() -> list[tuple[str, str]]:
    """The syllables that common misspellings exchange."""
    words = [pair for pair in spelling.PAIRS.items() if len(pair[0]) == len(pair[1])]
    return [(wrong, right) for pair in words for wrong, right in zip(*pair, strict=True) if wrong != right]
