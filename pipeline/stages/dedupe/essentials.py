"""A quick test for "these two texts say something else": sound, and over many pairs at once.

Texts differ in form alone if their words pair up, each with another form of itself (`differences`). A form of a word
keeps its stem: particles, endings and fillers are added or exchanged, and the last syllable of a stem may change its
vowel and its coda (하 / 합 / 해, 쓰 / 써). So each syllable of a text that cannot be part of a particle, an ending or a
filler (an essential syllable) stands in the other text, too, as often as here. The same holds for letters of the
alphabet and for signs. A pair of texts of which one lacks what is essential in the other needs no other look.

    정말 재미있는 영화였다 → 정 말 재 미 있 영 화 였      재미있는 영화예요 → 재 미 있 영 화

The quick test may let a pair pass that says something else, and never the other way round: a text with a common
misspelling passes always, and a rare syllable may be a slip of the keyboard for a common one that is one jamo away.
"""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

import numpy as np

from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Codes, Hashes, Ints, ranges
from pipeline.stages.dedupe.differences import FILLERS, contractions, endings, particles, spelling
from pipeline.stages.dedupe.differences.hangul import CODAS, VOWELS, with_coda
from pipeline.stages.dedupe.differences.syllables import COMMON
from pipeline.stages.dedupe.differences.words_of_text import WIDTH

_FIRST, _SHAPE = 0xAC00, (19, 21, 28)
_SYLLABLES = 19 * 21 * 28
#: Vowels that the last syllable of a stem exchanges in an infinitive, and its codas that come, go and change.
_VOWELS = ("ㅏㅐㅓㅡ", "ㅕㅖㅣ", "ㅜㅝ", "ㅗㅘ", "ㅚㅙ")
_CODAS = ("", *"ㄴㄷㄹㅂㅅ")
#: Signs that are words of their own wherever they stand, and letters of Hangul that are not laughter.
_SIGNS = "@#$%&*()+/=<>[]{}\\|-_" + "".join(
    sorted(set(map(chr, range(ord("ㄱ"), ord("ㅣ") + 1))) - set("ㅋㅎㅠㅜㅡㄷ"))
)
#: An essential character is counted up to this number.
_COUNTED = 3
#: 64-bit words of a mask, which holds a bit for each class of characters and each of its occurrences.
_WIDTH = 4
#: Pairs whose masks are held at once: they stay in the processor's cache.
_PAIRS = 1 << 14


class Essentials(NamedTuple):
    """What is essential in each text, and what each text has: a bit for the first, second … character of a class."""

    needs: Hashes  # uint64[texts, _WIDTH]
    has: Hashes  # uint64[texts, _WIDTH]
    near: Hashes  # uint64[texts, _WIDTH]: a bit for each two jamo of each syllable
    rare: Ints  # int64[m]: essential syllables that are rare, text by text
    rare_bounds: Ints  # int64[texts + 1]


def may_say_the_same(codes: Codes, bounds: Ints, first: Ints, second: Ints) -> Bools:
    """bool[pairs]: False where the texts of a pair surely differ in a word.

    `codes`, `bounds`: folded texts, as `keys.fold_texts` gives them, or their letters; `first`, `second`:
    int64[pairs], their numbers.

    >>> import pyarrow as pa
    >>> texts = ["재미있는 영화예요", "재미있는 영화입니다!!", "정말 재미있는 영화예요", "재미있었던 영화예요"]
    >>> pairs = np.array([[0, 0, 0], [1, 2, 3]])
    >>> may_say_the_same(*keys.fold_texts(pa.array(texts)), *pairs).tolist()
    [True, False, False]
    """
    found = essentials_of(codes, bounds)
    parts = (slice(at, at + _PAIRS) for at in range(0, len(first), _PAIRS))
    return np.concatenate([np.empty(0, bool), *(_may_say_the_same(found, first[part], second[part]) for part in parts)])


def _may_say_the_same(found: Essentials, first: Ints, second: Ints) -> Bools:
    lacking = found.needs.take(first, axis=0) & ~found.has.take(second, axis=0)
    lacking |= found.needs.take(second, axis=0) & ~found.has.take(first, axis=0)
    may: Bools = (lacking == 0).all(axis=1)
    for one, other in ((first, second), (second, first)):
        open_pairs = np.flatnonzero(may)
        may[open_pairs] = _has_rare(found, one[open_pairs], other[open_pairs])
    return may


