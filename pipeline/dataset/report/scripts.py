"""In which scripts the answers are written, by source."""

from collections import Counter
from typing import NamedTuple

from pipeline.dataset.report.gather import Summary
from pipeline.table.scripts import letters


class Scripts(NamedTuple):
    """`by_source`: source (None: all others) and its letters by script. `main`: rows by the script of most letters."""

    rows: int
    names: list[str]
    by_source: list[tuple[str | None, Counter[str]]]
    letters: Counter[str]
    main: Counter[str]


def scripts_of(summary: Summary) -> Scripts:
    """The scripts of the answers of the sampled rows."""
    by_source, total, main, rows = [], Counter[str](), Counter[str](), 0
    for number in sorted(summary.texts):
        counted: Counter[str] = Counter()
        for row in summary.texts[number]:
            rows += 1
            if found := letters(row["output"] or ""):
                counted.update(found)
                main[max(found, key=lambda name: found[name])] += 1
        by_source.append((summary.name_of(number), counted))
        total.update(counted)
    names = sorted(total, key=lambda name: (-total[name], name))
    return Scripts(rows, names, by_source, total, main)
