"""show: a row of a dataset as its tokens, with what is trained and what is not: the look that finds most mistakes."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

import orjson
import pyarrow as pa

from pipeline.dataset.reader import parts_of, tables, tables_of
from pipeline.io.files import open_table
from pipeline.io.row_files import naming
from pipeline.io.stage_files import place_of
from pipeline.io.terminal_text import visible
from pipeline.stages.tokenize import Tokenizer
from pipeline.tokenizers.load import open_tokenizer, resolve
from schemas.columns import MARKS, MASKED
from schemas.errors import KoInstructError
from schemas.tokenizer import Resolution

GIVEN, TRAINED = "given", "trained"

#: Tokens before one that may decide about how it is written.
CONTEXT = 8
#: Characters that could not be seen.
VISIBLE = str.maketrans({"\n": "⏎\n", "\r": "␍", "\t": "⇥\t", "\u200b": "␣", "\ufeff": "␣"})


class ShowError(KoInstructError, ValueError):
    """What is asked for cannot be shown: the message says why."""


class Piece(NamedTuple):
    """One token, or several that make one character: what it says, given or trained, special or not."""

    text: str
    kind: str
    special: bool


class Shown(NamedTuple):
    """A sequence of tokens, and of each whether it is given or trained: in qa the answer, in pair the output."""

    title: str
    ids: list[int]
    kinds: list[str]


def row_of(path: Path, number: int, split: str) -> dict[str, Any]:
    """A row of a dataset (a folder of processed/) or of a stage's file (.arrow), by its number from 0.

    Raises ShowError where there is no such row, or nothing to read.
    """
    rows = 0
    for table in _tables(path, split):
        if number < rows + len(table):
            row: dict[str, Any] = table.slice(number - rows, 1).to_pylist()[0]
            return row
        rows += len(table)
    place = f"{path}, {split}" if path.is_dir() else str(path)
    raise ShowError(f"{place}: no row {number}; it has {rows:,}, which are numbered from 0.")


def _tables(path: Path, split: str) -> Iterator[pa.Table]:
    if path.is_file():
        with naming(path):
            yield open_table(path)
        return
    parts = tables_of(parts_of(path, [file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()]))
    of_split = [part for part in parts if part.split == split]
    if not of_split:
        has = ", ".join(sorted({part.split for part in parts})) or "none"
        raise ShowError(f"{path}: no split {split!r} with Arrow or Parquet files; it has {has}.")
    for part in of_split:
        yield from tables(part)


def tokenizer_of(path: Path, names: Sequence[str] = ()) -> Tokenizer:
    """The tokenizer that made the ids: as the manifest beside the dataset, or tokenizer.json of its stages, names it.

    `names`: where it lies now, if elsewhere. Raises ShowError where another is found than the one that was used.
    """
    name, sha256 = _made_with(path)
    found = resolve(names or [place_of(path, name, sha256)])
    if found.sha256 != sha256:
        raise ShowError(
            f"{path}: made with the tokenizer {name} of sha256 {sha256[:16]}…, and {found.name} is now "
            f"{found.sha256[:16]}…: its ids say something else. Name the one that was used with --tokenizer."
        )
    return open_tokenizer(found)


def _made_with(path: Path) -> tuple[str, str]:
    if (path / "manifest.json").is_file():
        tokenizer = orjson.loads((path / "manifest.json").read_bytes())["tokenizer"]
        return tokenizer["name"], tokenizer["sha256"]
    for folder in path.absolute().parents:
        if (folder / "tokenizer.json").is_file():
            used = Resolution.model_validate_json((folder / "tokenizer.json").read_bytes())
            return used.name, used.sha256
    raise ShowError(
        f"{path}: neither a dataset with a manifest.json nor a file of processed/.stages, so that it cannot be said "
        "which tokenizer made its ids."
    )


def sequences_of(row: dict[str, Any]) -> list[Shown]:
    """What a row trains on, sequence by sequence, whatever its layout. Raises ShowError for a row without ids."""
    if row.get("windows"):
        return [one for window in row["windows"] for one in sequences_of(window)]
    if row.get("instruction_ids") is not None:
        return [_given(name, row[f"{name}_ids"]) for name in ("instruction", "input", "output")]
    ids, labels = row.get("input_ids"), row.get("labels")
    if ids is None:
        marks = [str(row[name]) for name in MARKS.names if row.get(name)]
        why = f": {': '.join(marks)}" if marks else ""
        raise ShowError(f"this row has no ids{why}")
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


def _packed(row: dict[str, Any], ids: list[int], kinds: list[str]) -> Iterator[Shown]:
    at = 0
    for length, origin in zip(row["seq_lengths"], row["origins"], strict=True):
        yield Shown(origin, ids[at : at + length], kinds[at : at + length])
        at += length


def pieces_of(sequence: Shown, tokenizer: Tokenizer) -> Iterator[Piece]:
    """The tokens as they read. Tokens that are parts of one character come out together."""
    specials = {number: written for written, number in tokenizer.specials.items()}
    waiting = 0
    for place, (token, kind) in enumerate(zip(sequence.ids, sequence.kinds, strict=True)):
        if token in specials:
            yield Piece(specials[token], kind, True)
            waiting = place + 1
            continue
        before = sequence.ids[max(0, waiting - CONTEXT) : waiting]
        before = before if all(one not in specials for one in before) else []
        written, whole = tokenizer.decode(before), tokenizer.decode([*before, *sequence.ids[waiting : place + 1]])
        if whole.endswith("\ufffd") and place + 1 < len(sequence.ids) and place - waiting < CONTEXT:
            continue
        yield Piece(whole.removeprefix(written), kind, False)
        waiting = place + 1


def in_brackets(pieces: Sequence[Piece]) -> str:
    """Tokens parted by ·, runs of trained ones in [brackets]; line ends are seen as ⏎."""
    runs = []
    for kind, run in groupby(pieces, key=lambda piece: piece.kind):
        text = "·".join(visible(piece.text.translate(VISIBLE)) for piece in run)
        runs.append(f"[{text}]" if kind == TRAINED else text)
    return "·".join(runs).replace("⏎\n·", "⏎\n")


def in_colour(pieces: Sequence[Piece]) -> str:
    """Given tokens dim, trained ones bright, each other one underlined, special ones in a colour of their own."""
    import click

    return "".join(
        click.style(
            visible(piece.text.translate(VISIBLE)),
            fg="magenta" if piece.special else "green" if piece.kind == TRAINED else None,
            bold=piece.kind == TRAINED or None,  # None: False would write the code that ends both bold and dim
            dim=piece.kind == GIVEN or None,
            underline=bool(number % 2) or None,
        )
        for number, piece in enumerate(pieces)
    )


def show(path: Path, number: int = 0, split: str = "train", names: Sequence[str] = (), colour: bool = False) -> str:
    """A row as text for the terminal. Raises ShowError."""
    row = row_of(path, number, split)
    sequences = sequences_of(row)
    tokenizer = tokenizer_of(path, names)
    lines = []
    for sequence in sequences:
        trained = sequence.kinds.count(TRAINED)
        tokens = f"{len(sequence.ids):,} tokens" + (f", {trained:,} of them marked" if trained else "")
        title = visible(", ".join(filter(None, [row.get("origin"), sequence.title, tokens])))
        pieces = list(pieces_of(sequence, tokenizer))
        lines += [f"# {title}", in_colour(pieces) if colour else in_brackets(pieces), ""]
    return "\n".join(lines)
