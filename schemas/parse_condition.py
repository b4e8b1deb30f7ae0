"""The parser of conditions: a text as `schemas.conditions` describes it, to its tree."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import NamedTuple

from schemas.conditions import (
    IN_STAGES,
    All,
    Any,
    Column,
    Compare,
    Condition,
    Constant,
    Contains,
    Holds,
    Length,
    Matches,
    Meta,
    Names,
    Not,
    Value,
    kind_of,
    shown,
)
from schemas.errors import KoInstructError
from schemas.reasons import FLAGS

#: What to write in place of signs of other languages.
REMEDIES = {
    "=>": ">=",
    "=<": "<=",
    "<>": "!=",
    "=": "==",
    "is": "==",
    "&": "and",
    "|": "or",
    "!": "not",
    "True": "true",
    "False": "false",
    "None": "null",
    "-": 'a name with - in quotation marks: meta."a-b"',
}
#: The kinds of values in messages.
NAMES = {"text": "text", "number": "number", "truth": "truth value", "items": "list", "messages": "list"}
KEYWORDS = ("and", "or", "not", "in", "has")
CONSTANTS: dict[str, bool | None] = {"true": True, "false": False, "null": None}
#: The longest condition in characters, and the deepest one.
LONGEST, DEEPEST = 20_000, 50

TOKEN = re.compile(
    r"(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?!\w))|(?P<text>\"[^\"]*\"|'[^']*')|(?P<name>[^\W\d]\w*)"
    r"|(?P<sign>==|!=|<=|>=|<(?!>)|>|[().,\[\]])"
)


class ConditionError(KoInstructError, ValueError):
    """A condition that cannot be read. The message names the place in it."""


class Token(NamedTuple):
    """A piece of a condition. `at`: the number of its first character, from 0."""

    kind: str
    text: str
    at: int


@lru_cache(maxsize=256)
def parse(text: str, names: Names = IN_STAGES) -> Condition:
    """The tree of a condition. Raises ConditionError, with the place in the text. `names`: those that it may hold.

    >>> parse('meta.score >= 4 and not "번역" in output')  # doctest: +NORMALIZE_WHITESPACE
    All(of=(Compare(sign='>=', left=Meta(path=('score',)), right=Constant(value=4.0)),
            Not(of=Contains(of=Column(name='output'), text='번역', part=True))))
    """
    return Parser(text, names).condition()


class Parser:
    """Reads a condition from the left to the right: a method for each rule of the grammar."""

    def __init__(self, text: str, names: Names) -> None:
        self.text = text
        self.names = names
        self.depth = 0
        if len(text) > LONGEST:
            raise self.fault(0, f"it has {len(text):,} characters; at most {LONGEST:,} are allowed")
        self.tokens = list(self._tokens())
        self.at = 0

    def fault(self, at: int, why: str) -> ConditionError:
        rest = self.text[at : at + 20]
        where = f'at character {at + 1}, "{rest}"' if rest.strip() else "at its end"
        return ConditionError(f"{where}: {why}")

    def _tokens(self) -> Iterator[Token]:
        at = 0
        while at < len(self.text):
            if self.text[at].isspace():
                at += 1
                continue
            found = TOKEN.match(self.text, at)
            if not found:
                raise self._strange_sign(at)
            yield Token(found.lastgroup or "", found[0], at)
            at = found.end()
        yield Token("end", "", at)

    def _strange_sign(self, at: int) -> ConditionError:
        if self.text[at] in "\"'":
            return self.fault(at, f"the quotation mark {self.text[at]} is not closed")
        sign = next((sign for sign in REMEDIES if self.text.startswith(sign, at)), "")
        return self.fault(at, f"write {REMEDIES[sign]}" if sign else "a condition has no such sign")

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self, *texts: str) -> str:
        """Take the next token if it is one of these words or signs; "" if it is not."""
        token = self.token
        if token.kind in ("name", "sign") and token.text in texts:
            self.at += 1
            return token.text
        return ""

    def expect(self, text: str) -> None:
        if not self.take(text):
            raise self.fault(self.token.at, f"{text} is expected here")

    def condition(self) -> Condition:
        found = self._any()
        if self.token.kind != "end":
            remedy = REMEDIES.get(self.token.text)
            raise self.fault(self.token.at, f"write {remedy}" if remedy else "`and`, `or` or the end is expected here")
        return found

    def _any(self) -> Condition:
        return self._joined("or", self._all, Any)

    def _all(self) -> Condition:
        return self._joined("and", self._not, All)

    def _joined(self, word: str, part: Callable[[], Condition], kind: type[All] | type[Any]) -> Condition:
        parts = [part()]
        while self.take(word):
            parts.append(part())
        return kind(tuple(parts)) if len(parts) > 1 else parts[0]

    def _not(self) -> Condition:
        self.depth += 1
        if self.depth > DEEPEST:
            raise self.fault(self.token.at, f"parentheses and `not` are more than {DEEPEST} deep")
        found: Condition
        if self.take("not"):
            found = Not(self._not())
        elif self.take("("):
            found = self._any()
            self.expect(")")
        else:
            found = self._comparison()
        self.depth -= 1
        return found

    def _comparison(self) -> Condition:
        start = self.token.at
        if self.token.text == "matches" and self.token.kind == "name":
            return self._matches()
        left = self._value()
        opposite = bool(self.take("not"))
        at = self.token.at
        word = self.take("in", "has", *(() if opposite else ("==", "!=", "<", "<=", ">", ">=")))
        if word in ("in", "has"):
            found = self._in(left, start) if word == "in" else self._has(left, at)
            return Not(found) if opposite else found
        if opposite:
            raise self.fault(at, "`in` or `has` is expected after `not`")
        if word:
            return self._compared(left, word, start)
        if isinstance(left, Meta) or (isinstance(left, Column) and kind_of(left) == "truth"):
            return Holds(left)
        remedy = REMEDIES.get(self.token.text)
        why = f"write {remedy}" if remedy else "a comparison is expected here, such as == or in"
        raise self.fault(self.token.at, why)

    def _compared(self, left: Value, word: str, start: int) -> Condition:
        at = self.token.at
        right = self._value()
        if self.token.text in ("==", "!=", "<", "<=", ">", ">="):
            raise self.fault(self.token.at, "join two comparisons by `and`")
        self._check_kinds(left, word, right, start, at)
        match word:
            case "!=":
                return Not(Compare("==", left, right))
            case "==" | "<" | "<=" | ">" | ">=":
                return Compare(word, left, right)
        raise AssertionError(word)

    def _check_kinds(self, left: Value, word: str, right: Value, start: int, at: int) -> None:
        if isinstance(left, Constant) and isinstance(right, Constant):
            raise self.fault(start, "a comparison needs a column or a field of meta")
        one, other = kind_of(left), kind_of(right)
        for value, kind, place in ((left, one, start), (right, other, at)):
            if kind in ("items", "messages") and not (word in ("==", "!=") and Constant(None) in (left, right)):
                instead = f'{shown(value)} has "refusal"' if kind == "items" else f"len({shown(value)})"
                raise self.fault(place, f"{shown(value)} is a list: write {instead}")
            if word not in ("==", "!=") and (kind == "truth" or value == Constant(None)):
                raise self.fault(place, f"{shown(value)} has no order: compare it by == or !=")
        if one and other and one != other and Constant(None) not in (left, right):
            texts = [shown(value) for value in (left, right) if isinstance(value, Column) and kind_of(value) == "text"]
            hint = f". len({texts[0]}) is the number of its characters" if texts and "number" in (one, other) else ""
            raise self.fault(start, f"{shown(left)} is a {NAMES[one]} and {shown(right)} a {NAMES[other]}{hint}")

    def _in(self, left: Value, start: int) -> Condition:
        at = self.token.at
        if self.take("["):
            return Any(tuple(Compare("==", left, value) for value in self._list(left, start)))
        right = self._readable("`in`")
        if not isinstance(left, Constant) or not isinstance(left.value, str):
            raise self.fault(
                start, 'the value before `in` is a text in quotation marks, or a list like ["a", "b"] follows'
            )
        if kind_of(right) not in (None, "text", "items"):
            raise self.fault(at, f"{shown(right)} is neither a text nor a list of texts")
        self._check_flag(right, left.value, start)
        return Contains(right, left.value, part=True)

    def _list(self, left: Value, start: int) -> Iterator[Value]:
        while True:
            at = self.token.at
            value = self._value()
            if not isinstance(value, Constant):
                raise self.fault(at, "a list holds texts, numbers, true, false or null")
            self._check_kinds(left, "==", value, start, at)
            yield value
            if not self.take(","):
                break
        self.expect("]")

    def _has(self, left: Value, at: int) -> Condition:
        text = self._text("`has`")
        if not isinstance(left, Column | Meta) or kind_of(left) not in (None, "items"):
            raise self.fault(at, f'{shown(left)} is no list of texts: write "{text}" in {shown(left)}')
        self._check_flag(left, text, self.tokens[self.at - 1].at)
        return Contains(left, text, part=False)

    def _check_flag(self, of: Column | Meta, name: str, at: int) -> None:
        if of != Column("flags") or name in self.names.flags:
            return
        if name in FLAGS["dedupe"]:
            raise self.fault(
                at, f"the flag {name} is set by dedupe, later than the conditions; [dedupe] can drop these rows"
            )
        from difflib import get_close_matches

        near = get_close_matches(name, self.names.flags, 1)
        hint = f". Did you mean {near[0]}?" if near else f"; flags are {', '.join(self.names.flags)}"
        raise self.fault(at, f"no flag has the name {name}{hint}")

    def _matches(self) -> Condition:
        self.at += 1
        self.expect("(")
        at = self.token.at
        of = self._readable("matches(")
        if kind_of(of) not in (None, "text"):
            raise self.fault(at, f"{shown(of)} is not a text")
        self.expect(",")
        at = self.token.at
        pattern = self._text("the comma")
        if fault := fault_of(pattern):
            raise self.fault(at, fault)
        self.expect(")")
        return Matches(of, pattern)

    def _readable(self, before: str) -> Column | Meta:
        at = self.token.at
        value = self._value()
        if not isinstance(value, Column | Meta):
            raise self.fault(at, f"a column or a field of meta is expected after {before}")
        return value

    def _text(self, before: str) -> str:
        token = self.token
        if token.kind != "text":
            raise self.fault(token.at, f"a text in quotation marks is expected after {before}")
        self.at += 1
        return unquoted(token.text)

    def _value(self) -> Value:
        token = self.token
        self.at += 1
        match token.kind:
            case "text":
                return Constant(unquoted(token.text))
            case "number":
                number = float(token.text)
                if math.isinf(number):
                    raise self.fault(token.at, "the number is too large")
                return Constant(number)
            case "name" if token.text not in KEYWORDS:
                return self._named(token)
        self.at -= 1
        raise self.fault(token.at, "a column, a field of meta, a text or a number is expected here")

    def _named(self, token: Token) -> Value:
        if token.text in CONSTANTS:
            return Constant(CONSTANTS[token.text])
        if token.text in REMEDIES:
            raise self.fault(token.at, f"write {REMEDIES[token.text]}")
        if self.token.text == "(" and self.token.kind == "sign":
            return self._call(token)
        if token.text == "meta":
            return Meta(tuple(self._path(token)))
        if token.text not in self.names.columns:
            raise self._unknown_name(token)
        if self.token.text == "." and self.token.kind == "sign":
            raise self.fault(self.token.at, f"only meta has fields, and {token.text} is a column")
        return Column(token.text)

    def _call(self, token: Token) -> Value:
        if token.text != "len":
            raise self.fault(token.at, "the functions of a condition are len(value) and matches(value, pattern)")
        self.expect("(")
        at = self.token.at
        of = self._readable("len(")
        if kind_of(of) in ("number", "truth"):
            raise self.fault(at, f"{shown(of)} has no length")
        if of == Column("flags"):
            raise self.fault(at, 'name the flags, as in flags has "refusal": later stages add others')
        self.expect(")")
        return Length(of)

    def _path(self, meta: Token) -> Iterator[str]:
        if self.token.text != ".":
            raise self.fault(meta.at, "name a field of meta, such as meta.score")
        while self.take("."):
            token = self.token
            if token.kind not in ("name", "text"):
                raise self.fault(
                    token.at, 'a name is expected here: letters, digits and _, or any text in quotes: meta."a-b"'
                )
            self.at += 1
            yield unquoted(token.text) if token.kind == "text" else unicodedata.normalize("NFC", token.text)

    def _unknown_name(self, token: Token) -> ConditionError:
        from difflib import get_close_matches

        columns = self.names.columns
        near = get_close_matches(token.text, columns, 1)
        hint = f"Did you mean {near[0]}? " if near else ""
        hint += f"A field of the record in meta is written meta.{token.text}."
        return self.fault(token.at, f"no column has the name {token.text}. {hint} Columns are {', '.join(columns)}")


def unquoted(text: str) -> str:
    return unicodedata.normalize("NFC", text[1:-1])


def fault_of(pattern: str) -> str:
    """Why RE2 does not take a pattern; "" where it does."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        pc.match_substring_regex(pa.array([""]), pattern)
    except pa.ArrowInvalid as error:
        return f"{error} (RE2 has no look-ahead and no back reference)"
    return ""
