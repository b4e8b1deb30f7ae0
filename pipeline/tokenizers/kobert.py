"""KoBERT's tokenizer: the ids of the official wrapper, at the speed of SentencePiece's C++ encoder.

The official wrapper (SKTBrain/KoBERT, kobert_hf) splits a text at the special tokens written in it, strips and
collapses whitespace, turns `` and '' into ", applies NFKD, drops combining characters, and gives the rest to
SentencePiece. SentencePiece's own normaliser (nmt_nfkc) undoes or repeats these steps on almost every text, so one
columnar scan finds the few texts on which they matter, and only those are prepared in Python.
"""

import json
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache, lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.tokenizers.offsets import Token, as_columns, places
from schemas.errors import KoInstructError

#: The special tokens; a token's id is its place here.
SPECIAL_TOKENS = ("[UNK]", "[PAD]", "[CLS]", "[SEP]", "[MASK]")
UNK, PAD, CLS, SEP, MASK = range(5)

EMBEDDED = Path(__file__).parent / "embedded"

_SPECIAL = re.compile(f"({'|'.join(map(re.escape, SPECIAL_TOKENS))})")
_NONE = re.compile(r"(?!)()")
#: What `prepare` changes as one.
_PIECES = re.compile(r"(?P<space>\s+)|(?P<quote>``|'')|.", re.DOTALL)

#: Characters that `prepare` leaves alone, or changes only into what SentencePiece's normaliser makes of them anyway
#: (white space, syllables and compatibility jamo, the ellipsis). Not ㄳ and its like: NFKD makes a final consonant of
#: it, which joins the syllable before. The list need not be complete: a character that is missing costs time, not
#: truth. tests/test_kobert.py checks every member.
PLAIN = (
    "\t\n\r -~\u00a0\u3000"
    "§©«®°±·»×÷Α-ΡΣ-Ωα-ω–—‘-‟†-•…※←-↙─-◿☀-➿、-〃〈-】〔-〛\ufe0f\u200d"
    "一-鿿가-힣ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅ-ㅎㅏ-ㅣ\U0001f300-\U0001f64f\U0001f680-\U0001f6ff\U0001f900-\U0001f9ff"
)

#: A text without a match encodes the same with and without `prepare` (RE2 syntax).
UNPLAIN = f"[^{PLAIN}]|''|``|{_SPECIAL.pattern}"


class VocabularyError(KoInstructError, ValueError):
    """A file is not the vocabulary that it should be."""


class NoVocabularyError(KoInstructError, FileNotFoundError):
    """There is no vocabulary file at this place."""


class Check(NamedTuple):
    """What a vocabulary is known by: its size and the ids of one text."""

    name: str
    pieces: int
    text: str
    ids: list[int]


KOBERT = Check("kobert", 8002, "한국어 모델을 공유합니다.", [4958, 6855, 2046, 7088, 1050, 7843, 54])


@cache
def embedded_check() -> Check:
    """The check of the embedded vocabulary, written beside it when it was trained."""
    return Check(**json.loads((EMBEDDED / "check.json").read_text("utf-8")))


def repeats(texts: pa.Array) -> bool:
    """Whether texts repeat, by the look of the first of them."""
    head = texts.slice(0, 256)
    return bool(pc.count_distinct(head).as_py() * 2 <= len(head))


def prepare(text: str) -> str:
    r"""The official steps before SentencePiece, for a text without special tokens.

    >>> prepare("  ``cafe\u0301''   ②  ")
    '"cafe" 2'
    """
    text = " ".join(text.split()).replace("``", '"').replace("''", '"')
    return unicodedata.normalize("NFKD", text).translate(_WITHOUT_COMBINING)


class _Kept(dict[int, int | None]):
    """For `str.translate`: no combining character. Each one is looked up once."""

    def __missing__(self, code: int) -> int | None:
        self[code] = None if unicodedata.combining(chr(code)) else code
        return self[code]


_WITHOUT_COMBINING = _Kept()


