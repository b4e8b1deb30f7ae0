"""Keys of texts: equal where two texts are equal, or where they are equal but for case, spaces and Unicode form."""

import functools
import itertools
import json
import re
import sys
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import xxhash

from pipeline.stages.dedupe.arrays import Bools, Codes, Hashes, Ints, look_up, sorted_unique
from pipeline.table.hashes import mix as mix
from schemas.record import VISIBLE

#: A number with its thousands and decimals, a number character of another kind (³ ½ Ⅳ), or an operator before a digit.
NUMBERS = re.compile(r"\d+(?:,\d{3}(?!\d))*(?:\.\d+)?|[+\-−*/×÷=<>](?=\s*\d)|[²³¹⁰-₉¼-¾⅐-Ⅻ①-⒛]")
#: A character without which a text holds no number, folded or not.
NUMERAL = re.compile(r"\d|[²³¹⁰-₉¼-¾⅐-ↈ①-⒛]")
INVISIBLE = re.compile(VISIBLE.replace("[^", "[", 1))

#: An entry of `fold_table` is the code point that a character folds to (21 bits), and these marks.
CODE = np.uint32((1 << 21) - 1)
#: A letter, a digit, or a sign of mathematics or money: neither a space nor punctuation.
LETTER = np.uint32(1 << 21)
#: It may be part of a number (`NUMBERS`).
NUMBER = np.uint32(1 << 22)
#: A letter that seldom stands for grammar alone: neither a syllable of particles and endings nor laughter.
STEM = np.uint32(1 << 23)
#: The table alone cannot fold it: marks and jamo that compose with the character before them, characters that fold to
#: several, and that another character replaces in NFC. Texts that hold one go through `fold`. The greatest mark, so
#: that a maximum finds it.
NEEDS_FOLD = np.uint32(1 << 24)
#: Syllables of particles and of endings: what writers leave out or change without another meaning.
GRAMMAR = "은는이가을를의에도요세주줘십시오니다까나라해하합습한게테랑와과로서대인일입야뭐무엇뭔"


def fold(text: str) -> str:
    """NFC and case-folded; NFC is applied twice, since case folding can undo it.

    >>> fold("Ǆ한글 STRASSE Straße")
    'ǆ한글 strasse strasse'
    """
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", text).casefold())


@functools.cache
def fold_table() -> Codes:
    """For each code point what it folds to, with marks: uint32[0x110000]. 0: a space or an invisible character."""
    table = np.arange(sys.maxunicode + 1, dtype=np.uint32) | LETTER
    # All assigned characters except Han and Hangul syllables, which fold to themselves; surrogates occur in no text.
    codes = np.r_[:0x3400, 0xA000:0xAC00, 0xE000:0x20000, 0x2F800:0x2FA20]
    text = "".join(map(chr, codes.tolist()))
    no_letter = np.array([unicodedata.category(character)[0] in "PZC" for character in text])
    table[codes[no_letter]] ^= LETTER
    table[_codes("~|`^")] ^= LETTER
    table |= (table & LETTER) << np.uint32(2)
    table[[*range(ord("ㄱ"), ord("ㅣ") + 1), *map(ord, GRAMMAR)]] &= ~STEM
    table[_codes(NUMERAL.findall(text))] |= NUMBER
    composing = [character for character in text if unicodedata.combining(character)]
    for character in text:
        parts = unicodedata.decomposition(character)
        if parts or character.casefold() != character:
            folded = fold(character)
            table[ord(character)] = table[ord(folded[0])] | table[ord(character)] & NUMBER
            if len(folded) > 1 or unicodedata.normalize("NFC", character) != character:
                composing.append(character)
            if parts.count(" ") == 1 and parts[0] != "<":
                composing.append(chr(int(parts.split()[1], 16)))
    table[_codes(INVISIBLE.findall(text))] = 0
    table[_codes(composing)] |= NEEDS_FOLD
    table[0x1161:0x1176] |= NEEDS_FOLD  # jamo compose by rule, not by table
    table[0x11A8:0x11C3] |= NEEDS_FOLD
    return table


