"""What `tokenize` was given as its tokenizer: one of ours, a name, a path, or a tokenizer of transformers."""

import copy
from functools import lru_cache
from os import PathLike, fspath
from typing import TYPE_CHECKING, Any, TypeAlias, cast

from pipeline.tokenizers.kobert import SPECIAL_TOKENS, KoBERT
from pipeline.tokenizers.load import Loaded, load_tokenizer
from pipeline.tokenizers.protocol import Tokenizer
from pipeline.tokenizers.transformers_tokenizer import wrap
from schemas.errors import KoInstructError

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

GivenTokenizer: TypeAlias = "Tokenizer | Loaded | str | PathLike[str] | PreTrainedTokenizerBase"


class NotATokenizerError(KoInstructError, TypeError):
    """Something else was given in place of a tokenizer."""


def given_tokenizer(given: GivenTokenizer) -> Tokenizer:
    """The tokenizer itself, or the one that a name, a path or a tokenizer of transformers stands for.

    >>> given_tokenizer("embedded").name
    'embedded'

    Raises NotATokenizerError for anything else, LoadError where the tokenizer is not available.
    """
    if isinstance(given, Loaded):
        return given.tokenizer
    if isinstance(given, str | PathLike):
        return _named(fspath(given))
    other: Any = given
    if isinstance(encoder := getattr(other, "encoder", None), KoBERT) and _is_plain(other):
        return encoder
    if hasattr(other, "encode_literally"):
        return cast(Tokenizer, other)
    if hasattr(other, "added_tokens_encoder"):
        return _wrapped(other, str(other.chat_template), len(other))
    raise NotATokenizerError(
        "A tokenizer is a name or path ('skt/kobert-base-v1', 'embedded'), what load_tokenizer gives, a "
        f"KoBERTTokenizer, or a tokenizer of transformers, and this is a {type(given).__name__}."
    )


def _is_plain(kobert: Any) -> bool:
    """Whether a KoBERTTokenizer has no tokens but its own."""
    return set(kobert.added_tokens_encoder) == set(SPECIAL_TOKENS)


@lru_cache(maxsize=4)
def _named(name: str) -> Tokenizer:
    return load_tokenizer([name]).tokenizer


@lru_cache(maxsize=4)
def _wrapped(given: Any, template: str, size: int) -> Tokenizer:
    """A copy, which the caller cannot set to pad or to cut. `template`, `size`: it is another one when these change."""
    return wrap(given.name_or_path or type(given).__name__, copy.deepcopy(given))
