"""Telephone numbers: Korean ones by their prefixes, those of other countries by a + and the code of the country."""

from pipeline.stages.screen.pii.forms import (
    END,
    NUMBER_SCAN,
    OTHER_NUMBER,
    Form,
    Kind,
    Match,
    before,
    digits_of,
    heading,
    spaced,
)
from pipeline.table.patterns import pattern

_WORDS = r"전화|연락|휴대|핸드폰|폰|문의|팩스|tel|fax|phone|mobile|hp|☎|📞"
_NAMED = pattern(rf"(?i:{_WORDS})[^\n0-9]{{0,10}}$")
_NUMBERED = pattern(rf"(?i:{_WORDS}|번호)[^\n0-9]{{0,10}}$")


def _phone(match: Match) -> bool:
    earlier, bare = before(match), match[0].isdigit()
    if bare and set(match[0]) <= {"0", "1"}:
        return False
    if not any(digits_of(match)[-7:]):  # 010-0000-0000 shows how to fill in a form
        return False
    # Without separators only mobile numbers are long and marked enough without a word before them.
    if bare and not match["mobile"] and not (_NUMBERED.search(earlier) or _NAMED.search(heading(match))):
        return False
    return bool(_NAMED.search(earlier)) or not OTHER_NUMBER.search(earlier)


_AREA = r"0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|[35678]0|50\d)"
#: Between the parts of a telephone number.
_GAP = r"(?:\ ?[-.]\ ?|\ )?"
#: Between all of its parts alike: 010/1234/5678.
_RARE = r"\ ?[/_·]\ ?"
#: A label may be right before it: Tel.010-2345-6789.
_BEGIN = r"(?<![0-9A-Za-z])(?<![0-9][-.=_])(?<![A-Za-z]-)(?<![A-Za-z]/(?=0\d{8}))"
#: In a list the next number may follow behind a slash, but not one more part of this one.
_NO_PART = r"(?![/_·]\d{1,4}(?!\d))"

KOREAN = Form(
    spaced(
        rf"""
        (?:(?<![0-9A-Za-z+])(?:(?:\(\+82\)|\+82|0082|\+\ 82){_GAP}(?:\(0\)\ ?|0)?(?:1[016789]|[2-8]\d?)|82[-.\ ]0?10)
          {_GAP}\d{{3,4}}{_GAP}\d{{4}}
        | {_BEGIN}(?P<mobile>(?:\(010\)|010\)?){_GAP}\d{{4}}{_GAP}\d{{4}}|01[16789]{_GAP}\d{{3,4}}{_GAP}\d{{4}})
        | {_BEGIN}(?:01[016789]|{_AREA})(?P<r>{_RARE})\d{{3,4}}(?P=r)\d{{4}}{_NO_PART}
        | {_BEGIN}\(?{_AREA}\)\ ?\d{{3,4}}[-.\ ]\d{{4}}
        | {_BEGIN}{_AREA}(?P<l>{_GAP})\d{{3,4}}(?P=l)\d{{4}}
        ){END}"""
    ),
    _phone,
    NUMBER_SCAN,
    9,
)

#: Codes of all countries but Korea (ITU-T E.164): of one, two and three digits.
_CODES = (
    r"(?:1|7|2[07]|3[0-469]|4[013-9]|5[1-8]|6[0-6]|8[146]|9[0-58]"
    r"|2[1-689]\d|3[578]\d|42\d|5[09]\d|6[789]\d|8[058]\d|9[679]\d)"
)


def _foreign(match: Match) -> bool:
    digits = digits_of(match)
    parted = not match[0].removeprefix("+").isdigit()
    return (8 if parted else 10) <= len(digits) <= 15 and len(set(digits)) > 2 and digits[:8] != list(range(1, 9))


FOREIGN = Form(
    spaced(
        rf"(?<![0-9A-Za-z+*/^=)\]-])(?<![0-9)]\ )\+{_CODES}(?:[-.\ ]?\(0\))?"
        rf"(?:[-.\ ]?(?:\(\d{{1,5}}\)|\d{{1,11}})){{1,6}}{END}"
    ),
    _foreign,
    r"\+[1-9]",
    8,
    ("+",),
)

# Spoken digits are single syllables, so a number keeps its length when they are read.
_ZERO, _ONE, _ANY = "[0공영ㅇ○]", "[1일]", "[0-9공영ㅇ○일이삼사오육륙칠팔구]"
_SAID_GAP = r"(?:\s?(?:-|\.|,|~|다시|에|대시|하이픈|짝대기)\s?|\s)?"


def _disguised(match: Match) -> bool:
    return not all(char in "0123456789-. " for char in match[0])


DISGUISED = Form(
    spaced(
        rf"(?<![0-9A-Za-z가-힣]){_ZERO}\s?{_ONE}\s?[0공영ㅇ○16789일육륙칠팔구]{_SAID_GAP}"
        rf"{_ANY}(?:\s?{_ANY}){{2,3}}{_SAID_GAP}{_ANY}(?:\s?{_ANY}){{3}}(?![0-9공영일삼사오육륙칠팔구])"
    ),
    _disguised,
    r"[0공영ㅇ○] ?[1일] ?[0공영ㅇ○16789일육륙칠팔구]",
)

PHONE = Kind("pii-phone", "<전화번호>", (KOREAN,))
FOREIGN_PHONE = Kind("pii-foreign-phone", "<해외전화번호>", (FOREIGN,))