def prepare_aligned(text: str) -> tuple[str, list[int], list[int]]:
    """`prepare`, and for each character of the prepared text where its origin in `text` begins, and where it ends.

    The first list has one more: the length of the text. A run of white space is the origin of one space.
    """
    ready: list[str] = []
    first: list[int] = []
    behind: list[int] = []
    for piece in _PIECES.finditer(text):
        start, end = piece.span()
        if piece["space"]:
            characters = "" if start == 0 or end == len(text) else " "
        elif piece["quote"]:
            characters = '"'
        else:
            characters = unicodedata.normalize("NFKD", piece[0]).translate(_WITHOUT_COMBINING)
        ready.append(characters)
        first += [start] * len(characters)
        behind += [end] * len(characters)
    return "".join(ready), [*first, len(text)], behind


@dataclass(frozen=True, eq=False)
class KoBERT:
    """A KoBERT vocabulary, ready to encode. Made by `load`."""

    name: str
    processor: Any
    single: tuple[list[int], list[int]] = field(default=([CLS], [SEP]), repr=False)
    pair: tuple[list[int], list[int], list[int]] = field(default=([CLS], [SEP], [SEP]), repr=False)
    pad_id: int = field(default=PAD, repr=False)
    unk_id: int | None = field(default=UNK, repr=False)
    eos_id: int | None = field(default=SEP, repr=False)
    specials: dict[str, int] = field(default_factory=lambda: {t: i for i, t in enumerate(SPECIAL_TOKENS)}, repr=False)
    chat: None = field(default=None, repr=False)

    def encode(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """The ids of each text: list<int32>, without [CLS] and [SEP]; null for null.

        `texts`: strings, of any Arrow string type. Texts that repeat are encoded once, on all cores.
        """
        return self._encode(texts, _SPECIAL)

    def encode_literally(self, texts: pa.Array | pa.ChunkedArray) -> pa.ListArray:
        """As `encode`, but a special token written in a text is text like any other."""
        return self._encode(texts, _NONE)

    def encode_with_offsets(self, texts: pa.Array | pa.ChunkedArray) -> tuple[pa.ListArray, pa.ListArray, pa.ListArray]:
        """The ids of each text, and for each token the characters that it stands for: the first, and the one behind
        the last, as list<int32>. A character that became several tokens is that of each of them."""
        return as_columns(texts, lambda distinct: map(self._tokens, distinct))

    def _tokens(self, text: str) -> Iterator[Token]:
        at = 0
        for number, part in enumerate(_SPECIAL.split(text)):
            if number % 2:
                yield SPECIAL_TOKENS.index(part), at, at + len(part)
            else:
                yield from ((token, at + start, at + end) for token, start, end in self.tokens(part))
            at += len(part)

    def tokens(self, text: str) -> Iterator[Token]:
        """The tokens of a text with their places; a special token written in it is text like any other.

        SentencePiece says which characters of the prepared text a token stands for, `prepare_aligned` the rest.
        """
        ready, first, behind = prepare_aligned(text)
        encoded = self.processor.encode(ready, return_type="offset_mapping")
        for token, (start, end) in zip(encoded["ids"], places(encoded["offsets"], first, behind), strict=True):
            yield token, start, end

    def decode(self, ids: Sequence[int]) -> str:
        """The text of the ids, special tokens and [UNK] included as written."""
        return "".join(map(self.processor.id_to_piece, ids)).replace("▁", " ").strip()

    def _encode(self, texts: pa.Array | pa.ChunkedArray, special: re.Pattern[str]) -> pa.ListArray:
        column = texts.cast(pa.large_string())
        if isinstance(column, pa.ChunkedArray):
            column = column.combine_chunks()
        if repeats(column):
            coded = column.dictionary_encode()
            return self._encode_each(coded.dictionary, special).take(coded.indices)
        return self._encode_each(column, special)

    def _encode_each(self, texts: pa.LargeStringArray, special: re.Pattern[str]) -> pa.ListArray:
        known = pc.fill_null(texts, "")
        ready = known.cast(pa.large_binary()).to_pylist()
        marked: dict[int, list[str]] = {}
        for row in pc.indices_nonzero(pc.match_substring_regex(known, UNPLAIN)).to_pylist():
            parts = special.split(known[row].as_py())
            ready[row] = prepare(parts[0])
            if len(parts) > 1:
                marked[row] = parts
        buffers = self._encode_ready(ready)
        for row, parts in marked.items():
            buffers[row] = np.array(self._encode_parts(parts), np.int32).tobytes()
        # One flat array and the offsets into it: no Python object per token, and each buffer is asked for once.
        flat, ends = bytearray(), [0]
        for ids in buffers:
            flat += ids
            ends.append(len(flat))
        offsets = pa.array(np.array(ends) // 4, pa.int32())
        values = pa.array(np.frombuffer(flat, np.int32))
        return pa.ListArray.from_arrays(offsets, values, mask=texts.is_null() if texts.null_count else None)

    def _encode_ready(self, texts: list[str | bytes]) -> list[Any]:
        """The ids of each prepared text as a buffer of int32.

        This is what `processor.encode(texts, return_type="numpy")` calls before it makes a numpy array of each buffer,
        which costs as much as the encoding. It runs on all cores without the GIL.
        """
        all_cores = -1
        encode = self.processor._processor._EncodeAsBufferBatch
        buffers: list[Any] = encode(texts, all_cores, None, False, -1, 0.1, False, False, False)
        return buffers

    def _encode_parts(self, parts: list[str]) -> list[int]:
        """The ids of a text that was split at the special tokens: text, token, text, …"""
        ids: list[int] = []
        for number, part in enumerate(parts):
            ids += [SPECIAL_TOKENS.index(part)] if number % 2 else self.processor.encode(prepare(part))
        return ids


def load(path: str | Path) -> KoBERT:
    """Open a KoBERT vocabulary: the real one or the embedded one, recognised by their known ids.

    `path`: a SentencePiece model file (`spiece.model`). Raises FileNotFoundError, and VocabularyError for a file that
    is no SentencePiece model or another vocabulary.
    """
    path = Path(path)
    processor = _processor(path)
    pieces = processor.get_piece_size()
    specials = _first_pieces(processor)
    ids = processor.encode(KOBERT.text)
    for check in (KOBERT, embedded_check()):
        if specials == SPECIAL_TOKENS and (pieces, processor.encode(check.text)) == (check.pieces, check.ids):
            return KoBERT(check.name, processor)
    raise VocabularyError(
        f"{path}: not KoBERT's vocabulary. Found {pieces:,} pieces that begin with {' '.join(specials)} and encode "
        f"“{KOBERT.text}” as {ids}; KoBERT has {KOBERT.pieces:,} pieces that begin with {' '.join(SPECIAL_TOKENS)} and "
        f"encode it as {KOBERT.ids}. Name the file spiece.model of skt/kobert-base-v1."
    )


def is_shaped_like_kobert(path: Path) -> bool:
    """Whether a SentencePiece model begins with KoBERT's special tokens: then it is KoBERT's, or a wrong one."""
    return _first_pieces(_processor(path)) == SPECIAL_TOKENS


def _processor(path: Path) -> Any:
    if not path.is_file():
        raise NoVocabularyError(f"{path}: no such file. Name KoBERT's SentencePiece model, usually spiece.model.")
    try:
        return _opened(path.read_bytes())
    except RuntimeError as error:
        raise VocabularyError(f"{path}: not a SentencePiece model ({path.stat().st_size:,} bytes).") from error


@lru_cache(maxsize=2)
def _opened(model: bytes) -> Any:
    """A run finds a vocabulary, which opens it, and then encodes with it."""
    from sentencepiece import SentencePieceProcessor

    processor = SentencePieceProcessor()
    processor.LoadFromSerializedProto(model)  # not `model_proto=`, which takes an empty file for none
    return processor


def _first_pieces(processor: Any) -> tuple[str, ...]:
    return tuple(processor.id_to_piece(number) for number in range(min(len(SPECIAL_TOKENS), len(processor))))