def _has_rare(found: Essentials, one: Ints, other: Ints) -> Bools:
    """bool[pairs]: for each rare syllable of one text the other has it, or one that is a jamo away."""
    starts = found.rare_bounds[one]
    counts = found.rare_bounds[one + 1] - starts
    pair = np.repeat(np.arange(len(one)), counts)
    syllable = found.rare[ranges(starts, counts)]
    bit = _bits()[_classes()[_FIRST + syllable], 0]
    lacking = np.flatnonzero(~_is_set(found.has, other[pair], bit))
    pair, syllable = pair[lacking], syllable[lacking]
    is_near = np.zeros(len(pair), bool)
    for two_jamo in _two_jamo()[syllable].T:
        is_near |= _is_set(found.near, other[pair], two_jamo)
    has = np.ones(len(one), bool)
    has[pair[~is_near]] = False
    return has


def _is_set(masks: Hashes, text: Ints, bit: Ints) -> Bools:
    found: Bools = (masks[text, bit >> 6] >> (bit & 63).view(np.uint64)) & np.uint64(1) != 0
    return found


def essentials_of(codes: Codes, bounds: Ints) -> Essentials:
    """What is essential in folded texts: uint32[characters] and int64[texts + 1], as `keys.fold_texts` gives them."""
    codes = _narrow()[codes & keys.CODE]
    is_hangul = keys.is_hangul(codes)
    hangul, hangul_bounds = keys.keep_codes(codes, bounds, is_hangul)
    syllable = (hangul - np.uint32(_FIRST)).astype(np.int64)
    begins = bounds[:-1][bounds[1:] > bounds[:-1]]
    at_start = hangul_bounds[np.searchsorted(bounds, begins[is_hangul[begins]], "right") - 1]
    essential = _essential(syllable, hangul_bounds, at_start)
    text_of = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    text = text_of[is_hangul]
    of_class = _classes()[hangul]
    tables = _grammar()
    needed = _first_of_runs(essential & tables.sure[syllable], of_class, text)
    other = np.flatnonzero(_is_other(codes, bounds) & ~is_hangul)
    needs, has = _masks(
        np.concatenate([text, text_of[other]]),
        np.concatenate([of_class, _classes()[codes[other]]]),
        np.concatenate([needed, np.ones(len(other), bool)]),
        len(bounds) - 1,
    )
    for may_be, may_stand_for in (
        (tables.slips[syllable], _slips()),
        (_before_vowel(syllable), _irregular()),
        (_contracted().beginnings.stand_in(syllable, hangul_bounds), _contracted().long),
        (_contracted().is_short[syllable], _contracted().short),
    ):
        some = np.flatnonzero(may_be)
        has |= _union(text[some], may_stand_for[syllable[some]], len(has))
    unsure = _misspelt(syllable, hangul_bounds)
    has[unsure], needs[unsure] = ~np.uint64(0), 0
    rare = np.flatnonzero(essential & tables.rare[syllable] & ~unsure[text])
    near = _union(text, _near()[syllable], len(has))
    near[unsure] = ~np.uint64(0)
    return Essentials(needs, has, near, syllable[rare], np.searchsorted(text[rare], np.arange(len(bounds))))


def _essential(syllable: Ints, bounds: Ints, at_start: Ints) -> Bools:
    """bool[syllables]: the syllable is surely no part of a particle, an ending or a filler. `at_start`: the places of
    syllables that their text begins with."""
    tables = _grammar()
    essential: Bools = ~tables.alone[syllable]
    pair = tables.parts.stand_in(syllable, bounds)
    essential &= ~pair
    essential[1:] &= ~pair[:-1]
    # What follows nothing is no particle.
    essential[at_start] = ~tables.begin[syllable[at_start]]
    return essential


def _is_other(codes: Codes, bounds: Ints) -> Bools:
    """bool[characters]: a letter or sign that is essential: not the nose of a smile, as in ^-^."""
    behind = np.append(False, codes[:-1] == ord("^"))[: len(codes)]
    behind[bounds[:-1][bounds[:-1] < len(codes)]] = False  # a text begins there
    in_smile = behind & np.isin(codes, [ord("-"), ord("_")])
    found: Bools = (_classes()[codes] > 0) & ~in_smile
    return found


def _before_vowel(syllable: Ints) -> Bools:
    """bool[syllables]: 아 or 어 follows, as in infinitives."""
    following = np.append(syllable[1:], 0)[: len(syllable)]
    found: Bools = np.isin(following, [ord("아") - _FIRST, ord("어") - _FIRST])
    return found


