"""Whether two words may begin the same unit: a cheap test that spares most pairs of texts the alignment.

Forms of one word begin alike: particles, endings, repeated letters and most misspellings change what follows.
"""

from functools import cache, lru_cache

from pipeline.stages.dedupe.differences import contractions, endings, particles, spelling
from pipeline.stages.dedupe.differences.hangul import decompose
from pipeline.stages.dedupe.differences.syllables import COMMON
from pipeline.stages.dedupe.differences.words_of_text import HANGUL, NUMBER, Word


def may_begin_alike(one: Word, other: Word) -> bool:
    """Whether words that begin with these two may differ in form alone. False only where they surely do not.

    >>> words = [Word(HANGUL, text, " ", "") for text in ("까페에", "카페를", "설명을", "서울", "부산")]
    >>> may_begin_alike(words[0], words[1]), may_begin_alike(words[2], words[3]), may_begin_alike(words[3], words[4])
    (True, True, False)
    """
    if one.kind == other.kind == HANGUL:
        return _syllables_alike(one.text[0], other.text[0])
    if one.kind == other.kind == NUMBER:
        return True
    return one.text[:1].casefold()[:1] == other.text[:1].casefold()[:1]


@lru_cache(1 << 14)
def _syllables_alike(one: str, other: str) -> bool:
    onsets = decompose(one).onset, decompose(other).onset
    if onsets[0] == onsets[1] or (one in COMMON) != (other in COMMON):
        return True
    return onsets in _confused_onsets() or {one, other} <= _begin_an_ending() or {one, other} in _CONTRACTED


#: First syllables of words that are contracted to one with another onset: 동안, 간.
_CONTRACTED = [
    {long[0], short} for long, short in contractions.CONTRACTED if decompose(long[0]).onset != decompose(short).onset
]


@cache
def _confused_onsets() -> frozenset[tuple[str, str]]:
    """Pairs of onsets of which a common misspelling exchanges one for the other: 까페, 카페; also by way of a third."""
    like = {onset: {onset} for pair in spelling.PAIRS.items() for onset in (decompose(text[0]).onset for text in pair)}
    for wrong, right in spelling.PAIRS.items():
        joined = like[decompose(wrong[0]).onset] | like[decompose(right[0]).onset]
        like |= dict.fromkeys(joined, joined)
    return frozenset((one, other) for one, alike in like.items() for other in alike)


@cache
def _begin_an_ending() -> frozenset[str]:
    """The first syllables of endings that may be words of their own, 알려 주세요, 알려 봐; and of words of grammar."""
    after_noun = (ending for some in endings.AFTER_NOUN.values() for ending in some)
    alike = (word for pair in particles.ALIKE_WORDS for word in pair)
    return frozenset(ending[0] for ending in (*endings.AFTER_INFINITIVE, *after_noun, *alike) if ending)
