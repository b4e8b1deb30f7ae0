"""The columns of a finished dataset that a model may take."""

#: Of all layouts.
MODEL_COLUMNS = (
    "instruction_ids",
    "instruction_mask",
    "input_ids",
    "input_mask",
    "output_ids",
    "output_mask",
    "token_type_ids",
    "attention_mask",
    "position_ids",
    "labels",
    "start_positions",
    "end_positions",
)
