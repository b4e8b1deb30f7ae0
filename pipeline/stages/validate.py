"""validate: hold every row to the contract of `schemas.record.Record`."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from pipeline.table.reject_and_flag import alive, complete, reject
from schemas.columns import MESSAGES
from schemas.options import ValidateOptions
from schemas.record import VISIBLE, Record

#: How pydantic names what is wrong → how a reason names it.
RULES = {"model_type": "missing", "string_type": "missing", "literal_error": "unknown"}
#: What a rule says about a field, where the contract has no sentence of its own.
SENTENCES = {"missing": "is missing or null", "unknown": "is neither user, assistant nor tool"}


def validate(table: pa.Table, options: ValidateOptions = ValidateOptions()) -> pa.Table:
    """Reject every living row that is not a valid `Record`; nothing else is changed.

    A columnar check finds the rows that may be invalid; the model itself judges these and words the rejection. Reasons
    are `<field>-<rule>`, such as output-blank, instruction-missing, history-order. With `answer` = "optional" a record
    may lack an answer.
    """
    table = complete(table)
    doubtful = pc.indices_nonzero(pc.and_(alive(table), _doubtful(table, options)))
    if len(doubtful) == 0:
        return table
    reasons: list[str | None] = [None] * len(table)
    details: list[str | None] = [None] * len(table)
    rows = table.select(list(Record.model_fields)).take(doubtful).to_pylist()
    for at, row in zip(doubtful.to_pylist(), rows, strict=True):
        if fault := find_fault(row, options):
            reasons[at], details[at] = fault
    reason = pa.array(reasons, pa.string())
    return reject(table, pc.is_valid(reason), "validate", reason, pa.array(details, pa.string()))


def find_fault(row: dict[str, Any], options: ValidateOptions = ValidateOptions()) -> tuple[str, str] | None:
    """Reason and detail of the first rule that the row breaks; None for a valid row.

    >>> find_fault({"instruction": "요약해 줘.", "output": ""})
    ('output-blank', '`output`: The text has no visible character.')
    """
    try:
        Record.model_validate(_given(row))
    except ValidationError as error:
        fault = _worded(error.errors(include_url=False)[0])
        return None if fault[0] == "output-missing" and options.answer == "optional" else fault
    return None


def _given(row: dict[str, Any]) -> dict[str, Any]:
    """The row without what is null: what a record or a message does not say. A message always has a content."""
    given = {name: value for name, value in row.items() if value is not None}
    for column in MESSAGES:
        if given.get(column):
            given[column] = [
                message and {name: value for name, value in message.items() if value is not None or name == "content"}
                for message in given[column]
            ]
    return given


def _worded(error: ErrorDetails) -> tuple[str, str]:
    """Reason and sentence of an error of the model. The sentence quotes nothing: a text may hold personal data."""
    rule = RULES.get(error["type"], error["type"])
    names = [str(part).replace("_", "-") for part in error["loc"] if isinstance(part, str)]
    reason = "-".join([*names, rule])
    if rule == "output-missing":
        return reason, f'`output`: {error["msg"]}. For prompts without answers set [validate] answer = "optional".'
    if not error["loc"]:
        field, _, kind = rule.partition("-")
        return reason, f"`{field}`: {error['msg']}." if kind == "blank" and field == "output" else f"{error['msg']}."
    place = ".".join(str(part) for part in error["loc"])
    return reason, f"`{place}` {SENTENCES[rule]}." if rule in SENTENCES else f"`{place}`: {error['msg']}."


def _doubtful(table: pa.Table, options: ValidateOptions) -> pa.ChunkedArray:
    """Boolean per row: false only where the model is sure to accept the row."""
    doubt = pc.invert(_visible(table["instruction"]))
    answered = _visible(table["output"])
    if options.answer == "optional":
        answered = pc.or_(answered, pc.and_(pc.is_null(table["output"]), pc.is_null(table["tool_calls"])))
    doubt = pc.or_(doubt, pc.invert(answered))
    if table["rejected"].null_count < len(table):
        doubt = pc.or_(doubt, pc.and_(pc.is_valid(table["rejected"]), pc.invert(_visible(table["rejected"]))))
    for name in ("tools", "tool_calls"):
        doubt = pc.or_(doubt, pc.is_valid(table[name]))
    doubt = pc.or_(doubt, pc.fill_null(pc.greater(pc.list_value_length(table["steps"]), 0), False))
    return pc.or_(doubt, pa.chunked_array([_doubtful_history(table["history"].combine_chunks())]))


def _visible(texts: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(pc.match_substring_regex(texts, pattern=VISIBLE), False)


def _doubtful_history(history: pa.ListArray) -> pa.Array:
    """Boolean per row: its history is not plainly a question and a visible answer in turn, without calls of tools."""
    doubt = np.zeros(len(history), bool)
    messages = history.flatten()
    if not len(messages):
        return pa.array(doubt)
    lengths = pc.fill_null(pc.list_value_length(history), 0).to_numpy()
    doubt |= lengths % 2 == 1
    number = np.arange(len(messages)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    asks = pa.array(number % 2 == 0)
    role, content = (pc.struct_field(messages, name) for name in ("role", "content"))
    plain = pc.and_(
        pc.equal(role, pc.if_else(asks, "user", "assistant")),
        pc.if_else(asks, pc.is_valid(content), pc.match_substring_regex(content, pattern=VISIBLE)),
    )
    plain = pc.and_(plain, pc.is_null(pc.struct_field(messages, "tool_calls")))
    broken = ~pc.fill_null(plain, False).to_numpy(zero_copy_only=False)
    doubt[np.repeat(np.arange(len(history)), lengths)[broken]] = True
    return pa.array(doubt)
