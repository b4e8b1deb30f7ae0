"""A quick test for "these two texts say something else": sound, and over many pairs at once.

Texts differ in form alone if their words pair up, each with another form of itself (`differences`). A form of a word
keeps its stem: particles, endings and fillers are added or exchanged, and the last syllable of a stem may change its
vowel and its coda (하 / 합 / 해, 쓰 / 써). So each syllable of a text that cannot be part of a particle, an ending or a
filler (an essential syllable) stands in the other text, too, as often as here. The same holds for letters of the
alphabet and for signs. A pair of texts of which one lacks what is essential in the other needs no other look.

    정말 재미있는 영화였다 → 정 말 재 미 있 영 화 였      재미있는 영화예요 → 재 미 있 영 화

The quick test may let a pair pass that says something else, and never the other way round: a text with a common
misspelling passes always, and a rare syllable may be a slip of the keyboard for any that is one jamo away.
"""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Codes, Hashes, Ints
from pipeline.stages.dedupe.differences import FILLERS, endings, particles, spelling
from pipeline.stages.dedupe.differences.hangul import CODAS, VOWELS, with_coda
from pipeline.stages.dedupe.differences.syllables import COMMON
from pipeline.stages.dedupe.differences.words_of_text import WIDTH

_FIRST, _SYLLABLES = 0xAC00, 19 * 21 * 28
#: Vowels that the last syllable of a stem exchanges in an infinitive, and its codas that come, go and change.
_VOWELS = ("ㅏㅐㅓㅡ", "ㅕㅖㅣ", "ㅜㅝ", "ㅗㅘ", "ㅚㅙ")
_CODAS = ("", *"ㄴㄷㄹㅂㅅ")
#: Signs that are words of their own wherever they stand, and letters of Hangul that are not laughter.
_SIGNS = "@#$%&*()+/=<>[]{}\\|-_" + "".join(set(map(chr, range(ord("ㄱ"), ord("ㅣ") + 1))) - set("ㅋㅎㅠㅜㅡ"))
#: An essential character is counted up to this number.
_COUNTED = 3
#: 64-bit words of a mask, which holds a bit for each class of characters and each of its occurrences.
_WIDTH = 4


class Essentials(NamedTuple):
    """What is essential in each text, and what each text has: a bit for the first, second … character of a class."""

    needs: Hashes  # uint64[texts, _WIDTH]
    has: Hashes  # uint64[texts, _WIDTH]


def may_say_the_same(codes: Codes, bounds: Ints, first: Ints, second: Ints) -> Bools:
    """bool[pairs]: False where the texts of a pair surely differ in a word.

    `codes`, `bounds`: folded texts, as `keys.fold_texts` gives them; `first`, `second`: int64[pairs], their numbers.

    >>> texts = ["재미있는 영화예요", "재미있는 영화입니다!!", "정말 재미있는 영화예요", "재미있었던 영화예요"]
    >>> pairs = np.array([[0, 0, 0], [1, 2, 3]])
    >>> may_say_the_same(*keys.fold_texts(pa.array(texts)), *pairs).tolist()
    [True, False, False]
    """
    found = essentials_of(codes, bounds)
    lacking = found.needs[first] & ~found.has[second]
    lacking |= found.needs[second] & ~found.has[first]
    may: Bools = ~lacking.any(axis=1)
    return may


def essentials_of(codes: Codes, bounds: Ints) -> Essentials:
    """What is essential in folded texts: uint32[characters] and int64[texts + 1], as `keys.fold_texts` gives them."""
    codes = _narrow()[codes & keys.CODE]
    is_hangul = keys.is_hangul(codes)
    hangul, hangul_bounds = keys.keep_codes(codes, bounds, is_hangul)
    syllable = (hangul - np.uint32(_FIRST)).astype(np.int64)
    begins = bounds[:-1][bounds[1:] > bounds[:-1]]
    at_start = hangul_bounds[np.searchsorted(bounds, begins[is_hangul[begins]], "right") - 1]
    essential = _essential(syllable, hangul_bounds, at_start)
    other_class = _classes()[codes]
    in_smile = np.append(False, codes[:-1] == ord("^"))[: len(codes)] & np.isin(codes, [ord("-"), ord("_")])
    other = np.flatnonzero(~is_hangul & (other_class > 0) & ~in_smile)
    text_of = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    text = np.concatenate([text_of[is_hangul], text_of[other]])
    of_class = np.concatenate([_classes()[hangul], other_class[other]])
    needed = np.concatenate([_first_of_runs(essential, of_class[: len(hangul)], text), np.ones(len(other), bool)])
    found = _masks(text, of_class, needed, len(bounds) - 1)
    slips = np.flatnonzero(_grammar().slips[syllable])
    np.bitwise_or.at(found.has, text[slips], _slips()[syllable[slips]])
    unsure = _misspelt(hangul, hangul_bounds)
    found.has[unsure], found.needs[unsure] = ~np.uint64(0), 0
    return found


