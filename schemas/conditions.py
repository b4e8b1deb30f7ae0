"""The conditions on a row that `[[source]] keep` holds: their grammar, and the tree of one (`schemas.parse_condition`).

    condition   a comparison, or conditions joined by `not`, `and`, `or` (in this order of strength) and parentheses
    comparison  value == value, and !=  <  <=  >  >=
                value in ["a", "b"]      it is one of these
                "a" in value             it is a part of this text, or an item of this list
                value has "a"            it is an item of this list
                matches(value, "a+b")    a part of this text matches the RE2 pattern
                value                    it is true
                `not in`, `not has`      the opposite
    value       a column, such as output; a field of the record in meta, such as meta.score or meta."a b".c;
                len(value): characters of a text, items of a list; "text" or 'text' (a backslash is a character like any
                other); a number; true, false, null

A comparison is true or false. With a value that is missing (null), or with one of another kind, it is false, and its
opposite is true: `meta.lang != "en"` holds for a row without meta.lang. `value == null` asks whether it is missing. A
text in meta that is written as a number is that number, too. Texts are compared in the Unicode form NFC, and ordered by
the code points of their characters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from schemas.reasons import FINDINGS, FLAGS

Kind = Literal["text", "number", "truth", "items", "messages"]

#: The columns that a condition reads, by kind. `n_turns` is no column of the table: the number of the user's messages.
COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(("origin", "source", "published_split", "tools", "tool_calls"), "text"),
    **dict.fromkeys(("system", "instruction", "input", "reasoning", "output", "rejected"), "text"),
    **dict.fromkeys(("label", "learn"), "truth"),
    **dict.fromkeys(("n_turns", "n_tokens", "n_learned", "n_unk", "truncated"), "number"),
    **dict.fromkeys(("history", "steps"), "messages"),
    "flags": "items",
}
#: The flags that a condition reads: dedupe decides later.
READ_FLAGS = (*FLAGS["ingest"], *FINDINGS, *FLAGS["tokenize"])
#: Columns that a finished dataset has, or its rejected rows, and no `keep` reads.
OF_DATASET: dict[str, Kind] = {
    **dict.fromkeys(("reject_stage", "reject_reason", "reject_detail", "cluster", "duplicate_of"), "text"),
    "similarity": "number",
    "fixes": "items",
}


@dataclass(frozen=True, eq=False)
class Names:
    """The names that a condition may hold: of columns, with their kinds, and of flags."""

    columns: Mapping[str, Kind]
    flags: tuple[str, ...]


#: In `keep`, and where rows of a finished dataset are looked for.
IN_STAGES = Names(COLUMNS, READ_FLAGS)
IN_DATASET = Names(COLUMNS | OF_DATASET, (*READ_FLAGS, *FLAGS["dedupe"]))


@dataclass(frozen=True)
class Constant:
    value: str | float | bool | None


@dataclass(frozen=True)
class Column:
    name: str


@dataclass(frozen=True)
class Meta:
    path: tuple[str, ...]


@dataclass(frozen=True)
class Length:
    of: Column | Meta


Value = Constant | Column | Meta | Length


@dataclass(frozen=True)
class Compare:
    sign: Literal["==", "<", "<=", ">", ">="]
    left: Value
    right: Value


@dataclass(frozen=True)
class Holds:
    """The value is true."""

    of: Column | Meta


@dataclass(frozen=True)
class Contains:
    """The text is an item of a list, or a part of a text where `part`."""

    of: Column | Meta
    text: str
    part: bool


@dataclass(frozen=True)
class Matches:
    of: Column | Meta
    pattern: str


@dataclass(frozen=True)
class Not:
    of: Condition


@dataclass(frozen=True)
class All:
    of: tuple[Condition, ...]


@dataclass(frozen=True)
class Any:
    of: tuple[Condition, ...]


Test = Compare | Holds | Contains | Matches
Condition = Test | Not | All | Any


def tests_of(condition: Condition) -> Iterator[Test]:
    """The comparisons of a condition, in their order."""
    match condition:
        case Not(of=inner):
            yield from tests_of(inner)
        case All(of=parts) | Any(of=parts):
            for part in parts:
                yield from tests_of(part)
        case _:
            yield condition


def values_of(condition: Condition) -> Iterator[Column | Meta]:
    """The columns and the fields of meta that a condition reads, in their order."""
    for test in tests_of(condition):
        for value in (test.left, test.right) if isinstance(test, Compare) else (test.of,):
            if isinstance(value, Length):
                yield value.of
            elif not isinstance(value, Constant):
                yield value


def kind_of(value: Value) -> Kind | None:
    """The kind of a value; None where the row decides: of meta."""
    match value:
        case Column(name=name):
            return IN_DATASET.columns[name]
        case Length():
            return "number"
        case Constant(value=bool()):
            return "truth"
        case Constant(value=str()):
            return "text"
        case Constant(value=float()):
            return "number"
    return None


def shown(value: Value) -> str:
    """A value as a condition writes it."""
    match value:
        case Column(name=name):
            return name
        case Meta(path=path):
            return "meta" + "".join(f".{name}" if name.isidentifier() else f'."{name}"' for name in path)
        case Length(of=of):
            return f"len({shown(of)})"
        case Constant(value=str(text)):
            return f'"{text}"'
        case Constant(value=float(number)):
            return f"{number:g}"
        case Constant(value=constant):
            return "null" if constant is None else str(constant).lower()
