"""A check: what `verify` looked at, and what is wrong."""

from collections.abc import Sequence
from typing import NamedTuple

import pyarrow as pa

#: How many examples of a fault are named.
NAMED = 3
#: What reading a damaged file raises.
UNREADABLE = (OSError, ValueError, KeyError, TypeError, pa.ArrowException)


class Check(NamedTuple):
    """What a check looked at, its faults (what, and where), and notes: no fault, but good to know."""

    name: str
    found: str
    faults: Sequence[str] = ()
    notes: Sequence[str] = ()
