"""The morphological analyser kiwipiepy, for the findings that need it. What is installed never decides a result: only
`[screen] on` does."""

import functools
from typing import Any, NamedTuple

from schemas.errors import MissingLibraryError, install


class Morpheme(NamedTuple):
    start: int
    end: int
    #: NNP: a name; JX: a particle; EF: a final ending …
    tag: str


@functools.cache
def kiwi() -> Any:
    try:
        from kiwipiepy import Kiwi
    except ImportError as error:
        raise MissingLibraryError(
            "The findings disfluent and person-name need kiwipiepy, which works offline: "
            f"{install('kiwi')}. Or leave them out of screen.on."
        ) from error
    return Kiwi(num_workers=1)


@functools.lru_cache(maxsize=64)
def morphemes(line: str) -> tuple[Morpheme, ...]:
    return tuple(Morpheme(token.start, token.start + token.len, str(token.tag)) for token in kiwi().tokenize(line))


def likelihood(text: str) -> float:
    """The score of the language model of kiwipiepy, per morpheme."""
    tokens, score = kiwi().analyze(text, top_n=1)[0]
    return float(score) / max(1, len(tokens))
