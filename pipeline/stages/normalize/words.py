"""Fixes of words, with a library each: spaces between them, and Chinese characters."""

import functools
import re
from typing import Any

from pipeline.table.protected_spans import MARK
from schemas.errors import MissingLibraryError, install

_HANGUL = re.compile(r"[가-힣]")


def correct_spacing(text: str) -> str:
    """Spaces put between words by kiwipiepy (the extra `spacing`), line by line; none is taken away.

    A stretch of prose whose other characters would change is left as it was.
    """
    kiwi = _kiwi()
    return re.sub(rf"[^\n{MARK}]+", lambda prose: _spaced(kiwi, prose[0]), text)


def _spaced(kiwi: Any, prose: str) -> str:
    if not _HANGUL.search(prose):
        return prose
    words = prose.strip()
    spaced: str = kiwi.space(words)
    rest = iter(spaced)
    added_only = all(char in rest for char in words) and spaced.replace(" ", "") == words.replace(" ", "")
    return prose.replace(words, spaced) if added_only else prose


@functools.cache
def _kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise MissingLibraryError(f"The fix spacing needs kiwipiepy: {install('spacing')}") from error
    return Kiwi(num_workers=1)


_HANJA = re.compile(r"[\u4e00-\u9fff\uf900-\ufaff]+")


def read_hanja(text: str) -> str:
    """Chinese characters become their Korean reading, with the initial-sound rule (`pip install --no-deps hanja`)."""
    return _HANJA.sub(_reading, text)


def gloss_hanja(text: str) -> str:
    """The same, with the original kept: 漢字 becomes 한자(漢字). What has its reading beside it stays."""

    def gloss(run: re.Match[str]) -> str:
        reading = _reading(run)
        in_brackets = text.endswith(("(", "（"), 0, run.start())
        if in_brackets or text.startswith((f"({reading}", f"（{reading}"), run.end()) or reading == run[0]:
            return run[0]
        return f"{reading}({run[0]})"

    return _HANJA.sub(gloss, text)


def _reading(run: re.Match[str]) -> str:
    try:
        from hanja import translate
    except ImportError as error:
        # It asks for PyYAML 6.0.1 alone and for test tools, and so agrees with nothing; it runs with any PyYAML.
        raise MissingLibraryError(
            "The fixes hanja and hanja-gloss need the library hanja: pip install --no-deps hanja"
        ) from error
    # Behind a digit no word begins: 2023年 is 2023년, not 2023연.
    before = run.string[max(0, run.start() - 1) : run.start()]
    context = before if before.isdigit() else ""
    return str(translate(context + run[0], "substitution"))[len(context) :]
