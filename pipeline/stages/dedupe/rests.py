"""What is left of two texts of words without the words that both begin and end with, letter for letter.

Some words stay before and behind what differs, for they may decide about it. So of two pages that differ in one word,
ten words are compared.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.dedupe.arrays import Bools, Bytes, Ints, ranges
from pipeline.stages.dedupe.differences import ASKS
from pipeline.stages.dedupe.differences.mentioned import POINTS
from pipeline.stages.dedupe.differences.word_order import WINDOW

#: Texts in which words alone decide: they hold no protected span, and mention no text, in whatever signs.
_HOLDS_MORE = (
    r"""[\n\r\t"'“”„‟‘’‚‛「」『』″′＂＇《》〈〉«»<>:：`$@/\\|{}\[\]\x{fdd0}\x{1100}-\x{11ff}\x{3099}\x{309a}"""
    r"""\x{0300}-\x{036f}\x{a960}-\x{a97f}\x{d7b0}-\x{d7ff}\x{ff01}-\x{ff5e}]"""
    rf"""|www\.|~~~|\A\s*(?:[-*+•]|\d+[.)])|{POINTS}"""
)
#: Words and marks that are read alike without the words before and behind, but for a question mark in a text that asks.
_ALONE = r"\A[가-힣ㄱ-ㅣ0-9A-Za-z .,!?~·;♡♥★☆^()%&*#+=_-]*\z"
#: A text is cut between two words of Hangul, so that nothing beside it is read otherwise.
_KEPT, _KEPT_BEHIND = 2, WINDOW + 1
#: Bytes of two texts that are compared at once.
_STEP = 64


def are_words(texts: pa.StringArray) -> Bools:
    """bool[texts]: words and marks alone, so that what two texts share says nothing of what differs."""
    found: Bools = pc.invert(pc.match_substring_regex(texts, _HOLDS_MORE)).to_numpy(zero_copy_only=False)
    return found


def decide_alone(pieces: pa.StringArray, texts: pa.StringArray) -> Bools:
    """bool[texts]: the rest of a text of words (`are_words`) says as much of what differs as all of the text.

    Whether a question mark makes a question, a word that asks decides, wherever it stands.

    >>> texts = pa.array(["누가 뭐래도 난 참 좋았다?", "난 뭐 정말 참 좋았다.", "그래도 난 참 좋았다?"])
    >>> decide_alone(pa.array(["난 참 좋았다?", "정말 참 좋았다.", "난 참 좋았다?"]), texts).tolist()
    [False, True, True]
    """
    asks = pc.and_(pc.match_substring(pieces, "?"), pc.match_substring_regex(texts, ASKS))
    alone = pc.and_not(pc.match_substring_regex(pieces, _ALONE), asks)
    found: Bools = alone.to_numpy(zero_copy_only=False)
    return found


def rests(texts: pa.StringArray, first: Ints, second: Ints) -> tuple[pa.StringArray, pa.StringArray]:
    """The rests of pairs of texts, which have no nulls. `first`, `second`: int64[pairs], their numbers.

    >>> texts = pa.array(["가 나 다 라 마 바 사 아 자", "가 나 다 라 하 바 사 아 자", "하"])
    >>> [found.to_pylist() for found in rests(texts, np.array([0, 0]), np.array([1, 2]))]
    [['다 라 마 바 사 아 자', '가 나 다 라 마 바 사 아 자'], ['다 라 하 바 사 아 자', '하']]
    """
    data = np.frombuffer(texts.buffers()[2] or b"", np.uint8)
    bounds = np.frombuffer(texts.buffers()[1], np.int32, len(texts) + 1, 4 * texts.offset).astype(np.int64)
    cuts = _cuts(data)
    start, end = bounds[first], bounds[first + 1]
    other_start, other_end = bounds[second], bounds[second + 1]
    alike = _alike(data, start, other_start, np.minimum(end - start, other_end - other_start), 1)
    cut = np.searchsorted(cuts, start + alike, "right") - 1 - _KEPT  # the last one is of the word that differs
    left_out = np.maximum(np.append(cuts, 0)[np.maximum(cut, -1)] - start, 0)
    start, other_start = start + left_out, other_start + left_out
    alike = _alike(data, end - 1, other_end - 1, np.minimum(end - start, other_end - other_start), -1)
    cut = np.searchsorted(cuts, end - alike, "right") + _KEPT_BEHIND
    left_out = np.maximum(end + 1 - np.append(cuts, len(data) + 1)[np.minimum(cut, len(cuts))], 0)
    return _pieces(data, start, end - left_out), _pieces(data, other_start, other_end - left_out)


def _cuts(data: Bytes) -> Ints:
    """Where a word of Hangul begins behind a space and another word of Hangul: int64[n], places of bytes."""
    space = np.flatnonzero(data == ord(" "))
    space = space[(space >= 3) & (space + 3 < len(data))]
    before, behind = (_is_hangul(*(data[space + step] for step in steps)) for steps in ((-3, -2, -1), (1, 2, 3)))
    return space[before & behind] + 1


def _is_hangul(one: Bytes, two: Bytes, three: Bytes) -> Bools:
    """bool[n]: three bytes are a syllable."""
    code = ((one & 0xF).astype(np.int64) << 12) | ((two & 0x3F).astype(np.int64) << 6) | (three & 0x3F)
    found: Bools = (one >> 4 == 0xE) & (code >= ord("가")) & (code <= ord("힣"))
    return found


def _alike(data: Bytes, at: Ints, other_at: Ints, most: Ints, step: int) -> Ints:
    """How many bytes are the same from two places on, in steps of 1 or -1, at most `most`: int64[pairs]."""
    count = np.zeros(len(at), np.int64)
    going = np.flatnonzero(most > 0)
    far = step * np.arange(_STEP)
    while len(going):
        from_ = step * count[going, None] + far
        places, others = at[going, None] + from_, other_at[going, None] + from_
        same = data.take(places, mode="clip") == data.take(others, mode="clip")
        run = np.where(same.all(axis=1), _STEP, same.argmin(axis=1))
        count[going] = np.minimum(count[going] + run, most[going])
        going = going[(run == _STEP) & (count[going] < most[going])]
    return count


def _pieces(data: Bytes, start: Ints, end: Ints) -> pa.StringArray:
    sizes = end - start
    bounds = np.append(0, np.cumsum(sizes))
    if bounds[-1] > np.iinfo(np.int32).max:
        raise OverflowError("the texts of a part have more than 2 GiB")
    pieces = data[ranges(start, sizes)]
    return pa.StringArray.from_buffers(len(start), pa.py_buffer(bounds.astype(np.int32)), pa.py_buffer(pieces))
