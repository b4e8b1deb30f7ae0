"""What an earlier decision found about pairs of texts, so that they are not compared again.

Each finding is the result of a pure function on texts, kept by a hash of the function's name and its arguments: it is
the same in every run of the same code.
"""

import marshal
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias, TypeVar

import xxhash

from pipeline.io.processes import Processes

#: By the hash of a call.
Findings: TypeAlias = dict[bytes, Any]
Result = TypeVar("Result")
#: A format of `marshal` that writes equal values as equal bytes: later ones mark values that are used twice.
_PLAIN = 2


@dataclass
class Known:
    """The findings of an earlier run, and those that this one used."""

    before: Findings = field(default_factory=dict)
    used: Findings = field(default_factory=dict)

    def calls(
        self, python: Processes, function: Callable[..., Result], arguments: Sequence[tuple[Any, ...]]
    ) -> list[Result]:
        """As `Processes.calls`, without the calls whose results are known.

        >>> known = Known({call_key(divmod, (7, 2)): "known"})
        >>> known.calls(Processes(), divmod, [(7, 2), (9, 3)])
        ['known', (3, 0)]
        """
        keys = [call_key(function, each) for each in arguments]
        new = [at for at, key in enumerate(keys) if key not in self.before and key not in self.used]
        found = python.calls(function, [arguments[at] for at in new])
        self.used.update((keys[at], result) for at, result in zip(new, found, strict=True))
        for key in keys:
            if key not in self.used:
                self.used[key] = self.before[key]
        return [self.used[key] for key in keys]


def call_key(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    """A hash of a call of this function with arguments that are texts, bytes, and truth values, or tuples of these."""
    name = f"{function.__module__}.{function.__qualname__}"
    return xxhash.xxh3_128_digest(marshal.dumps((name, arguments), _PLAIN))
