"""What the stage asks of a tokenizer: the one contract between the layouts and what `load_tokenizer` opens."""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import pyarrow as pa

from schemas.errors import KoInstructError

#: A conversation as text, from its messages {role, content}, and whether an answer is to be written next. Raises
#: ChatTemplateError where it cannot be written.
Chat = Callable[[list[dict[str, str]], bool], str]


class Tokenizer(Protocol):
    """KoBERT (`pipeline.tokenizers.kobert`), or any tokenizer that transformers opens (`pipeline.tokenizers.load`)."""

    @property
    def name(self) -> str: ...

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
        """What ends a sequence."""
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
        """As `encode`; and for each token the characters of the text that it stands for, as list<int32>: the first, and
        the one behind the last. White space around them is not counted. Both grow from token to token, or stay.

        Raises NoOffsetsError.
        """
        ...

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens included."""
        ...


class ChatTemplateError(KoInstructError, ValueError):
    """The chat template cannot write a conversation, or not in a way that tells what belongs to which message."""


class NoOffsetsError(KoInstructError, ValueError):
    """The tokenizer cannot say which characters its tokens stand for."""


class TooLongError(KoInstructError, ValueError):
    """A row is longer than max_length and the truncation policy is `error`, or a sequence than a pack."""


class UnknownTokensError(KoInstructError, ValueError):
    """Too many tokens are [UNK]: the tokenizer does not fit the text."""
