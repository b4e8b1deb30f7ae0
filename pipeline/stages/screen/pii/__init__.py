"""Personal data and secrets, Korean and validated: what is found must be what it looks like, by its date, checksum or
neighbours.

Numbers of the state carry a check of their own (resident registration: date, gender digit and, for births before
October 2020, the check digit; business and corporate registration: the check digit; cards: Luhn). What carries none
counts only where a word beside it names it (an account beside a bank, a passport beside its name). Found values
go nowhere but into the mask: findings are kinds and counts.
"""

import re
from collections.abc import Collection, Sequence
from functools import partial

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.pii import network, phones
from pipeline.stages.screen.pii.addresses import ADDRESS
from pipeline.stages.screen.pii.forms import Form, Kind, Match, folded, shows_form
from pipeline.stages.screen.pii.names import PERSON_NAME
from pipeline.stages.screen.pii.payments import ACCOUNT, CARD
from pipeline.stages.screen.pii.plates import PLATE
from pipeline.stages.screen.pii.registrations import COMPANY_KINDS
from pipeline.stages.screen.pii.registrations import KINDS as PERSON_KINDS
from pipeline.stages.screen.pii.secrets import SECRET
from pipeline.table.patterns import pattern
from pipeline.table.protected_spans import MARK

__all__ = [
    "KINDS",
    "NAMED_NUMBER",
    "ON_DEMAND",
    "SCAN",
    "Kind",
    "find_pii",
    "kinds_of",
    "mask_pii",
    "scan_of",
    "spelled",
]

_EMAIL = Kind("pii-email", "<이메일>", (network.EMAIL,))

#: In order of certainty: a stretch of text that one kind has claimed is left by the next.
KINDS: tuple[Kind, ...] = (
    SECRET,
    _EMAIL,
    *PERSON_KINDS,
    CARD,
    *COMPANY_KINDS,
    phones.PHONE,
    phones.FOREIGN_PHONE,
    ACCOUNT,
    PLATE,
    network.IP,
    ADDRESS,
    network.KAKAO,
)
#: The forms of a kind that are written to escape a search: 공일공 일이삼사 …, hong 골뱅이 naver 닷 com.
_DISGUISED: dict[str, Form] = {"pii-email": network.DISGUISED, "pii-phone": phones.DISGUISED}


#: Kinds that are looked for only where the options ask for them.
ON_DEMAND: tuple[Kind, ...] = (PERSON_NAME,)


def kinds_of(disguised: bool, on: Collection[str] = ()) -> tuple[Kind, ...]:
    """Every kind, on demand with its disguised forms, and the kinds on demand that `on` names."""
    kinds = (*KINDS, *(kind for kind in ON_DEMAND if kind.name in on))
    if not disguised:
        return kinds
    return tuple(
        kind._replace(forms=(*kind.forms, _DISGUISED[kind.name])) if kind.name in _DISGUISED else kind for kind in kinds
    )


def scan_of(kinds: Sequence[Kind]) -> str:
    """An RE2 pattern: a text without a match of it holds nothing of these kinds."""
    return "|".join(dict.fromkeys(form.scan for kind in kinds for form in kind.forms))


SCAN = scan_of(KINDS)
#: A text of so many letters is scanned for each kind: to try all forms on it takes longer.
LONG = 1000

#: A text of so many letters is cut into pieces, and a form is tried only where its scan matches one of them.
VERY_LONG = 20_000
#: Letters of a piece, and how many of them are in the next piece, too: more than a match of a scan needs.
PIECE, COMMON = 2000, 200

#: Names of JSON fields whose number is that of a person or a company; a number under any other name is left alone.
_PERSONAL_NAME = (
    r"(?i:(?:phone|tel|telephone|mobile|cell|fax|hp|rrn|jumin|ssn|resident|account|acct|card|biz|business|corp"
    r"|corporate"
    r"|licen[cs]e|주민|휴대 ?(?:폰|전화)|전화|핸드폰|연락처|팩스|계좌|카드|사업자|법인|면허|외국인)"
    r"(?:[ _-]?(?:no|nr|num|number|reg|registration|등록|번호))*[ _-]?[0-9]?)"
)
#: An RE2 pattern of JSON with such a number.
NAMED_NUMBER = rf'{_PERSONAL_NAME}": ?\[?[0-9, ]*[0-9]{{9}}'


def spelled(number: str, kinds: Sequence[Kind], label: str) -> str:
    """A number of JSON as people write it, where it is personal data: JSON drops the zero at its beginning.

    >>> spelled("1027384756", KINDS, "phone"), spelled("1027384756", KINDS, "id")
    ('01027384756', '')
    """
    if not re.search(f"{_PERSONAL_NAME}$", label):
        return ""
    return next((text for text in (number, f"0{number}", f"+{number}") if find_pii(text, kinds, label)), "")


_URL = pattern(r"((?:https?|ftp)://[^\s<>\"/?#]*+)([^\s<>\"]*+)")
#: A value in the query of a link whose name says that it is personal.
_QUERY = pattern(
    r"(?<=[?&])(?i:[a-z_]{0,12}(?:phone|tel|mobile|hp|rrn|jumin|ssn|account|acct|card|ip|addr(?:ess)?"
    r"|email)(?:_?no)?)="
    r"([^\s&#]{0,60})"
)


