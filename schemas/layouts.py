"""The names of the layouts. Imports nothing, so that the command line can list them at once."""

from typing import Literal

Layout = Literal["pair", "fields", "classification", "qa", "seq2seq", "causal", "preference", "unpaired", "prompt"]
