"""Measure benchmarks again and compare the ratios with the committed tables: fails where one is 15 % worse.

python -m benchmarks.check tokenizer chain
"""

import subprocess
import sys
from typing import NamedTuple

from benchmarks.tables import FOLDER, numbers_of, rows_of, value_of

TOLERANCE = 0.15
#: Tables whose ratios say how many times as fast something is: more is better. In all others less is.
FASTER = ("tokenizer",)


class Ratio(NamedTuple):
    """A ratio of a table, which is written in bold: where it is, before and now."""

    place: str
    before: float
    now: float

    def change(self, faster: bool) -> float:
        """By which share it is worse; below 0: better."""
        return self.before / self.now - 1 if faster else self.now / self.before - 1


def ratios(text: str) -> dict[str, float]:
    """The numbers in bold of a table, by the heading, the row and the column in which they are.

    >>> ratios("## NSMC: 3 rows\\n\\n| | s | ratio |\\n|---|---|---|\\n| `run` | 2.1 | **1.20** |")
    {'NSMC, `run`, ratio': 1.2}
    """
    return {
        f"{row.heading.partition(':')[0]}, {row.name}, {column}": value_of(numbers_of(cell)[0])
        for row in rows_of(text)
        for column, cell in row.cells.items()
        if cell.startswith("**") and numbers_of(cell)
    }


def compare(before: str, now: str) -> list[Ratio]:
    """The ratios that both texts have, and are no 0."""
    measured = ratios(now)
    return [
        Ratio(place, ratio, measured[place]) for place, ratio in ratios(before).items() if ratio and measured.get(place)
    ]


def main() -> None:
    worse = []
    for name in sys.argv[1:]:
        committed = (FOLDER / f"{name}.md").read_text(encoding="utf-8")
        command = [sys.executable, "-m", f"benchmarks.{name}"]
        measured = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, cwd=FOLDER.parent).stdout
        for ratio in compare(committed, measured):
            change = ratio.change(name in FASTER)
            line = f"{name}: {ratio.place}: {ratio.before:g} → {ratio.now:g} ({change:+.0%})"
            print(line, flush=True)
            worse += [line] if change > TOLERANCE else []
    if worse:
        sys.exit("\n".join([f"Worse by more than {TOLERANCE:.0%}, on this machine:", *worse]))


if __name__ == "__main__":
    main()
