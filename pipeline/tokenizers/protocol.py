"""The contract between the layouts and the tokenizers that `load_tokenizer` opens, and the errors tokenizers raise."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import pyarrow as pa

from schemas.errors import KoInstructError


class Chat(Protocol):
    """A chat template: a conversation as text."""

    def __call__(
        self,
        messages: Sequence[Mapping[str, Any]],
        add_generation_prompt: bool = False,
        tools: Sequence[Any] = (),
        args: Mapping[str, Any] = {},
    ) -> str:
        """`messages` in OpenAI's form, with the arguments of calls as objects. `add_generation_prompt`: an answer is
        to be written next. `args`: what else the template reads, such as enable_thinking.

        Raises ChatTemplateError where it cannot be written.
        """
        ...


class Tokenizer(Protocol):
    """KoBERT (`tokenizers.kobert`), or any tokenizer that transformers opens (`tokenizers.transformers_tokenizer`)."""

    @property
    def name(self) -> str: ...

    def __hash__(self) -> int: ...

    @property
    def single(self) -> tuple[list[int], list[int]]:
        """Ids around one text: prefix, suffix."""
        ...

    @property
    def pair(self) -> tuple[list[int], list[int], list[int]]:
        """Ids around two texts: prefix, between, suffix."""
        ...

    @property
    def pad_id(self) -> int: ...

    @property
    def unk_id(self) -> int | None: ...

    @property
    def eos_id(self) -> int | None:
        """The id that ends a sequence."""
        ...

    @property
    def specials(self) -> Mapping[str, int]:
        """The special tokens: how they are written, and their ids."""
        ...

    @property
    def chat(self) -> Chat | None:
        """The chat template; None where the tokenizer has none."""
        ...

    def encode(self, texts: pa.Array) -> pa.ListArray:
        """Ids of each text as list<int32>, none added; null for null. A special token written in the text is one."""
        ...

    def encode_literally(self, texts: pa.Array) -> pa.ListArray:
        """The same, but a special token written in the text is text like any other."""
        ...

    def encode_with_offsets(self, texts: pa.Array) -> tuple[pa.ListArray, pa.ListArray, pa.ListArray]:
        """As `encode`; and the characters of the text that each token covers, as list<int32>: start and end (excluded).

        White space around them is not counted. Neither start nor end decreases from token to token.

        Raises NoOffsetsError.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens included."""
        ...


class LoadError(KoInstructError, RuntimeError):
    """None of the listed tokenizers is available, or one cannot be opened. `why`: in one line."""

    def __init__(self, message: str, why: str = "") -> None:
        super().__init__(message)
        self.why = why or message


class ChatTemplateError(KoInstructError, ValueError):
    """The chat template cannot write a conversation, or not so that each token belongs to one known message."""


class NoOffsetsError(KoInstructError, ValueError):
    """The tokenizer has no character offsets of its tokens."""
