"""The rows of a call of KoBERTTokenizer with the places of their tokens, as those of a fast tokenizer have them."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any, NamedTuple

from tokenizers import Encoding
from transformers.tokenization_utils_base import BatchEncoding, TruncationStrategy
from transformers.utils.generic import PaddingStrategy

from pipeline.tokenizers.kobert_encodings import Piece, encoding, windows
from schemas.options import OptionError

Pieces = list[Piece]
#: The fields of an encoding by the names of transformers.
FIELDS = {
    "input_ids": "ids",
    "token_type_ids": "type_ids",
    "attention_mask": "attention_mask",
    "special_tokens_mask": "special_tokens_mask",
    "offset_mapping": "offsets",
}


class Made(NamedTuple):
    """The encodings of a call, and of each the number of its text."""

    encodings: list[Encoding]
    texts: list[int]


class Rows(Sequence[Encoding]):
    """The encodings of a call, made when they are asked for.

    `tokenizer`: a KoBERTTokenizer. `how`: the options of the call, as `_encode_plus` has them.

    A copy that is pickled is a list of them.
    """

    def __init__(self, tokenizer: Any, text: Any, text_pair: Any, how: Mapping[str, Any]) -> None:
        self.tokenizer, self.how = tokenizer, how
        self._given = text, text_pair

    def __len__(self) -> int:
        return len(self.made.encodings)

    def __getitem__(self, item: Any) -> Any:
        return self.made.encodings[item]

    def __reduce__(self) -> tuple[Any, ...]:
        return list, (self.made.encodings,)

    @cached_property
    def made(self) -> Made:
        made = Made([], [])
        for number, (first, second) in enumerate(self._inputs[1]):
            pieces = (self._pieces(first), self._pieces(second)) if second is not None else (self._pieces(first),)
            for window in self._windows(*pieces):
                made.encodings.append(self._encoding(*window))
                made.texts.append(number)
        self._pad(made.encodings)
        return made

    @cached_property
    def _inputs(self) -> tuple[bool, list[tuple[Any, Any]]]:
        return inputs_of(*self._given, bool(self.how.get("is_split_into_words")))

    def with_offsets(self) -> BatchEncoding:
        """The rows as a fast tokenizer of transformers gives them, with `offset_mapping`."""
        how, tokenizer = self.how, self.tokenizer
        asked = {
            "input_ids": True,
            "token_type_ids": how.get("return_token_type_ids"),
            "attention_mask": how.get("return_attention_mask"),
            "special_tokens_mask": how.get("return_special_tokens_mask") or False,
            "offset_mapping": True,
        }
        names = [name for name, yes in asked.items() if (name in tokenizer.model_input_names if yes is None else yes)]
        data = {name: [getattr(row, FIELDS[name]) for row in self] for name in names}
        if how.get("return_length"):
            data["length"] = [len(row.ids) for row in self]
        if how.get("return_overflowing_tokens"):
            data["overflow_to_sample_mapping"] = self.made.texts
        elif not self._inputs[0] and not how.get("return_tensors"):
            data = {name: values[0] for name, values in data.items()}
        return BatchEncoding(data, self, tensor_type=how.get("return_tensors"))

    def _pieces(self, text: Any) -> Pieces:
        pieces: Pieces = self.tokenizer.pieces(text, literally=self.how.get("split_special_tokens"))
        return pieces

    def _windows(self, first: Pieces, second: Pieces | None = None) -> list[tuple[Pieces, Pieces | None]]:
        """What is encoded of a text or a pair: a part of it, or all its windows."""
        how, tokenizer = self.how, self.tokenizer
        strategy = how.get("truncation_strategy", TruncationStrategy.DO_NOT_TRUNCATE)
        added = tokenizer.num_special_tokens_to_add(second is not None) if how.get("add_special_tokens", True) else 0
        length = len(first) + len(second or ()) + added
        if strategy == TruncationStrategy.DO_NOT_TRUNCATE or how["max_length"] is None or length <= how["max_length"]:
            return [(first, second)]
        stride = how.get("stride", 0)
        one, two, _ = tokenizer.truncate_sequences(first, second, length - how["max_length"], strategy, stride)
        if not how.get("return_overflowing_tokens"):
            return [(one, two)]
        if strategy == TruncationStrategy.LONGEST_FIRST and second is not None:
            raise OptionError('Of a pair, name the text that is cut: truncation="only_first" or "only_second".')
        whole, room = (second or [], len(two)) if strategy == TruncationStrategy.ONLY_SECOND else (first, len(one))
        if stride >= room:
            raise OptionError(f"stride={stride} leaves no room in windows of {room} tokens. Set a smaller stride.")
        parts = windows(whole, room, stride, tokenizer.truncation_side == "right")
        return [(first, part) if whole is second else (part, second) for part in parts]

    def _encoding(self, first: Pieces, second: Pieces | None) -> Encoding:
        tokenizer = self.tokenizer
        tokens = [piece.token for piece in first]
        more = None if second is None else [piece.token for piece in second]
        if self.how.get("add_special_tokens", True):
            ids = tokenizer.build_inputs_with_special_tokens(tokens, more)
            types = tokenizer.create_token_type_ids_from_sequences(tokens, more)
            special = tokenizer.get_special_tokens_mask(tokens, more)
        else:
            ids = tokens + (more or [])
            types, special = [0] * len(ids), [0] * len(ids)
        tokenizer._eventual_warn_about_too_long_sequence(ids, self.how.get("max_length"), self.how.get("verbose", True))
        parts = [first] if second is None else [first, second]
        return encoding(ids, types, special, tokenizer.convert_ids_to_tokens(ids), parts)

    def _pad(self, encodings: list[Encoding]) -> None:
        how, tokenizer = self.how, self.tokenizer
        strategy = how.get("padding_strategy", PaddingStrategy.DO_NOT_PAD)
        if strategy == PaddingStrategy.DO_NOT_PAD or not encodings:
            return
        longest = max(len(row.ids) for row in encodings)
        length = longest if strategy == PaddingStrategy.LONGEST else how["max_length"]
        multiple = how.get("pad_to_multiple_of") or 1
        for row in encodings:
            row.pad(
                -(-length // multiple) * multiple,
                direction=how.get("padding_side") or tokenizer.padding_side,
                pad_id=tokenizer.pad_token_id,
                pad_type_id=tokenizer.pad_token_type_id,
                pad_token=str(tokenizer.pad_token),
            )


def inputs_of(text: Any, text_pair: Any, in_words: bool) -> tuple[bool, list[tuple[Any, Any]]]:
    """Whether these are the texts of a batch, and the texts or pairs. A text is a string; `in_words`, a list of words.

    >>> inputs_of(["가", ("나", "다")], None, in_words=False)
    (True, [('가', None), ('나', '다')])
    >>> inputs_of(["가", "나"], None, in_words=True)
    (False, [(['가', '나'], None)])
    """
    listed = isinstance(text, list | tuple)
    is_batch = listed and (not all(isinstance(one, str) for one in text) if in_words else not are_ids(text))
    if not is_batch:
        return False, [(text, text_pair)]
    if text_pair is not None:
        if len(text_pair) != len(text):
            raise OptionError(
                f"There are {len(text)} texts and {len(text_pair)} second texts. Give a second one for each."
            )
        return True, list(zip(text, text_pair, strict=True))
    is_pair = tuple if in_words else (list, tuple)
    return True, [
        tuple(one) if isinstance(one, is_pair) and len(one) == 2 and not are_ids(one) else (one, None) for one in text
    ]


def are_ids(text: Any) -> bool:
    return isinstance(text, list | tuple) and bool(text) and isinstance(text[0], int)
