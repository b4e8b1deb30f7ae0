"""Numbers that a state gives, to people and to companies: most carry a check digit of their own."""

import datetime
import re

from pipeline.stages.screen.pii.forms import (
    BEGIN,
    END,
    NUMBER_SCAN,
    OTHER_NUMBER,
    Form,
    Kind,
    Match,
    after,
    before,
    checksum,
    digits_of,
    heading,
    spaced,
)
from pipeline.table.patterns import pattern

_PERSON = pattern(
    r"(?:(?:주민|외국인) ?(?:등록 ?)?번호|주민\W{0,3}$|국내거소|(?i:rrn|ssn|jumin|resident|juminno))[^\n]{0,25}$"
)
_REGISTERED = pattern(r"(?<![가-힣])등록 ?번호[^\n]{0,25}$")


def _person(match: Match, foreign: bool) -> bool:
    bare = match[0].isdigit()
    if bare and OTHER_NUMBER.search(before(match)):
        return False
    digits = digits_of(match)
    gender = digits[6]
    if (gender in (5, 6, 7, 8)) != foreign or gender in (0, 9):
        return False
    century = 1900 if gender in (1, 2, 5, 6) else 2000
    try:
        born = datetime.date(century + int(match["yy"]), int(match["mm"]), int(match["dd"]))
    except ValueError:
        return False
    label = before(match, 40)
    if _PERSON.search(label) or _PERSON.search(heading(match)):
        return True
    if match["s"] not in ("", "-"):
        return False
    # Numbers given since October 2020 end in random digits: to the newborn, and to those who changed theirs or came to
    # the country. There is nothing to check, so the hyphen must be there, and for an earlier birth a label.
    if born >= datetime.date(2020, 10, 1) or (not bare and _REGISTERED.search(label)):
        return not bare
    sum_ = checksum(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return digits[12] == ((13 if foreign else 11) - sum_ % 11) % 10


_PERSON_NUMBER = spaced(rf"{BEGIN}(?P<yy>\d\d)(?P<mm>\d\d)(?P<dd>\d\d)\ ?(?P<s>[-./_·]?)\ ?[1-8]\d{{6}}{END}")

_COMPANY = pattern(
    r"(?:사업자|공급자|공급받는|(?<![가-힣])등록 ?번호|(?i:business|biz|brn|tax[ _]?id|vendor))[^\n]{0,20}$"
)


def _business(match: Match) -> bool:
    digits = digits_of(match)
    if match["s"] != "-" and not (_COMPANY.search(before(match, 32)) or _COMPANY.search(heading(match))):
        return False
    total = checksum(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + digits[8] * 5 // 10
    return len(set(digits)) > 1 and digits[9] == (10 - total % 10) % 10


# Four digits of the registry (11 for Seoul to 28), two of the kind of corporation, six of a series, one to check.
def _corporate(match: Match) -> bool:
    digits = digits_of(match)
    if match["s"] != "-" and not re.search(r"(?:법인|corp)[^\n]{0,16}$", f"{heading(match)} {before(match)}"):
        return False
    return len(set(digits)) > 1 and digits[12] == -checksum(digits, (1, 2) * 6) % 10


#: Words of an account: a number behind one of them is that of a licence no longer.
_ACCOUNT = pattern(r"(?:계좌|예금주|입금|송금|이체|은행|뱅크|농협|신협|수협|우체국)[^\n]{0,15}$")


def _licence(match: Match) -> bool:
    named = f"{heading(match)} {before(match, 24)}"
    return bool(re.search("면허|(?i:driver)", named)) or ("-" in match[0] and not _ACCOUNT.search(named))


def _passport(match: Match) -> bool:
    named = f"{heading(match)} {before(match, 48)}"
    behind = re.match(r"\W{0,2}여권|[^\n]{0,6}(?i:여권 ?번호|passport n)", after(match, 18))
    return bool(behind or re.search(r"(?i:여권|passport|출입국)[^\n]{0,40}$", named))


_REGIONS = "서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산"

KINDS: tuple[Kind, ...] = (
    Kind(
        "pii-resident-number",
        "<주민등록번호>",
        (Form(_PERSON_NUMBER, lambda match: _person(match, foreign=False), NUMBER_SCAN, 13),),
    ),
    Kind(
        "pii-foreigner-number",
        "<외국인등록번호>",
        (Form(_PERSON_NUMBER, lambda match: _person(match, foreign=True), NUMBER_SCAN, 13),),
    ),
)
COMPANY_KINDS: tuple[Kind, ...] = (
    Kind(
        "pii-business-number",
        "<사업자등록번호>",
        (Form(spaced(rf"{BEGIN}\d{{3}}(?P<s>[-\ ./_·]?)\d\d(?P=s)\d{{5}}{END}"), _business, NUMBER_SCAN, 10),),
    ),
    Kind(
        "pii-corporate-number",
        "<법인등록번호>",
        (
            Form(
                spaced(rf"{BEGIN}[12]\d{{3}}(?:1[1-5]|[2-8]\d)\ ?(?P<s>[-./_·]?)\ ?\d{{7}}{END}"),
                _corporate,
                NUMBER_SCAN,
                13,
            ),
        ),
    ),
    Kind(
        "pii-driver-licence",
        "<운전면허번호>",
        (
            Form(
                spaced(
                    rf"{BEGIN}(?:1[1-9]|2[0-8]|(?:{_REGIONS})\ ?)"
                    rf"[-\ ./·]?\d\d(?P<s>[-\ ./·]?)\d{{6}}(?P=s)\d\d{END}"
                ),
                _licence,
                NUMBER_SCAN,
                10,
            ),
        ),
    ),
    Kind(
        "pii-passport",
        "<여권번호>",
        (
            Form(
                spaced(rf"{BEGIN}(?:[MSRODGPT](?:\d{{8}}|\d{{3}}[A-Z]\d{{4}})|[A-Z]{{2}}\d{{7}}){END}"),
                _passport,
                r"[A-Z][0-9]{3}",
                7,
            ),
        ),
    ),
)
