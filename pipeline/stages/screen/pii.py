"""Personal data, Korean and validated: what is found must be what it looks like, by its date, checksum or neighbours.

Numbers of the state carry a check of their own (resident registration: date, gender digit and, for births before
October 2020, the check digit; business and corporate registration: the check digit; cards: Luhn). What carries none
counts only where a word beside it names it (an account beside a bank, a passport beside its name). Found values
go nowhere but into the mask: findings are kinds and counts.
"""

import datetime
import ipaddress
import re
from collections.abc import Callable, Sequence
from typing import NamedTuple

from pipeline.table.protected_spans import MARK

Match = re.Match[str]

#: No digit or Latin letter at either end, nor one behind a hyphen or dot: a part of a longer number does not count.
_BEGIN = r"(?<![0-9A-Za-z])(?<![0-9A-Za-z][-.=/_])"
_END = r"(?![0-9A-Za-z])(?![-.][0-9A-Za-z])"


class Kind(NamedTuple):
    name: str
    mask: str
    #: Fewest digits that a match has: a text with fewer is not searched.
    digits: int
    pattern: re.Pattern[str]
    #: Whether a match of the pattern is what it looks like.
    holds: Callable[[Match], bool]


def _kind(name: str, mask: str, digits: int, pattern: str, holds: Callable[[Match], bool]) -> Kind:
    return Kind(f"pii-{name}", mask, digits, re.compile(pattern, re.VERBOSE | re.ASCII), holds)


def _digits(match: Match) -> list[int]:
    return [int(char) for char in match[0] if "0" <= char <= "9"]


def _before(match: Match, width: int = 20) -> str:
    """What is before the match on its line, at most `width` characters."""
    return match.string[max(0, match.start() - width) : match.start()].rpartition("\n")[2]


def _after(match: Match, width: int = 12) -> str:
    """What is after the match on its line, at most `width` characters."""
    return match.string[match.end() : match.end() + width].partition("\n")[0]


def _check(digits: list[int], weights: tuple[int, ...]) -> int:
    return sum(digit * weight for digit, weight in zip(digits, weights, strict=False))


#: Words after which a number is the number of something else.
_OTHER_NUMBER = re.compile(
    r"(?i:송장|등기|품번|시리얼|일련|모델|바코드|추적|isbn|issn|doi|version|버전|order|serial|tracking"
    r"|(?:주문|예약|접수|상품|제품|배송|택배) ?(?:번호|코드|no|id))[^\n]{0,12}$"
)


def _registration(match: Match, foreign: bool) -> bool:
    if match[0].isdigit() and _OTHER_NUMBER.search(_before(match)):
        return False
    digits = _digits(match)
    gender = digits[6]
    if (gender in (5, 6, 7, 8)) != foreign or gender in (0, 9):
        return False
    century = 1900 if gender in (1, 2, 5, 6) else 2000
    try:
        born = datetime.date(century + int(match["yy"]), int(match["mm"]), int(match["dd"]))
    except ValueError:
        return False
    # Numbers given since October 2020 end in random digits: to the newborn, and to those who changed theirs or came to
    # the country. There is nothing to check, so the hyphen must be there, and for an earlier birth a label.
    if born >= datetime.date(2020, 10, 1):
        return not match[0].isdigit()
    if not match[0].isdigit() and _REGISTERED.search(_before(match, 40)):
        return True
    sum_ = _check(digits, (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5))
    return digits[12] == ((13 if foreign else 11) - sum_ % 11) % 10


_REGISTERED = re.compile(r"(?:(?:주민|외국인) ?(?:등록 ?)?|(?<![가-힣])등록 ?)번호[^\n]{0,25}$")
_REGISTRATION = rf"{_BEGIN}(?P<yy>\d\d)(?P<mm>\d\d)(?P<dd>\d\d)\s?[-–]?\s?[1-8]\d{{6}}{_END}"


