"""Keys of texts: what is left of a text when the differences that do not make two texts different are gone."""

import functools
import re
import sys
import unicodedata
from collections.abc import Iterable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from schemas.record import VISIBLE

Codes = npt.NDArray[np.uint32]
Ints = npt.NDArray[np.int64]
Words = npt.NDArray[np.uint64]

#: A key of a text: 128 bits of XXH3. Among 10 million texts, two share a key by chance once in 10^24 runs.
KEY_BYTES = 16


#: A number with its thousands and decimals, a number character of another kind (³ ½ Ⅳ), or an operator before a digit.
NUMBERS = re.compile(r"\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|[+\-−*/×÷=<>](?=\s*\d)|[²³¹⁰-₉¼-¾⅐-Ⅻ①-⒛]")
#: A character without which a text holds no number, folded or not.
NUMERAL = re.compile(r"\d|[²³¹⁰-₉¼-¾⅐-ↈ①-⒛]")


def fold(text: str) -> str:
    """NFC and case-folded, whatever order these two have to be applied in.

    >>> fold("Ǆ한글 STRASSE Straße")
    'ǆ한글 strasse strasse'
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


INVISIBLE = re.compile(VISIBLE.replace("[^", "[", 1))

#: An entry of `folding` is the code point that a character folds to (21 bits), and these marks.
CODE = np.uint32((1 << 21) - 1)
#: It is said aloud: neither a space nor punctuation. Signs of mathematics and money are.
SAID = np.uint32(1 << 21)
#: It may be part of a number (`NUMBERS`).
NUMBER = np.uint32(1 << 22)
#: Its neighbours have a say: marks and jamo that compose with the character before them, characters that fold to
#: several. Texts that hold one go through `fold`. The greatest mark, so that a maximum finds it.
CONTEXTUAL = np.uint32(1 << 23)


@functools.cache
def folding() -> Codes:
    """For each code point what becomes of it in a folded text; 0: nothing that a reader sees."""
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32) | SAID
    # Whatever is assigned but Han and Hangul syllables, which fold to themselves; surrogates occur in no text.
    codes = np.r_[:0x3400, 0xA000:0xAC00, 0xE000:0x20000, 0x2F800:0x2FA20]
    text = "".join(map(chr, codes.tolist()))
    mute = np.array([unicodedata.category(character)[0] in "PZC" for character in text])
    table[codes[mute]] ^= SAID
    table[_codes("~|`^")] ^= SAID
    table[_codes(NUMERAL.findall(text))] |= NUMBER
    composing = [character for character in text if unicodedata.combining(character)]
    for character in text:
        parts = unicodedata.decomposition(character)
        if parts or character.casefold() != character:
            folded = fold(character)
            table[ord(character)] = table[ord(folded[0])] | table[ord(character)] & NUMBER
            if len(folded) > 1:
                composing.append(character)
            if parts.count(" ") == 1 and parts[0] != "<":
                composing.append(chr(int(parts.split()[1], 16)))
    table[_codes(INVISIBLE.findall(text))] = 0
    table[_codes(composing)] |= CONTEXTUAL
    table[0x1161:0x1176] |= CONTEXTUAL  # jamo compose by rule, not by table
    table[0x11A8:0x11C3] |= CONTEXTUAL
    return table


def _codes(characters: Iterable[str]) -> list[int]:
    return list(map(ord, characters))


def code_points(texts: pa.StringArray) -> tuple[Codes, Ints]:
    """The code points of all texts, one after the other, and where each text begins and ends: n and len(texts) + 1."""
    offsets = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(pc.utf8_length(texts).to_numpy(zero_copy_only=False), out=offsets[1:])
    bounds = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = memoryview(texts.buffers()[2] or b"")[bounds[0] : bounds[-1]]
    return np.frombuffer(str(data, "utf-8").encode("utf-32-le"), np.uint32), offsets


def folded(texts: pa.StringArray) -> tuple[Codes, Ints]:
    """As `code_points`, of the texts (without nulls) under NFC and case-folded, with the marks of `folding`.

    What no reader sees is left out, spaces first: Korean is spaced as its writers please, so that spaces tell two texts
    apart only where nothing else does.
    """
    table = folding()
    codes, offsets = code_points(texts)
    entries = table[codes]
    if entries.max(initial=0) >= CONTEXTUAL:
        rows = np.unique(np.searchsorted(offsets, np.flatnonzero(entries >= CONTEXTUAL), "right") - 1)
        mask = np.zeros(len(texts), bool)
        mask[rows] = True
        changed = pa.array([fold(text) for text in texts.take(pa.array(rows)).to_pylist()], texts.type)
        codes, offsets = code_points(pc.replace_with_mask(texts, pa.array(mask), changed))
        entries = table[codes] & ~CONTEXTUAL
    return keep(entries, offsets, entries != 0)


def said(codes: Codes, offsets: Ints) -> tuple[Codes, Ints]:
    """Of folded texts what is said: letters, digits and signs. Of a text of mere punctuation, all of it."""
    kept = (codes & SAID) != 0
    spoken = keep(codes, offsets, kept)
    mute = (spoken[1][1:] == spoken[1][:-1]) & (offsets[1:] > offsets[:-1])
    if mute.any():
        kept |= np.repeat(mute, np.diff(offsets))
        spoken = keep(codes, offsets, kept)
    return spoken


def numbers(texts: pa.StringArray, codes: Codes, offsets: Ints) -> Words:
    """For each text (with what it folds to) a hash of the sequence of its numbers; 0 where it holds none.

    "1,000원" and "1000 원" say the same number, "10", "1 0" and "1.0" do not; neither do "3+5" and "3-5".
    """
    hashes = np.zeros(len(texts), np.uint64)
    rows = np.unique(np.searchsorted(offsets, np.flatnonzero(codes & NUMBER), "right") - 1)
    for row, text in zip(rows.tolist(), texts.take(pa.array(rows)).to_pylist(), strict=True):
        found = " ".join(NUMBERS.findall(text)).replace(",", "")
        hashes[row] = xxhash.xxh3_64_intdigest(found.encode()) if found else 0
    return hashes


def keep(codes: Codes, offsets: Ints, kept: npt.NDArray[np.bool_]) -> tuple[Codes, Ints]:
    """Texts with only those of their code points that are to be kept."""
    dropped = np.flatnonzero(~kept)
    return codes[kept], offsets - np.searchsorted(dropped, offsets)


def hashed(codes: Codes, offsets: Ints) -> Words:
    """XXH3-128 of each text, marks aside: a matrix of len(texts) by 2 words. The empty text has key 0."""
    return _digests(codes, offsets[:-1], offsets[1:])


def rehashed(keys: Words, before: Ints, codes: Codes, offsets: Ints) -> Words:
    """As `hashed`, for texts of which some are shorter than `before`, and the others have these keys already."""
    shorter = np.flatnonzero(np.diff(offsets) < np.diff(before))
    keys = keys.copy()
    keys[shorter] = _digests(codes, offsets[shorter], offsets[shorter + 1])
    return keys


def _digests(codes: Codes, starts: Ints, ends: Ints) -> Words:
    data = (codes & CODE).tobytes()
    bounds = ((bound * codes.itemsize).tolist() for bound in (starts, ends))
    digest = xxhash.xxh3_128_digest
    keys = b"".join([digest(data[start:end]) for start, end in zip(*bounds, strict=True)])
    words = np.frombuffer(keys, np.uint64).reshape(-1, 2).copy()
    words[starts == ends] = 0
    return words


def mix(words: Words) -> Words:
    """Spread the bits of words: the finaliser of SplitMix64 (Steele, Lea, Flood 2014), a bijection."""
    words = words ^ (words >> np.uint64(30))
    words *= np.uint64(0xBF58476D1CE4E5B9)
    words ^= words >> np.uint64(27)
    words *= np.uint64(0x94D049BB133111EB)
    words ^= words >> np.uint64(31)
    return words


def combined(parts: list[Words]) -> Words:
    """One key for several in this order: matrices of n by 2 words to one."""
    key = np.zeros_like(parts[0])
    for part in parts:
        key = mix(key + np.uint64(0x9E3779B97F4A7C15)) ^ part
    return mix(key)


def distinct(column: pa.ChunkedArray | pa.Array) -> tuple[pa.StringArray, Ints]:
    """The distinct values of a string column, null as "", and for each row the number of its value."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = pc.fill_null(column, "").dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def history_texts(history: pa.ChunkedArray | pa.Array) -> pa.StringArray:
    """Each conversation so far as one text, to compare it by its likeness; "" where there was none."""
    if isinstance(history, pa.ChunkedArray):
        history = history.combine_chunks()
    lengths = pc.fill_null(pc.list_value_length(history), 0)
    if not pc.any(pc.greater(lengths, 0)).as_py():
        return pa.repeat(pa.scalar(""), len(history))
    said = ["\n".join(part or "" for turn in turns or [] for part in turn.values()) for turns in history.to_pylist()]
    return pa.array(said, pa.string())


def history_keys(history: pa.ChunkedArray | pa.Array) -> Words:
    """The key of each conversation so far (list<struct<user, assistant>>): n by 2 words, 0 where there was none."""
    if isinstance(history, pa.ChunkedArray):
        history = history.combine_chunks()
    keys = np.zeros((len(history), 2), np.uint64)
    lengths = pc.fill_null(pc.list_value_length(history), 0).to_numpy()
    if not lengths.any():
        return keys
    turns = history.flatten()
    spoken = [
        key[index]
        for name in ("user", "assistant")
        for values, index in [distinct(pc.struct_field(turns, name))]
        for key in [hashed(*folded(values))]
    ]
    of_turn = np.ascontiguousarray(np.hstack(spoken))
    rows = np.flatnonzero(lengths)
    ends = np.cumsum(lengths)
    for row in rows.tolist():
        end = int(ends[row])
        digest = xxhash.xxh3_128_digest(of_turn[end - int(lengths[row]) : end].tobytes())
        keys[row] = np.frombuffer(digest, np.uint64)
    return keys
