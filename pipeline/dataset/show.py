"""show: rows of a dataset. As tokens, with what is trained and what is not, most mistakes are visible."""

import contextlib
import re
from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from shlex import quote
from typing import Literal, NamedTuple

from pydantic import ValidationError

from pipeline.dataset.layout import MANIFEST
from pipeline.dataset.manifest_file import read_manifest
from pipeline.dataset.show_texts import as_json, as_messages, has_texts, need_row
from pipeline.dataset.shown_rows import Place, Row, ShowError, rows_of
from pipeline.io.stage_files import TOKENIZER, place_of
from pipeline.io.terminal_text import visible
from pipeline.stages.tokenize import Tokenizer
from pipeline.table.sequences import SEQUENCES
from pipeline.tokenizers.load import open_tokenizer, resolve
from pipeline.tokenizers.protocol import LoadError
from schemas.columns import MARKS, MASKED
from schemas.tokenizer import Resolution, UsedTokenizer

#: How a row is shown.
Kind = Literal["tokens", "messages", "json"]
GIVEN, TRAINED = "given", "trained"

#: Tokens before a token that may change how it is written.
CONTEXT = 8
#: Characters that cannot be seen.
VISIBLE = str.maketrans({"\n": "⏎\n", "\r": "␍", "\t": "⇥\t", "\u200b": "␣", "\ufeff": "␣"})


class Piece(NamedTuple):
    """One token, or several that make one character: its text, given or trained, special or not, and its ids."""

    text: str
    kind: str
    special: bool
    ids: tuple[int, ...]

    def shown(self, ids: bool) -> str:
        """Its text, of which all can be seen; with `ids`, each of them behind it."""
        text = visible(self.text.translate(VISIBLE))
        number = ",".join(map(str, self.ids))
        return text.removesuffix("\n") + f"⟨{number}⟩" + "\n" * text.endswith("\n") if ids else text


class Shown(NamedTuple):
    """A sequence of tokens, and of each whether it is given or trained: in qa the answer, in pair the output."""

    title: str
    ids: list[int]
    kinds: list[str]


def tokenizer_of(path: Path, names: Sequence[str] = ()) -> Tokenizer:
    """The tokenizer that made the ids: the manifest of the dataset, or tokenizer.json of its stage files, names it.

    `names`: where it is now, if elsewhere. Raises ShowError where it is not available, or is another tokenizer than
    the one that was used.
    """
    used = _used_tokenizer(path)
    try:
        found = resolve(names or [place_of(path, used.name, used.sha256)])
    except LoadError as error:
        raise ShowError(
            f"{path}: the tokenizer that made its ids is not available ({error.why}). Name where it is now: "
            f"ko-instruct show {quote(str(path))} --tokenizer PATH"
        ) from None
    if found.sha256 != used.sha256:
        raise ShowError(
            f"{path}: made with the tokenizer {used.name} of sha256 {used.sha256[:16]}…, but {found.name} is now "
            f"{found.sha256[:16]}…, with which the ids would decode to the wrong text. With --tokenizer name the "
            "one that was used."
        )
    return open_tokenizer(found)


def _used_tokenizer(path: Path) -> UsedTokenizer:
    if (path / MANIFEST).is_file():
        return read_manifest(path).tokenizer
    folders = path.absolute().parents
    for folder in folders[:2]:  # as in processed/mine/pair/train.parquet
        if (folder / MANIFEST).is_file():
            return read_manifest(folder).tokenizer
    for folder in folders:
        if (folder / TOKENIZER).is_file():
            with contextlib.suppress(ValidationError):  # the vocabulary of a model has this name, too
                return Resolution.model_validate_json((folder / TOKENIZER).read_bytes())
    raise ShowError(
        f"{path}: it is not known which tokenizer made the ids. Show a dataset with its {MANIFEST}, or a stage file in "
        "its place below processed/.stages/."
    )


def sequences_of(row: Row) -> list[Shown]:
    """The sequences of a row, of any layout, with what is trained. Raises ShowError for a row without ids."""
    if row.get(SEQUENCES):
        return [one for sequence in row[SEQUENCES] for one in sequences_of(sequence)]
    if row.get("instruction_ids") is not None:
        return [_given(name, row[f"{name}_ids"]) for name in ("instruction", "input", "output")]
    if row.get("prompt_ids") is not None:
        return _answers_to_prompt(row)
    ids, labels = row.get("input_ids"), row.get("labels")
    if ids is None:
        need_row(row)
        marks = [str(row[name]) for name in MARKS.names if row.get(name)]
        why = f": {': '.join(marks)}" if marks else ""
        kind = "messages" if has_texts(row) else "json"
        raise ShowError(f"this row has no ids{why}. Show what it has with --format {kind}.")
    if "start_positions" in row:
        start, end = row["start_positions"], row["end_positions"]
        answer = [TRAINED if end and start <= place <= end else GIVEN for place in range(len(ids))]
        title = f"window {row['window']}: " + (f"answer at {start} to {end}" if end else "no answer")
        return [Shown(title, ids, answer)]
    if isinstance(labels, int):
        return [Shown(f"label {labels}", ids, [GIVEN] * len(ids))]
    if isinstance(labels, list):
        if len(labels) != len(ids) or not all(one in (MASKED, token) for one, token in zip(labels, ids, strict=True)):
            return [_given("input_ids", ids), Shown("labels", labels, [TRAINED] * len(labels))]
        kinds = [GIVEN if label == MASKED else TRAINED for label in labels]
        return list(_packed(row, ids, kinds)) if "seq_lengths" in row else [Shown("", ids, kinds)]
    second = row.get("token_type_ids") or [0] * len(ids)
    return [Shown("", ids, [TRAINED if side else GIVEN for side in second])]


