"""The truncation policies: what is cut or rejected when a row is longer than max_length."""

import numpy as np
import pyarrow as pa

from pipeline.stages.tokenize.segments import Ints, Rows
from pipeline.table.reject_and_flag import reject
from schemas.errors import KoInstructError
from schemas.options import TokenizeOptions


class TooLongError(KoInstructError, ValueError):
    """A row is longer than max_length and the truncation policy is `error`."""


def fit(n_prompt: Ints, n_output: Ints, room: int | Ints, policy: str) -> tuple[Ints, Ints]:
    """How many tokens of prompt and output are kept so that both fit into `room`; 0 or less: they cannot."""
    over = n_prompt + n_output > room
    if policy == "longest-first":
        # transformers' rule in closed form: one token at a time off the longer, off the output when they are equal.
        prompt_kept = np.minimum(n_prompt, np.maximum((room + 1) // 2, room - n_output))
        output_kept = np.minimum(n_output, np.maximum(room // 2, room - n_prompt))
    elif policy == "truncate-prompt":
        prompt_kept, output_kept = room - n_output, n_output
    elif policy == "truncate-output":
        prompt_kept, output_kept = n_prompt, room - n_prompt
    else:
        prompt_kept = output_kept = np.zeros_like(n_prompt)
    return np.where(over, prompt_kept, n_prompt), np.where(over, output_kept, n_output)


def both_seen(n_prompt: Ints, n_output: Ints, keep_prompt: Ints, keep_output: Ints) -> Rows:
    """Boolean per row: neither side is cut to nothing."""
    seen: Rows = ((keep_prompt > 0) | (n_prompt == 0)) & ((keep_output > 0) | (n_output == 0))
    return seen


def fit_alone(length: Ints, room: int, may_cut: bool) -> Ints:
    """How many tokens are kept of a text that has a sequence of its own; 0: it does not fit and may not be cut."""
    return np.where(length <= room, length, room if may_cut else 0)


def refuse_long(table: pa.Table, rows: Ints, sizes: dict[str, Ints], room: int, options: TokenizeOptions) -> pa.Table:
    """Reject rows that do not fit; raise TooLongError for the first of them under the policy `error`.

    `rows`: their numbers. For the message: `sizes`, the tokens of the parts of each of these rows, and `room`, the
    tokens that all parts together may have.
    """
    if not len(rows):
        return table
    marked = np.zeros(len(table), bool)
    details: list[str | None] = [None] * len(table)
    marked[rows] = True
    for number, row in enumerate(rows.tolist()):
        parts = " + ".join(f"{name} {size[number]}" for name, size in sizes.items())
        details[row] = (
            f"{parts} tokens, and max_length {options.max_length} has room for {room}; "
            f"truncation is {options.truncation!r}. Raise max_length"
        )
    if options.truncation == "error":
        first = int(rows.min())
        raise TooLongError(f"{table['origin'][first].as_py()}: {details[first]}, or choose another truncation.")
    return reject(table, pa.array(marked), "tokenize", "too-long", pa.array(details, pa.string()))


def refuse_empty(table: pa.Table, rows: Rows, what: str) -> pa.Table:
    """Reject rows that leave nothing to learn: `what` gives no token."""
    if not rows.any():
        return table
    detail = f"{what} gives no token of this tokenizer: every label would be masked"
    return reject(table, pa.array(rows), "tokenize", "nothing-to-learn", detail)
