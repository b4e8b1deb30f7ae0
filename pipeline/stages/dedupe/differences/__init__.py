"""What differs between two texts: whether they say the same in another form, or something else.

The texts are cut into words (`words_of_text`) and aligned (`align`). At each place where they differ, the rules of
`form_of` are tried in their order. A difference that no rule knows is one of a word.
"""

import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from pipeline.stages.dedupe.differences import (
    align,
    beginnings,
    contractions,
    endings,
    moved_space,
    particles,
    spelling,
    word_order,
    words,
)
from pipeline.stages.dedupe.differences.hangul import decompose
from pipeline.stages.dedupe.differences.mentioned import differ_in_mentions, mentions
from pipeline.stages.dedupe.differences.tasks import (
    about_form,
    is_about_form,
    is_about_words,
    may_be_about_words,
    request_after_task,
    same_task,
)
from pipeline.stages.dedupe.differences.words_of_text import (
    HANGUL,
    LATIN,
    LAUGHTER_LETTERS,
    NUMBER,
    SIGN,
    SPAN,
    WIDTH,
    Word,
    hidden,
    words_of,
)

#: Differences of form: a reader understands the same.
FORM = frozenset(
    ("spacing", "punctuation", "width", "repetition", "case", "particle", "ending", "spelling", "contraction")
) | {"word order"}
#: Another word; `words.about` names what it is about.
WORD = "word"
#: Words that only make a request more polite.
FILLERS = frozenset(("좀", "제발", "부디", "혹시"))
#: Particles that a writer may leave out.
_OPTIONAL = frozenset(particle for role in particles.OPTIONAL for particle in particles.ROLES[role])

#: Words that change places are put back so many times, and then compared.
_MOVES = 2

Text = Sequence[Word]

__all__ = [
    "ASKS",
    "FORM",
    "Difference",
    "about_form",
    "differences",
    "essence",
    "is_about_form",
    "is_about_words",
    "may_be_about_words",
    "same",
]


class Difference(NamedTuple):
    """What stands in one text, what in the other, and of what kind the difference is.

    >>> print(Difference("ending", "설명해 주세요", "설명해줘"))
    ending: 설명해 주세요 → 설명해줘
    """

    kind: str
    one: str
    other: str

    def __str__(self) -> str:
        return f"{self.kind}: {self.one or '∅'} → {self.other or '∅'}"


def differences(one: str, other: str, instruction: str = "", instruction_itself: bool = False) -> list[Difference]:
    """Every difference between two texts, in the order of the text. `instruction`: what they are material for;
    `instruction_itself`: they are instructions, and not material.

    >>> [str(found) for found in differences("지구 온난화의 원인은 무엇인가요?", "지구온난화 원인이 뭐야?")]
    ['particle: 지구 온난화의 → 지구온난화', 'particle: 원인은 → 원인이', 'ending: 무엇인가요 → 뭐야']
    >>> [found.kind for found in differences("다섯 가지 방법", "여섯 가지 방법")]
    ['number']
    >>> [found.kind for found in differences("할 수 있다", "할수있다", "띄어쓰기를 고치세요.")]
    ['task']
    """
    found = _differences(one, other, instruction, instruction_itself)
    return [each._replace(kind=words.about(each.one, each.other)) if each.kind == WORD else each for each in found]


def same(one: str, other: str, instruction: str = "", instruction_itself: bool = False, numbers: bool = True) -> bool:
    """Whether two texts differ in form alone. `numbers`: whether a difference of a number counts.

    >>> same("설명해 주세요.", "설명해줘"), same("한국어를 영어로 옮겨 줘", "영어를 한국어로 옮겨 줘")
    (True, False)
    """
    essences = essence(one), essence(other)
    about = is_about_form(instruction, of_material=not instruction_itself)
    if essences[0] and essences[1] and not about:
        return same_essence(essences[0], essences[1], is_about_words(instruction), numbers)
    one, other = sorted((one, other))  # so that the order of two rows changes nothing
    if about:
        harmless = _harmless(numbers)
        found = _differences(one, other, instruction, instruction_itself, numbers)
        return all(each.kind in harmless for each in found)
    if differ_in_mentions(_prepared(one).narrow, _prepared(other).narrow, instruction_itself, numbers):
        return False
    mine, yours = map(words_of, _compared(_prepared(one), _prepared(other)))
    return not (numbers and _surely_differ(mine, yours)) and _same_words(
        mine, yours, is_about_words(instruction), numbers
    )


