"""The page of all benchmarks, from their committed tables; fails where a figure of a document is not in its table.

python -m benchmarks.page
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.tables import FOLDER, PAGE, Table, numbers_of, read_table, read_tables, rows_of, value_of

#: The documents of users.
DOCUMENTS = (
    *(FOLDER.parent / name for name in ("README.md", "README.ko.md")),
    *sorted((FOLDER.parent / "docs").glob("*.md")),
)
#: The one of them with all figures.
FIGURES = FOLDER.parent / "docs" / "performance.md"
#: A row names its table by a link. A row without one is of the table of the row above.
_LINK = re.compile(r"\((?:\.\./)?benchmarks/(\w+)\.md\)")
#: What a figure may be of a number in the table: itself, of a thousand or a million (MB and GB), or of a hundred (%).
_UNITS = (1, 1e-3, 1e-6, 100)


def figures(document: str) -> Iterator[tuple[str, str]]:
    """The tables that a document names, each with a result that it gives of it: a cell of a row, or a line of prose."""
    for line in document.splitlines():
        if not line.startswith("|"):
            yield from ((name, line) for name in _LINK.findall(line)[:1])
    name = ""
    for row in rows_of(document):
        name = next(iter(_LINK.findall(row.name)), name if row.heading in ("Performance", "성능") else "")
        if name:
            yield name, list(row.cells.values())[1] if len(row.cells) > 1 else next(iter(row.cells.values()))


def is_in(figure: str, table: str) -> bool:
    """Whether a number of the table, rounded as the figure is, is the figure.

    >>> is_in("2.0", "| 14.41 | **2.04** |"), is_in("2.1", "| **2.04** |"), is_in("4.5", "| 4,459 |")
    (True, False, True)
    """
    half = 0.5 * 10.0 ** -len(figure.partition(".")[2]) * (1 + 1e-9)
    return any(
        abs(value_of(number) * unit - value_of(figure)) <= half for number in numbers_of(table) for unit in _UNITS
    )


def faults(document: Path) -> list[str]:
    """The figures of a document that are not in the tables that it names for them."""
    found = []
    for name, said in figures(document.read_text(encoding="utf-8")):
        table = read_table(FOLDER / f"{name}.md").text
        plain = re.sub(r"`[^`]*`|\([^()]*\.md\)", "", said)
        lacking = [figure for figure in numbers_of(plain) if not is_in(figure, table)]
        if lacking:
            found.append(f"{document.name}: {', '.join(lacking)} not in benchmarks/{name}.md: {said.strip()[:200]}")
    return found


def page(tables: list[Table]) -> str:
    lines = [
        "# Benchmarks",
        "",
        "Every table with the date and the versions of its measurement and the command that repeats it. `make bench`",
        "measures those that need no other tool, and writes this page. `make bench-check` measures them again and",
        "compares the ratios. Below each are its figures in [performance.md](../docs/performance.md).",
        "",
    ]
    for table in tables:
        lines += [f"## [{table.title}]({table.path.name})", ""]
        lines += [table.about or "The table says no date and no versions.", ""]
        lines += [f"    {table.command}" if table.command else "No command.", ""]
        for name, said in figures(FIGURES.read_text(encoding="utf-8")):
            if name == table.path.stem:
                lines += [f"- {said.strip()}"]
        if lines[-1].startswith("- "):
            lines.append("")
    return "\n".join(lines)


def main() -> None:
    found = [fault for document in DOCUMENTS for fault in faults(document)]
    PAGE.write_text(page(read_tables()), encoding="utf-8")
    if found:
        sys.exit("\n".join([*found, "Correct these figures, or measure the tables again: make bench"]))


if __name__ == "__main__":
    main()
