"""Training sequences of conversations: which answers one sequence holds, its ids, and what of them is learned.

A sequence is a row of entries: texts that are encoded, each once in a batch, however often it occurs. What is learned
is known from the entry that an id came from, and never found again in the ids.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.chat import Gap, Writer, text_of
from pipeline.stages.tokenize.conversation import Conversation
from pipeline.stages.tokenize.probe import NO_THOUGHTS, THOUGHT
from pipeline.stages.tokenize.segments import Ids, Ints, Rows
from pipeline.stages.tokenize.truncation import both_seen, fit
from pipeline.tokenizers.protocol import ChatTemplateError, Tokenizer
from schemas.options import TokenizeOptions


class Training(NamedTuple):
    """A conversation, and the numbers of the answers in it that are learned. Where it does not end with an answer, it
    is written up to where an answer will begin. `prompted`: these answers come after what the template gives a model
    that is to write them.
    """

    row: int
    conversation: Conversation
    learned: frozenset[int] = frozenset()
    prompted: bool = True

    def without(self, exchanges: int) -> "Training":
        """The same without the oldest exchanges."""
        if not exchanges:
            return self
        first = self.conversation.questions[exchanges]
        learned = frozenset(number - first for number in self.learned if number >= first)
        return self._replace(conversation=self.conversation.without(exchanges), learned=learned)


#: Texts that are encoded together: more cost memory, and so time.
TEXTS_AT_ONCE = 2048

#: What an entry is part of: what is given, the last question, the last answer, the text of the last answer.
GIVEN, QUESTION, ANSWER, OUTPUT = range(4)


class Entry(NamedTuple):
    """A piece of a sequence: the number of its text in the pool, how many of its ids are kept (-1: all), whether they
    are learned, what it is part of, and the number of its exchange."""

    text: int
    kept: int
    learned: bool
    part: int
    exchange: int


class Laid(NamedTuple):
    """Sequences as ids: `offsets` (sequences + 1) into `ids` and `learned`. `prompts`: the ids before the last answer.
    `whole`: ids of each sequence before anything was cut. `too_long`: sequences that do not fit, which are empty;
    for each its prompt's and output's ids, and those of the rest, which cannot be cut.
    """

    offsets: Ints
    ids: Ids
    learned: Rows
    prompts: Ints
    whole: Ints
    too_long: dict[int, tuple[int, int, int]]


def trainings(row: int, conversation: Conversation, wanted: Sequence[int], writer: Writer) -> list[Training]:
    """The sequences in which these answers (numbers of messages) are learned, in the order of their last answers.

    An answer that the template writes otherwise in the middle than at the end of a conversation ends a sequence. Not so
    where it only lacks the empty thought that it has at the end: there is no thought to lose, and each answer of a long
    conversation would have all that is before it written again.
    Raises ChatTemplateError, too where the template does not write the thought of one of these answers.
    """
    found: list[Training] = []
    left = list(wanted)
    while left:
        ending = conversation.up_to(left[-1])
        # What is left after the first time is written otherwise in the middle: only the last exchange can hold more.
        first = ending.questions[-1] if found else 0
        answers = writer.answers(ending, first)
        here = [number for number in left if number == left[-1] or (number >= first and answers[number].alike)]
        if any(answers[number].lost for number in here):
            raise ChatTemplateError(f"the chat template does not write {THOUGHT}. {NO_THOUGHTS}")
        prompted = all(answers[number].prompted for number in here)
        found.append(Training(row, ending, frozenset(here), prompted))
        left = [number for number in left if number not in found[-1].learned]
    return found[::-1]


def lay_out(
    items: Sequence[Training], writer: Writer, options: TokenizeOptions, apart: Sequence[bool], together: int = 1
) -> Laid:
    """The sequences in ids, at most max_length each.

    `apart`: for each sequence whether special tokens are written in its texts, which are then encoded one by one.
    `together`: this number of neighbouring sequences have one prompt, which is cut to the same length in all of them.
    Too long: `longest-first` and `truncate-prompt` leave out the oldest exchanges, and cut the last message of the
    user, from its end, only when none is left; `longest-first` then cuts the longer of that and the last answer;
    `truncate-output` cuts the last answer alone. System prompts, tools, thoughts, calls and literal text are never
    cut. The end of an answer that was cut stays in the ids, but is not learned: the answer does not end there.
    """
    pool = Pool(writer.tokenizer)
    entries = [_entries(item, writer, pool, pieces) for item, pieces in zip(items, apart, strict=True)]
    pool.encode()
    whole = np.array([pool.count(row) for row in entries], np.int64)
    units = np.unique(np.flatnonzero(whole > options.max_length) // together).tolist()
    over = [range(unit * together, (unit + 1) * together) for unit in units]
    cut = {unit: [items[number] for number in unit] for unit in over}
    if options.truncation in ("longest-first", "truncate-prompt"):
        cut = _leave_out(items, entries, over, apart, writer, pool, options.max_length)
    too_long = _cut(entries, cut, writer, pool, options)
    return _joined(entries, whole, too_long, pool)


class Pool:
    """Texts and their ids: each text is encoded once."""

    def __init__(self, tokenizer: Tokenizer) -> None:
        self.tokenizer = tokenizer
        self.numbers: tuple[dict[str, int], dict[str, int]] = ({}, {})
        self.constants: dict[tuple[int, ...], int] = {}
        self.waiting: tuple[list[str], list[str]] = ([], [])
        self.waiting_at: tuple[list[int], list[int]] = ([], [])
        self.chunks: list[Ids] = []
        self.size = 0
        self.starts: list[int] = []
        self.lengths: list[int] = []

    def text(self, text: str, literally: bool) -> int:
        """The number of a text. `literally`: a special token written in it is text."""
        numbers = self.numbers[literally]
        if text not in numbers:
            numbers[text] = self._new()
            self.waiting[literally].append(text)
            self.waiting_at[literally].append(numbers[text])
        return numbers[text]

    def constant(self, ids: tuple[int, ...]) -> int:
        if ids not in self.constants:
            self.constants[ids] = self._new()
            self._put([self.constants[ids]], np.array(ids, np.int32), np.array([0, len(ids)]))
        return self.constants[ids]

    def encode(self) -> None:
        """Encode the texts that were added since the last time."""
        for literally, encode in enumerate((self.tokenizer.encode, self.tokenizer.encode_literally)):
            texts, at = self.waiting[literally], self.waiting_at[literally]
            for start in range(0, len(texts), TEXTS_AT_ONCE):
                lists = encode(pa.array(texts[start : start + TEXTS_AT_ONCE]))
                offsets = lists.offsets.to_numpy()
                ids = lists.values.to_numpy()[offsets[0] : offsets[-1]]
                self._put(at[start : start + TEXTS_AT_ONCE], ids, offsets - offsets[0])
            texts.clear()
            at.clear()

    def count(self, entries: Iterable[Entry]) -> int:
        return sum(self.lengths[entry.text] if entry.kept < 0 else entry.kept for entry in entries)

    def _new(self) -> int:
        self.starts.append(0)
        self.lengths.append(0)
        return len(self.starts) - 1

    def _put(self, numbers: list[int], ids: Ids, offsets: Ints) -> None:
        starts, lengths = (offsets[:-1] + self.size).tolist(), np.diff(offsets).tolist()
        for number, start, length in zip(numbers, starts, lengths, strict=True):
            self.starts[number], self.lengths[number] = start, length
        self.chunks.append(ids)
        self.size += len(ids)


def _entries(item: Training, writer: Writer, pool: Pool, apart: bool) -> list[Entry]:
    """The entries of a sequence: one for each span, or with `apart` one for each piece of a span."""
    found: list[Entry] = []
    conversation = writer.folded(item.conversation)
    last = len(conversation.messages) - 1
    for span in writer.form(conversation):
        learned = span.answer in item.learned and not span.thought
        part = ANSWER if span.answer == last else GIVEN
        if apart:
            texts = [(text_of(piece, conversation), _part(piece, part, conversation)) for piece in span.pieces]
        else:
            texts = [("".join([text_of(piece, conversation) for piece in span.pieces]), None)]
        for text, own in texts:
            if writer.brings_space and span.answer >= 0:
                text = text.removeprefix(" ")
            if text:
                number = pool.text(text, own is not None)
                found.append(Entry(number, -1, learned, part if own is None else own, span.exchange))
        if span.ids:
            found.append(Entry(pool.constant(span.ids), -1, learned, part, span.exchange))
    return found


def _part(piece: str | Gap, part: int, conversation: Conversation) -> int | None:
    """What the text of a gap is part of; None for literal text. Of an answer with calls nothing can be cut."""
    if isinstance(piece, str):
        return None
    if piece.which or piece.message < 0:
        return part
    message = conversation.messages[piece.message]
    if part == ANSWER:
        return ANSWER if message.calls else OUTPUT
    return QUESTION if piece.message == conversation.questions[-1] else part


def _leave_out(
    items: Sequence[Training],
    entries: list[list[Entry]],
    over: list[range],
    apart: Sequence[bool],
    writer: Writer,
    pool: Pool,
    room: int,
) -> dict[range, list[Training]]:
    """Leave the oldest exchanges out of sequences that are too long, no more than must be, and the same out of all that
    are cut together. Changes their entries; gives the sequences of one exchange that are still too long.
    """
    at = {unit: max(_guess(items[number], entries[number], writer, pool, room) for number in unit) for unit in over}
    most = {unit: len(items[unit[0]].conversation.questions) - 1 for unit in over}
    fits: dict[range, int] = {}
    unfit: dict[range, int] = dict.fromkeys(over, 0)
    left: dict[range, list[Training]] = {}
    while at:
        tried = {}
        for unit, exchanges in at.items():
            shorter = [items[number].without(exchanges) for number in unit]
            rows = [_entries(item, writer, pool, apart[number]) for item, number in zip(shorter, unit, strict=True)]
            tried[unit] = shorter, rows
        pool.encode()
        following: dict[range, int] = {}
        for unit, (shorter, rows) in tried.items():
            exchanges = at[unit]
            if all(pool.count(row) <= room for row in rows):
                fits[unit] = exchanges
                entries[unit.start : unit.stop] = rows
                if exchanges - 1 > unfit[unit]:
                    following[unit] = exchanges - 1
            elif exchanges + 1 == fits.get(unit):
                continue
            elif exchanges < most[unit]:
                unfit[unit] = exchanges
                following[unit] = exchanges + 1
            else:
                left[unit] = shorter
        at = following
    return left


def _guess(item: Training, entries: list[Entry], writer: Writer, pool: Pool, room: int) -> int:
    """About how many exchanges must be left out: from the tokens of each exchange and of what is before the first."""
    sizes = np.zeros(len(item.conversation.questions), np.int64)
    for entry in entries:
        sizes[entry.exchange] += pool.lengths[entry.text]
    before = pool.text(writer.head(item.conversation), False)
    pool.encode()
    sizes[0] -= pool.lengths[before]
    fits = np.flatnonzero(pool.lengths[before] + sizes[::-1].cumsum()[::-1] <= room)
    return int(fits[0]) if len(fits) else len(sizes) - 1


def _cut(
    entries: list[list[Entry]],
    over: dict[range, list[Training]],
    writer: Writer,
    pool: Pool,
    options: TokenizeOptions,
) -> dict[int, tuple[int, int, int]]:
    """Cut the last message of the user, and the last answer, so that the sequences fit. Changes their entries; gives
    those that cannot fit."""
    for unit, items in over.items():
        for number, item in zip(unit, items, strict=True):
            entries[number] = _entries(item, writer, pool, True)
    pool.encode()
    too_long = {}
    for unit in over:
        rows = [entries[number] for number in unit]
        question, output = (np.array([_size(row, part, pool) for row in rows]) for part in (QUESTION, OUTPUT))
        room = options.max_length - (np.array([pool.count(row) for row in rows]) - question - output)
        keep = fit(question, output, room, options.truncation)
        if (room <= 0).any() or not both_seen(question, output, *keep).all():
            longest = int((question + output - room).argmax())
            for number in unit:
                too_long[number] = int(question[longest]), int(output[longest]), options.max_length - int(room[longest])
                entries[number] = []
            continue
        keep_question = int(keep[0].min())
        for place, number in enumerate(unit):
            keep_output = min(int(output[place]), int(room[place]) - keep_question)
            entries[number] = _shortened(rows[place], keep_question, keep_output, keep_output < output[place])
    return too_long


def _size(entries: list[Entry], part: int, pool: Pool) -> int:
    return sum(pool.lengths[entry.text] for entry in entries if entry.part == part)


def _shortened(entries: list[Entry], question: int, output: int, is_cut: bool) -> list[Entry]:
    """The entries with this number of ids of question and answer. What follows an answer that is cut is not learned."""
    kept = {QUESTION: question, OUTPUT: output}
    row = [entry._replace(kept=kept[entry.part]) if entry.part in kept else entry for entry in entries]
    if is_cut:
        end = next(place for place, entry in enumerate(row) if entry.part == OUTPUT) + 1
        row[end:] = [entry._replace(learned=False) for entry in row[end:]]
    return row


def _joined(entries: list[list[Entry]], whole: Ints, too_long: dict[int, tuple[int, int, int]], pool: Pool) -> Laid:
    """The ids of all entries, end to end."""
    flat = np.array([entry for row in entries for entry in row], np.int64).reshape(-1, len(Entry._fields))
    text, kept, learned, part, _ = flat.T
    lengths = np.where(kept >= 0, kept, np.array(pool.lengths, np.int64)[text])
    ends = np.concatenate([[0], np.cumsum(lengths)])
    given = np.concatenate([[0], np.cumsum(np.where(part < ANSWER, lengths, 0))])
    rows = np.concatenate([[0], np.cumsum([len(row) for row in entries])]).astype(np.int64)
    index = np.repeat(np.array(pool.starts, np.int64)[text] - ends[:-1], lengths) + np.arange(ends[-1])
    ids = np.concatenate([*pool.chunks, np.zeros(0, np.int32)])[index]
    return Laid(ends[rows], ids, np.repeat(learned == 1, lengths), np.diff(given[rows]), whole, too_long)