def _business(match: Match) -> bool:
    digits = _digits(match)
    if "-" not in match[0] and not re.search(r"사업자[^\n]{0,12}$", _before(match)):
        return False
    total = _check(digits, (1, 3, 7, 1, 3, 7, 1, 3, 5)) + digits[8] * 5 // 10
    return len(set(digits)) > 1 and digits[9] == (10 - total % 10) % 10


# Four digits of the registry (11 for Seoul to 28), two of the kind of corporation, six of a series, one to check.
def _corporate(match: Match) -> bool:
    digits = _digits(match)
    if match[0].isdigit() and not re.search(r"법인[^\n]{0,16}$", _before(match)):
        return False
    return len(set(digits)) > 1 and digits[12] == -_check(digits, (1, 2) * 6) % 10


def _card(match: Match) -> bool:
    digits = _digits(match)
    doubled = [digit * 2 - 9 * (digit > 4) if place % 2 else digit for place, digit in enumerate(reversed(digits))]
    return sum(doubled) % 10 == 0 and len(set(digits)) > 1 and not _OTHER_NUMBER.search(_before(match))


_PHONE = r"전화|연락|휴대|핸드폰|폰|문의|팩스|tel|fax|phone|mobile|hp|☎|📞"
_PHONE_BEFORE = re.compile(rf"(?i:{_PHONE})[^\n0-9]{{0,10}}$")
_NUMBER_BEFORE = re.compile(rf"(?i:{_PHONE}|번호)[^\n0-9]{{0,10}}$")


def _phone(match: Match) -> bool:
    before, bare = _before(match), match[0].isdigit()
    if bare and set(match[0]) <= {"0", "1"}:
        return False
    if not any(_digits(match)[-7:]):  # 010-0000-0000 shows how to fill in a form
        return False
    # Without separators only mobile numbers are long and marked enough without a word before them.
    if bare and not match["mobile"] and not _NUMBER_BEFORE.search(before):
        return False
    return bool(_PHONE_BEFORE.search(before)) or not _OTHER_NUMBER.search(before)


_AREA = r"0(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|[35678]0|50\d)"

_BANK = re.compile(
    r"(?:계좌|예금주|입금|송금|이체|은행|뱅크|[카케토]뱅|농협|신협|수협|새마을금고|우체국)(?:[^\n0-9]|[0-9](?![0-9-])){0,15}$"
)
#: Names of banks that are words of every day, too: they must be right before the number.
_BANK_NAME = re.compile(
    r"(?<![가-힣A-Za-z])(?:(?:KB|NH|IBK|SC|MG)?(?:국민|신한|우리|하나|기업|제일|카카오|토스|케이)|KB|NH|IBK|SC|MG)"
    r"[ :]{1,2}$"
)
_DATE = re.compile(r"(?:19|20)\d\d(-?)[01]\d\1[0-3]\d(?!\d{1,3}$)")


def _account(match: Match) -> bool:
    before = _before(match, 24)
    if not 10 <= len(_digits(match)) <= 14 or _DATE.match(match[0]):
        return False
    if _OTHER_NUMBER.search(before) or re.search(r"택배|주문|배송", before):
        return False
    if " " in match[0]:
        return bool(re.search(r"계좌[^\n0-9]{0,15}$", before))
    if "-" in match[0] and (_BANK_NAME.search(before) or "예금주" in _after(match)):
        return True
    # In a form the bank may be on the line above.
    lines = match.string[max(0, match.start() - 30) : match.start()].replace("\n", " ")
    return bool(
        _BANK.search(before) or ("-" in match[0] and re.search(r"(?:은행|계좌)[^0-9]{0,12}번호\W{0,3}$", lines))
    )


def _licence(match: Match) -> bool:
    before = _before(match, 24)
    return "면허" in before or ("-" in match[0] and not _BANK.search(before))


def _passport(match: Match) -> bool:
    before = re.search(r"(?i:여권|passport|출입국)[^\n]{0,40}$", _before(match, 48))
    return bool(before or re.match(r"\W{0,2}여권|[^\n]{0,6}(?i:여권 ?번호|passport n)", _after(match, 18)))


