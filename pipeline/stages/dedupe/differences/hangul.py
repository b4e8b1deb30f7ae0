"""Hangul syllables and the jamo that they consist of."""

from typing import NamedTuple

_FIRST, _LAST = ord("가"), ord("힣")
ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
VOWELS = "ㅏㅐㅑㅒㅓㅔㅕㅖㅗㅘㅙㅚㅛㅜㅝㅞㅟㅠㅡㅢㅣ"
CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")


class Syllable(NamedTuple):
    """The jamo of a syllable."""

    onset: str
    vowel: str
    coda: str


def is_syllable(character: str) -> bool:
    """Whether this is one Hangul syllable.

    >>> is_syllable("글"), is_syllable("ㅋ"), is_syllable("A")
    (True, False, False)
    """
    return len(character) == 1 and _FIRST <= ord(character) <= _LAST


def decompose(syllable: str) -> Syllable:
    """The jamo of a syllable.

    >>> decompose("글"), decompose("가")
    (Syllable(onset='ㄱ', vowel='ㅡ', coda='ㄹ'), Syllable(onset='ㄱ', vowel='ㅏ', coda=''))
    """
    number = ord(syllable) - _FIRST
    return Syllable(ONSETS[number // 588], VOWELS[number // 28 % 21], CODAS[number % 28])


def compose(onset: str, vowel: str, coda: str = "") -> str:
    """The syllable of these jamo.

    >>> compose("ㄱ", "ㅡ", "ㄹ")
    '글'
    """
    return chr(_FIRST + (ONSETS.index(onset) * 21 + VOWELS.index(vowel)) * 28 + CODAS.index(coda))


def coda(word: str) -> str:
    """The coda of the last syllable of a word; "" where it ends in a vowel or is no Hangul.

    >>> coda("책"), coda("나무"), coda("AI")
    ('ㄱ', '', '')
    """
    return decompose(word[-1]).coda if word and is_syllable(word[-1]) else ""


def with_coda(word: str, jamo: str) -> str:
    """The word with this coda in its last syllable.

    >>> with_coda("하", "ㅂ"), with_coda("합", "")
    ('합', '하')
    """
    onset, vowel, _ = decompose(word[-1])
    return word[:-1] + compose(onset, vowel, jamo)


def word_set(words: str) -> frozenset[str]:
    """The words of a table that is written as a text.

    >>> sorted(word_set("책 강"))
    ['강', '책']
    """
    return frozenset(words.split())