def _given(title: str, ids: list[int]) -> Shown:
    return Shown(title, ids, [GIVEN] * len(ids))


def _answers_to_prompt(row: Row) -> list[Shown]:
    """The prompt with each answer behind it: layouts preference and unpaired. The prompt alone: layout prompt."""
    prompt = row["prompt_ids"]
    titles = {"chosen_ids": "chosen", "rejected_ids": "rejected", "completion_ids": f"label {row.get('label')}"}
    answers = [(title, row[name]) for name, title in titles.items() if row.get(name) is not None]
    found = [Shown(title, prompt + ids, [GIVEN] * len(prompt) + [TRAINED] * len(ids)) for title, ids in answers]
    return found or [_given("prompt", prompt)]


def _packed(row: Row, ids: list[int], kinds: list[str]) -> Iterator[Shown]:
    start = 0
    for length, origin in zip(row["seq_lengths"], row["origins"], strict=True):
        yield Shown(origin, ids[start : start + length], kinds[start : start + length])
        start += length


def pieces_of(sequence: Shown, tokenizer: Tokenizer) -> Iterator[Piece]:
    """The tokens as text. Tokens that are parts of one character become one piece."""
    specials = {number: written for written, number in tokenizer.specials.items()}
    tokens = zip(sequence.ids, sequence.kinds, strict=True)
    for special, run in groupby(tokens, key=lambda token: token[0] in specials):
        if special:
            yield from (Piece(specials[token], kind, True, (token,)) for token, kind in run)
        else:
            yield from _texts(list(run), tokenizer)


def _texts(run: Sequence[tuple[int, str]], tokenizer: Tokenizer) -> Iterator[Piece]:
    """The tokens between two special ones. Each is decoded after those before it, which may change its text."""
    ids = [token for token, _ in run]
    waiting = 0  # the first token that is not shown yet
    for place, (_, kind) in enumerate(run):
        before = ids[max(0, waiting - CONTEXT) : waiting]
        written, whole = tokenizer.decode(before), tokenizer.decode([*before, *ids[waiting : place + 1]])
        if whole.endswith("\ufffd") and place + 1 < len(ids) and place - waiting < CONTEXT:
            continue
        yield Piece(whole.removeprefix(written), kind, False, tuple(ids[waiting : place + 1]))
        waiting = place + 1


def in_brackets(pieces: Sequence[Piece], ids: bool = False) -> str:
    """Tokens with · between them, runs of trained ones in [brackets]; ⏎ marks a line end. `ids`: behind each token."""
    runs = []
    for kind, run in groupby(pieces, key=lambda piece: piece.kind):
        text = "·".join(piece.shown(ids) for piece in run)
        runs.append(f"[{text}]" if kind == TRAINED else text)
    return re.sub(r"(⏎(?:⟨[\d,]+⟩)?\n)·", r"\1", "·".join(runs))


def in_colour(pieces: Sequence[Piece], ids: bool = False) -> str:
    """Given tokens dim, trained ones bright, every second one underlined, special ones in another colour."""
    import click

    return "".join(
        click.style(
            piece.shown(ids),
            fg="magenta" if piece.special else "green" if piece.kind == TRAINED else None,
            bold=piece.kind == TRAINED or None,  # None: False would write the code that ends both bold and dim
            dim=piece.kind == GIVEN or None,
            underline=bool(number % 2) or None,
        )
        for number, piece in enumerate(pieces)
    )


def as_tokens(row: Row, tokenizer: Tokenizer, colour: bool = False, ids: bool = False) -> str:
    """The sequences of a row, each with a title. `ids`: behind each token. Raises ShowError for a row without ids."""
    lines = []
    for sequence in sequences_of(row):
        trained = sequence.kinds.count(TRAINED)
        tokens = f"{len(sequence.ids):,} tokens" + (f", {trained:,} of them trained" if trained else "")
        title = visible(", ".join(filter(None, [row.get("origin"), sequence.title, tokens])))
        pieces = list(pieces_of(sequence, tokenizer))
        lines += [f"# {title}", in_colour(pieces, ids) if colour else in_brackets(pieces, ids), ""]
    return "\n".join(lines)


def show(path: Path, number: int = 0, split: str = "train", names: Sequence[str] = (), colour: bool = False) -> str:
    """A row of a dataset, or of a file of rows, as its tokens for the terminal. Raises ShowError."""
    return as_tokens(rows_of(Place(path, split), [number])[0], tokenizer_of(path, names), colour)


def show_rows(
    rows: Sequence[Row],
    kind: Kind,
    path: Path,
    names: Sequence[str] = (),
    colour: bool = False,
    ids: bool = False,
) -> Iterator[str]:
    """Rows as text for the terminal. `path`: where they are; it names the tokenizer. Raises ShowError."""
    if kind == "tokens":
        for row in rows:
            sequences_of(row)  # a row without ids is the first thing to say
        tokenizer = tokenizer_of(path, names)
        yield from (as_tokens(row, tokenizer, colour, ids) for row in rows)
    else:
        yield from map(as_messages if kind == "messages" else as_json, rows)
