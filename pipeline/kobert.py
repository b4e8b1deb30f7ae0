"""The tokenizer of KoBERT, for users: `from pipeline.kobert import KoBERTTokenizer`.

The code is in `pipeline.tokenizers.kobert` (without transformers) and `pipeline.tokenizers.kobert_hf`.
"""

from typing import TYPE_CHECKING, Any

from pipeline.tokenizers.kobert import KOBERT, SPECIAL_TOKENS, KoBERT, VocabularyError, load

if TYPE_CHECKING:
    from pipeline.tokenizers.kobert_hf import KoBERTTokenizer

__all__ = ["KOBERT", "SPECIAL_TOKENS", "KoBERT", "KoBERTTokenizer", "VocabularyError", "load"]


def __getattr__(name: str) -> Any:
    """`KoBERTTokenizer` is a transformers tokenizer. It is imported on first use: transformers takes long to import."""
    if name == "KoBERTTokenizer":
        from pipeline.tokenizers.kobert_hf import KoBERTTokenizer

        return KoBERTTokenizer
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