def _first_of_runs(essential: Bools, of_class: Ints, text: Ints) -> Bools:
    """bool[syllables]: essential, and not of the class of the one before it: writers repeat letters."""
    same = essential[1:] & essential[:-1] & (of_class[1:] == of_class[:-1]) & (text[1:] == text[:-1])
    found: Bools = essential & ~np.append(False, same)[: len(essential)]
    return found


def _masks(text: Ints, of_class: Ints, needed: Bools, count: int) -> tuple[Hashes, Hashes]:
    """What `count` texts need and have, uint64[count, _WIDTH] each, from the text and class of each character and
    whether it is needed: [characters] each."""
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
    is_needed = (packed & np.uint64(1)).astype(bool) & (from_end < _COUNTED)
    is_had = from_start < _COUNTED
    needs = _union(text[is_needed], _single_bits()[_bits()[number[is_needed], from_end[is_needed]]], count)
    return needs, _union(text[is_had], _single_bits()[_bits()[number[is_had], from_start[is_had]]], count)


def _union(text: Ints, masks: Hashes, count: int) -> Hashes:
    """The union of the masks of each text, uint64[count, _WIDTH], from texts in order and masks of their parts."""
    found = np.zeros((count, _WIDTH), np.uint64)
    if len(text):
        starts = np.flatnonzero(np.append(True, text[1:] != text[:-1]))
        found[text[starts]] = np.bitwise_or.reduceat(masks, starts, axis=0)
    return found


@cache
def _single_bits() -> Hashes:
    """The mask of each bit: uint64[64 * _WIDTH, _WIDTH]."""
    bit = np.arange(64 * _WIDTH)
    masks = np.zeros((len(bit), _WIDTH), np.uint64)
    masks[bit, bit >> 6] = np.uint64(1) << (bit & 63).view(np.uint64)
    return masks


def _misspelt(syllable: Ints, bounds: Ints) -> Bools:
    """bool[texts]: the text may hold a common misspelling, from its Hangul syllables without spaces."""
    syllable = _with_past()[syllable]
    wrong = _misspellings()
    begin = np.flatnonzero(wrong.beginnings.stand_in(syllable, bounds))
    found = [np.flatnonzero(wrong.alone[syllable])]
    for length, hashes in wrong.hashes.items():
        begin = begin[begin + length <= len(syllable)]
        found.append(begin[np.isin(_hash_of(syllable[begin[:, None] + np.arange(length)]), hashes)])
    misspelt = np.zeros(len(bounds) - 1, bool)
    misspelt[np.searchsorted(bounds, np.concatenate(found), "right") - 1] = True
    return misspelt


def _hash_of(syllables: Ints) -> Hashes:
    """One number for each row of syllables, int64[n, length]: uint64[n]."""
    found = np.zeros(len(syllables), np.uint64)
    for column in syllables.T:
        found = keys.mix(found + column.astype(np.uint64) + np.uint64(1))
    return found


class _Pairs(NamedTuple):
    """Two syllables that stand side by side."""

    number: Ints  # int64[syllables]: the place of a syllable in the table, 0 where it is in no pair
    table: Bools  # bool[numbers, numbers]

    @classmethod
    def of(cls, pairs: Iterable[str]) -> "_Pairs":
        pairs = sorted(pairs)
        syllables = sorted({_number(syllable) for pair in pairs for syllable in pair})
        number = np.zeros(_SYLLABLES, np.int64)
        number[syllables] = 1 + np.arange(len(syllables))
        table = np.zeros((len(syllables) + 1, len(syllables) + 1), bool)
        for pair in pairs:
            table[number[_number(pair[0])], number[_number(pair[1])]] = True
        return cls(number, table)

    def stand_in(self, syllable: Ints, bounds: Ints) -> Bools:
        """bool[syllables]: with the one that follows in its text it is one of the pairs."""
        number = self.number[syllable]
        found = np.append(self.table[number[:-1], number[1:]], False)[: len(syllable)]
        found[bounds[1:][bounds[1:] > 0] - 1] = False
        return found


class _Grammar(NamedTuple):
    """Which syllables may be part of a particle, an ending or a filler; which may be another: bool[syllables] each."""

    alone: Bools  # it is one
    begin: Bools  # one that needs no word before it begins so
    parts: _Pairs  # stand so in one
    sure: Bools  # common, as it is and as it may be meant
    rare: Bools
    slips: Bools  # it may stand for another