@functools.cache
def sound_table() -> Codes:
    """For each code point the syllable that stands for those that sound alike: uint32[0x110000], marks as they are.

    ㅐ for ㅔ and ㅖ, ㅚ for ㅙ and ㅞ, plain onsets for doubled ones, one coda for those that sound alike: what writers
    confuse.
    """
    table = np.arange(1 << 21, dtype=np.uint32)[: sys.maxunicode + 1]
    onset, vowel, coda = np.unravel_index(np.arange(19 * 21 * 28), (19, 21, 28))
    onsets, vowels, codas = (np.arange(size) for size in (19, 21, 28))
    onsets[[1, 4, 8, 10, 13]] = 0, 3, 7, 9, 12  # ㄲ ㄸ ㅃ ㅆ ㅉ
    vowels[[5, 7, 10, 15]] = 1, 1, 11, 11  # ㅔ ㅖ, ㅙ ㅞ
    codas[[2, 3, 6, 7, 15, 18, 20, 22, 23, 25]] = (
        1,
        1,
        4,
        19,
        8,
        17,
        19,
        19,
        19,
        19,
    )  # ㄲ ㄳ, ㄶ, ㄷ ㅆ ㅈ ㅊ ㅌ, ㅀ, ㅄ
    table[0xAC00:0xD7A4] = 0xAC00 + (onsets[onset] * 21 + vowels[vowel]) * 28 + codas[coda]
    return table


def _codes(characters: Iterable[str]) -> list[int]:
    return list(map(ord, characters))


def is_hangul(codes: Codes) -> Bools:
    """bool[characters]: it is a syllable of Hangul."""
    found: Bools = codes - np.uint32(0xAC00) < 19 * 21 * 28
    return found


def code_points(texts: pa.StringArray) -> tuple[Codes, Ints]:
    """The code points of all texts, uint32[characters], and the bounds of each text, int64[texts + 1]."""
    bounds = np.zeros(len(texts) + 1, np.int64)
    np.cumsum(pc.utf8_length(texts).to_numpy(zero_copy_only=False), out=bounds[1:])
    in_bytes = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1]
    data = memoryview(texts.buffers()[2] or b"")[in_bytes[0] : in_bytes[-1]]
    return np.frombuffer(str(data, "utf-8").encode("utf-32-le"), np.uint32), bounds


def fold_texts(texts: pa.StringArray) -> tuple[Codes, Ints]:
    """The folded texts (NFC, case-folded): uint32[characters] with the marks of `fold_table`, bounds int64[texts + 1].

    `texts` has no nulls. Spaces and invisible characters are left out: Korean writers differ in where they put spaces.

    >>> codes, bounds = fold_texts(pa.array(["한 글", "", "AB!"]))
    >>> (codes & CODE).tobytes().decode("utf-32-le"), bounds.tolist()
    ('한글ab!', [0, 2, 2, 5])
    """
    codes, bounds, _ = fold_and_compose(texts)
    return codes, bounds


def fold_and_compose(texts: pa.StringArray) -> tuple[Codes, Ints, pa.StringArray]:
    """As `fold_texts`; and the texts in NFC, otherwise as they are."""
    table = fold_table()
    codes, bounds = code_points(texts)
    entries = look_up(table, codes)
    if entries.max(initial=0) >= NEEDS_FOLD:
        numbers = sorted_unique(np.searchsorted(bounds, np.flatnonzero(entries >= NEEDS_FOLD), "right") - 1)
        mask = np.zeros(len(texts), bool)
        mask[numbers] = True
        unusual = texts.take(pa.array(numbers)).to_pylist()
        folded = pa.array(map(fold, unusual), texts.type)
        codes, bounds = code_points(pc.replace_with_mask(texts, pa.array(mask), folded))
        entries = look_up(table, codes) & ~NEEDS_FOLD
        composed = pa.array([unicodedata.normalize("NFC", text) for text in unusual], texts.type)
        texts = pc.replace_with_mask(texts, pa.array(mask), composed)
    return *keep_codes(entries, bounds, entries != 0), texts


_LAUGHTER = np.array([ord(sign) for sign in "ㅋㅎㅠㅜㅡ"], np.uint32)
#: Signs that are words of their own.
_SIGNS = np.array([ord(sign) for sign in "@#$%&*()+/=<>[]{}\\|-_"], np.uint32)
#: Letters of laughter that a text of signs may have: folding leaves few of a run.
_FEW = 4


