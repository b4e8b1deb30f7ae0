"""Answers that run in a loop, and answers that only give back what was asked."""

import collections
import re
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.own_words import letters_of
from pipeline.stages.screen.requests import asks
from pipeline.stages.screen.texts import DISTINCT, Texts, quoted
from pipeline.table.patterns import pattern
from schemas.options import ScreenOptions


def unnumbered(text: str) -> str:
    """Without the numbers of a list, which would hide that its items are the same."""
    return re.sub(r"^\d{1,3}[.)]", "", text, flags=re.MULTILINE) if "\n2" in text else text


def anchors(text: str) -> list[int]:
    """Where a loop may run: a loop that fills a quarter of the text covers one of these places."""
    places = []
    for place in (len(text), len(text) * 3 // 4, len(text) // 2, len(text) // 4):
        anchor = text[max(0, place - 8) : place]
        if len(anchor) == 8 and (text.count(anchor) >= 3 or anchor[0] * 8 == anchor):
            places.append(place)
    return places


def may_loop(texts: Mapping[str, pa.Array]) -> list[int]:
    """Answers in which one of these places repeats. Shorter than 48 bytes (16 syllables) no text is a loop."""
    answers = texts["output"]
    rows = pc.indices_nonzero(pc.greater_equal(pc.binary_length(answers), 48))
    return [
        row
        for row, text in zip(rows.to_pylist(), answers.take(rows).to_pylist(), strict=True)
        if repeats(unnumbered(text))
    ]


def repeats(text: str) -> bool:
    """Whether the last letters of the text, or those at a quarter of it, are there three times."""
    end, far, half, near = len(text), len(text) * 3 // 4, len(text) // 2, len(text) // 4
    return (
        text.count(text[end - 4 :]) > 2
        or text.count(text[end - 9 : end - 3]) > 2
        or text.count(text[far - 4 : far]) > 2
        or text.count(text[half - 4 : half]) > 2
        or text.count(text[near - 4 : near]) > 2
    )


def repetition(texts: Texts, options: ScreenOptions) -> str | None:
    if asks(texts.instruction, "repeating", "verse", "copy"):
        # A sound or a chorus comes again; no one asks for one letter without end.
        return loop(texts.output) if re.search(r"(\S)\1{29}", texts.output) else None
    text = unnumbered(texts.output)
    if run := _LETTER_RUN.search(text):
        return f"“{run[1]}” {len(run[0])} times on end"
    return (
        loop(text)
        or phrases_again(text)
        or threes_again(text)
        or (None if asks(texts.instruction, "labels", "code", "json") else same_units(text))
    )


def loop(text: str) -> str | None:
    """The same letters four times on end."""
    for place in anchors(text):
        anchor = text[place - 8 : place]
        previous = text.rfind(anchor, 0, place - 1)
        period = place - len(anchor) - previous
        if previous < 0 or period <= 0:
            continue
        start, end = previous, place
        while start > 0 and text[start - 1] == text[start - 1 + period]:
            start -= 1
        while end < len(text) and text[end] == text[end - period]:
            end += 1
        unit = text[start : start + period]
        times = (end - start) // period
        # Four times on end, or three and a half of most of the text.
        whole = times == 3 and " " in unit and (end - start) * 2 >= period * 7 and (end - start) * 5 >= len(text) * 3
        long = times == 3 and " " in unit and (period >= 12 or (period >= 8 and (end - start) * 2 >= period * 7))
        if (times >= 4 or whole or long) and end - start >= 30 and is_words(unit):
            return f"“{' '.join(unit[:30].split())}” {times} times on end"
    return None


def is_words(unit: str) -> bool:
    return not re.search(r"</?\w|[{};]", unit) and len(re.findall(r"[^\W\d_]", unit)) * 3 >= len(unit)


#: One syllable or vowel without end, which is no laugh, cry or sound.
_LETTER_RUN = pattern(r"(?![ㅋㅎㅠㅜㅡㅇ하호히허헤흐후크아악오우와야어음으에이엉잉쿵둥땡쉿쉬빵뿌])([가-힣ㅏ-ㅣ])\1{9,}")


def phrases_again(text: str) -> str | None:
    """Words of which most come again in the same order: five words that are there before.

    >>> again = "운동을 하면 마음이 가벼워지기 때문에 마음을 풀려면 운동을 하면 좋습니다. "
    >>> phrases_again(again * 2 + again)
    '20 of 30 words repeat those before them'
    """
    words = text.split()
    if not 15 <= len(words) <= 400 or not is_words(text):
        return None
    seen: set[tuple[str, ...]] = set()
    again = set[int]()
    for at in range(len(words) - 4):
        five = tuple(words[at : at + 5])
        if five in seen:
            again.update(range(at, at + 5))
        seen.add(five)
    return f"{len(again)} of {len(words)} words repeat those before them" if len(again) * 10 >= len(words) * 6 else None


def threes_again(text: str) -> str | None:
    """The same for three words by their beginnings, which come four times: 행복은 마음의 평화입니다, … 평화이며.

    >>> threes_again("책은 좋은 친구입니다. 책은 좋은 친구이며, 책은 좋은 친구이고, 책은 좋은 친구라고 합니다.")
    '“책은 좋은 친구” 4 times'
    """
    words = re.findall("[가-힣]+", text)
    if not 10 <= len(words) <= 200 or not is_words(text) or len("".join(words)) * 2 < len(text):
        return None
    threes = collections.Counter((words[at], words[at + 1], words[at + 2][:2]) for at in range(len(words) - 2))
    three, times = max(threes.items(), key=lambda item: item[1])
    return f"{quoted(' '.join(three))} {times} times" if times >= 4 and times * 3 * 10 >= len(words) * 7 else None


def says_again(units: list[str]) -> str | None:
    """Four sentences or more of which each says what the first ones did: hardly a word begins as none before.

    >>> says_again(["물을 아껴야 합니다", "꼭 물을 아껴야 합니다", "물을 아끼는 것이 필요합니다", "물을 아껴야 합니다"])
    '3 of 4 sentences say nothing that is not there before'
    """
    if len(units) < 4:
        return None
    seen: set[str] = set()
    stale = 0
    for unit in units:
        heads = {letters_of(word)[:3] for word in re.findall("[가-힣]{2,}", unit) if not _EMPTY_WORD.match(word)}
        new = heads - seen
        stale += bool(seen) and bool(heads) and (not new or len(new) * 5 <= len(heads))
        seen |= heads
    few = stale * 4 >= len(units) * 3 and len(seen) <= 2 * len(units)
    return f"{stale} of {len(units)} sentences say nothing that is not there before" if few else None


#: Words that a sentence needs whatever it says.
_EMPTY_WORD = pattern(
    r"(?:합니다|입니다|있습니다|됩니다|해야|것이|것은|필요|사용|중요|좋습니다|수가|하는|있는|되는|위해|대한|또한"
    r"|그리고)"
)

_WORD_RUN = pattern(r"(?<!\S)([가-힣]{2,12})(?:\s+\1){4,}(?!\S)")
_SYLLABLE_RUN = pattern(r"(([가-힣])(?!\2)[가-힣]{1,5}?)\1{7,}")
#: So many syllables such a run has, which few words have.
_SYLLABLES = pattern("[가-힣]{16}")
_BETWEEN = pattern(r"(?<=[.!?])\s+|\n\s*")


#: Words that join a sentence to the one before it, and say nothing of their own.
_JOINING = pattern(
    r"(?:그래서|왜냐하면|그리고|또한|또|따라서|하지만|그러나|즉|결국|그러므로|게다가|그런데|다시 말해|이처럼"
    r"|이와 같이|마지막으로|먼저|우선|다음으로|더불어|아울러|특히|물론|한편),? "
)


def same_units(text: str) -> str | None:
    """Sentences, lines or items of a list that come again in the same order, three times or more.

    >>> same_units("물이 좋습니다. 물이 좋습니다. 물이 좋습니다.")
    '“물이 좋습니다” 3 times on end'
    """
    units = [_JOINING.sub("", unit).rstrip(".!?~") for part in _BETWEEN.split(text) if (unit := part.strip(" -*•·\t"))]
    if "\n" not in text and len(units) <= 2:
        units = [part.strip(" .") for part in text.split(",")]
    if match := _WORD_RUN.search(text) or (_SYLLABLES.search(text) and _SYLLABLE_RUN.search(text)):
        return f"{quoted(match[1], 30)} {match[0].count(match[1])} times on end"
    for period in range(1, 5):
        run = 0
        for number in range(period, len(units)):
            run = run + 1 if units[number] == units[number - period] else 0
            unit = " ".join(units[number - period + 1 : number + 1])
            size = len(unit)
            whole = period * (run // period + 1) == len(units)
            if run >= 2 * period and is_words(unit) and size >= (3 if whole and run > 2 else 5 if period > 1 else 7):
                return f"{quoted(unit, 30)} {run // period + 1} times on end"
    half = len(units) // 2
    if half > 1 and units[:half] == units[half:] and len(text) >= 40 and is_words(text):
        return f"{quoted(' '.join(units[:half]), 30)} twice, and nothing else"
    return most_of_all(units) or few_items(text) or same_tails(units) or says_again(units)


def most_of_all(units: list[str]) -> str | None:
    """A sentence or line that comes three times and is half of the text, whatever is between.

    >>> most_of_all(["물은 몸에 좋습니다.", "차도 그래요.", "물은 몸에 좋습니다.", "네.", "물은 몸에 좋습니다."])
    '“물은 몸에 좋습니다.” 3 times'
    """
    if len(units) < 5:
        return None
    unit, times = max(collections.Counter(units).items(), key=lambda item: item[1] * len(item[0]))
    half = times * len(unit) * 2 >= sum(map(len, units))
    return f"{quoted(unit, 30)} {times} times" if times >= 3 and half and len(unit) >= 10 and is_words(unit) else None


def few_items(text: str) -> str | None:
    """A list of six items or more, half of which are there before.

    >>> few_items("1. 사과\\n2. 포도\\n3. 수박\\n4. 사과\\n5. 포도\\n6. 수박")
    '3 items of 6 lines'
    """
    items = [re.sub(r"^\s*(?:\d{1,3}[.)]|[-*•])\s*", "", line) for line in text.splitlines() if line.strip()]
    few = len(items) >= 6 and len({*items}) * 2 <= len(items) and all(len(item) >= 2 for item in items)
    return f"{len({*items})} items of {len(items)} lines" if few and is_words("".join(items)) else None


def same_tails(units: list[str]) -> str | None:
    """Four sentences or more that end in the same sixteen letters, and are most of the text."""
    tails = collections.Counter(unit[-16:] for unit in units if len(unit) > 20)
    tail, times = max(tails.items(), key=lambda item: item[1], default=("", 0))
    return f"{times} sentences end in {quoted(tail)}" if times >= 4 and times * 2 >= len(units) else None


# Echo

#: What stands before a text that is given back with its name: 질문: …, 입력: …
LABEL = (
    r"^\s*(?:질문|물음|문제|지시문?|명령어?|입력|본문|원문|답변?|문장|리뷰|글|텍스트|내용|기사|댓글|[QA]|Input"
    r"|Question|Answer|Text"
    r"|Review) ?[:：.] ?"
)
#: A label at the end, with nothing behind it.
_LABEL_ALONE = pattern(r"[ \t]*(?:#{1,6} ?)?(?:답변?|응답|출력|정답|A|Answer|Response|Output) ?[:：]")
_ENDS = " \t\n\r.!?。…\"'“”‘’*#`[](){}<>_~"


def bare(text: str) -> str:
    return text.strip(_ENDS)


def may_echo(texts: Mapping[str, pa.Array]) -> list[int]:
    """Answers that begin as the instruction or the input does, and are about as long as it, or as it three times.

    An answer of one or two syllables is an echo only letter for letter.
    """
    answers, asked, given = (texts[name] for name in ("output", "instruction", "input"))
    size, of_asked, of_given = (lengths(part) for part in (answers, asked, given))
    rows = set[int]()
    for part, length, longest in ((asked, of_asked, of_asked + of_given), (given, of_given, of_given)):
        short = np.flatnonzero((size == length) & (size <= 8))
        near = np.flatnonzero((size > 8) & (size + 16 >= length) & (size < longest * 3 + 20))
        rows |= alike(answers, part, short)
        if len(near):
            places = pa.array(near)
            same = pc.equal(head_of_answers(texts[DISTINCT].take(places)), head(part.take(places)))
            rows |= set(places.filter(pc.fill_null(same, False)).to_pylist())
    return sorted(rows)


def lengths(texts: pa.Array) -> npt.NDArray[np.int64]:
    """Bytes of each text, int64[texts]; 0 for null."""
    return np.asarray(pc.fill_null(pc.binary_length(texts), 0)).astype(np.int64)


def alike(some: pa.Array, others: pa.Array, rows: npt.NDArray[np.intp]) -> set[int]:
    """Those of the rows whose texts are equal."""
    if not len(rows):
        return set()
    places = pa.array(rows)
    same = pc.fill_null(pc.equal(some.take(places), others.take(places)), False)
    return set(places.filter(same).to_pylist())


def head(texts: pa.Array) -> pa.Array:
    return pc.utf8_slice_codeunits(pc.utf8_ltrim(pc.utf8_slice_codeunits(texts, 0, 14), " \n\t\"'“‘*#`[(<_"), 0, 2)


def head_of_answers(distinct: pa.DictionaryArray) -> pa.Array:
    """The first letters behind a label such as 입력:. Answers repeat."""
    opening = pc.replace_substring_regex(pc.utf8_slice_codeunits(distinct.dictionary, 0, 14), LABEL, "")
    return head(opening).take(distinct.indices)


def echo(texts: Texts, options: ScreenOptions) -> str | None:
    output = without_last_label(re.sub(LABEL, "", texts.output))
    answer = bare(output)
    if texts.input and answer.split() == bare(f"{texts.instruction}\n{texts.input}").split():
        return "the answer is the instruction and the input"
    for name, asked in (("instruction", texts.instruction), ("input", texts.input)):
        exact = bool(asked) and output == asked
        again = bare(asked)
        if not exact and (not answer or len(again) < 6 or set(map(bare, answer.split(again))) != {""}):
            continue
        if (name == "input" and not must_change(texts, exact)) or (asks(texts.instruction, "copy") and not exact):
            continue
        return f"the answer is the {name}, {'letter for letter' if exact else 'but for its ends'}"
    return None


def without_last_label(text: str) -> str:
    """The text without a label that ends it, and has nothing behind it.

    >>> without_last_label("감자란?\\n답변:")
    '감자란?\\n'
    """
    before, line, last = text.rstrip().rpartition("\n")
    return before + line if line and _LABEL_ALONE.fullmatch(last) else text


_DOWN = pattern(r"내림차|역순|거꾸로|큰 (?:수|것|값)부터|[Dd]escend")
_ORDER = pattern(
    r"가나다|사전 ?순|알파벳|오름차|내림차|자모|작은 (?:수|것|값)|큰 (?:수|것|값)|크기 ?순|숫자 ?순|[Aa]lphabet"
)


#: Parts of a sentence, which are never the whole of it.
_PART = pattern(
    r"(?:주어|동사|목적어|서술어|명사|형용사|부사|조사|낱말|단어|이름|지명|인물|숫자|날짜|장소|핵심어|키워드)[을를만]"
)


def must_change(texts: Texts, exact: bool) -> bool:
    """Whether the request would change its text, so that the same text is no answer to it."""
    instruction = texts.instruction
    if exact and (options := _OPTIONS.search(instruction)) and asks(instruction, "selection"):
        return texts.input.strip(" .") not in map(str.strip, options[1].split(","))
    if asks(instruction, "copy", "as-it-may-be", "about-characters", "about-links", "short"):
        return False
    if asks(instruction, "sorting"):
        parts = [part.strip() for part in re.split(r"[,\n·/]", texts.input.strip(" .")) if part.strip()]
        return (
            bool(_ORDER.search(instruction)) and len(parts) > 1 and not in_order(parts, bool(_DOWN.search(instruction)))
        )
    if asks(instruction, "proofreading") and not exact:
        return False  # a full stop more or less is a correction
    if exact and _ONE_OF.search(instruction) and len(re.split(r"[,\n]", texts.input.strip(" ,\n"))) > 2:
        return True
    if exact and asks(instruction, "translation") and len(texts.input.split()) <= 2 and texts.input[:1].isupper():
        return False  # a name
    if asks(instruction, "selection") and len(texts.input) < 60:
        return (
            exact
            and bool(_PART.search(instruction) or _LABEL_OF.search(instruction))
            and bool(re.search(r" .*[다요죠까][.!?]$", texts.input))
        )
    return (
        exact
        or not asks(instruction, "rewriting")
        or (bool(_INTO.search(instruction)) and only_ends(texts.input, texts.output))
    )


#: The answers that are possible: (정치, 경제, 스포츠)
_OPTIONS = pattern(r"[(\[]([^()\[\]\n]{1,20}(?:,[^()\[\],\n]{1,20})+)[)\]]\W*$")
#: A request for one of several things.
_ONE_OF = pattern(
    r"(?:가장|제일) (?:큰|작은|긴|짧은|높은|낮은|많은|적은|빠른|느린|무거운|가벼운|비싼|싼)"
    r"|(?:하나|한 개)[를만]? ?(?:고르|골라|선택)"
)
#: A word for the whole of a text: its sentiment, its kind.
_LABEL_OF = pattern(
    r"(?:감정|감성|극성|의도|주제|종류|유형|긍정|부정|카테고리)[가-힣 ]{0,8}(?:분류|판별|판단|구분|고르|적)"
)
#: What the text is to become: 의문문으로 바꾸어라, 부드럽게 고쳐 쓰세요.
_INTO = pattern(r"(?:으?로|게|체) ?(?:바꾸|바꿔|고치|고쳐|다듬|변환|전환|수정|다시|표현)")


def only_ends(before: str, after: str) -> bool:
    """Whether a full stop or a quotation mark is all that differs: no new question or call."""
    return {*after} - {*before} <= set(" \t\n.\"'“”‘’") and len(after) <= len(before) + 2


def in_order(parts: list[str], down: bool) -> bool:
    """Whether words or numbers are in order, up or down."""
    values: list[str] | list[float] = parts
    if all(re.fullmatch(r"-?\d+(?:\.\d+)?", part) for part in parts):
        values = [float(part) for part in parts]
    return values == sorted(values, reverse=down)