@cache
def _grammar() -> _Grammar:
    without_word = [*FILLERS, *endings.AFTER_INFINITIVE, *endings.AFTER_TASK, *_of_tables(endings.AFTER_NOUN)]
    without_word += [particle for role in particles.OPTIONAL for particle in particles.ROLES[role]]  # after marks
    parts = {
        *without_word,
        *_of_tables(endings.AFTER_STEM),
        *(ending for some in endings.WITH_CODA.values() for ending in some),
        *(ending for some in endings.PURPOSES for ending in some),
        *_of_tables(particles.ROLES),
        *(word for pair in particles.ALIKE_WORDS for word in pair),
        *(word for pair in endings.SAME_STEM.items() for word in pair),
        *"무엇누구것",
        *("해주", "해줘", "하세", "하십", "하시", "해라", "해봐"),  # after a noun, where another text has 부탁드립니다
        *"요습을은으아어여워와라러르",  # what a stem takes before an ending, or in an infinitive
    }
    stretched = "아어이오우으에애"  # `spelling.shortened`
    pairs = {part[at : at + 2] for part in parts for at in range(len(part) - 1)}
    pairs |= {one + other for one in stretched for other in stretched}
    pairs |= {vowel + with_coda(vowel, jamo) for vowel in stretched for jamo in spelling.LENGTHENED_CODAS}
    common = _marked(COMMON)
    return _Grammar(
        alone=_marked(part for part in parts if len(part) == 1),
        begin=_marked(part[0] for part in without_word if part),
        parts=_Pairs.of(pairs),
        sure=common & common[_with_past()],
        rare=~common & ~_marked(spelling.PAST),
        slips=np.any(_slips(), axis=1),
    )


def _of_tables(tables: Mapping[str, Iterable[str]]) -> list[str]:
    return [each for some in tables.values() for each in some]


def _number(syllable: str) -> int:
    return ord(syllable) - _FIRST


def _marked(syllables: Iterable[str]) -> Bools:
    marked = np.zeros(_SYLLABLES, bool)
    marked[[_number(syllable) for syllable in syllables]] = True
    return marked


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
def _stems() -> Ints:
    """For each syllable its class, int64[syllables]: equal for those that may end one stem."""
    vowel_of = np.arange(len(VOWELS))
    for alike in _VOWELS:
        vowel_of[[VOWELS.index(vowel) for vowel in alike]] = VOWELS.index(alike[0])
    onset, vowel, coda = _jamo(np.arange(_SYLLABLES))
    changes = np.isin(coda, [CODAS.index(each) for each in _CODAS])
    stem = np.ravel_multi_index((onset, vowel_of[vowel], np.zeros_like(coda)), _SHAPE)
    return 1 + np.where(changes, stem, np.arange(_SYLLABLES))


@cache
def _classes() -> Ints:
    """For each code point its class, int64[0x110000]: of syllables that of their stem, and with ㅆ where ㅅ may stand
    for it; 0: neither a syllable nor essential."""
    table = np.zeros(0x110000, np.int64)
    table[_FIRST : _FIRST + _SYLLABLES] = _stems()[_with_past()]
    others = [*map(ord, _SIGNS), *range(ord("a"), ord("z") + 1)]
    table[others] = 1 + _SYLLABLES + np.arange(len(others))
    return table


@cache
def _bits() -> Ints:
    """The number of the bit of each occurrence of each class: int64[classes, _COUNTED]."""
    occurrences = np.arange((int(_classes().max()) + 1) * _COUNTED, dtype=np.uint64)
    bits: Ints = (keys.mix(occurrences) % np.uint64(64 * _WIDTH)).view(np.int64).reshape(-1, _COUNTED)
    return bits


@cache
def _with_past() -> Ints:
    """For each syllable what it is with ㅆ where ㅅ is often written for it: int64[syllables]."""
    table = np.arange(_SYLLABLES)
    table[[_number(syllable) for syllable in spelling.PAST]] = [
        _number(with_coda(syllable, "ㅆ")) for syllable in spelling.PAST
    ]
    return table


class _Misspellings(NamedTuple):
    """What is often written wrongly, with ㅆ where ㅅ is often written for it."""

    alone: Bools  # bool[syllables]: the syllable is
    beginnings: _Pairs
    hashes: dict[int, Hashes]  # by length, in rising order


@cache
def _misspellings() -> _Misspellings:
    wrong = [[int(_with_past()[_number(syllable)]) for syllable in word] for word in spelling.PAIRS]
    by_length = {length: [word for word in wrong if len(word) == length] for length in sorted(set(map(len, wrong)))}
    alone = np.zeros(_SYLLABLES, bool)
    alone[[word[0] for word in by_length.pop(1, [])]] = True
    alone[_number(spelling.SOUNDS_LIKE_HAE)] = True
    beginnings = {chr(_FIRST + word[0]) + chr(_FIRST + word[1]) for word in wrong if len(word) > 1}
    hashes = {length: _hash_of(np.array(words)) for length, words in by_length.items()}
    return _Misspellings(alone, _Pairs.of(beginnings), hashes)


