"""The sampled rows as the page searches them: short, escaped JSON, of a bounded size."""

from collections.abc import Iterator
from typing import Any

import orjson
from markupsafe import Markup

from pipeline.dataset.report.gather import Summary
from pipeline.dataset.report.sample import Key, Row, Sample

#: Characters of a text and of a name that are shown, and messages of a conversation.
TEXT, NAME, MESSAGES = 500, 120, 8
#: Bytes of all rows together. A report with them is smaller than 2 MB.
BUDGET = 1_300_000
#: The texts of a row beside its messages, in the order in which they are shown.
TEXTS = ("system", "tools", "instruction", "input", "reasoning", "output", "tool_calls", "rejected", "raw")

#: What ends a script element, begins a comment, or ends a line in JavaScript.
_ESCAPES = str.maketrans({each: f"\\u{ord(each):04x}" for each in "<>&\u2028\u2029"})


def short(text: str, length: int = NAME) -> str:
    """The text, or its beginning.

    >>> short("가나다라", 3)
    '가나…'
    """
    return text if len(text) <= length else f"{text[: length - 1]}…"


def as_json(value: Any) -> Markup:
    """JSON that may stand in a script element, whatever texts it holds.

    >>> as_json("</script><!--")
    Markup('"\\\\u003c/script\\\\u003e\\\\u003c!--"')
    """
    return Markup(orjson.dumps(value).decode().translate(_ESCAPES))


def sampled_rows(summary: Summary) -> list[Row]:
    """Rows of every key, first the first of each, then the second of each, as long as the budget lasts."""
    found, size = [], 0
    for row in _by_rank(summary):
        size += len(orjson.dumps(row))
        if size > BUDGET:
            break
        found.append(row)
    return found


def _by_rank(summary: Summary) -> Iterator[Row]:
    samples = {"rejected": summary.rejected, "kept": summary.kept}
    shown: dict[tuple[str, int], Row] = {}
    ranked = sorted(
        (rank, group, key, number)
        for group, sample in samples.items()
        for key in sample.every_key()
        for rank, number in enumerate(sample.of(key))
    )
    keys = {group: _keys_of(sample) for group, sample in samples.items()}
    for _, group, _, number in ranked:
        if (group, number) not in shown:
            row = samples[group].row(number)
            shown[group, number] = _shown(group, row, keys[group][number], summary.keepers)
            yield shown[group, number]


def _keys_of(sample: Sample) -> dict[int, list[Key]]:
    """Every key of the sampled rows, by the number of the row."""
    found: dict[int, list[Key]] = {}
    for key in sample.every_key():
        for number in sample.of(key):
            found.setdefault(number, []).append(key)
    return found


def _shown(group: str, row: Row, keys: list[Key], keepers: dict[str, Row]) -> Row:
    """What the page shows of a row. Keys are short, since they are repeated in each row."""
    origin = row.get("duplicate_of") if group == "rejected" else None
    return {
        "g": group,
        "o": short(row["origin"] or ""),
        "k": [[facet_of(group, key.facet), short(key.value)] for key in all_keys(row, keys)],
        "x": list(_texts(row)),
        **({"why": short(_why(row), TEXT)} if group == "rejected" else {"n": _tokens(row), "s": row["split"]}),
        **({"e": _evidence(row)} if row.get("evidence") else {}),
        **({"d": short(origin)} if origin else {}),
        **({"y": list(_texts(keepers[origin]))} if origin in keepers else {}),
    }


def all_keys(row: Row, keys: list[Key]) -> list[Key]:
    """The keys of a row: those it was sampled for, and its source, flags and fixes."""
    own = [("source", row["source"]), *(("flag", name) for name in row["flags"] or ())]
    own += [("fix", name) for name in row["fixes"] or ()]
    return list(dict.fromkeys([*(Key(facet, name or "") for facet, name in own), *keys]))


def facet_of(group: str, facet: str) -> str:
    """The facet as the page names it: sources of rejected rows are not those of kept ones."""
    return f"rejected_{facet}" if group == "rejected" and facet in ("source", "flag", "fix") else facet


def _texts(row: Row) -> Iterator[list[Any]]:
    """Role and text of each part of a row, with the number of characters that are left out."""
    parts = [(name, row.get(name)) for name in TEXTS]
    before, after = parts[:2], parts[2:]
    answers = next(at for at, (name, _) in enumerate(after) if name == "reasoning")
    for name, text in [
        *before,
        *_messages(row, "history"),
        *after[:answers],
        *_messages(row, "steps"),
        *after[answers:],
    ]:
        if text:
            cut = text[:TEXT]
            yield [name, cut, len(text) - len(cut)]


def _messages(row: Row, column: str) -> list[tuple[str, str | None]]:
    found = []
    for message in filter(None, (row.get(column) or ())[:MESSAGES]):
        found += [("reasoning", message["reasoning"])] if message["reasoning"] else []
        found += [(message["role"] or "", message["content"])]
        found += [("tool_calls", message["tool_calls"])] if message["tool_calls"] else []
    return found


def _why(row: Row) -> str:
    return f"{row['reject_stage']}: {row['reject_reason']}. {row['reject_detail'] or ''}"


def _tokens(row: Row) -> list[int]:
    return [row.get(name) or 0 for name in ("n_tokens", "n_learned", "truncated")]


def _evidence(row: Row) -> list[list[str]]:
    return [
        [short(str(each[name] or ""), TEXT) for name in ("flag", "field", "detail")] for each in row["evidence"][:6]
    ]