def _essential(syllable: Ints, bounds: Ints, at_start: Ints) -> Bools:
    """bool[syllables]: the syllable is surely no part of a particle, an ending or a filler. `at_start`: the places of
    syllables that their text begins with."""
    tables = _grammar()
    essential: Bools = ~tables.alone[syllable]
    in_pair = tables.pair_number[syllable]
    pair = np.append(tables.pairs[in_pair[:-1], in_pair[1:]], False)[: len(syllable)]
    pair[bounds[1:-1][bounds[1:-1] > 0] - 1] = False
    essential &= ~pair
    essential[1:] &= ~pair[:-1]
    # What follows nothing is no particle.
    essential[at_start] = ~tables.begin[syllable[at_start]]
    return essential & tables.sure[syllable]


def _first_of_runs(essential: Bools, of_class: Ints, text: Ints) -> Bools:
    """bool[syllables]: essential, and not the same as the one before it: writers repeat letters."""
    same = essential[1:] & essential[:-1] & (of_class[1:] == of_class[:-1])
    same &= text[1 : len(essential)] == text[: len(essential) - 1]
    return essential & ~np.append(False, same)[: len(essential)]


def _masks(text: Ints, of_class: Ints, needed: Bools, count: int) -> Essentials:
    """The masks of `count` texts, from the text and the class of each character, int64[characters] each."""
    packed = (text.astype(np.uint64) << np.uint64(17)) | (of_class.astype(np.uint64) << np.uint64(1)) | needed
    packed.sort()
    group = packed >> np.uint64(1)
    change = np.flatnonzero(group[1:] != group[:-1]) + 1
    starts = np.concatenate([[0], change])[: len(packed)]
    sizes = np.diff(np.append(starts, len(packed)))
    place = np.arange(len(packed))
    from_start = place - np.repeat(starts, sizes)
    from_end = np.repeat(starts + sizes, sizes) - 1 - place  # of a class, those that are needed come last
    number = (group & np.uint64(0xFFFF)).view(np.int64)
    text = (packed >> np.uint64(17)).view(np.int64)
    needed = (packed & np.uint64(1)).astype(bool) & (from_end < _COUNTED)
    has = from_start < _COUNTED
    return Essentials(
        _united(text[needed], _bits()[number[needed], from_end[needed]], count),
        _united(text[has], _bits()[number[has], from_start[has]], count),
    )


@cache
def _bits() -> Ints:
    """The number of the bit of each occurrence of each class: int64[classes, _COUNTED]."""
    occurrences = np.arange((int(_classes().max()) + 1) * _COUNTED, dtype=np.uint64)
    bits: Ints = (keys.mix(occurrences) % np.uint64(64 * _WIDTH)).view(np.int64).reshape(-1, _COUNTED)
    return bits


def _united(text: Ints, bit: Ints, count: int) -> Hashes:
    """The bits of each text, uint64[count, _WIDTH], from texts in order and their bits: int64[n] each."""
    masks = np.zeros((count, _WIDTH), np.uint64)
    if len(text):
        starts = np.flatnonzero(np.append(True, text[1:] != text[:-1]))
        value = np.uint64(1) << (bit & 63).view(np.uint64)
        for word in range(_WIDTH):
            of_word = np.where(bit >> 6 == word, value, np.uint64(0))
            masks[text[starts], word] = np.bitwise_or.reduceat(of_word, starts)
    return masks


def _misspelt(hangul: Codes, bounds: Ints) -> Bools:
    """bool[texts]: the text may hold a common misspelling, from its Hangul syllables without spaces."""
    ends = pa.py_buffer((bounds * 3).astype(np.int32))  # bytes of a syllable in UTF-8
    syllables = pa.py_buffer(_with_past()[hangul - np.uint32(_FIRST)].tobytes().decode("utf-32-le").encode())
    texts = pa.StringArray.from_buffers(len(bounds) - 1, ends, syllables)
    found: Bools = pc.match_substring_regex(texts, _misspellings()).to_numpy(zero_copy_only=False)
    return found


@cache
def _narrow() -> Codes:
    """For each code point the one that it is compared as: uint32[0x110000]."""
    table = np.arange(0x110000, dtype=np.uint32)
    for wide, narrow in WIDTH.items():
        table[wide] = narrow if isinstance(narrow, int) else ord((narrow or " ")[0])
        if ord("A") <= table[wide] <= ord("Z"):
            table[wide] += 32
    return table


@cache
def _classes() -> npt.NDArray[np.int64]:
    """For each code point its class, int64[0x110000]: equal for syllables that may be of one stem; 0: it is in none."""
    table = np.zeros(0x110000, np.int64)
    vowel_of = np.arange(len(VOWELS))
    for alike in _VOWELS:
        vowel_of[[VOWELS.index(vowel) for vowel in alike]] = VOWELS.index(alike[0])
    onset, vowel, coda = np.unravel_index(np.arange(_SYLLABLES), (19, 21, 28))
    changes = np.isin(coda, [CODAS.index(each) for each in _CODAS])
    stem = np.ravel_multi_index((onset, vowel_of[vowel], np.zeros_like(coda)), (19, 21, 28))
    table[_FIRST : _FIRST + _SYLLABLES] = 1 + np.where(changes, stem, np.arange(_SYLLABLES))
    others = [*map(ord, _SIGNS), *range(ord("a"), ord("z") + 1)]
    table[others] = 1 + _SYLLABLES + np.arange(len(others))
    return table


