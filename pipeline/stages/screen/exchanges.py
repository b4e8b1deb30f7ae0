"""The exchanges of a record batch: what is asked and what is answered, now and earlier in the conversation."""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from pipeline.stages.screen.texts import Texts
from pipeline.table.message_columns import lengths_of
from pipeline.table.reject_and_flag import alive

Numbers = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]


class Exchanges(NamedTuple):
    #: The row of each exchange, int64[exchanges].
    rows: Numbers
    #: The texts of all exchanges by the fields of Texts, each string[exchanges].
    texts: dict[str, pa.Array]
    #: Whether the row is not rejected, and whether the answer is meant to be a good one: bool[exchanges].
    living: Flags
    judged: Flags
    #: The number of the answer in `history`, int64[exchanges]; None: the exchanges are those of the rows themselves.
    spots: Numbers | None

    def name(self, number: int, field: str) -> str:
        """The name that evidence gives to a field of an exchange: output, history[1].content."""
        if self.spots is None:
            return field
        return f"history[{int(self.spots[number]) - (field != 'output')}].content"


def own_exchanges(table: pa.Table) -> Exchanges:
    """The last exchange of each row."""
    living = alive(table).chunk(0).to_numpy(zero_copy_only=False)
    texts = {name: table[name].chunk(0) for name in ("instruction", "input", "output")}
    judged = living & judged_answers(table).to_numpy(zero_copy_only=False)
    return Exchanges(
        np.arange(len(table)),
        texts | {"context": context_of(table), "meta": table["meta"].chunk(0)},
        living,
        judged,
        None,
    )


def earlier_exchanges(table: pa.Table) -> Exchanges | None:
    """The answers in `history`, each with the message of the user before it; None where no row has a history."""
    lists = table["history"].chunk(0)
    messages = lists.flatten()
    if not len(messages):
        return None
    parents = pc.list_parent_indices(lists).to_numpy().astype(np.int64)
    lengths = lengths_of(lists)
    spots = np.arange(len(messages)) - (np.cumsum(lengths) - lengths)[parents]
    role, content = (pc.struct_field(messages, name) for name in ("role", "content"))
    users = pc.fill_null(pc.equal(role, "user"), False).to_numpy(zero_copy_only=False)
    answers = pc.and_(pc.fill_null(pc.equal(role, "assistant"), False), pc.is_valid(content))
    after_user = np.concatenate([[False], users[:-1]]) & (spots > 0)
    numbers = np.flatnonzero(answers.to_numpy(zero_copy_only=False) & after_user)
    rows = parents[numbers]
    good = pc.and_(
        pc.fill_null(pc.struct_field(messages, "learn"), True), pc.is_null(pc.struct_field(messages, "tool_calls"))
    )
    living = alive(table).chunk(0).to_numpy(zero_copy_only=False)[rows]
    texts = {
        "instruction": content.take(pa.array(numbers - 1)),
        "input": pa.array([""] * len(numbers), pa.string()),
        "output": content.take(pa.array(numbers)),
        "context": context_of(table).take(pa.array(rows)),
        "meta": pa.array([""] * len(numbers), pa.string()),
    }
    return Exchanges(rows, texts, living, living & good.to_numpy(zero_copy_only=False)[numbers], spots[numbers])


def context_of(table: pa.Table) -> pa.Array:
    """What holds for all exchanges of a row: its system prompt and the first message of its conversation."""
    system, lists = table["system"].chunk(0), table["history"].chunk(0)
    if not len(lists.flatten()):
        return system
    first = pc.struct_field(pc.list_element(lists_or_one(lists), 0), "content")
    return pc.binary_join_element_wise(pc.fill_null(system, ""), pc.fill_null(first, ""), "\n")


def lists_or_one(lists: pa.ListArray) -> pa.ListArray:
    """The lists, with null in the place of empty ones, which have no first element."""
    empty = pc.equal(pc.fill_null(pc.list_value_length(lists), 0), 0)
    return pc.if_else(empty, pa.scalar(None, lists.type), lists)


def judged_answers(table: pa.Table) -> pa.BooleanArray:
    """Boolean per row: its output is an answer that is meant to be a good one."""
    good = pc.and_(pc.fill_null(table["label"], True), pc.fill_null(table["learn"], True))
    return pc.and_(good, pc.is_null(table["tool_calls"])).chunk(0)


def texts_of(exchanges: Exchanges, numbers: list[int]) -> list[Texts]:
    """The texts of these exchanges, "" for null."""
    taken = pa.array(numbers, pa.int64())
    columns = [pc.fill_null(exchanges.texts[name].take(taken), "").to_pylist() for name in Texts._fields]
    return [Texts(*values) for values in zip(*columns, strict=True)]
