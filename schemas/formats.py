"""The formats in which `export` writes rows. Imports nothing, so that the command line can list them at once."""

from typing import Literal

#: A reader that finds several takes the first.
Format = Literal["parquet", "arrow", "jsonl"]
