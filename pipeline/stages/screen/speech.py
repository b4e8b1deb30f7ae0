"""Answers that change between polite and plain speech."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, unquoted
from schemas.options import ScreenOptions

#: Verbs in plain speech end in a syllable with ㄴ, ㅆ or ㅄ and 다: 간다, 갔다, 없다.
_STEMS = "".join(chr(code) for code in range(0xAC00, 0xD7A4) if (code - 0xAC00) % 28 in (4, 18, 20))
_POLITE = re.compile(r"(?:니다|니까|십시오|시오|시다|[가-힣]요|죠)$")
_NOT_POLITE = re.compile(r"(?:필|중|수|주|동|가|고|소|긴|개|강|비)요$")  # nouns: 필요, 중요, 수요
#: Written plain speech: 간다, 좋다, 크다.
_WRITTEN = re.compile(rf"(?:[{_STEMS}많같않좋이크맞르쁘프]다|[다이][ ]?것이다)$")
#: Spoken plain speech, in endings that no noun has.
_SPOKEN = re.compile(
    r"(?:[거이해]야|[었았했있없됐갔왔였겠봤줬렸졌겼꼈]어|[좋많같맞싫괜찮않잖]아|[줘돼둬]|(?:^|\s)(?:해|봐|마|사|가|와)|[가-힣](?:해|봐|와|져|려)"
    r"|[지치이]? ?마|[꺼켜써줘봐해놔내둬라거]라|[어아여해워]라|[하되있없않좋겠]지|[하있없않좋크작많되되]니|[하가보모으오자]자|[을할될]까|[는은]데|거든|잖아|구나|[하있없좋]네|[먹입앉웃읽씻닦볶익풀놀만들썰찢섞맡]어|[다려져워러텨]라)$"
)
_NOT_SPOKEN = re.compile(
    r"(?:국가|작가|화가|물가|추가|평가|전문가|증가|참가|가가|[가-힣]자|조사|의사|회사|[이그저]와|오해|이해|피해|동해|서해|남해|방해|올해|새해|고려|격려|배려|염려|우려|하마|어떨까|할까|고구마|다시마|아빠|엄마)$"
)
_BREAK = re.compile(r"[.!?…~]+(?=\s|$)|\n+|,(?=\s)")


def levels(text: str) -> tuple[int, int, int]:
    """How many sentences end in polite, in written plain and in spoken plain speech.

    >>> levels("갑니다. 간다. 어서 와.")
    (1, 1, 1)
    """
    polite = written = spoken = 0
    for sentence in (
        re.split(r"[.!?…~]+(?=\s|$)", text)[:-1]
        if text.rstrip()[-1:] in ".!?…~"
        else re.split(r"[.!?…~]+(?=\s|$)", text)
    ):
        last = sentence.rstrip()[-8:]
        if _POLITE.search(last) and not _NOT_POLITE.search(last):
            polite += 1
        elif _WRITTEN.search(last):
            written += 1
        elif _SPOKEN.search(last) and not _NOT_SPOKEN.search(last):
            spoken += 1
    return polite, written, spoken


def mixed_speech(texts: Texts, options: ScreenOptions) -> str | None:
    if asks(texts.instruction, "dialogue", "about-speech", "verse", "examples", "translation", "copy"):
        return None
    prose = unquoted(texts.output)
    if re.search(r"^[ \t]*[가-힣A-Za-z]{1,8} ?[:：]", prose, re.MULTILINE):  # a dialogue has several speakers
        return None
    polite, written, spoken = levels(prose)
    plain = written + spoken
    if not polite or not plain or min(polite, plain) * 4 < max(polite, plain):
        return None
    # One sentence of written speech may be a heading or a title; spoken speech beside polite speech is a mix.
    if min(polite, plain) < 2 and not (spoken and polite >= 2):
        return None
    return f"{polite} sentences in polite speech, {plain} in plain speech"
