"""KoBERTTokenizer: KoBERT as a transformers 5 tokenizer, by the class name and call of the official wrapper.

The public door is `pipeline.kobert`. To import this registers the class: `AutoTokenizer.from_pretrained` then opens a
folder that it has saved.
"""

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers import AutoTokenizer, PreTrainedConfig
from transformers.tokenization_utils_base import BatchEncoding, TruncationStrategy
from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

from pipeline.tokenizers.kobert import SPECIAL_TOKENS, KoBERT, NoVocabularyError, load, prepare
from pipeline.tokenizers.kobert_encodings import Piece, pieces_of_text, pieces_of_words
from pipeline.tokenizers.kobert_rows import Rows, are_ids
from pipeline.tokenizers.load import hub_problem, is_hub_id
from pipeline.tokenizers.offsets import Token
from schemas.options import OptionError

_UNK, _PAD, _CLS, _SEP, _MASK = SPECIAL_TOKENS

#: Options of the official wrapper that change ids, and the only values for which these are KoBERT's.
FIXED = {"do_lower_case": False, "remove_space": True, "keep_accents": False}
#: Options of older versions of transformers, and what they are now.
RENAMED = {
    "pad_to_max_length": 'padding="max_length", truncation=True',
    "max_len": "max_length",
    "truncation_strategy": 'truncation="longest_first", "only_first" or "only_second"',
    "return_input_lengths": "return_length",
}
#: Options of a call beside those that the base class names.
MORE_OPTIONS = ("return_offsets_mapping", "split_special_tokens", "sanitize_control_tokens")


