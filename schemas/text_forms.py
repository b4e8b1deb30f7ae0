"""The names of the text forms. Imports nothing, so that the command line can list them at once."""

from typing import Literal

TextForm = Literal["messages", "prompt-completion", "preference", "unpaired", "alpaca", "sharegpt", "openai"]
