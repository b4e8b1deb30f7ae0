"""KoBERTTokenizer: KoBERT as a transformers 5 tokenizer, by the class name and call of the official wrapper.

The public door is `pipeline.kobert`, which imports this on first use: transformers takes long to import.
"""

from pathlib import Path
from typing import Any

import pyarrow as pa
from transformers.tokenization_utils_sentencepiece import SentencePieceBackend

from pipeline.tokenizers.kobert import SPECIAL_TOKENS, KoBERT, NoVocabularyError, load, prepare

_UNK, _PAD, _CLS, _SEP, _MASK = SPECIAL_TOKENS


class KoBERTTokenizer(SentencePieceBackend):
    """The tokenizer of skt/kobert-base-v1: `[CLS] A [SEP]` and `[CLS] A [SEP] B [SEP]`, padded on the right.

    >>> tokenizer = KoBERTTokenizer.from_pretrained("skt/kobert-base-v1")    # or a folder, or a spiece.model file
    >>> tokenizer("한국어 모델을 공유합니다.")["input_ids"]
    [2, 4958, 6855, 2046, 7088, 1050, 7843, 54, 3]

    A batch of texts is encoded as a column, on all cores. Raises VocabularyError for any vocabulary but KoBERT's and
    the embedded one.
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

    def _tokenize(self, text: str, **kwargs: Any) -> list[str]:
        pieces: list[str] = self.sp_model.encode(prepare(text), out_type=str)
        return pieces

    def _encode_plus(self, text: Any, text_pair: Any = None, **kwargs: Any) -> Any:  # type: ignore[override]
        if not kwargs.get("is_split_into_words") and not kwargs.get("split_special_tokens", self.split_special_tokens):
            text, text_pair = self._batch(text), self._batch(text_pair)
        return super()._encode_plus(text, text_pair, **kwargs)

    def _batch(self, texts: Any) -> Any:
        """A list of strings as their ids; anything else, and texts of a tokenizer with added tokens, as it is."""
        if not (isinstance(texts, list | tuple) and texts and all(isinstance(text, str) for text in texts)):
            return texts
        if set(self.added_tokens_encoder) != set(SPECIAL_TOKENS):
            return texts
        # The base class takes ids in place of a text, but no empty list of them: an empty text has none either way.
        return [ids or "" for ids in self.encoder.encode(pa.array(texts, pa.string())).to_pylist()]
