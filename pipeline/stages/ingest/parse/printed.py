"""Values that were printed into a text: as JSON, as Python writes lists and dicts, as numpy and pandas print arrays."""

import ast
import re
from typing import Any

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse.exact_json import DEPTH, dumps, is_deep, parse

#: A string of JSON or Python; one that nothing closes goes on to the end.
STRING = re.compile(r"""('(?:[^'\\]|\\.?)*+(?:'|\Z)|"(?:[^"\\]|\\.?)*+(?:"|\Z))""", re.DOTALL)
#: What numpy prints around a list of an array, and the gap between two items, where it prints no comma.
ARRAY, DTYPE, GAP = re.compile(r"\barray\("), re.compile(r",\s*dtype=\w+\s*\)"), re.compile(r"(?<=[}\]])\s+(?=[{\[])")


def json_value(text: str) -> Any:
    """The value of a JSON text, numbers as they are spelled, or of a Python literal that JSON can write; None where it
    is neither, has a key twice with different values, or is nested too deeply.

    >>> json_value("{'text': array(['봄', \\"'가'을\\"], dtype=object)}"), json_value("['봄' '가을']")
    ({'text': ['봄', "'가'을"]}, ['봄', '가을'])
    """
    try:
        return parse(text.encode(errors="surrogatepass")).value
    except Fault as fault:
        if fault.reason in ("duplicate-key", "too-deep"):
            return None
    try:
        tree = ast.parse(_with_commas(text.strip()), mode="eval")
        value = None if any(map(_repeats_key, ast.walk(tree))) else ast.literal_eval(tree)
        if is_deep(value, dumps(value).encode(), DEPTH):
            return None
    except (ValueError, SyntaxError, MemoryError, RecursionError, TypeError):
        return None
    return value if isinstance(value, dict | list) else None


def opened(value: Any) -> Any:
    """The list or object that is printed into a text; any other value as it is."""
    if not isinstance(value, str) or value.lstrip()[:1] not in ("[", "{"):
        return value
    read = json_value(value)
    return read if isinstance(read, list | dict) else value


def _with_commas(text: str) -> str:
    """The text with lists of Python in place of arrays of numpy."""
    parts = STRING.split(text)
    for place in range(0, len(parts), 2):
        between = GAP.sub(", ", DTYPE.sub(")", ARRAY.sub("(", parts[place])))
        is_gap = 0 < place < len(parts) - 1 and not between.strip()
        parts[place] = ", " if is_gap else between
    return "".join(parts)


def _repeats_key(node: ast.AST) -> bool:
    """Whether a dict of Python source has a key twice."""
    keys = [key.value for key in node.keys if isinstance(key, ast.Constant)] if isinstance(node, ast.Dict) else []
    return len(set(keys)) < len(keys)
