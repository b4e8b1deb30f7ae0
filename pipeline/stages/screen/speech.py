"""Answers that change between polite and plain speech."""

import re

from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import Texts, unquoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions

#: Verbs in plain speech end in a syllable with ㄴ, ㅆ or ㅄ and 다: 간다, 갔다, 없다.
_STEMS = "".join(chr(code) for code in range(0xAC00, 0xD7A4) if (code - 0xAC00) % 28 in (4, 18, 20))
_POLITE = pattern(r"(?:(?<!아)니다|니까|십시오|시오|시다|[가-힣]요|죠)$")
#: Nouns: 필요, 중요, 수요, 주요.
_POLITE_NOUN = pattern(r"(?:필|중|수|주|동|소|긴|개|강)요$")
#: Written plain speech: 간다, 좋다, 크다.
_WRITTEN = pattern(rf"[{_STEMS}많같않좋이크맞르쁘프]다$")
#: Stems with a final consonant that hardly any noun in -어 or -아 has (언어, 국어, 상어): not ㄱ ㄴ ㅁ ㅇ.
_VERB_STEMS = "".join(
    chr(code)
    for code in range(0xAC00, 0xD7A4)
    if (code - 0xAC00) % 28 in (2, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 17, 18, 19, 22, 23, 25, 26, 27)
)
#: Spoken plain speech, in endings that few nouns have.
_SPOKEN = pattern(
    r"(?:[거이해고네]야|[아었았했있없됐갔왔였겠봤줬렸졌겼꼈]어|[좋많같맞싫찮않잖]아|[줘돼둬]|잖아|거든"
    r"|구나"  # statements
    r"|(?:^|\s)(?:해|봐|마|가|와|둬|써|빼|꺼|켜|내|춰|놔)|[가-힣](?:해|봐|와|져|려|켜|춰|꿔|놔|워|셔|쳐|껴|펴)"
    r"|[로을를만] 사"
    rf"|[먹찍죽썩막녹박심숨담감참남품만{_VERB_STEMS}][어아]|[하있없좋]네"
    r"|[지치] ?마라?|[꺼켜써줘봐해놔내둬라거어아여워려져러텨]라"  # commands
    r"|[보되이]이지|[가-힣][아어여]가|[돌나들올내아려겨][아]?와"
    r"|[하있없좋크작많되]니|[가보모으오하]자|[하되있없않좋겠]지|[을할될]까|[는은]데)$"
)
_SPOKEN_NOUN = pattern(
    r"(?:[가-힣]{2}가|[이그]와|[오이피동서남방올새양침독화]해|[고격배염우]려|하마|다시마|[이임의변]사"
    r"|[활열불술일]어|발아|[방포더구외]워|[안실국시인아이]내|장려|지지|[과투의]자|나라|고라)$"
)
_END = pattern(r"(?<![.!?…~])([.!?…~]++)(?=\s|$)")
#: What every sentence of plain speech ends in.
PLAIN = r"(?:[^니시]다|[^니]까|[야어아줘돼둬해봐마사가와져려셔쳐껴펴켜춰꿔워놔써빼꺼내라지니자데든나네])[.!?…~]"


#: A sentence of written speech between two polite ones on a line.
_AMID = pattern(
    r"(?:니다|요|죠|시오)\.\n(?:\d{1,2}[.)]|[-*•])[^\n.!?]{8,120}[^니시]다\.\n(?:\d{1,2}[.)]"
    r"|[-*•])[^\n.!?]{5,120}(?:니다|요|죠|시오)\."
    r"|(?:니다|요|죠|시오)\. [^\n.!?]{8,120}[^니시]다\. [^\n.!?]{5,120}(?:니다|요|죠|시오)\."
    r"|[^니시]다\. [^\n.!?]{6,120}(?:니다|요|죠|시오)\. [^\n.!?]{6,120}[^니시]다\."
    r"|\A[^\n.!?]{5,120}[^니시]다\. [^\n.!?]{4,120}(?:니다|요|죠|시오)\. [^\n.!?]{4,120}(?:니다|요|죠|시오)\."
    r"|(?:니다|요|죠|시오)\. [^\n.!?]{4,120}(?:니다|요|죠|시오)\. [^\n.!?]{6,120}[^니시]다\.\Z"
)


def levels(text: str) -> tuple[int, int, int]:
    """How many sentences end in polite, in written plain and in spoken plain speech; a call (모여라!) is no speech.

    >>> levels("갑니다. 간다. 어서 와.")
    (1, 1, 1)
    """
    polite = written = spoken = 0
    parts = _END.split(text)
    for sentence, end in zip(parts[:-1:2], parts[1::2], strict=True):
        last = sentence[-12:].rstrip()
        if _POLITE.search(last) and not _POLITE_NOUN.search(last):
            polite += 1
        elif _WRITTEN.search(last) or (last[-1:] == "다" and sentence.count(" ") >= 3):
            written += 1
        elif "!" not in end and _SPOKEN.search(last) and not _SPOKEN_NOUN.search(last):
            spoken += 1
    return polite, written, spoken


def mixed_speech(texts: Texts, options: ScreenOptions) -> str | None:
    prose = unquoted(texts.output)
    if re.search(r"^[ \t]*[가-힣A-Za-z]{1,8} ?[:：]", prose, re.MULTILINE):  # a dialogue has several speakers
        return None
    polite, written, spoken = levels(prose)
    plain = written + spoken
    if not polite or not plain or min(polite, plain) * 4 < max(polite, plain):
        return None
    # One sentence of written speech may be a heading or a title; spoken speech beside polite speech is a mix.
    if min(polite, plain) < 2 and not (spoken and polite + plain >= 3) and not _AMID.search(prose):
        return None
    kinds = ("dialogue", "about-speech", "verse", "examples", "translation", "copy", "proofreading")
    if asks(texts.instruction, *kinds):
        return None
    return f"{polite} sentences in polite speech, {plain} in plain speech"