def _jamo(syllables: Ints) -> tuple[Ints, Ints, Ints]:
    """The numbers of onset, vowel and coda of each syllable."""
    onset, vowel, coda = np.unravel_index(syllables, _SHAPE)
    return onset, vowel, coda


@cache
def _two_jamo() -> Ints:
    """For each syllable the bits of each two of its jamo: int64[syllables, 3]."""
    onset, vowel, coda = _jamo(np.arange(_SYLLABLES))
    twos = np.stack([onset * 32 + vowel, (32 + vowel) * 32 + coda, (64 + coda) * 32 + onset], axis=1)
    bits: Ints = (keys.mix(twos.view(np.uint64)) % np.uint64(64 * _WIDTH)).view(np.int64)
    return bits


@cache
def _near() -> Hashes:
    """For each syllable, and what it may be meant as, the bits of each two of its jamo: uint64[syllables, _WIDTH]."""
    masks = np.zeros((_SYLLABLES, _WIDTH), np.uint64)
    for meant in (np.arange(_SYLLABLES), _with_past()):
        for bit in _two_jamo()[meant].T:
            masks[np.arange(_SYLLABLES), bit >> 6] |= np.uint64(1) << (bit & 63).view(np.uint64)
    return masks


@cache
def _slips() -> Hashes:
    """For each syllable the bits of the classes that it may stand for beside its own: uint64[syllables, _WIDTH]."""
    common = np.flatnonzero(_marked(COMMON))
    onset, vowel, coda = (jamo[:, None] for jamo in _jamo(common))
    one_jamo = [
        np.ravel_multi_index((np.arange(19), vowel, coda), _SHAPE),
        np.ravel_multi_index((onset, np.arange(21), coda), _SHAPE),
        np.ravel_multi_index((onset, vowel, np.arange(28)), _SHAPE),
    ]
    written = np.concatenate(one_jamo, axis=1)
    rare = ~_marked(COMMON)[written]
    meant = np.broadcast_to(common[:, None], written.shape)[rare]
    masks = _masks_of(written[rare], _classes()[_FIRST + meant])
    past = np.array([_number(syllable) for syllable in spelling.PAST])
    masks[past] |= masks[_with_past()[past]] | _masks_of(past, _stems()[past])[past]
    return masks


@cache
def _irregular() -> Hashes:
    """For each syllable the bits of what it is with ㅅ, as 나아 is of 낫다: uint64[syllables, _WIDTH]."""
    past = np.array([_number(syllable) for syllable in spelling.PAST])
    onset, vowel, _ = _jamo(past)
    without = np.ravel_multi_index((onset, vowel, np.zeros_like(onset)), _SHAPE)
    return _masks_of(without, _classes()[_FIRST + past])


class _Contractions(NamedTuple):
    """What two syllables and the one that they are drawn into may stand for."""

    beginnings: _Pairs  # the two syllables
    long: Hashes  # uint64[syllables, _WIDTH]: for the first of the two the bits of the one
    is_short: Bools  # bool[syllables]: the one
    short: Hashes  # uint64[syllables, _WIDTH]: for the one the bits of the two


@cache
def _contracted() -> _Contractions:
    pairs = sorted(contractions.CONTRACTED)
    long = np.array([[_number(syllable) for syllable in two] for two, _ in pairs])
    short = np.array([_number(one) for _, one in pairs])
    of_class = _classes()[_FIRST:]
    return _Contractions(
        _Pairs.of(two for two, _ in pairs),
        _masks_of(long[:, 0], of_class[short]),
        _marked(one for _, one in pairs),
        _masks_of(short, of_class[long[:, 0]]) | _masks_of(short, of_class[long[:, 1]]),
    )


def _masks_of(syllables: Ints, of_class: Ints) -> Hashes:
    """Masks, uint64[_SYLLABLES, _WIDTH], with the bits of a class for each of some syllables: int64[n] each."""
    masks = np.zeros((_SYLLABLES, _WIDTH), np.uint64)
    for bit in _bits()[of_class].T:
        np.bitwise_or.at(masks, (syllables, bit >> 6), np.uint64(1) << (bit & 63).view(np.uint64))
    return masks