_FILE = re.compile(r"(?i:png|jpe?g|gif|svg|webp|bmp|mp[34]|zip|pdf|css|js|py|html?)$")


def _email(match: Match) -> bool:
    name, _, domain = match[0].lower().rpartition("@")
    # RFC 2606 keeps these names for examples; git@host is an address of a machine.
    example = re.search(r"(?:^|\.)(?:example(?:\.(?:com|net|org|kr|co\.kr))?|test|invalid|localhost)$", domain)
    return not example and not _FILE.search(domain) and name != "git"


def _ip(match: Match) -> bool:
    try:
        address = ipaddress.ip_address(match[0])
    except ValueError:
        return False
    if not address.is_global:
        return False
    if address.version == 6:
        return len(match[0]) > 12
    # Parts of a book, versions and dates have small numbers: one of a hundred or more, or a word that names it.
    parts = [int(part) for part in match[0].split(".")]
    if max(parts) < 10 or _VERSION.search(_before(match)):
        return False
    return max(parts) >= 100 or bool(_HOST.search(_before(match)))


_VERSION = re.compile(r"(?i:(?<![a-z])(?:v|ver\.?|version|버전|release|chrome)|[a-z]/) ?$")
_HOST = re.compile(r"(?i:(?<![a-z])ip|아이피|접속|서버|호스트|host|server|ping|ssh|dns)[^\n]{0,12}$")

_PLATE_UNIT = (
    r"(?!\s?(?:[년월일원억만천백개명점회권동위세cmkg%㎡㎞℃°]|번(?!\ ?(?:차|버스|택시|화물|트럭))"
    r"|시간|여|주(?!차)|미터|킬로|달러|가구))"
)
_CAR = re.compile(
    r"(?:차량|자동차|번호판|승용차|화물차|트럭|주차|렌[터트]카|택시|버스|(?<![가-힣])차(?:[는가를도]|\s))[^\n]{0,24}$"
)


def _plate(match: Match) -> bool:
    if match["gap"]:
        return bool(match["region"])
    # With a space inside it may be "12조 3456" of a sum or "30도 1000": then a car must be spoken of.
    if not match["space"] or match["region"]:
        return True
    return bool(_CAR.search(_before(match, 32))) or bool(re.match(r"\s?차[주량]", _after(match)))


_PROVINCE = (
    r"(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|충청[남북]|전북|전남|전라[남북]|경북|경남|경상[남북]|제주)"
    r"(?:특별자치시|특별자치도|특별시|광역시|시|도)?"
)
#: Words of every day that end like the name of a street.
_NO_STREET = re.compile(
    r".*(?:으|적|[그이저]대|[뜻맘말]대|멋대|마음대|절대|스스)로"
    r"|(?:서|바|별|따|홀|새|때|도|제|세|가|위|뒤|주|피|경|통|회|진|항|미|선|철|수|기|차|실|미터|경기|비디오)로"
)
#: A district before a street shows that it is one: 강남구, 수원시; not 친구, 역시.
_DISTRICT = re.compile(r"(?!반드시|또다시)(?:[가-힣]{2,4}[시군]|[가-힣]{2,3}구|[중동서남북]구) ")
_ADDRESS_WORD = re.compile(r"(?:주소|배송지|거주|소재지|사는 곳|자택|본사)[^\n]{0,12}$")


def _address(match: Match) -> bool:
    if match["lot"]:
        return bool(match["province"] and (match["city"] or match["district"]))
    if _NO_STREET.fullmatch(match["street"]):
        return False
    if match["province"] or _ADDRESS_WORD.search(_before(match)):
        return True
    return len(match["street"]) > 2 and any(_DISTRICT.fullmatch(match[name] or "") for name in ("city", "district"))