@lru_cache(1 << 14)
def essence(text: str) -> Text:
    """The words of a short text with as much of its spaces and marks as decides whether a difference is one of form.

    Many texts share it. () where the text itself is to be compared: it is long, holds protected spans, or
    mentions a text.

    >>> essence("재미있어요!!! ㅋㅋ") == essence("재미있어요."), essence("재미있어요?") == essence("재미있어요!")
    (True, False)
    """
    prepared = _prepared(text)
    if len(prepared.narrow) >= LONG or prepared.spans or any(mentions(prepared.narrow)):
        return ()
    return tuple(map(_essential, words_of(prepared.narrow)))


def _essential(word: Word) -> Word:
    """The word itself where nothing is to be left out: words are many, and one object is enough."""
    space, marks = _space(word.space) if word.space else "", _marks(word.marks) if word.marks else ""
    return word if space == word.space and marks == word.marks else Word(word.kind, word.text, space, marks)


def _space(space: str) -> str:
    return "\n" + space.rpartition("\n")[2] if "\n" in space else " "


def _marks(marks: str) -> str:
    """What decides of marks: a question, or else a statement, or neither.

    >>> _marks("?!"), _marks("!!"), _marks("ㅋㅋ")
    ('?', '.', '~')
    """
    return "?" if "?" in marks else "." if "." in marks or "!" in marks else "~"


def same_essence(one: Text, other: Text, about_words: bool, numbers: bool) -> bool:
    """As `same`, of texts that have an essence, under an instruction that is not about form."""
    if one == other:
        return True
    if numbers and _surely_differ(one, other):
        return False
    # So that the order of two rows changes nothing, and of equal words the rest decides.
    one, other = sorted((one, other), key=lambda text: ([word.text for word in text], text))
    return _same_words(one, other, about_words, numbers)


def _same_words(one: Text, other: Text, about_words: bool, numbers: bool) -> bool:
    harmless = _harmless(numbers)
    return all(found.kind in harmless for found in _of_words(one, other, about_words))


def _harmless(numbers: bool) -> frozenset[str]:
    return FORM if numbers else FORM | {NUMBER}


def _surely_differ(one: Text, other: Text) -> bool:
    """Whether two texts differ in a word, as far as the first words show that differ. False where that is not sure."""
    at = 0
    for mine, yours in zip(one, other, strict=False):
        if mine.text != yours.text:
            break
        at += 1
    if any(at >= len(text) or _form_of_added(text, range(at, at + 1)) for text in (one, other)):
        return False
    mine, yours = one[at], other[at]
    if beginnings.may_begin_alike(mine, yours):
        return False
    return all(mine.text[:1] != word.text[:1] for word in other[at:])


def _differences(
    one: str, other: str, instruction: str, instruction_itself: bool, numbers: bool = True
) -> Iterator[Difference]:
    mine, yours = _prepared(one), _prepared(other)
    if mine.plain == yours.plain:
        return
    if changed := differ_in_mentions(mine.narrow, yours.narrow, instruction_itself, numbers):
        yield Difference("mention", *changed)
        return
    if is_about_form(instruction, of_material=not instruction_itself):
        rests = request_after_task(mine.narrow), request_after_task(yours.narrow)
        if not (instruction_itself and rests[0] and rests[1] and same_task(rests[0][0], rests[1][0])):
            yield Difference("task", *_shortest(mine.plain, yours.plain))
            return
        if rests[0][0] != rests[1][0]:
            yield Difference("spacing", rests[0][0], rests[1][0])
        if mine.wide != yours.wide:
            yield Difference("width", mine.plain, yours.plain)
        mine, yours = _prepared(rests[0][1]), _prepared(rests[1][1])
    if mine.wide != yours.wide and not (mine.spans or yours.spans):
        yield Difference("width", *_shortest(mine.plain, yours.plain))
    compared = _compared(mine, yours)
    yield from _of_words(words_of(compared[0]), words_of(compared[1]), is_about_words(instruction))