def letters(codes: Codes, bounds: Ints) -> tuple[Codes, Ints]:
    """The letters (`LETTER`) of folded texts, with new bounds. Of a text of signs, laughed at or not, all of it.

    >>> codes, bounds = letters(*fold_texts(pa.array(["네, 좋아요!", "?!"])))
    >>> (codes & CODE).tobytes().decode("utf-32-le"), bounds.tolist()
    ('네좋아요?!', [0, 4, 6])
    """
    kept = (codes & LETTER) != 0
    found = keep_codes(codes, bounds, kept)
    letters_of = np.diff(found[1])
    signs_alone = (letters_of == 0) & (bounds[1:] > bounds[:-1])
    short = np.flatnonzero((letters_of > 0) & (letters_of <= _FEW) & (letters_of < np.diff(bounds)))
    laughed = np.isin(found[0][found[1][short]] & CODE, _LAUGHTER)
    for text in short[laughed]:  # ㅋㅋ behind a sign is laughter about it
        own = codes[bounds[text] : bounds[text + 1]] & CODE
        signs_alone[text] = np.isin(own[kept[bounds[text] : bounds[text + 1]]], _LAUGHTER).all() and (
            np.isin(own, _SIGNS).any()
        )
    if signs_alone.any():
        kept |= np.repeat(signs_alone, np.diff(bounds))
        found = keep_codes(codes, bounds, kept)
    return found


def stems(codes: Codes, bounds: Ints) -> tuple[Codes, Ints]:
    """The letters that seldom stand for grammar alone (`STEM`), with new bounds; of a text with few of them, its
    letters.

    Two texts that differ in particles, politeness or laughter have the same or similar stems. Syllables that sound
    alike are one (`sound_table`): 있어 and 잇어 have the same stems.

    >>> for text in ("김치찌개를 끓이는 법을 설명해 주세요ㅋㅋ", "김치찌개 끓이는 법 설명해줘"):
    ...     (stems(*letters(*fold_texts(pa.array([text]))))[0] & CODE).tobytes().decode("utf-32-le")
    '김치지개글법설명'
    '김치지개글법설명'
    """
    kept = (codes & STEM) != 0
    stem_bounds = bounds - np.searchsorted(np.flatnonzero(~kept), bounds)
    few = np.diff(stem_bounds) < 3
    if few.any():
        kept |= np.repeat(few, np.diff(bounds))
        stem_bounds = bounds - np.searchsorted(np.flatnonzero(~kept), bounds)
    codes = codes[kept]
    return look_up(sound_table(), codes & CODE) | (codes & ~CODE), stem_bounds


def number_keys(texts: pa.StringArray, codes: Codes, bounds: Ints) -> Hashes:
    """For each text a hash of the sequence of its numbers, uint64[texts]; 0 where it holds none.

    `codes`, `bounds`: the same texts, folded. "1,000원" and "1000 원" have the same number; "10", "1 0" and "1.0" do
    not, and neither do "3+5" and "3-5".

    >>> texts = pa.array(["1,000원", "1000 원", "1 000원", "원"])
    >>> same, as_this, other, none = number_keys(texts, *fold_texts(texts)).tolist()
    >>> same == as_this, same == other, none
    (True, False, 0)
    """
    hashes = np.zeros(len(texts), np.uint64)
    with_numerals = sorted_unique(np.searchsorted(bounds, np.flatnonzero(codes & NUMBER), "right") - 1)
    values = texts.take(pa.array(with_numerals)).to_pylist()
    for place, text in zip(with_numerals.tolist(), values, strict=True):
        found = " ".join(NUMBERS.findall(text)).replace(",", "")
        hashes[place] = xxhash.xxh3_64_intdigest(found.encode()) if found else 0
    return hashes


def keep_codes(codes: Codes, bounds: Ints, kept: Bools) -> tuple[Codes, Ints]:
    """The texts with only those characters that `kept`, bool[characters], marks; and their new bounds."""
    dropped = np.flatnonzero(~kept)
    return codes[kept], bounds - np.searchsorted(dropped, bounds)


def text_keys(texts: pa.StringArray) -> Hashes:
    """Two hashes of each text: folded, and as it is written but for NFC, line ends and outer white space.

    uint64[texts, 2], 0 of an empty text. Texts that are equal when folded share the first number; only equal texts
    share both. Among 10 million texts that differ when folded, two share both by chance once in 10^24 runs.

    >>> keys = text_keys(pa.array(["한 글", "\u3000한 글 ", "한글"]))
    >>> (keys[0] == keys[1]).tolist(), (keys[0] == keys[2]).tolist()
    ([True, True], [True, False])
    """
    codes, bounds, composed = fold_and_compose(texts)
    return join_keys(folded_keys(codes, bounds), composed)


def join_keys(folded: Hashes, composed: pa.StringArray) -> Hashes:
    """The keys of `text_keys`, from `folded_keys` and the texts in NFC."""
    return np.stack([folded, _exact_keys(composed)], axis=1)


def folded_keys(codes: Codes, bounds: Ints) -> Hashes:
    """A hash of each text without its marks: uint64[texts]. The empty text has key 0."""
    return _digests(codes, bounds[:-1], bounds[1:])


