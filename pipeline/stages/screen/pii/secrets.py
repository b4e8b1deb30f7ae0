"""Secrets: keys and tokens by the prefix, form and checksum that their makers gave them, and values that a name such as
`password` is given."""

import base64
import binascii
import json
import re
import zlib

from pipeline.stages.screen.pii.forms import Form, Kind, Match, before, spaced
from pipeline.table.patterns import pattern

_BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
#: What stands for a secret where none is shown.
_PLACEHOLDER = pattern(
    r"(?i:example|sample|dummy|placeholder|change_?me|redacted|xxxx|\*\*\*|\.\.\.)"
    r"|^(?i:(?:your|my|the|here|password|passwd|pass|secret|token|key|api|user|test|value|string|[\W_\d])+)$"
)
#: A token of a maker is random: it does not count.
_COUNTS = pattern(r"(?i:1234567|abcdef)")


_CALLED = pattern(r"(?i:토큰|비밀 ?키|접근 ?키|token|key|pat)[은는이가을를:]? ?[\"'`“‘(]?$")


def _is_real(value: str, distinct: int) -> bool:
    return len(set(value)) >= distinct and not _PLACEHOLDER.search(value)


def _token(match: Match) -> bool:
    return _is_real(match[0].rpartition("_")[2], 8) and not _COUNTS.search(match[0])


def crc32_base62(text: str) -> str:
    """The six characters that end a token of GitHub or npm: CRC32 of what is between prefix and them, in base 62.

    >>> crc32_base62("a" * 30)
    '1yLcDB'
    """
    rest, sign = zlib.crc32(text.encode("ascii")), ""
    for _ in range(6):
        rest, digit = divmod(rest, 62)
        sign = _BASE62[digit] + sign
    return sign


def _summed(match: Match) -> bool:
    """The checksum holds, or a word before says that it is a token."""
    body = match[0].partition("_")[2]
    named = _CALLED.search(before(match, 12))
    return crc32_base62(body[:-6]) == body[-6:] or bool(named and _token(match))


def _web_token(match: Match) -> bool:
    """The header of a JSON web token is JSON in base64, and names an algorithm."""
    header = match[0].partition(".")[0]
    try:
        return "alg" in json.loads(base64.urlsafe_b64decode(header + "=" * (-len(header) % 4)))
    except (binascii.Error, ValueError, TypeError, RecursionError):
        return False


def _assigned(match: Match) -> bool:
    """A value of several kinds of characters, which is no name, call or path in code."""
    value = match["value"]
    if not _is_real(value, 5) or re.match(r"(?:https?:|os\.|self\.|process\.|config\.|env\.|/)", value):
        return False
    mixed = bool(re.search(r"[0-9]", value)) and bool(re.search(r"[A-Za-z!@#$%^&*+?~-]", value))
    if match.groupdict().get("long"):
        return mixed and len(set(value)) >= 10 and not _COUNTS.search(value)
    return mixed or bool(re.search(r"[A-Za-z][!@#$%^&*+?~]|[!@#$%^&*+?~][A-Za-z]", value))


def _in_url(match: Match) -> bool:
    return _is_real(match["value"], 3)


#: What a key or token begins with, or holds: few letters, since the scan costs by its letters.
_RUN = r"(?:gh[a-z]|npm|hf|sk|xox[a-z]|xapp|pat|SPX|k_live|k_test|ypi|org)[_-]|A[KS]IA|AIza|SG\.|:AA|eyJ"
_ALONE = r"(?<![A-Za-z0-9_-])"
_KEYS = (
    r"(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])",  # AWS
    r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}(?![A-Za-z0-9])",
    r"hf_[A-Za-z0-9]{34,38}(?![A-Za-z0-9])|api_org_[A-Za-z]{34}(?![A-Za-z0-9])",  # Hugging Face
    r"sk-(?:proj-|svcacct-|admin-|ant-[a-z0-9]+-|or-v1-)?[A-Za-z0-9_-]{32,200}(?![A-Za-z0-9])",  # OpenAI, Anthropic
    r"xox[abeoprs]-[0-9A-Za-z-]{20,200}|xapp-\d-[0-9A-Za-z-]{20,200}",  # Slack
    r"glpat-[A-Za-z0-9_-]{20,60}|AIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])|GOCSPX-[A-Za-z0-9_-]{28}",  # GitLab, Google
    r"[sr]k_(?:live|test)_[A-Za-z0-9]{20,120}|SG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}",  # Stripe, SendGrid
    r"pypi-AgE[A-Za-z0-9_-]{50,250}|\d{8,10}:AA[A-Za-z0-9_-]{33}(?![A-Za-z0-9_-])",  # PyPI, Telegram
)
_NAME = r"(?:pass(?:word|wd|phrase)?|pwd?|userpass|(?:client|app|api)[_-]?secret|secret)"
_LONG_NAME = (
    r"(?:(?:secret|private|api|access|auth|account|encryption|signing)[_-]?(?:access[_-]?)?key|token|credentials?)"
)
#: Between a name and its value: = : => := and quotes.
_IS = r"[\"']?\ {0,2}(?::=|=>|=|:)\ {0,2}[\"'`]?"

