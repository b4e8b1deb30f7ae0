"""The tokenizer of KoBERT, for users: `from pipeline.kobert import KoBERTTokenizer`.

After this import, `AutoTokenizer.from_pretrained` opens a folder that KoBERTTokenizer has saved. The code is in
`pipeline.tokenizers.kobert`, which does not import transformers, and `pipeline.tokenizers.kobert_hf`.
"""

from pipeline.tokenizers.kobert import KOBERT, SPECIAL_TOKENS, KoBERT, VocabularyError, load
from pipeline.tokenizers.kobert_hf import KoBERTTokenizer

__all__ = ["KOBERT", "SPECIAL_TOKENS", "KoBERT", "KoBERTTokenizer", "VocabularyError", "load"]
