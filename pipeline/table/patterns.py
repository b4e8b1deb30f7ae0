"""Patterns that are compiled when they are first used: a small run needs few of them, and to compile all takes longer
than the run."""

import re
from functools import cached_property
from typing import Any, cast


def pattern(text: str, flags: int = 0) -> re.Pattern[str]:
    """The same as `re.compile`, for a pattern that a module holds.

    >>> pattern("[가-힣]+").findall("가나 abc 다")
    ['가나', '다']
    """
    return cast("re.Pattern[str]", _Pattern(text, flags))


class _Pattern:
    def __init__(self, text: str, flags: int) -> None:
        self._text, self._flags = text, flags

    @cached_property
    def compiled(self) -> re.Pattern[str]:
        return re.compile(self._text, self._flags)

    def __getattr__(self, name: str) -> Any:
        """A method of the compiled pattern. It is kept, so that Python asks here for each once."""
        if name.startswith("__"):
            raise AttributeError(name)
        found = getattr(self.compiled, name)
        setattr(self, name, found)
        return found
