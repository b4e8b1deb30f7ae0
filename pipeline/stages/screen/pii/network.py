"""Addresses of people and machines in networks: e-mail, IP, and names in KakaoTalk."""

import ipaddress
import re

from pipeline.stages.screen.pii.forms import BEGIN, END, Form, Kind, Match, before, spaced
from pipeline.table.patterns import pattern

_FILE = pattern(r"(?i:png|jpe?g|gif|svg|webp|bmp|mp[34]|zip|pdf|css|js|py|html?)$")


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
    if max(parts) < 10 or _VERSION.search(before(match)):
        return False
    return max(parts) >= 100 or bool(_HOST.search(before(match)))


_VERSION = pattern(r"(?i:(?<![a-z])(?:v|ver\.?|version|버전|release|chrome)[\"']?[=: ]?[\"']?|[a-z]/) ?$")
_HOST = pattern(r"(?i:(?<![a-z])ip|아이피|접속|서버|호스트|host|server|addr|ping|ssh|dns)[^\n]{0,12}$")

EMAIL = Form(
    spaced(
        r"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._%+-]{0,63}"
        r"@(?:[A-Za-z0-9-]{1,63}\.){1,4}[A-Za-z]{2,15}(?![A-Za-z0-9@])"
    ),
    _email,
    r"@[A-Za-z0-9]",
    signs=("@",),
)
_AT = r"(?:\ ?(?:골뱅이|앳)\ ?|\ ?[\[({<]\ ?(?:at|골뱅이|앳|@)\ ?[\])}>]\ ?|\ (?:at|AT)\ )"
_DOT = r"(?:\ ?(?:닷|쩜|점)\ ?|\ ?[\[({<]\ ?(?:dot|닷|점)\ ?[\])}>]\ ?|\ (?:dot|DOT)\ |\.)"
_PROVIDER = "네이버|지메일|다음|한메일|구글|핫메일|네이트"
_ENDING = r"(?:com|net|org|kr|co|ac|io|me|컴|넷|케이알|씨오|코)"
DISGUISED = Form(
    spaced(
        rf"(?<![A-Za-z0-9._%+-])[A-Za-z0-9][A-Za-z0-9._-]{{1,30}}{_AT}"
        rf"(?:(?:[A-Za-z0-9-]{{2,30}}|{_PROVIDER})(?:{_DOT}[A-Za-z0-9-]{{2,30}}){{0,2}}{_DOT}{_ENDING}(?![A-Za-z0-9])"
        rf"|(?<=골뱅이)(?:{_PROVIDER})|(?<=골뱅이\ )(?:{_PROVIDER}))"
    ),
    lambda match: True,
    r"골뱅이|앳|[\[({<] ?(?:at|@) ?[\])}>]| (?:at|AT) ",
)

IP = Kind(
    "pii-ip",
    "<IP주소>",
    (
        Form(
            spaced(
                rf"{BEGIN}\d{{1,3}}(?:\.\d{{1,3}}){{3}}{END}"
                rf"|(?<![0-9A-Za-z:.])[0-9A-Fa-f]{{1,4}}(?::[0-9A-Fa-f]{{0,4}}){{2,7}}(?![0-9A-Za-z:.])"
            ),
            _ip,
            r"[0-9]\.[0-9]{1,3}\.[0-9]|[0-9A-Fa-f]:[0-9A-Fa-f]*:",
            3,
            (".", ":"),
        ),
    ),
)

#: What may be behind 카카오톡 and is no name of a person.
_SERVICE = pattern(
    r"(?i:kakao|talk|open|channel|plus|login|pc|api|http|www|id(?![a-z])|qr|sns|mac|window|android|ios|app)"
)


def _kakao(match: Match) -> bool:
    return not _SERVICE.match(match["value"]) and bool(match["id"] or re.search(r"[0-9_]", match["value"]))


KAKAO = Kind(
    "pii-kakao-id",
    "<카카오톡ID>",
    (
        Form(
            spaced(
                r"(?:카카오톡?|카톡|(?i:kakao(?:\ ?talk)?))[\"']?(?:[은는이가]?\ ?)[(\[]?"
                r"(?P<id>_?(?:아이디|(?i:id)|친구\ ?추가|친추)[\"']?)?\s?(?:[:=-]|는|은|가|->)?\s?[\"'(\[]?"
                r"(?P<value>[A-Za-z0-9](?=[A-Za-z0-9._-]*[A-Za-z])[A-Za-z0-9._-]{2,18}[A-Za-z0-9_])(?![A-Za-z0-9@])"
            ),
            _kakao,
            r"카톡|카카오|[Kk]akao|KAKAO",
            signs=("카톡", "카카오", "akao", "KAKAO"),
        ),
    ),
)