class _Prepared(NamedTuple):
    """A text as it is compared."""

    plain: str  # NFC, without outer white space
    narrow: str  # with no wide signs
    wide: str  # its wide signs, in order of their code points
    spans: bool  # whether it holds protected spans, where wide signs stay


def _compared(mine: _Prepared, yours: _Prepared) -> tuple[str, str]:
    """What of two texts is cut into words."""
    if mine.spans or yours.spans:
        return mine.plain, yours.plain
    return _shortest(mine.narrow, yours.narrow)


_WIDE = re.compile(f"[{re.escape(''.join(map(chr, WIDTH)))}]")


@lru_cache(1 << 14)
def _prepared(text: str) -> _Prepared:
    plain = unicodedata.normalize("NFC", text).replace("\r\n", "\n").strip()
    wide = "".join(sorted(_WIDE.findall(plain)))
    return _Prepared(plain, plain.translate(WIDTH).strip() if wide else plain, wide, bool(hidden(plain)[1]))


#: Shorter texts are compared whole, so that their words are found once for all their pairs.
LONG = 200


def _shortest(one: str, other: str) -> tuple[str, str]:
    """Long texts without the words that they begin and end with alike, but for some at each side.

    >>> same_start = "가나 " * 100
    >>> _shortest(same_start + "다 라 마 바 사", same_start + "다 라 하 바 사")
    ('다 라 마 바 사', '다 라 하 바 사')
    """
    if len(one) < LONG or len(other) < LONG:
        return one, other
    start = _cut(one, _common(one, other), 2)
    one, other = one[start:], other[start:]
    end = _cut(one[::-1], _common(one[::-1], other[::-1]), word_order.WINDOW + 1)
    return one[: len(one) - end], other[: len(other) - end]


def _cut(text: str, common: int, kept: int) -> int:
    """Where a text may be cut so that so many words before `common` stay: after a space; 0 where there is none."""
    for _ in range(kept + 1):
        common = max(text.rfind(" ", 0, common), 0)
    return common + 1 if common else 0