SECRET = Kind(
    "secret",
    "<비밀>",
    (
        Form(
            spaced(
                r"-----BEGIN\ (?:[A-Z0-9]{1,12}\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----"
                r"(?:[A-Za-z0-9+/=:,.\s\\]|-(?!----)){20,20000}+"
                r"-----END\ (?:[A-Z0-9]{1,12}\ ){0,3}PRIVATE\ KEY(?:\ BLOCK)?-----"
            ),
            lambda match: True,
            r"PRIVATE KEY",
            signs=("PRIVATE KEY",),
            reach=21_000,
        ),
        Form(
            spaced(rf"{_ALONE}(?:gh[pousr]|npm)_[A-Za-z0-9]{{36}}(?![A-Za-z0-9])"),
            _summed,
            _RUN,
            signs=("gh", "npm_"),
        ),
        Form(
            spaced(rf"{_ALONE}(?:{'|'.join(_KEYS)})"),
            _token,
            _RUN,
            signs=("_", "-", "AKIA", "ASIA", "AIza", "SG.", ":AA"),
        ),
        Form(
            spaced(rf"{_ALONE}eyJ[A-Za-z0-9_-]{{8,2000}}\.[A-Za-z0-9_-]{{4,4000}}\.[A-Za-z0-9_-]{{16,1000}}"),
            _web_token,
            _RUN,
            signs=("eyJ",),
            reach=8000,
        ),
        Form(
            spaced(r"(?<=://)[^\s/:@\"'<>]{0,60}:(?P<value>[^\s/@\"'<>${}]{3,60})@(?=[A-Za-z0-9\[])"),
            _in_url,
            r"://[!-.0-~]*@",
            signs=("://",),
        ),
        Form(
            spaced(
                rf"(?<![A-Za-z])(?i:(?:[a-z0-9]{{1,20}}[_.-]){{0,4}}(?:(?P<long>{_LONG_NAME})|{_NAME})){_IS}"
                r"(?P<value>(?(long)[A-Za-z0-9+/=_.~-]{16,500}+|[^\s\"'`,;&<>(){}\[\]$가-힣]{6,64}+))(?![\w(\[{])"
            ),
            _assigned,
            r"(?:ass|ord|[pP][wW]|[wW][dD]|rase|ret|ey|ken|ials?|ASS|ORD|RASE|RET|EY|KEN)[\"']? *[:=]",
            signs=("=", ":"),
        ),
        Form(
            spaced(
                r"(?i:authorization)[\"']?\s?[:=]\s?[\"']?(?i:basic|bearer|token)\ "
                r"(?P<value>(?P<long>[A-Za-z0-9+/=_.~-]{12,2000}))"
            ),
            _assigned,
            r"[Aa]uthorization",
            signs=("uthorization",),
            reach=3000,
        ),
        Form(
            spaced(
                r"(?:비밀\ ?번호|비번|패스워드|암호)(?:는|은|가|이)?\ ?[:=]?\ ?[\"'‘“(]?"
                r"(?P<value>(?=[!-~]{0,40}[0-9])(?=[!-~]{0,40}[A-Za-z])"
                r"[A-Za-z0-9!@#$%^&*_+?~][A-Za-z0-9!@#$%^&*_+?~.-]{4,38}[A-Za-z0-9!@#$%^&*_+?~])"
            ),
            _assigned,
            r"밀 ?번호|비번|패스워드|암호",
            signs=("번호", "비번", "패스워드", "암호"),
        ),
    ),
)