def letter_keys(keys: Hashes, before: Ints, codes: Codes, bounds: Ints) -> Hashes:
    """As `folded_keys`, of the letters of texts: uint64[texts].

    `keys`, `before`: the keys and bounds of the whole texts. A text that consists of letters alone has its key already.
    """
    shorter = np.flatnonzero(np.diff(bounds) < np.diff(before))
    keys = keys.copy()
    keys[shorter] = _digests(codes, bounds[shorter], bounds[shorter + 1])
    return keys


def _digests(codes: Codes, starts: Ints, ends: Ints) -> Hashes:
    data = (codes & CODE).tobytes()
    bounds = ((bound * codes.itemsize).tolist() for bound in (starts, ends))
    # The first 64 bits of XXH3-128.
    digest = xxhash.xxh3_128_digest
    digests = b"".join([digest(data[start:end]) for start, end in zip(*bounds, strict=True)])
    keys = np.frombuffer(digests, np.uint64)[::2].copy()
    keys[starts == ends] = 0
    return keys


def _exact_keys(texts: pa.StringArray) -> Hashes:
    """A hash of each text but for line ends and outer white space: uint64[texts]. The empty text has key 0."""
    texts = pc.utf8_trim_whitespace(texts)
    if b"\r" in (texts.buffers()[2] or pa.py_buffer(b"")).to_pybytes():
        texts = pc.replace_substring_regex(texts, "\r\n?", "\n")
    ends = np.frombuffer(texts.buffers()[1], np.int32)[texts.offset : texts.offset + len(texts) + 1].tolist()
    data = (texts.buffers()[2] or pa.py_buffer(b"")).to_pybytes()
    digest = xxhash.xxh3_64_intdigest
    pairs = itertools.pairwise(ends)
    return np.array([digest(data[start:end]) if start < end else 0 for start, end in pairs], np.uint64)


def combine_keys(parts: list[Hashes]) -> Hashes:
    """One key for several keys in this order: uint64[n, 2] from a list of uint64[n, 2]."""
    key = np.zeros_like(parts[0])
    for part in parts:
        key = mix(key + np.uint64(0x9E3779B97F4A7C15)) ^ part
    return mix(key)


def distinct(column: pa.ChunkedArray | pa.Array) -> tuple[pa.StringArray, Ints]:
    """The distinct values of a string column, null as "", and the number of each row's value, int32[rows].

    >>> values, value_of = distinct(pa.array(["가", None, "가", ""]))
    >>> values.to_pylist(), value_of.tolist()
    (['가', ''], [0, 1, 0, 1])
    """
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
    encoded = pc.fill_null(column, "").dictionary_encode()
    return encoded.dictionary, encoded.indices.to_numpy()


def message_texts(messages: pa.ChunkedArray | pa.Array) -> pa.StringArray:
    """Each list of messages (list<MESSAGE>) as one text, to compare how similar two are; "" where it is empty."""
    lists = _one_chunk(messages)
    if len(lists.flatten()) == 0:
        return pa.repeat(pa.scalar(""), len(lists))
    spoken = ([text for message in found or () for text in _texts(message)] for found in lists.to_pylist())
    return pa.array(map("\n".join, spoken), pa.string())


def _texts(message: dict[str, str | None] | None) -> list[str]:
    return [text for name in ("reasoning", "content") if message and (text := message[name])]


def message_keys(messages: pa.ChunkedArray | pa.Array) -> Hashes:
    """The key of each list of messages (list<MESSAGE>), of all that they hold: uint64[rows, 2], 0 where it is empty."""
    lists = _one_chunk(messages)
    keys = np.zeros((len(lists), 2), np.uint64)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy()
    if not lengths.any():
        return keys
    fields = lists.flatten()
    of_message = _text_keys_of(pc.struct_field(fields, "content"))
    columns = {name: pc.struct_field(fields, name) for name in ("reasoning", "tool_calls", "name")}
    for column in (columns["reasoning"], without_call_ids(columns["tool_calls"]), columns["name"]):
        filled = pc.is_valid(column).to_numpy(zero_copy_only=False)
        if filled.any():
            of_message[filled] = combine_keys([of_message[filled], _text_keys_of(column.filter(pa.array(filled)))])
    tools = pc.is_in(pc.struct_field(fields, "role"), pa.array(["tool"])).to_numpy(zero_copy_only=False)
    of_message[tools] = mix(of_message[tools])
    of_message += _out_of_order(fields)[:, None]
    ends = np.cumsum(lengths)
    for row in np.flatnonzero(lengths).tolist():
        end = int(ends[row])
        digest = xxhash.xxh3_128_digest(of_message[end - int(lengths[row]) : end].tobytes())
        keys[row] = np.frombuffer(digest, np.uint64)
    return keys