#: A form with so many digits is a number, and has its digits together: between two of them is less than this gap.
NUMBER = 6
_GAP = pattern(r"[^0-9]{9,}")


def digits_in(text: str) -> int:
    return sum(map(text.count, "0123456789"))


def most_digits_together(text: str) -> int:
    """The most digits that no gap parts: a long text without a number has many digits, but few of them together.

    >>> most_digits_together("1999년에는 아무 일도 없었고, 010-2345-6789로 걸었습니다.")
    11
    """
    return max(map(digits_in, _GAP.split(text)))


def find_pii(text: str, kinds: Sequence[Kind] = KINDS, label: str = "") -> list[tuple[Kind, int, int]]:
    """Every stretch of personal data as (kind, start, end), apart and in order of their place.

    `label`: the name of the text where it is a value of JSON, which may tell what it is.

    >>> [(kind.name, start, end) for kind, start, end in find_pii("1002738291045", label="accountNo")]
    [('pii-account', 0, 13)]
    """
    found: list[tuple[Kind, int, int]] = []
    name = f"{label}: " if label else ""
    rest = folded(name + text)
    linked, digits = "://" in rest, digits_in(rest)
    near = most_digits_together(rest) if digits >= NUMBER else 0
    places_of = _Places(rest) if len(rest) >= VERY_LONG else None
    for kind in kinds if len(rest) < LONG else kinds_that_may(name + text, kinds):
        # The digits of a link are its own; its host may be an IP address.
        if linked and kind.name not in ("secret", "pii-email"):
            rest, linked = _URL.sub(_without_path, rest), False
        for form in kind.forms:
            enough = (near if form.digits >= NUMBER else digits) >= form.digits
            if not enough or (form.signs and not any(map(rest.__contains__, form.signs))):
                continue

            def claim(match: Match, at: int, kind: Kind = kind, form: Form = form) -> str:
                if shows_form(match) or not form.holds(match):
                    return match[0]
                start, end = match.span("value" if "value" in form.pattern.groupindex else 0)
                found.append((kind, at + start - len(name), at + end - len(name)))
                return f"{match.string[match.start() : start]}{MARK * (end - start)}{match.string[end : match.end()]}"

            parts, done = [], 0
            for begin, end in places_of.of(form) if places_of and form.reach else [(0, len(rest))]:
                parts += [rest[done:begin], form.pattern.sub(partial(claim, at=begin), rest[begin:end])]
                done = end
            rest = "".join([*parts, rest[done:]])
    return sorted((item for item in found if item[1] >= 0), key=lambda item: item[1])


class _Places:
    """Where forms may be in a very long text, which is scanned once for all forms with one scan."""

    def __init__(self, text: str) -> None:
        self._pieces = pa.array([text[at : at + PIECE + COMMON] for at in range(0, len(text), PIECE)])
        self._matched: dict[str, list[int]] = {}

    def of(self, form: Form) -> list[tuple[int, int]]:
        """Begin and end of stretches that do not touch.

        >>> _Places("가" * 9000 + "hong@naver.com" + "나" * 9000).of(network.EMAIL)
        [(6800, 11400)]
        """
        if form.scan not in self._matched:
            self._matched[form.scan] = pc.indices_nonzero(pc.match_substring_regex(self._pieces, form.scan)).to_pylist()
        found: list[tuple[int, int]] = []
        for number in self._matched[form.scan]:
            begin, end = max(number * PIECE - form.reach, 0), (number + 1) * PIECE + COMMON + form.reach
            if found and begin <= found[-1][1]:
                begin = found.pop()[0]
            found.append((begin, end))
        return found


def kinds_that_may(text: str, kinds: Sequence[Kind]) -> list[Kind]:
    """Those of the kinds that the text may hold, by their scans.

    >>> [kind.name for kind in kinds_that_may("hong@naver.com", KINDS)]
    ['pii-email']
    """
    texts = pa.array([text])
    scans = {kind.name: scan_of([kind]) for kind in kinds}
    found = {scan: pc.match_substring_regex(texts, scan)[0].as_py() for scan in dict.fromkeys(scans.values())}
    return [kind for kind in kinds if found[scans[kind.name]]]


def _without_path(url: Match) -> str:
    """The link with MARK in the place of its path and query, but for values with a personal name."""
    path, at, parts = url[2], 0, []
    for query in _QUERY.finditer(path):
        parts += [MARK * (query.start(1) - at), query[1]]
        at = query.end(1)
    return "".join([url[1], *parts, MARK * (len(path) - at)])


def mask_pii(text: str, kinds: Sequence[Kind] = KINDS, masked: Sequence[Kind] = KINDS, label: str = "") -> str:
    """The text with every stretch of the `masked` kinds, found among `kinds`, replaced by the fixed mask of its kind.

    >>> mask_pii("연락처는 010-2345-6789입니다. 2023-05-06에 10,000원.")
    '연락처는 <전화번호>입니다. 2023-05-06에 10,000원.'
    """
    parts, at = [], 0
    for kind, start, end in find_pii(text, kinds, label):
        if kind in masked:
            parts += [text[at:start], kind.mask]
            at = end
    return "".join([*parts, text[at:]])