class _Grammar(NamedTuple):
    """Which syllables may be part of a particle, an ending or a filler: bool[syllables] each, but for the pairs."""

    alone: Bools  # it is one
    begin: Bools  # one that needs no word before it begins so
    sure: Bools  # neither rare nor often written for another
    slips: Bools  # it may stand for another
    pair_number: Ints  # int64[syllables]: its number in the table of pairs, 0 where it is in none
    pairs: Bools  # bool[numbers, numbers]: two syllables that stand so in one of them


@cache
def _grammar() -> _Grammar:
    without_word = [*FILLERS, *endings.AFTER_INFINITIVE, *_of_tables(endings.AFTER_NOUN)]
    without_word += [particle for role in particles.OPTIONAL for particle in particles.ROLES[role]]  # after marks
    parts = {
        *without_word,
        *_of_tables(endings.AFTER_STEM),
        *(ending for some in endings.WITH_CODA.values() for ending in some),
        *_of_tables(particles.ROLES),
        *(word for pair in particles.ALIKE_WORDS for word in pair),
        *(word for pair in endings.SAME_STEM.items() for word in pair),
        *"무엇누구것",
        *"요습을은으아어여워와라러르",  # what a stem takes before an ending, or in an infinitive
    }
    stretched = "아어이오우으에애"  # `spelling.shortened`
    pairs = {part[at : at + 2] for part in parts for at in range(len(part) - 1)}
    pairs |= {one + other for one in stretched for other in stretched}
    number = np.zeros(_SYLLABLES, np.int64)
    of_pairs = sorted({ord(syllable) - _FIRST for pair in pairs for syllable in pair})
    number[of_pairs] = 1 + np.arange(len(of_pairs))
    table = np.zeros((len(of_pairs) + 1, len(of_pairs) + 1), bool)
    for one, other in pairs:
        table[number[ord(one) - _FIRST], number[ord(other) - _FIRST]] = True
    return _Grammar(
        _marked(part for part in parts if len(part) == 1),
        _marked(part[0] for part in without_word if part),
        _marked(COMMON) & ~_marked(spelling.PAST),
        _slips().any(axis=1),
        number,
        table,
    )


def _of_tables(tables: dict[str, tuple[str, ...]]) -> list[str]:
    return [each for some in tables.values() for each in some]


def _marked(syllables: Iterable[str]) -> Bools:
    marked = np.zeros(_SYLLABLES, bool)
    marked[[ord(syllable) - _FIRST for syllable in syllables]] = True
    return marked


@cache
def _with_past() -> Codes:
    """For each syllable what it is with ㅆ where ㅅ is often written for it: uint32[syllables]."""
    table = np.arange(_FIRST, _FIRST + _SYLLABLES, dtype=np.uint32)
    for syllable in spelling.PAST:
        table[ord(syllable) - _FIRST] = ord(with_coda(syllable, "ㅆ"))
    return table


@cache
def _misspellings() -> str:
    """A pattern of what is often written wrongly, with ㅆ where ㅅ is often written for it."""
    wrong = {"".join(chr(_with_past()[ord(each) - _FIRST]) for each in word) for word in spelling.PAIRS}
    return "|".join(map(re.escape, sorted(wrong, key=lambda word: (-len(word), word))))


@cache
def _slips() -> Hashes:
    """For each syllable the bits of what else it may stand for: uint64[syllables, _WIDTH]."""
    common = np.array(sorted(ord(syllable) - _FIRST for syllable in COMMON))
    onset, vowel, coda = np.unravel_index(common, (19, 21, 28))
    one_jamo = [
        np.ravel_multi_index((np.arange(19), vowel[:, None], coda[:, None]), (19, 21, 28)),
        np.ravel_multi_index((onset[:, None], np.arange(21), coda[:, None]), (19, 21, 28)),
        np.ravel_multi_index((onset[:, None], vowel[:, None], np.arange(28)), (19, 21, 28)),
    ]
    written = np.concatenate(one_jamo, axis=1)
    meant = np.broadcast_to(common[:, None], written.shape)
    rare = ~_marked(COMMON)[written]
    past = np.array([ord(syllable) - _FIRST for syllable in spelling.PAST])
    written = np.concatenate([written[rare], past])
    meant = np.concatenate([meant[rare], _with_past()[past].astype(np.int64) - _FIRST])
    masks = np.zeros((_SYLLABLES, _WIDTH), np.uint64)
    for occurrence in range(_COUNTED):
        bit = _bits()[_classes()[_FIRST + meant], occurrence]
        np.bitwise_or.at(masks, (written, bit >> 6), np.uint64(1) << (bit & 63).view(np.uint64))
    return masks