def without_call_ids(calls: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Calls of tools (JSON) without their ids: random names that say nothing. Nulls stay.

    >>> without_call_ids(pa.array(['[{"id":"call_a7","function":{"name":"f"}}]', None])).to_pylist()
    ['[{"function": {"name": "f"}}]', None]
    """
    if calls.null_count == len(calls):
        return calls
    if isinstance(calls, pa.ChunkedArray):
        calls = calls.combine_chunks()
    encoded = calls.dictionary_encode()
    bare = [_bare(text) for text in encoded.dictionary.to_pylist()]
    return pa.array(bare, pa.string()).take(encoded.indices)


def _bare(calls: str) -> str:
    parsed = _calls(calls)
    return json.dumps([{name: call[name] for name in call if name != "id"} for call in parsed]) if parsed else calls


def _calls(text: str | None) -> list[dict[str, object]]:
    """The calls in a text; none where it is not a list of objects."""
    try:
        parsed = json.loads(text) if text else []
    except (ValueError, RecursionError):
        return []
    return parsed if isinstance(parsed, list) and all(isinstance(call, dict) for call in parsed) else []


def _out_of_order(messages: pa.StructArray) -> Hashes:
    """For each message of a tool how far the call that it answers is from the next one in order: uint64[messages].

    >>> calls = {"role": "assistant", "tool_calls": '[{"id":"a"},{"id":"b"}]', "tool_call_id": None}
    >>> first, second = ({"role": "tool", "tool_calls": None, "tool_call_id": answered} for answered in "ab")
    >>> _out_of_order(pa.array([calls, first, second])).tolist()
    [0, 0, 0]
    >>> bool(_out_of_order(pa.array([calls, second, first])).any())
    True
    """
    found = np.zeros(len(messages), np.int64)
    if pc.struct_field(messages, "tool_call_id").null_count < len(messages):
        ids: list[object] = []
        answered = 0
        columns = (pc.struct_field(messages, name).to_pylist() for name in ("role", "tool_calls", "tool_call_id"))
        for at, (role, calls, answer) in enumerate(zip(*columns, strict=True)):
            if calls:
                ids, answered = [call.get("id") for call in _calls(calls)], 0
            elif role == "tool":
                found[at] = ids.index(answer) - answered if answer in ids else 0
                answered += 1
    return found.view(np.uint64)


def exact_key(texts: Sequence[pa.ChunkedArray | pa.Array]) -> Hashes:
    """One key for the texts of each row in these columns, as they are written: uint64[rows], 0 where all are null."""
    key = np.zeros(len(texts[0]), np.uint64)
    for column in texts:
        if column.null_count < len(column):
            values, value_of = distinct(column)
            hashes = np.array([xxhash.xxh3_64_intdigest(text.encode()) for text in values.to_pylist()], np.uint64)
            filled = pc.is_valid(column).to_numpy(zero_copy_only=False)
            key[filled] = mix(key[filled] + hashes[value_of][filled])
    return key


def calls_key(messages: pa.ChunkedArray | pa.Array) -> Hashes:
    """The key of the calls of tools in each list of messages, and of the order of their results: uint64[rows]."""
    lists = _one_chunk(messages)
    key = np.zeros(len(lists), np.uint64)
    calls = without_call_ids(pc.struct_field(lists.flatten(), "tool_calls"))
    rows = pc.list_parent_indices(lists).filter(pc.is_valid(calls)).to_numpy()
    for row, hashed in zip(rows.tolist(), exact_key([calls.drop_null()]), strict=True):
        key[row : row + 1] = mix(key[row : row + 1] + hashed)
    order = _out_of_order(lists.flatten())
    moved = np.flatnonzero(order)
    for row, hashed in zip(pc.list_parent_indices(lists).to_numpy()[moved].tolist(), order[moved], strict=True):
        key[row : row + 1] = mix(key[row : row + 1] + hashed)
    return key


def _text_keys_of(column: pa.Array) -> Hashes:
    """The key of each text of a column: uint64[rows, 2]."""
    values, value_of = distinct(column)
    return np.ascontiguousarray(text_keys(values)[value_of])


def _one_chunk(lists: pa.ChunkedArray | pa.Array) -> pa.ListArray:
    return lists.combine_chunks() if isinstance(lists, pa.ChunkedArray) else lists
