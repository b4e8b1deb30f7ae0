"""The columns of the table that every stage takes and gives: the one place where they are defined.

A stage adds the columns it writes and never drops one it does not know, so a user's own columns travel along.
"""

import pyarrow as pa

#: The stages that may reject a row, in their order.
STAGES = ("ingest", "validate", "normalize", "screen", "tokenize", "dedupe")

TURN = pa.struct([pa.field("user", pa.string()), pa.field("assistant", pa.string())])

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
        pa.field("origin", pa.string()),  # unique, readable: sample/kullm.jsonl:17, sample/lima.json[3]/2
        pa.field("source", pa.string()),  # name of the source, as declared
        pa.field("system", pa.string()),  # system prompt, null where there is none
        pa.field("history", pa.list_(TURN)),  # earlier turns, [] where there are none
        pa.field("instruction", pa.string()),  # what the user asks
        pa.field("input", pa.string()),  # "" where there is none
        pa.field("output", pa.string()),  # the answer
        pa.field("meta", pa.string()),  # JSON object of every other field of the source record, null where none
        pa.field("raw", pa.string()),  # raw text of a record that could not be read or mapped, else null
        *MARKS,
        pa.field("fixes", pa.list_(pa.string())),  # names of the repairs that changed this row
        pa.field("flags", pa.list_(pa.string())),  # soft findings that do not reject
    ]
)

#: What `screen` adds: for every flag of its own where it was found and what says so. Never personal data.
SCREENED = pa.schema(
    [
        pa.field(
            "evidence",  # for each flag of screen the field and what was found there; never personal data
            pa.list_(pa.struct([pa.field(name, pa.string()) for name in ("flag", "field", "detail")])),
        )
    ]
)

#: What `dedupe` adds.
DEDUPED = pa.schema(
    [
        pa.field("cluster", pa.string()),  # cluster key: the keeper's origin; null when unique
        pa.field("duplicate_of", pa.string()),  # origin of the row that is kept in place of this one
        pa.field("similarity", pa.float32()),  # to that row: 1 where the keys are equal; null when unique
        pa.field("cluster_key", pa.uint64()),  # hash of the keeper's prompt: the split goes by it
    ]
)

#: What `dedupe` holds of a row: 256 bytes and no text. All null where an earlier stage rejected the row.
FINGERPRINT = pa.schema(
    [
        pa.field("prompt", pa.binary(16)),  # key of system, history, instruction and input
        pa.field("output", pa.binary(16)),  # key of the output
        pa.field("length", pa.uint32()),  # of the output, in characters without spaces
        # To find similar prompts: system, history and instruction are the context of the input.
        pa.field("context", pa.uint64()),  # key of the context without punctuation
        pa.field("context_numbers", pa.uint64()),  # key of its numbers in order
        pa.field("context_signature", pa.binary(90)),  # MinHash signature of its character bigrams: 45 times 16 bits
        pa.field("input", pa.uint64()),  # the same of the input; 0 where there is none
        pa.field("input_numbers", pa.uint64()),
        pa.field("input_signature", pa.binary(90)),
    ]
)

#: The label of a token that is not trained on: PyTorch's cross entropy leaves it out (its `ignore_index`).
MASKED = -100

#: The text fields of a record, in the order in which a reader meets them.
TEXTS = ("system", "instruction", "input", "output")

#: Values of a column that a table may lack: what "nothing yet" is for it.
EMPTY_LISTS = ("history", "fixes", "flags", "evidence")
