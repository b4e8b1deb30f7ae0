"""Any tokenizer that transformers opens, as the `Tokenizer` of the protocol: ids, offsets, chat template."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from pipeline.tokenizers.offsets import Token, as_columns
from pipeline.tokenizers.protocol import Chat, ChatTemplateError, LoadError, NoOffsetsError

if TYPE_CHECKING:
    from tokenizers import Tokenizer as Backend

#: A text that any tokenizer turns into at least one id, and the same ids at every place.
PROBE = "a"

#: For chat templates that write today's date, such as those of Llama 3: the result must not depend on the clock. The
#: date is the default of Llama 3's own template.
DATE = {
    "%d": "26",
    "%e": "26",
    "%b": "Jul",
    "%B": "July",
    "%m": "07",
    "%Y": "2024",
    "%y": "24",
    "%a": "Fri",
    "%A": "Friday",
}
FIXED_DATE = (
    "{% macro strftime_now(format) %}{{ format "
    + " ".join(f"| replace('{code}', '{value}')" for code, value in DATE.items())
    + " }}{% endmacro %}"
)


@dataclass(frozen=True, eq=False)
class TransformersTokenizer:
    """Any other tokenizer, as transformers opens it. Made by `open_transformers`."""

    name: str
    backend: Any
    single: tuple[list[int], list[int]]
    pair: tuple[list[int], list[int], list[int]]
    pad_id: int
    unk_id: int | None

    @property
    def eos_id(self) -> int | None:
        eos: int | None = self.backend.eos_token_id
        return eos

    @cached_property
    def specials(self) -> dict[str, int]:
        return {token.content: id_ for id_, token in self.backend.added_tokens_decoder.items() if token.special}

    @property
    def chat(self) -> Chat | None:
        return self._chat if self.backend.chat_template else None

    def _chat(
        self,
        messages: Sequence[Mapping[str, Any]],
        add_generation_prompt: bool = False,
        tools: Sequence[Any] = (),
        args: Mapping[str, Any] = {},
    ) -> str:
        from jinja2 import TemplateError

        try:
            template = self.backend.get_chat_template(tools=tools or None)
            text: str = self.backend.apply_chat_template(
                messages,
                tools=tools or None,
                chat_template=FIXED_DATE + template if "strftime_now" in template else template,
                tokenize=False,
                add_generation_prompt=add_generation_prompt,
                **args,
            )
        except (TemplateError, ValueError, TypeError, KeyError, AttributeError) as error:
            roles = " → ".join(message["role"] for message in messages)
            found = str(error) if str(error).endswith((".", "!")) else f"{error}."
            raise ChatTemplateError(
                f"the chat template of {self.name} cannot write a conversation {roles}: {found} "
                "Give the tokenizer another template (chat_template.jinja in its folder)."
            ) from error
        return text

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The ids of each text: list<int32>, none added; null for null. Equal texts are encoded once."""
        fast = self.backend.backend_tokenizer if self.backend.is_fast else None
        return self._encode(texts, fast, split_special_tokens=False)

    def encode_literally(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """As `encode`, but a special token written in a text is text like any other."""
        return self._encode(texts, self._literal, split_special_tokens=True)

    def encode_with_offsets(self, texts: pa.Array | pa.ChunkedArray) -> tuple[pa.ListArray, pa.ListArray, pa.ListArray]:
        """The ids of each text, and the characters that each token covers: start and end (excluded), as
        list<int32>. Raises NoOffsetsError for a tokenizer that transformers has in Python only."""
        if not self.backend.is_fast:
            raise NoOffsetsError(
                f"the tokenizer {self.name} has no character offsets, which the layout qa needs: "
                "use a fast tokenizer (its folder has a tokenizer.json)."
            )
        return as_columns(texts, self._tokens)

    def _tokens(self, texts: list[str]) -> Iterator[list[Token]]:
        for row in self.backend.backend_tokenizer.encode_batch(texts, add_special_tokens=False):
            yield [(token, start, end) for token, (start, end) in zip(row.ids, row.offsets, strict=True)]

    @cached_property
    def _literal(self) -> Any:
        """The fast tokenizer again, set to read special tokens as text: a setting that cannot differ by call."""
        if not self.backend.is_fast:
            return None
        literal = copy.deepcopy(self.backend.backend_tokenizer)
        literal.encode_special_tokens = True
        return literal

    def _encode(
        self, texts: pa.Array | pa.ChunkedArray, fast: "Backend | None", split_special_tokens: bool
    ) -> pa.ListArray:
        column = texts if isinstance(texts, pa.ChunkedArray) else pa.chunked_array([texts])
        coded = column.cast(pa.string()).dictionary_encode().combine_chunks()
        distinct = coded.dictionary.to_pylist()
        if fast:
            rows = [row.ids for row in fast.encode_batch_fast(distinct, add_special_tokens=False)]
        else:
            how = {"add_special_tokens": False, "split_special_tokens": split_special_tokens}
            rows = [self.backend.encode(text, **how) for text in distinct]
        return pa.array(rows, pa.list_(pa.int32())).take(coded.indices)

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens included."""
        text: str = self.backend.decode(ids, clean_up_tokenization_spaces=False)
        return text


def open_transformers(name: str, path: str) -> TransformersTokenizer:
    """Open the tokenizer in a folder with AutoTokenizer. No code from the folder is run.

    The special tokens around a text and a pair are found by encoding a text with and without them.
    A tokenizer without a padding token pads with its end-of-sequence token. Raises LoadError for a tokenizer that needs
    its own code, or whose special tokens cannot be found.
    """
    from transformers import AutoTokenizer

    try:
        backend = AutoTokenizer.from_pretrained(path, local_files_only=True, trust_remote_code=False)
    except ValueError as error:
        if "trust_remote_code" not in str(error):
            raise
        raise LoadError(
            f"{name}: this tokenizer needs its own Python code (auto_map in its tokenizer_config.json), and such "
            "programs are never run here. If you trust it, convert it to a tokenizer.json and name that folder."
        ) from error
    return wrap(name, backend)


def wrap(name: str, backend: Any) -> TransformersTokenizer:
    """A tokenizer of transformers as one of ours. Its padding and truncation are switched off: the caller does both.

    Raises LoadError where its special tokens cannot be found.
    """
    if backend.is_fast:
        backend.backend_tokenizer.no_padding()
        backend.backend_tokenizer.no_truncation()
    ids = backend.encode(PROBE, add_special_tokens=False)
    single = _around(backend.encode(PROBE), ids)
    prefix, rest = _around(backend.encode(PROBE, PROBE), ids)
    between, suffix = _around(rest, ids)
    pad_id = next((i for i in (backend.pad_token_id, backend.eos_token_id) if i is not None), 0)
    return TransformersTokenizer(name, backend, single, (prefix, between, suffix), pad_id, backend.unk_token_id)


def _around(ids: list[int], inner: list[int]) -> tuple[list[int], list[int]]:
    """The ids before and after the first occurrence of `inner`."""
    for at in range(len(ids)):
        if inner and ids[at : at + len(inner)] == inner:
            return ids[:at], ids[at + len(inner) :]
    raise LoadError(f"the special tokens cannot be found: {PROBE!r} gives {inner} alone and {ids} with special tokens")
