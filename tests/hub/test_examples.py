"""The examples in the docstrings of pipeline.hub."""

import doctest
import importlib

import pytest


@pytest.mark.parametrize("name", ["compare", "download", "publishable", "requests"])
def test_the_examples_of_a_module(name: str) -> None:
    result = doctest.testmod(importlib.import_module(f"pipeline.hub.{name}"))
    assert result.attempted
    assert not result.failed
