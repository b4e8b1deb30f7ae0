"""The strings inside a JSON text, and on demand its long numbers: met one by one in place, the rest stays as it is.

What does not change keeps its spelling, byte for byte.
"""

import dataclasses
import json
import re
from collections.abc import Callable, Iterator

#: `change(text, path)` gives the text that takes its place. `path`: url, function.arguments.cities[2].
ChangeString = Callable[[str, str], str]

#: A number of nine digits or more is no count, and may be the number of a person.
_TOKEN = re.compile(r'"(?:[^"\\]|\\.)*+"|[{}\[\],:]|(?<![\d.eE+-])\d{9,19}(?![\d.eE])')
#: A key that a path shows: not one that may be personal data (a number, an address of mail).
_PLAIN_KEY = re.compile(r"[^\d@:\s\ud800-\udfff]{1,40}\d{0,2}")
#: What a text that is not JSON may hold of JSON.
_ESCAPE = re.compile(r"\\u[0-9a-fA-F]{4}|\\[nrtbf\"/\\]")
#: A JSON text without a match of this RE2 pattern spells its strings as they are, but for line ends, tabs and quotes.
ESCAPED = r"\\u"


def map_strings(text: str, change: ChangeString, change_number: ChangeString | None = None) -> str:
    r"""The JSON text with what `change` makes of its strings, keys and values at any depth. A text that is not JSON is
    one string, with the path "".

    What `change` leaves alone is not written anew: numbers, spaces and escapes stay as they are spelled. Where two
    keys of an object would become one, the second gets a number at its end. `change_number`: does the same for whole
    numbers of nine digits or more; one that changes becomes a string.

    >>> map_strings('{"tel": ["\\n1", 1.50], "a": "1"}', lambda text, path: text.replace("1", f"<{path}>"))
    '{"tel": ["\\n<tel[0]>", 1.50], "a": "<a>"}'
    >>> map_strings('{"1": 0, "2": 0}', lambda text, path: "x")
    '{"x": 0, "x 2": 0}'
    >>> map_strings('{"tel": 1023456789}', lambda text, path: text, lambda number, path: f"<{path}>")
    '{"tel": "<tel>"}'
    """
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return _map_broken(text, change)
    pieces, at = [], 0
    for token, opened, is_key in _strings(text):
        is_number = token[0][0] != '"'
        if is_number and change_number is None:
            continue
        old = token[0] if is_number else json.loads(token[0])
        alter = change_number if is_number and change_number else change
        new = alter(old, _written(opened[:-1] if is_key else opened))
        if is_key:
            opened[-1].place = old
            new = _another(new, opened[-1].keys)
        if new != old:
            pieces += [text[at : token.start()], _quoted(new)]
            at = token.end()
    return "".join([*pieces, text[at:]])


@dataclasses.dataclass
class _Opened:
    """An object or a list that is not closed yet."""

    #: Of an object the key that was read last, of a list the index.
    place: str | int
    #: The keys of an object so far, each with the last number that was put at its end.
    keys: dict[str, int] = dataclasses.field(default_factory=dict)


def _strings(text: str) -> Iterator[tuple[re.Match[str], list[_Opened], bool]]:
    """Every string and long number of a JSON text, what is open around it from the outside in, whether it is a key."""
    opened: list[_Opened] = []
    is_key = False
    for token in _TOKEN.finditer(text):
        sign = token[0]
        if sign in "{[":
            opened.append(_Opened("" if sign == "{" else 0))
            is_key = sign == "{"
        elif sign in "}]":
            opened.pop()
            is_key = False
        elif sign == ",":
            around = opened[-1]
            is_key = isinstance(around.place, str)
            if isinstance(around.place, int):
                around.place += 1
        elif sign == ":":
            is_key = False
        else:
            yield token, opened, is_key


def _quoted(text: str) -> str:
    half = any("\ud800" <= char <= "\udfff" for char in text)  # of a surrogate pair: only an escape can hold it
    return json.dumps(text, ensure_ascii=half)


def _another(key: str, taken: dict[str, int]) -> str:
    """The key, with a number at its end where it is taken. What is given is taken then.

    >>> taken: dict[str, int] = {}
    >>> [_another(key, taken) for key in ("x", "x 2", "x", "x")]
    ['x', 'x 2', 'x 3', 'x 4']
    """
    number, free = taken.get(key, 1), key
    while free in taken:
        number += 1
        free = f"{key} {number}"
    taken[key] = number
    taken.setdefault(free, 1)
    return free


def _written(opened: list[_Opened]) -> str:
    """
    >>> _written([_Opened("a"), _Opened(0), _Opened("b"), _Opened("010-1234-5678")])
    'a[0].b.*'
    """
    places = (one.place for one in opened)
    parts = [f"[{at}]" if isinstance(at, int) else "." + (at if _PLAIN_KEY.fullmatch(at) else "*") for at in places]
    return "".join(parts).removeprefix(".")


def _map_broken(text: str, change: ChangeString) -> str:
    r"""What `change` makes of a text that is not JSON, but may be the beginning of one: its escapes are read first, and
    the text is left as it is where nothing changes in it.

    >>> _map_broken('{"a": "\\n1', lambda text, path: text.replace("\n1", "\n<1>"))
    '{"a": "\n<1>'
    >>> _map_broken('{"a": "\\n2', lambda text, path: text.replace("\n1", "\n<1>"))
    '{"a": "\\n2'
    """
    read = _ESCAPE.sub(_read, text)
    new = change(read, "")
    return text if new == read else new


def _read(escape: re.Match[str]) -> str:
    read: str = json.loads(f'"{escape[0]}"')
    return escape[0] if "\ud800" <= read <= "\udfff" else read
