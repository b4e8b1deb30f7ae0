"""The official KoBERT wrapper's steps in plain, slow Python: what `pipeline.tokenizers.kobert` must equal, id for id.

Written from the description of the steps (special tokens parsed, white space, quotes, NFKD, combining characters,
SentencePiece pieces, their ids), one text and one step at a time.
"""

import unicodedata
from typing import Any

SPECIALS = {"[UNK]": 0, "[PAD]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}


def reference_ids(processor: Any, text: str) -> list[int]:
    """Ids of a text, without [CLS] and [SEP] around it."""
    ids: list[int] = []
    plain, at = "", 0
    while at < len(text):
        token = next((token for token in SPECIALS if text.startswith(token, at)), None)
        if token is None:
            plain += text[at]
            at += 1
        else:
            ids += [*plain_ids(processor, plain), SPECIALS[token]]
            plain, at = "", at + len(token)
    return ids + plain_ids(processor, plain)


def plain_ids(processor: Any, text: str) -> list[int]:
    text = " ".join(text.split())
    text = text.replace("``", '"')
    text = text.replace("''", '"')
    text = unicodedata.normalize("NFKD", text)
    text = "".join(character for character in text if unicodedata.combining(character) == 0)
    ids = []
    for piece in processor.encode(text, out_type=str):
        # The official comma rule would split such a piece further; that it never meets one is part of the claim.
        assert not (piece.endswith(",") and piece[-2:-1].isdigit()), piece
        ids.append(processor.piece_to_id(piece))
    return ids
