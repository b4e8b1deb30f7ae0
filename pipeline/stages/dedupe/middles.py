"""What is left of two short texts of Korean prose without the words that they begin and end with alike.

Of such texts nothing else decides whether they differ in form alone: "정말 재밌어요 ㅋㅋ" and "정말 재밌네요.", like
"너무 재밌어요!" and "너무 재밌네요", are the pair 재밌어요, 재밌네요. So each pair of middles is decided once.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.io.processes import Processes
from pipeline.stages.dedupe import keys
from pipeline.stages.dedupe.arrays import Bools, Hashes, Ints, ranges
from pipeline.stages.dedupe.differences import LONG, form_of, same_essence
from pipeline.stages.dedupe.differences.contractions import may_be_contracted
from pipeline.stages.dedupe.differences.mentioned import POINTS
from pipeline.stages.dedupe.differences.word_order import MOST, WINDOW
from pipeline.stages.dedupe.differences.words_of_text import HANGUL, START, Word

#: Texts of Hangul words, spaces, laughter, and marks that neither ask nor mention a text: their words are cut without a
#: look at others.
_PROSE = r"\A[가-힣 .,!~·;ㅋㅎㅠㅜㅡ♡♥]*\z"
_SMILE = r"\^+[_\-.]?\^+"
_ENDS, _GLUED = np.uint64(0x9E3779B97F4A7C15), np.uint64(0xC2B2AE3D27D4EB4F)
_NONE = np.uint64(0)
#: Words behind a middle that may decide about it where its words may have another order. One more says that there the
#: text goes on.
_BEHIND = WINDOW + 1

#: Words with spaces between them, and a byte for each: whether it ends a sentence; whether it is glued (`Prose`).
Run: TypeAlias = tuple[str, bytes, bytes]
Calls: TypeAlias = Callable[[Callable[..., Any], Sequence[tuple[Any, ...]]], list[Any]]
#: By the keys of middles, whether their texts differ in form alone. None: what stands beside the two words decides.
Decided: TypeAlias = dict[int, bool | None]


def is_prose(texts: pa.StringArray) -> Bools:
    """bool[texts]: short texts of Hangul words alone, and marks that neither ask nor mention a text.

    >>> is_prose(pa.array(["정말 재밌어요! ^^", "왜?", "다음 글: 가나다"])).tolist()
    [True, False, False]
    """
    texts = _with_smiles_as_laughter(texts)
    found = pc.and_(pc.match_substring_regex(texts, _PROSE), pc.less(pc.utf8_length(texts), LONG))
    is_code = pc.starts_with(pc.utf8_ltrim_whitespace(texts), "~~~")
    found = pc.and_not(found, pc.or_(is_code, pc.match_substring_regex(texts, POINTS)))
    mask: Bools = found.to_numpy(zero_copy_only=False)
    return mask


def _with_smiles_as_laughter(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(texts, _SMILE, "ㅎ")


class Prose(NamedTuple):
    """The words of texts of prose, one text after the other."""

    text: str  # all texts
    is_prose: Bools  # bool[texts]: the others have no words here
    bounds: Ints  # int64[texts + 1], in words
    start: Ints  # int64[words], in `text`
    end: Ints  # int64[words]
    word: Hashes  # uint64[words]
    ends: Bools  # bool[words]: it ends a sentence, or may: marks follow, or nothing
    glued: Bools  # bool[words]: marks stand before it, and no space

    @classmethod
    def of(cls, texts: pa.StringArray) -> "Prose":
        """The words of texts, which have no nulls.

        >>> prose = Prose.of(pa.array(["정말 재밌어요!재밌어 ^^", "왜?"]))
        >>> [prose.text[start:end] for start, end in zip(prose.start, prose.end)], prose.is_prose.tolist()
        (['정말', '재밌어요', '재밌어'], [True, False])
        >>> prose.ends.tolist(), prose.glued.tolist()
        ([False, True, True], [False, False, True])
        """
        texts = _with_smiles_as_laughter(texts)
        prose = is_prose(texts)
        codes, bounds = keys.code_points(pc.if_else(pa.array(prose), texts, ""))
        hangul = keys.is_hangul(codes)
        first, last = (np.zeros(len(codes) + 1, bool) for _ in range(2))
        first[bounds[:-1]] = last[bounds[1:]] = True
        start = np.flatnonzero(hangul & (first[:-1] | ~np.append(False, hangul[:-1])[: len(codes)]))
        end = 1 + np.flatnonzero(hangul & (last[1:] | ~np.append(hangul[1:], False)[: len(codes)]))
        of_text = np.searchsorted(start, bounds)
        marks = np.append(0, np.cumsum(~hangul & (codes != ord(" "))))
        follow = np.append(start[1:], len(codes))[: len(end)]
        last_words = of_text[1:][of_text[1:] > of_text[:-1]] - 1
        follow[last_words] = end[last_words]
        ends = marks[follow] > marks[end]
        ends[last_words] = True
        before = np.append(0, codes)[start]
        glued = ~first[start] & (before != ord(" "))
        text = codes.tobytes().decode("utf-32-le")
        hashed = _sums(codes.astype(np.uint64), start, end - start)
        return cls(text, prose, of_text, start, end, hashed, ends, glued)

    def runs(self, starts: Ints, ends: Ints) -> Iterator[Run]:
        """Runs of words."""
        text = self.text
        for begin, stop in zip(starts.tolist(), ends.tolist(), strict=True):
            run = slice(begin, stop)
            places = zip(self.start[run].tolist(), self.end[run].tolist(), strict=True)
            words = " ".join([text[start:end] for start, end in places])
            yield words, self.ends[run].tobytes(), self.glued[run].tobytes()


class Middles(NamedTuple):
    """For each pair of texts where their middles are, in words: int64[pairs] each."""

    start: Ints
    end: Ints
    other_start: Ints
    other_end: Ints

    @classmethod
    def of(cls, prose: Prose, first: Ints, second: Ints) -> "Middles":
        """`first`, `second`: int64[pairs], numbers of texts of prose."""
        start, end = prose.bounds[first], prose.bounds[first + 1]
        other_start, other_end = prose.bounds[second], prose.bounds[second + 1]
        most = np.minimum(end - start, other_end - other_start)
        alike = _run(prose.word, start, other_start, most, 1)
        start, other_start = start + alike, other_start + alike
        alike = _run(prose.word, end - 1, other_end - 1, most - alike, -1)
        return cls(start, end - alike, other_start, other_end - alike)

    def keys(self, prose: Prose, first: Ints, second: Ints) -> Hashes:
        """uint64[pairs]: equal where the same decides; 0 where the words of both texts are the same."""
        key = self.keys_of_runs(prose, first, second)
        # Of most single words what stands beside them decides nothing.
        single = np.flatnonzero(self.are_single())
        one, other = self.start[single], self.other_start[single]
        words = prose.word[one], prose.word[other]
        both_end = prose.ends[one] & prose.ends[other]
        key[single] = keys.mix(keys.mix(np.minimum(*words)) ^ np.maximum(*words) ^ (both_end * _ENDS))
        return key

    def keys_of_runs(self, prose: Prose, first: Ints, second: Ints) -> Hashes:
        """The same of middles with the words beside them."""
        start, end, other_start, other_end = self.with_neighbours(prose, first, second)
        form = keys.mix(prose.word ^ (prose.ends * _ENDS) ^ (prose.glued * _GLUED))
        sides = _sums(form, start, end - start), _sums(form, other_start, other_end - other_start)
        key: Hashes = keys.mix(keys.mix(np.minimum(*sides)) ^ np.maximum(*sides))
        key[(self.start == self.end) & (self.other_start == self.other_end)] = 0
        return key

    def are_single(self) -> Bools:
        """bool[pairs]: the middles are one word each."""
        single: Bools = (self.end - self.start == 1) & (self.other_end - self.other_start == 1)
        return single

    def with_neighbours(self, prose: Prose, first: Ints, second: Ints) -> "Middles":
        """With the words beside each middle that may decide about it, where there are some."""
        behind = np.where(self._may_move(prose), _BEHIND, 1)
        return Middles(
            np.maximum(self.start - 1, prose.bounds[first]),
            np.minimum(self.end + behind, prose.bounds[first + 1]),
            np.maximum(self.other_start - 1, prose.bounds[second]),
            np.minimum(self.other_end + behind, prose.bounds[second + 1]),
        )

    def _may_move(self, prose: Prose) -> Bools:
        """bool[pairs]: the word that each middle begins with follows in the other."""
        words = np.append(prose.word, _NONE)
        found = [np.zeros(len(self.start), bool) for _ in range(2)]
        for mine, yours, end, may in (
            (self.start, self.other_start, self.other_end, found[0]),
            (self.other_start, self.start, self.end, found[1]),
        ):
            for step in range(1, MOST + 1):
                at = yours + step
                may |= (at < end) & (words.take(mine, mode="clip") == words.take(at, mode="clip"))
        both: Bools = found[0] & found[1]
        return both


def differ_in_form(
    prose: Prose, first: Ints, second: Ints, decided: Decided, calls: Calls = Processes().calls
) -> Bools:
    """Whether pairs of texts of prose differ in form alone: bool[pairs].

    `first`, `second`: int64[pairs], their numbers; `decided`: what is known of middles. What is found is added.
    `calls`: makes the calls.

    >>> prose = Prose.of(pa.array(["정말 재밌어요 ㅋㅋ", "정말 재밌네요.", "정말 재밌어?", "정말 재밌었어요"]))
    >>> differ_in_form(prose, *np.array([[0, 0], [1, 3]]), {}).tolist()
    [True, False]
    """
    middles = Middles.of(prose, first, second)
    decided[0] = True  # no word differs
    found, left = _decide(
        prose, middles, first, second, middles.keys(prose, first, second), middles.are_single(), decided, calls
    )
    if len(left):
        some, runs = Middles(*(column[left] for column in middles)), np.zeros(len(left), bool)
        texts = first[left], second[left]
        found[left], _ = _decide(prose, some, *texts, some.keys_of_runs(prose, *texts), runs, decided, calls)
    return found


def _decide(
    prose: Prose,
    middles: Middles,
    first: Ints,
    second: Ints,
    key: Hashes,
    single: Bools,
    decided: Decided,
    calls: Calls,
) -> tuple[Bools, Ints]:
    """Whether each pair differs in form alone, bool[pairs]; and the numbers of those pairs of single words about which
    what stands beside them decides. `key`, `single`: of the middles, of which `single` are compared as words alone."""
    keys_, pair, number = np.unique(key, return_index=True, return_inverse=True)
    unknown = [key not in decided for key in keys_.tolist()]
    keys_of, pair = keys_[unknown], pair[unknown]
    for some, same, pairs_of in (
        (single[pair], _same_words, _pairs_of_words),
        (~single[pair], _same_runs, _pairs_of_runs),
    ):
        part = Middles(*(column[pair[some]] for column in middles))
        pairs = list(pairs_of(prose, part, first[pair[some]], second[pair[some]]))
        decided.update(zip(keys_of[some].tolist(), calls(same, pairs), strict=True))
    known = [decided[key] for key in keys_.tolist()]
    found, is_open = (np.array([same is value for same in known], bool)[number] for value in (True, None))
    return found, np.flatnonzero(is_open)


def _same_words(one: str, other: str, both_end: bool) -> bool | None:
    if form_of(one, other, both_end):
        return True
    return None if may_be_contracted(one, other) else False


def _same_runs(one: Run, other: Run) -> bool:
    return same_essence(_words(one), _words(other), about_words=False, numbers=True)


@lru_cache(1 << 14)
def _words(run: Run) -> tuple[Word, ...]:
    """A run of words as a text that `differences` compares."""
    found = [
        Word(HANGUL, word, "" if glued else " ", "~" if ends else "")
        for word, ends, glued in zip(run[0].split(), *run[1:], strict=True)
    ]
    # Marks stand before the first word where no space does.
    return (Word(START, "", "", "~" if found and not found[0].space else ""), *found)


def _pairs_of_words(prose: Prose, middles: Middles, first: Ints, second: Ints) -> Iterator[tuple[str, str, bool]]:
    """Middles of one word each."""
    text = prose.text
    ends = prose.ends[middles.start] & prose.ends[middles.other_start]
    places = (bounds[at].tolist() for at in (middles.start, middles.other_start) for bounds in (prose.start, prose.end))
    for start, end, other_start, other_end, both_end in zip(*places, ends.tolist(), strict=True):
        one, other = sorted((text[start:end], text[other_start:other_end]))
        yield one, other, both_end


def _pairs_of_runs(prose: Prose, middles: Middles, first: Ints, second: Ints) -> Iterator[tuple[Run, Run]]:
    start, end, other_start, other_end = middles.with_neighbours(prose, first, second)
    return zip(prose.runs(start, end), prose.runs(other_start, other_end), strict=True)


def _run(words: Hashes, at: Ints, other_at: Ints, most: Ints, step: int) -> Ints:
    """How many words are the same from two places on, in steps of 1 or -1, at most `most`: int64[pairs]."""
    count = np.zeros(len(at), np.int64)
    going = np.flatnonzero(most > 0)
    while len(going):
        far = step * count[going]
        going = going[words[at[going] + far] == words[other_at[going] + far]]
        count[going] += 1
        going = going[count[going] < most[going]]
    return count


def _sums(values: Hashes, starts: Ints, sizes: Ints) -> Hashes:
    """A hash of the values from each start on, in their order: uint64[starts]."""
    place = ranges(np.zeros_like(starts), sizes).view(np.uint64)
    hashed = keys.mix(keys.mix(values[ranges(starts, sizes)]) + place * _ENDS)
    ends = np.cumsum(sizes)
    return keys.mix(_totals(hashed, ends - sizes, ends) ^ sizes.view(np.uint64))


def _totals(values: Hashes, starts: Ints, ends: Ints) -> Hashes:
    """The sum of the values from each start to its end, uint64[starts], without what does not fit into 64 bits."""
    totals = np.append(_NONE, np.cumsum(values))
    found: Hashes = totals[ends] - totals[starts]
    return found
