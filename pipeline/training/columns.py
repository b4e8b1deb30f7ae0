"""The columns of a finished dataset that a model may take."""

#: Of all layouts but those that follow.
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

#: Of the layouts preference, unpaired and prompt, whose rows TRL's trainers take.
TRL_COLUMNS = ("prompt", "prompt_ids", "chosen_ids", "rejected_ids", "completion_ids")