class KoBERTTokenizer(SentencePieceBackend):
    """The tokenizer of skt/kobert-base-v1: `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, padded on the right.

    >>> tokenizer = KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")    # or a folder, or a spiece.model file
    >>> tokenizer("한국어 모델을 공유합니다.")["input_ids"]
    [2, 4958, 6855, 2046, 7088, 1050, 7843, 54, 3]

    A batch of texts is encoded as a column, on all cores. What it gives has `word_ids`, `char_to_token` and
    `sequence_ids`, as from a fast tokenizer; a word is what white space parts. `return_offsets_mapping=True` gives
    `offset_mapping`, and with `return_overflowing_tokens=True` a row for each window of a text and
    `overflow_to_sample_mapping`. Without offsets there is a row for each text, and `overflowing_tokens` is [] for one
    that fits.

    Raises VocabularyError for any vocabulary but KoBERT's and the embedded one.
    """

    vocab_files_names = {"vocab_file": "spiece.model"}  # noqa: RUF012 (declared so in the base class)
    model_input_names = ["input_ids", "token_type_ids", "attention_mask"]  # noqa: RUF012
    padding_side = "right"

    def __init__(
        self,
        vocab_file: str | None = None,
        bos_token: Any = _CLS,
        eos_token: Any = _SEP,
        unk_token: Any = _UNK,
        sep_token: Any = _SEP,
        pad_token: Any = _PAD,
        cls_token: Any = _CLS,
        mask_token: Any = _MASK,
        **kwargs: Any,
    ) -> None:
        if vocab_file is None:
            raise NoVocabularyError("no spiece.model found: KoBERTTokenizer needs KoBERT's SentencePiece file.")
        for name, value in FIXED.items():
            if kwargs.get(name, value) != value:
                raise OptionError(
                    f"KoBERT was trained with {name}={value}, and other ids do not fit it. Leave out {name}="
                    f"{kwargs[name]}, and change the texts before you give them to the tokenizer."
                )
        self.encoder: KoBERT = load(Path(vocab_file))
        super().__init__(  # type: ignore[no-untyped-call]
            vocab_file=vocab_file,
            bos_token=bos_token,
            eos_token=eos_token,
            unk_token=unk_token,
            sep_token=sep_token,
            pad_token=pad_token,
            cls_token=cls_token,
            mask_token=mask_token,
            **{"special_tokens_pattern": "cls_sep", **kwargs},
        )
        self.sp_model = self.encoder.processor  # the same vocabulary: it is in memory, and pickled, once

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Open a tokenizer: a folder, a spiece.model file, or a Hub id. Of a Hub id the files in the local cache are
        used as they are; only where there are none, the Hub is asked.

        Raises NoVocabularyError, within seconds where the Hub does not answer.
        """
        name = str(pretrained_model_name_or_path)
        if Path(name).exists() or kwargs.get("local_files_only"):
            return super().from_pretrained(name, *args, **kwargs)
        if not is_hub_id(name):
            raise NoVocabularyError(f"{name}: no such file or folder. Name KoBERT's spiece.model, or its folder.")
        if not kwargs.get("force_download"):
            try:
                return super().from_pretrained(name, *args, **kwargs, local_files_only=True)
            except OSError:  # not in the cache
                pass
        if problem := hub_problem(name):
            raise NoVocabularyError(
                f"{name} is not on this machine, and cannot be downloaded: {problem}. Do one of these:\n"
                "  1. Go online and run again. The files then stay in the cache of the Hub.\n"
                "  2. Copy spiece.model to this machine, and name it: "
                'KoBERTTokenizer.from_pretrained("/path/to/spiece.model").'
            )
        return super().from_pretrained(name, *args, **kwargs)

    def encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> BatchEncoding:
        """One text, or a pair. Old tutorials call it; `tokenizer(text, text_pair)` is the same."""
        found: BatchEncoding = self(text, text_pair, **kwargs)
        return found

    def batch_encode_plus(self, batch_text_or_text_pairs: Any, **kwargs: Any) -> BatchEncoding:
        """Several texts or pairs. Old tutorials call it; `tokenizer(texts)` is the same."""
        found: BatchEncoding = self(batch_text_or_text_pairs, **kwargs)
        return found

    def truncate_sequences(
        self,
        ids: Any,
        pair_ids: Any = None,
        num_tokens_to_remove: int = 0,
        truncation_strategy: Any = "longest_first",
        stride: int = 0,
    ) -> Any:
        """As in the base class. Raises ValueError where the text to cut has fewer tokens than are to be removed."""
        strategy = TruncationStrategy(truncation_strategy)
        cut = {
            TruncationStrategy.ONLY_FIRST: len(ids),
            TruncationStrategy.ONLY_SECOND: len(pair_ids or ()),
            TruncationStrategy.LONGEST_FIRST: len(ids) + len(pair_ids or ()),
        }
        if num_tokens_to_remove > cut.get(strategy, num_tokens_to_remove):
            raise OptionError(
                f"truncation={strategy.value!r} cannot remove {num_tokens_to_remove} tokens: what it cuts has "
                f"{cut[strategy]}. Set a larger max_length, or another truncation."
            )
        return super().truncate_sequences(ids, pair_ids, num_tokens_to_remove, strategy, stride)

    def prepare_for_model(self, ids: Any, *args: Any, **kwargs: Any) -> BatchEncoding:
        """As in the base class, and a text that fits has no overflowing tokens, so that rows of a batch agree."""
        row = super().prepare_for_model(ids, *args, **kwargs)
        if kwargs.get("return_overflowing_tokens") and not kwargs.get("return_tensors"):
            row.setdefault("overflowing_tokens", [])
            row.setdefault("num_truncated_tokens", 0)
        return row

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        pieces: list[str] = self.sp_model.encode(prepare(text), out_type=str)
        return pieces

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        _refuse_unknown(kwargs)
        if kwargs.pop("return_offsets_mapping", False):
            return Rows(self, text, text_pair, kwargs).with_offsets()
        if are_ids(text):  # as the base class calls this for each row of a batch
            return super()._encode_plus(text, text_pair, **kwargs)
        texts, pairs = text, text_pair
        if not kwargs.get("is_split_into_words") and not kwargs.get("split_special_tokens", self.split_special_tokens):
            texts, pairs = self._batch(text), self._batch(text_pair)
        found = super()._encode_plus(texts, pairs, **kwargs)
        if not kwargs.get("return_overflowing_tokens"):
            found._encodings = Rows(self, text, text_pair, kwargs)
        return found

    def _batch(self, texts: Any) -> Any:
        """A list of strings as their ids; anything else, and texts of a tokenizer with added tokens, as it is."""
        if not (isinstance(texts, list | tuple) and texts and all(isinstance(text, str) for text in texts)):
            return texts
        if set(self.added_tokens_encoder) != set(SPECIAL_TOKENS):
            return texts
        # The base class takes ids in place of a text, but no empty list of them: an empty text has none either way.
        return [ids or "" for ids in self.encoder.encode(pa.array(texts, pa.string())).to_pylist()]

    def pieces(self, text: Any, literally: bool | None = None) -> list[Piece]:
        """The tokens of a text, or of a list of words, with their places. `literally`: special tokens are text."""
        as_text = self.split_special_tokens if literally is None else literally
        if isinstance(text, str):
            return pieces_of_text(text, self._tokens_of(text, as_text))
        if isinstance(text, list | tuple) and all(isinstance(word, str) for word in text):
            return pieces_of_words(text, lambda word: self._tokens_of(word, as_text))
        raise OptionError("Ids have no places in a text. Give the tokenizer the text itself.")

    def _tokens_of(self, text: str, literally: bool) -> Iterator[Token]:
        """The tokens of a text with their places. It is split at the tokens that were added to the vocabulary."""
        at = 0
        for part in [text] if literally else self.tokens_trie.split(text):
            if part in self._added_tokens_encoder and not literally:
                yield self._added_tokens_encoder[part], at, at + len(part)
            else:
                yield from ((token, at + start, at + end) for token, start, end in self.encoder.tokens(part))
            at += len(part)


def _refuse_unknown(options: dict[str, Any]) -> None:
    """The base class would ignore an option that it does not know."""
    for name in options.keys() - _OPTIONS:
        now = f" It is {RENAMED[name]} now." if name in RENAMED else ""
        raise TypeError(f"KoBERTTokenizer has no option {name}.{now}")


_OPTIONS = {*inspect.signature(SentencePieceBackend._encode_plus).parameters, *MORE_OPTIONS} - {"self", "kwargs"}


class _KoBERTConfig(PreTrainedConfig):  # type: ignore[no-untyped-call]
    """Only the key under which the tokenizer is registered: KoBERT itself is a BertModel."""

    model_type = "kobert"


AutoTokenizer.register(_KoBERTConfig, KoBERTTokenizer, exist_ok=True)  # type: ignore[no-untyped-call]