def _common(one: str, other: str) -> int:
    """How many characters two texts begin with alike, by bisection: slices are compared fast."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _of_words(one: Text, other: Text, about_words: bool) -> Iterator[Difference]:
    for _ in range(_MOVES):
        moved = word_order.moved(one, other)
        if not moved:
            break
        yield Difference("word order", moved.one, moved.other)
        other = moved.put_back
    blocks = align.blocks(one, other)
    exchanged: list[tuple[particles.Split, particles.Split]] = []
    at = other_at = 0
    for block in (*blocks, align.Block(len(one), len(one), len(other), len(other))):
        for place, other_place in zip(range(at, block.start), range(other_at, block.other_start), strict=True):
            if one[place] != other[other_place]:
                yield from _between_words(one, place, other, other_place)
        if block.start < block.end or block.other_start < block.other_end:
            yield from _of_block(one, other, block, about_words, exchanged)
        at, other_at = block.end, block.other_end
    if particles.exchange_roles(exchanged):
        changed = (" ".join(pair[at].stem + pair[at].particle for pair in exchanged) for at in (0, 1))
        yield Difference("direction", *changed)


def _of_block(
    one: Text,
    other: Text,
    block: align.Block,
    about_words: bool,
    exchanged: list[tuple[particles.Split, particles.Split]],
) -> Iterator[Difference]:
    """The differences at one place. Particles that are exchanged there are added to `exchanged`."""
    mine, yours = range(block.start, block.end), range(block.other_start, block.other_end)

    def form(start: int, end: int, other_start: int, other_end: int) -> str | None:
        return _form_of_unit(one, mine[start:end], other, yours[other_start:other_end], about_words)

    def may_begin(at: int, other_at: int) -> bool:
        return beginnings.may_begin_alike(one[mine[at]], other[yours[other_at]])

    spaced = _spaced(one[block.start : block.end], other[block.other_start : block.other_end])
    cut = spaced or align.units(len(mine), len(yours), lambda *unit: form(*unit) is not None, may_begin)
    if cut is None:
        yield _another_word(one[block.start : block.end], other[block.other_start : block.other_end])
        return
    for unit in cut:
        places, other_places = mine[unit[0] : unit[1]], yours[unit[2] : unit[3]]
        texts = _joined([one[at] for at in places]), _joined([other[at] for at in other_places])
        if texts[0] == texts[1]:
            yield from _of_marks(one, places, other, other_places, False)
            continue
        kind = "spacing" if spaced else form(*unit) or WORD
        if kind == "particle" and (pair := particles.exchanged_particle(*(text.replace(" ", "") for text in texts))):
            exchanged.append(pair)
        yield Difference(kind, *texts)
        asks = kind == "ending" and endings.REQUEST in endings.shared_moods(*(text.replace(" ", "") for text in texts))
        yield from _of_marks(one, places, other, other_places, asks)


def _spaced(mine: Text, yours: Text) -> align.Units:
    """The units of a place where spaces alone differ, none where another thing does."""
    texts = [word.text for word in mine], [word.text for word in yours]
    if "".join(texts[0]) != "".join(texts[1]):
        return []
    units = align.between_common_ends(*texts)
    return units if all(_may_be_spaced(mine[a:b], yours[c:d]) for a, b, c, d in units if b - a > 1 or d - c > 1) else []


def _may_be_spaced(mine: Text, yours: Text) -> bool:
    """Whether words with the same letters, and with no end in common but the last, differ in spaces alone: of Hangul
    words, spaces of one text are left out; beside other words, they may be at other places, too."""
    are_hangul = [word.kind == HANGUL for word in (*mine, *yours)]
    return any(are_hangul) and (not all(are_hangul) or len(mine) == 1 or len(yours) == 1)


def _joined(found: Sequence[Word]) -> str:
    return "".join((" " if word.space and at else "") + word.text for at, word in enumerate(found))


def _another_word(mine: Text, yours: Text) -> Difference:
    """The difference at a place that no rule explains."""
    texts = _joined(mine), _joined(yours)
    if all(word.kind == HANGUL for word in (*mine, *yours)):
        return Difference(WORD, *texts)
    for kind in (SPAN, SIGN):
        if [word.text for word in mine if word.kind == kind] != [word.text for word in yours if word.kind == kind]:
            return Difference(kind, *texts)
    others = ([word.text for word in found if word.kind != NUMBER] for found in (mine, yours))
    return Difference(NUMBER if next(others) == next(others) else WORD, *texts)


def _form_of_unit(one: Text, mine: range, other: Text, yours: range, about_words: bool) -> str | None:
    """The kind of form in which words differ, None for another meaning. `mine`, `yours`: their places in the texts."""
    if not mine or not yours:
        return _form_of_added(*((one, mine) if mine else (other, yours)))
    first, other_first = one[mine[0]], other[yours[0]]
    both_hangul = first.kind == other_first.kind == HANGUL
    if both_hangul and len(mine) == len(yours) == 1:
        both_end = _ends_sentence(one, mine[0]) and _ends_sentence(other, yours[0])
        return form_of(first.text, other_first.text, both_end) or _contraction(
            (first.text, other_first.text), one, mine, other, yours
        )
    if both_hangul and len(mine) != len(yours) and not _begin_alike(first.text[0], other_first.text[0]):
        return None
    texts = "".join([one[at].text for at in mine]), "".join([other[at].text for at in yours])
    kinds = {one[at].kind for at in mine} | {other[at].kind for at in yours}
    if kinds == {HANGUL}:
        if texts[0] == texts[1]:
            words_of_both = [one[at].text for at in mine], [other[at].text for at in yours]
            shifts = _shifts(one, mine, other, yours) and not moved_space.is_a_slip(*words_of_both)
            return None if shifts else "spacing"
        both_end = _ends_sentence(one, mine[-1]) and _ends_sentence(other, yours[-1])
        return form_of(*texts, both_end) or _contraction(texts, one, mine, other, yours)
    if texts[0] == texts[1]:
        return "spacing" if HANGUL in kinds else None
    if len(mine) == len(yours) == 1 and kinds == {NUMBER}:
        return "punctuation" if texts[0].replace(",", "") == texts[1].replace(",", "") else NUMBER
    if len(mine) == len(yours) == 1 and kinds == {LATIN} and not about_words:
        return "case" if _same_but_for_case(one, other, *texts) else None
    return None


def _contraction(texts: tuple[str, str], one: Text, mine: range, other: Text, yours: range) -> str | None:
    """The kind of Hangul words of which one is the other contracted. `texts`: these words, without spaces."""
    if not contractions.may_be_contracted(*texts):
        return None
    found = contractions.is_contracted(*texts, _beside(one, mine), _beside(other, yours))
    return "contraction" if found else None


def _beside(found: Text, places: range) -> contractions.Beside:
    """The words beside these; what is written together is one."""
    last = found[places[-1]]
    at = places[0] - 1
    before = found[at].text
    begins = not at or bool(found[at].marks)
    while at > 1 and not found[at].space and not found[at - 1].marks:
        at -= 1
        before = found[at].text + before
    after = found[places[-1] + 1].text if places[-1] + 1 < len(found) and not last.marks else ""
    return contractions.Beside(before, begins, after)


def _begin_alike(one: str, other: str) -> bool:
    """Whether two syllables have one onset: forms of one word begin with it."""
    return one == other or decompose(one).onset == decompose(other).onset


def _same_but_for_case(one: Text, other: Text, word: str, changed: str) -> bool:
    """Whether capitals change no word: in Korean text, and in a sentence that one writer wrote in small letters."""
    if word.casefold() != changed.casefold() or not _is_a_word_in_any_case(word, changed):
        return False
    if any(each.kind == HANGUL for each in one):
        return True
    small = (all(not each.text[:1].isupper() for each in text) for text in (one, other))
    return any(small) and sum(each.kind == LATIN for each in one) > 3


#: A name in a program, whose capitals part its words: userName. Not a brand: iPhone, macOS.
_IN_A_PROGRAM = re.compile(r"[a-z]{2,}[A-Z][a-z]")
#: Letters up to which a word with capitals may be a unit or a formula, and from which it is none.
_SYMBOL, _LONG = 3, 6


def _is_a_word_in_any_case(word: str, changed: str) -> bool:
    """Whether two forms of a Latin word that differ in capitals are one word: no units, formulas, names in programs.

    >>> [_is_a_word_in_any_case(*pair) for pair in (("ai", "AI"), ("Python", "python"), ("YouTube", "Youtube"))]
    [True, True, True]
    >>> [_is_a_word_in_any_case(*pair) for pair in (("mW", "MW"), ("Mb", "MB"), ("CO", "Co"), ("userName", "username"))]
    [False, False, False, False]
    """
    small, large = any(map(str.islower, (word, changed))), any(map(str.isupper, (word, changed)))
    if len(word) <= _SYMBOL:
        return len(word) > 1 and small and large
    if any(map(_IN_A_PROGRAM.match, (word, changed))):
        return False
    return small or large or len(word) >= _LONG


def _form_of_added(found: Text, places: range) -> str | None:
    """The kind of a word that only one text has: a filler, or a particle after a word that is no Hangul."""
    word = found[places[0]]
    if len(places) != 1 or word.kind != HANGUL:
        return None
    if word.text in FILLERS:
        return "ending"
    if word.space or word.text not in _OPTIONAL:
        return None
    before = found[places[0] - 1]
    return "particle" if before.kind in (LATIN, NUMBER, SPAN) or before.marks else None


def _shifts(one: Text, mine: range, other: Text, yours: range) -> bool:
    """Whether a space is at another place, and not just left out: "아버지가 방에", "아버지 가방에"."""
    ends = [
        set(itertools.accumulate(len(found[place].text) for place in places[:-1]))
        for found, places in ((one, mine), (other, yours))
    ]
    return not (ends[0] <= ends[1] or ends[1] <= ends[0])


def _ends_sentence(found: Text, at: int) -> bool:
    return bool(found[at].marks) or at + 1 == len(found) or "\n" in found[at + 1].space


_REPEATED = re.compile(r"(.)\1\1|[아어이오우으에애]{3}|[아어오우으에애][안알압앗언얼업엇온올옵옷운울웁웃]")


@lru_cache(1 << 14)
def form_of(one: str, other: str, ends_sentence: bool) -> str | None:
    """The kind of form in which Hangul words (without spaces) differ; None where they mean something else.

    >>> form_of("원인은", "원인이", False), form_of("설명해주세요", "설명해줘", True)
    ('particle', 'ending')
    >>> form_of("오랫만에", "오랜만에", False)
    'spelling'
    >>> form_of("사과", "사관", False), form_of("하세요", "하지마세요", True), form_of("좋아아아", "좋아", False)
    (None, None, 'repetition')
    """
    if one == other:
        return "spacing"
    if _REPEATED.search(f"{one} {other}") and spelling.shortened(one) == spelling.shortened(other):
        return "repetition"
    if particles.exchanged_particle(one, other):
        return "particle"
    if (ends_sentence and endings.differ_in_politeness(one, other)) or endings.differ_in_purpose(one, other):
        return "ending"
    right = spelling.corrected(one), spelling.corrected(other)
    if right != (one, other):
        return "spelling" if right[0] == right[1] or form_of(*right, ends_sentence) else None
    return "spelling" if spelling.is_slip(one, other) else None


def _of_marks(one: Text, mine: range, other: Text, yours: range, request: bool) -> Iterator[Difference]:
    """Differences of punctuation and laughter after these words. `request`: they are one, which may end with "?"."""
    marks = "".join([one[at].marks for at in mine]), "".join([other[at].marks for at in yours])
    if marks[0] != marks[1]:
        kind = _kind_of_marks(one, mine[-1] if mine else 0, *marks)
        yield Difference("punctuation" if request and kind == "mood" else kind, *marks)


def _kind_of_marks(found: Text, at: int, one: str, other: str) -> str:
    """The kind of a difference of marks: "mood" where a statement becomes a question by its mark alone."""
    says = other if "?" in one else one
    asks = ("?" in one) != ("?" in other) and ("." in says or "!" in says)
    if asks and not found[at].text.endswith(_QUESTION_END) and not any(_ASKS.match(word.text) for word in found):
        return "mood"
    return "punctuation" if LAUGHTER_LETTERS.sub("", one) != LAUGHTER_LETTERS.sub("", other) else "repetition"


#: How words begin that ask; the same in Python and in RE2.
ASKS = "무엇|무슨|뭐|뭘|뭔|어떻|어떤|어느|어디|왜|언제|누구|누가|얼마|몇"
_ASKS = re.compile(ASKS)
_QUESTION_END = ("나요", "가요", "까요", "까", "니", "냐", "인가", "는가", "은가", "ㄴ가")


def _between_words(one: Text, at: int, other: Text, other_at: int) -> Iterator[Difference]:
    """Differences of what stands around a word that both texts have: the white space before it, the marks after it."""
    word, same_word = one[at], other[other_at]
    if word.space != same_word.space:
        kind = _kind_of_space(one[at - 1], word, same_word.space)
        before = one[at - 1].text + one[at - 1].marks
        yield Difference(kind, before + word.space + word.text, before + same_word.space + word.text)
    if word.marks != same_word.marks:
        yield Difference(_kind_of_marks(one, at, word.marks, same_word.marks), word.marks, same_word.marks)


def _kind_of_space(before: Word, word: Word, space: str) -> str:
    """The kind of a difference between the white space before a word and `space`: "layout" in code."""
    spaces = word.space, space
    broken = ["\n" in each for each in spaces]
    if bool(word.space) == bool(space) and not any(broken):
        return "spacing"
    indents = [each.rpartition("\n")[2] if "\n" in each else "" for each in spaces]
    if all(broken) and indents[0] == indents[1]:
        return "spacing"
    in_prose = HANGUL in (before.kind, word.kind) or before.marks or {before.kind, word.kind} == {NUMBER, LATIN}
    is_code = any(broken) and word.kind in (LATIN, SIGN, SPAN) and before.kind != HANGUL
    return "spacing" if in_prose and not is_code else "layout"
