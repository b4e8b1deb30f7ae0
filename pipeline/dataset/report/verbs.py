"""Dictionary forms of Korean verbs, by rules: from the form that ends in -아/어, and from the stem before -세요."""

import unicodedata

#: Last syllables of infinitives that no rule below takes apart, with their dictionary form.
_IRREGULAR = {
    "해": "하다", "하여": "하다", "써": "쓰다", "꺼": "끄다", "떠": "뜨다", "골라": "고르다", "불러": "부르다",
    "눌러": "누르다", "잘라": "자르다", "길러": "기르다", "도와": "돕다", "구워": "굽다", "지어": "짓다",
    "이어": "잇다", "나아": "낫다", "물어": "묻다", "깨달아": "깨닫다", "따라": "따르다", "모아": "모으다",
    "들려": "들리다", "돼": "되다", "되어": "되다", "이루어": "이루다", "나누어": "나누다", "바꾸어": "바꾸다",
    "다루어": "다루다", "채워": "채우다",
}  # fmt: skip
#: Vowels in which the vowel of a stem and -아/어 have become one.
_CONTRACTED = {
    "\u1167": "\u1175",  # ㅕ: ㅣ
    "\u116f": "\u116e",  # ㅝ: ㅜ
    "\u116a": "\u1169",  # ㅘ: ㅗ
    "\u116b": "\u116c",  # ㅙ: ㅚ
}
#: Other vowels in which an infinitive ends: ㅏ ㅐ ㅓ ㅔ.
_OPEN = "\u1161\u1162\u1165\u1166"
#: The codas of -ㅂ니다 and of the past.
_FORMAL, _PAST = "\u11b8", "\u11bb"
#: Stems that lose their ㄹ before -세요.
_WITHOUT_L = {"만드": "만들다", "드": "들다", "여": "열다", "푸": "풀다", "거": "걸다", "느": "늘다", "아": "알다"}


def verb_of_infinitive(form: str) -> str | None:
    """The dictionary form of the verb with this infinitive (-아/어); None where it is no infinitive.

    >>> [verb_of_infinitive(form) for form in ("설명해", "알려", "바꿔", "만들어", "찾아", "골라", "책")]
    ['설명하다', '알리다', '바꾸다', '만들다', '찾다', '고르다', None]
    """
    for ending, verb in _IRREGULAR.items():
        if form.endswith(ending):
            return form.removesuffix(ending) + verb
    if form[-1:] in ("아", "어", "여") and len(form) > 1:
        return f"{form[:-1]}다"
    onset, vowel, coda = _jamo(form)
    if coda or not vowel:
        return None
    if vowel in _CONTRACTED:
        return f"{form[:-1]}{_joined(onset + _CONTRACTED[vowel])}다"
    return f"{form}다" if vowel in _OPEN else None


def verb_of_stem(stem: str) -> str:
    """The dictionary form of the verb with this stem.

    >>> [verb_of_stem(stem) for stem in ("설명하", "쓰", "만드", "고르")]
    ['설명하다', '쓰다', '만들다', '고르다']
    """
    return _WITHOUT_L.get(stem, f"{stem}다")


def verb_of_formal(form: str) -> str | None:
    """The dictionary form of the verb of a formal statement without -니다; None for a past, and for what is no verb.

    >>> [verb_of_formal(form) for form in ("설명합", "찾습", "씁", "만듭", "갔습", "아")]
    ['설명하다', '찾다', '쓰다', '만들다', None, None]
    """
    if form.endswith("습"):
        stem = form[:-1]
        return f"{stem}다" if _jamo(stem)[2] not in ("", _PAST) else None
    onset, vowel, coda = _jamo(form)
    return verb_of_stem(form[:-1] + _joined(onset + vowel)) if coda == _FORMAL and form[-1] != "입" else None


def _jamo(text: str) -> tuple[str, str, str]:
    """Onset, vowel and coda of the last syllable, conjoining; "" for what it lacks."""
    jamo = unicodedata.normalize("NFD", text[-1:]) if "가" <= text[-1:] <= "힣" else ""
    return jamo[:1], jamo[1:2], jamo[2:]


def _joined(jamo: str) -> str:
    return unicodedata.normalize("NFC", jamo)
