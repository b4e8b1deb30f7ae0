"""The columns of the table that every stage takes and gives: the one place where they are defined.

A stage adds the columns that it writes and never drops one that it does not know, so that a user's own columns are
kept. One record of a source is one row, of whatever kind: a question and its answer, a conversation, a call of a tool,
a pair of a better and a worse answer.
"""

import pyarrow as pa

#: The stages that may reject a row, in their order.
STAGES = ("ingest", "validate", "normalize", "screen", "tokenize", "dedupe", "mix")

#: One message of a conversation. Its fields are null where there is nothing, but for `role` and `content`.
MESSAGE = pa.struct(
    [
        pa.field("role", pa.string()),  # user, assistant or tool
        pa.field("content", pa.string()),  # "" where an assistant's message is calls alone
        pa.field("reasoning", pa.string()),  # the thought that leads to an assistant's message
        pa.field("tool_calls", pa.string()),  # JSON array of the calls that an assistant makes
        pa.field("tool_call_id", pa.string()),  # of a tool's message: the id of the call that it answers
        pa.field("name", pa.string()),  # of a tool's message: the tool; else the name of a speaker
        pa.field("learn", pa.bool_()),  # of an assistant's message: false where it is not to be learned
    ]
)

#: Marks of rejection: null while the row is alive.
MARKS = pa.schema(
    [
        pa.field("reject_stage", pa.string()),  # the stage that rejected the row
        pa.field("reject_reason", pa.string()),  # a name of `schemas.reasons`
        pa.field("reject_detail", pa.string()),  # a sentence about this row
    ]
)

#: What `ingest` writes, in this order.
INGESTED = pa.schema(
    [
        pa.field("origin", pa.string()),  # unique, readable: sample/kullm.jsonl:17, sample/lima.json[3]
        pa.field("source", pa.string()),  # name of the source, as declared
        pa.field("system", pa.string()),  # system prompt, null where there is none
        pa.field("tools", pa.string()),  # JSON array of the tools that the assistant may call, null where none
        pa.field("history", pa.list_(MESSAGE)),  # messages before the instruction, [] where there are none
        pa.field("instruction", pa.string()),  # what the user says last
        pa.field("input", pa.string()),  # "" where there is none
        pa.field("steps", pa.list_(MESSAGE)),  # calls of tools and their results between instruction and answer
        pa.field("reasoning", pa.string()),  # the thought that leads to the answer, null where there is none
        pa.field("output", pa.string()),  # the answer; null where nobody answers
        pa.field("tool_calls", pa.string()),  # JSON array, where the answer is calls of tools
        pa.field("rejected", pa.string()),  # a worse answer to the same prompt, null where there is none
        pa.field("label", pa.bool_()),  # whether the answer is a good one; null: the source does not say
        pa.field("learn", pa.bool_()),  # false where the answer is not to be learned; null: the source does not say
        pa.field("published_split", pa.string()),  # the split in which the source publishes the record, null: none
        pa.field("meta", pa.string()),  # JSON object of every other field of the source record, null where none
        pa.field("raw", pa.string()),  # raw text of a record that could not be read or mapped, else null
        *MARKS,
        pa.field("fixes", pa.list_(pa.string())),  # names of the repairs that changed this row
        pa.field("flags", pa.list_(pa.string())),  # soft findings that do not reject
    ]
)

#: What `screen` adds: for every flag of its own where it was found and why. Never personal data.
SCREENED = pa.schema(
    [
        pa.field(
            "evidence",  # for each flag of screen, and semantic-near: the field and what was found; never personal data
            pa.list_(pa.struct([pa.field(name, pa.string()) for name in ("flag", "field", "detail")])),
        )
    ]
)

#: What `dedupe` adds.
DEDUPED = pa.schema(
    [
        pa.field("cluster", pa.string()),  # cluster key: the keeper's origin; null when unique
        pa.field("duplicate_of", pa.string()),  # origin of the row that is kept in place of this one
        pa.field("similarity", pa.float32()),  # to that row: 1 where the texts are equal; null when unique
        pa.field("cluster_key", pa.uint64()),  # hash of the keeper's prompt, which decides the split
    ]
)

#: What `dedupe` holds of a row: 256 bytes and no text. All null where an earlier stage rejected the row.
FINGERPRINT = pa.schema(
    [
        pa.field(
            "prompt", pa.binary(16)
        ),  # two keys of system, tools, history, instruction, input and steps: folded, exact
        pa.field("output", pa.binary(16)),  # key of the answer: reasoning, output, tool_calls, rejected, label, learn
        pa.field("length", pa.uint32()),  # of the output, in characters without spaces
        # To find similar prompts: system, history and instruction are the context of the input.
        pa.field("context", pa.uint64()),  # key of the context without punctuation
        pa.field("context_numbers", pa.uint32()),  # key of its numbers in order
        pa.field("context_bag", pa.uint32()),  # key of its stems in any order
        pa.field("context_signature", pa.binary(90)),  # MinHash signature of its character bigrams: 45 times 16 bits
        pa.field("input", pa.uint64()),  # the same of the input; 0 where there is none
        pa.field("input_numbers", pa.uint32()),
        pa.field("input_bag", pa.uint32()),
        pa.field("input_signature", pa.binary(90)),
        # What has to be equal in similar rows; 0 where there is nothing of it.
        pa.field("prompt_calls", pa.uint32()),  # key of the tools, and of the calls in history and steps
        pa.field("answer_kind", pa.uint32()),  # key of tool_calls, label, learn; odd: one of several answers
    ]
)

#: The label of a token that is not trained on: PyTorch's cross entropy leaves it out (its `ignore_index`).
MASKED = -100

#: The text columns of a record that people read and write, in the order in which a reader meets them. Texts in
#: messages (MESSAGES) and in JSON (tools, tool_calls, meta) come beside them.
TEXTS = ("system", "instruction", "input", "reasoning", "output", "rejected")

#: The columns that hold a list of messages.
MESSAGES = ("history", "steps")

#: Values of a column that a table may lack: what "nothing yet" is for it.
EMPTY_LISTS = ("history", "steps", "fixes", "flags", "evidence")