#: Between the parts of a telephone number.
_GAP = r"(?:\ ?[-–.]\ ?|\ )?"
#: A label may be right before it: Tel.010-2345-6789.
_PHONE_BEGIN = r"(?<![0-9A-Za-z])(?<![0-9][-.=/_])(?<![A-Za-z][-=/_])"
#: What a number after the name of a street counts, if it is none of a house: 10분, 10 분 (but 10 분당).
_COUNTED = r"(?:[년월일명개원분%점위배차회세대만억천편권곡초곳]|시간|번째|가지|단어|코스|호선|[cmk])"


#: In order of certainty: a stretch of text that one kind has claimed is left by the next.
KINDS: tuple[Kind, ...] = (
    _kind(
        "email",
        "<이메일>",
        0,
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,15}(?![A-Za-z0-9@])",
        _email,
    ),
    _kind("resident-number", "<주민등록번호>", 13, _REGISTRATION, lambda match: _registration(match, foreign=False)),
    _kind("foreigner-number", "<외국인등록번호>", 13, _REGISTRATION, lambda match: _registration(match, foreign=True)),
    _kind(
        "card",
        "<카드번호>",
        15,
        rf"{_BEGIN}(?:(?:4\d|5[1-5]|2[2-7]|3[56]|6[0-9]|9[0-9])\d\d(?P<s>[-. ]?)\d{{4}}(?P=s)\d{{4}}(?P=s)\d{{4}}"
        rf"|3[47]\d\d(?P<t>[- ]?)\d{{6}}(?P=t)\d{{5}}){_END}",
        _card,
    ),
    _kind(
        "business-number", "<사업자등록번호>", 10, rf"{_BEGIN}\d{{3}}(?P<s>[-\ ]?)\d\d(?P=s)\d{{5}}{_END}", _business
    ),
    _kind(
        "corporate-number",
        "<법인등록번호>",
        13,
        rf"{_BEGIN}[12]\d{{3}}(?:1[1-5]|[2-8]\d)(?:\ ?[-–]\ ?)?\d{{7}}{_END}",
        _corporate,
    ),
    _kind(
        "driver-licence",
        "<운전면허번호>",
        10,
        rf"{_BEGIN}(?:1[1-9]|2[0-8]"
        rf"|(?:서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산)\ ?)"
        rf"[-\ ]?\d\d(?P<s>[-\ ]?)\d{{6}}(?P=s)\d\d{_END}",
        _licence,
    ),
    _kind(
        "passport",
        "<여권번호>",
        7,
        rf"{_BEGIN}(?:[MSRODGPT](?:\d{{8}}|\d{{3}}[A-Z]\d{{4}})|[A-Z]{{2}}\d{{7}}){_END}",
        _passport,
    ),
    _kind(
        "phone",
        "<전화번호>",
        9,
        rf"""
        (?:(?<![0-9A-Za-z+])(?:(?:\+|00)82{_GAP}(?:\(0\)\ ?|0)?(?:1[016789]|[2-8]\d?)|82[-.\ ]0?10)
          {_GAP}\d{{3,4}}{_GAP}\d{{4}}
        | {_PHONE_BEGIN}(?P<mobile>\(?010\)?{_GAP}\d{{4}}{_GAP}\d{{4}}|01[16789]{_GAP}\d{{3,4}}{_GAP}\d{{4}})
        | {_PHONE_BEGIN}\(?{_AREA}\)\ ?\d{{3,4}}[-–.\ ]\d{{4}}
        | {_PHONE_BEGIN}{_AREA}(?P<l>{_GAP})\d{{3,4}}(?P=l)\d{{4}}
        ){_END}""",
        _phone,
    ),
    _kind(
        "account",
        "<계좌번호>",
        10,
        rf"{_BEGIN}(?:\d{{2,6}}(?P<s>[-\ ])\d{{2,7}}(?:(?P=s)\d{{1,7}}){{1,2}}|\d{{10,14}}){_END}",
        _account,
    ),
    _kind(
        "plate",
        "<차량번호>",
        6,
        rf"(?<![0-9A-Za-z.,])(?P<region>(?:서울|부산|대구|인천|광주|대전|울산|세종|경기|강원|충북|충남|전북|전남|경북|경남|제주)\s?)?"
        rf"(?:\d\d|[1-9]\d\d)(?P<gap>\ ?)"
        rf"[가나다라마거너더러머버서어저고노도로모보소오조구누두루무부수우주바사아자배허하호](?P<space>\s?)\d{{4}}(?![0-9A-Za-z])(?![-.,][0-9]){_PLATE_UNIT}",
        _plate,
    ),
    _kind(
        "ip",
        "<IP주소>",
        1,
        rf"{_BEGIN}\d{{1,3}}(?:\.\d{{1,3}}){{3}}{_END}|(?<![0-9A-Za-z:.])[0-9A-Fa-f]{{1,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}(?![0-9A-Za-z:.])",
        _ip,
    ),
    _kind(
        "address",
        "<주소>",
        1,
        rf"(?<![가-힣])(?P<province>{_PROVINCE}\ )?(?P<city>[가-힣]{{1,5}}[시군]\ )?"
        rf"(?P<district>[가-힣]{{1,5}}[구군]\ )?(?:[가-힣]{{1,5}}[읍면]\ )?"
        rf"(?:(?P<street>[가-힣][가-힣0-9·.]{{0,12}}(?:대로|로|길))(?:\ ?\d{{1,4}}번?[가-하안]?길)?\ ?(?:지하\ ?)?"
        rf"|(?P<lot>[가-힣]{{1,6}}[동리가]\ )(?:산\ ?)?)[1-9]\d{{0,3}}(?:-\d{{1,4}})?"
        rf"(?![0-9])(?![.,][0-9])(?!{_COUNTED})(?!\ {_COUNTED}(?![가-힣]))",
        _address,
    ),
)

