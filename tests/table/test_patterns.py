"""Patterns that are compiled when they are first used."""

import copy
import re
from importlib import import_module

import pytest

from pipeline.io.source_code import modules
from pipeline.table.patterns import _Pattern, pattern


def test_a_pattern_does_what_a_compiled_one_does() -> None:
    text = "2024년 3월, 2025년"
    lazy, compiled = pattern(r"(?P<year>\d{4})년", re.ASCII), re.compile(r"(?P<year>\d{4})년", re.ASCII)
    assert lazy.findall(text) == compiled.findall(text)
    assert lazy.sub("올해", text) == compiled.sub("올해", text)
    assert [match.span("year") for match in lazy.finditer(text)] == [(0, 4), (10, 14)]
    assert (lazy.pattern, lazy.flags, dict(lazy.groupindex)) == (compiled.pattern, compiled.flags, {"year": 1})
    with pytest.raises(AttributeError, match="nothing"):
        getattr(lazy, "nothing")  # noqa: B009
    assert copy.copy(lazy).search(text)


def test_every_pattern_of_a_module_can_be_compiled() -> None:
    """A mistake in one would else show when a row needs it."""
    held = [
        value
        for name in modules()
        if name.startswith(("pipeline.stages.", "pipeline.table."))
        for value in vars(import_module(name)).values()
        if isinstance(value, _Pattern)
    ]
    assert len(held) > 50
    for each in held:
        assert each.compiled.flags is not None