#: A text without a match of this RE2 pattern holds no personal data of these kinds.
SCAN = (
    r"@[A-Za-z0-9]|[0-9]{7}|[0-9][-–. )]{1,3}[0-9]{3}|[0-9]-[0-9]{2}|[0-9] ?[가-힣] ?[0-9]{4}|[A-Z][0-9]{3}"
    r"|(?:[^으]로|길) ?(?:[0-9]|지하)|[시군구읍면] [가-힣]+[동리가] (?:산 ?)?[0-9]"
    r"|[0-9]\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]:[0-9A-Fa-f]*:"
)

_URL = re.compile(r"((?:https?|ftp)://[^\s<>\"/?#]*+)([^\s<>\"]*+)")


def find_pii(text: str, kinds: Sequence[Kind] = KINDS) -> list[tuple[Kind, int, int]]:
    """Every stretch of personal data as (kind, start, end), apart and in order of their place."""
    found: list[tuple[Kind, int, int]] = []
    rest, linked = text, "://" in text
    digits = sum(map(text.count, "0123456789"))
    for kind in kinds:
        if digits < kind.digits:
            continue
        # The digits of a link are its own; its host may be an IP address.
        if linked and kind.name != "pii-email":
            rest, linked = _URL.sub(lambda url: url[1] + MARK * len(url[2]), rest), False

        def claim(match: Match, kind: Kind = kind) -> str:
            if not kind.holds(match):
                return match[0]
            found.append((kind, *match.span()))
            return _blank(match)

        rest = kind.pattern.sub(claim, rest)
    return sorted(found, key=lambda item: item[1])


def _blank(match: Match) -> str:
    return MARK * len(match[0])


def mask_pii(text: str, kinds: Sequence[Kind] = KINDS, masked: Sequence[Kind] = KINDS) -> str:
    """The text with every stretch of the `masked` kinds, found among `kinds`, replaced by the fixed mask of its kind.

    >>> mask_pii("연락처는 010-2345-6789입니다. 2023-05-06에 10,000원.")
    '연락처는 <전화번호>입니다. 2023-05-06에 10,000원.'
    """
    parts, at = [], 0
    for kind, start, end in find_pii(text, kinds):
        if kind in masked:
            parts += [text[at:start], kind.mask]
            at = end
    return "".join([*parts, text[at:]])
