"""The figures of the documents are those of the committed tables, and the page of all tables is that of the tables."""

from pathlib import Path

import pytest

from benchmarks.check import compare, ratios
from benchmarks.page import DOCUMENTS, FIGURES, faults, figures, is_in, page
from benchmarks.tables import PAGE, numbers_of, read_tables

README = """## Performance

| what | against | result | goal |
|---|---|---|---|
| the chain ([chain](benchmarks/chain.md)) | alone | {} × its time | |
| the same by make | alone | in {} s | |
"""


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_figure_of_a_document_is_in_its_table(document: Path) -> None:
    assert faults(document) == []


def test_the_figures_are_found() -> None:
    for document in (FIGURES, FIGURES.with_suffix(".ko.md")):
        assert len(list(figures(document.read_text(encoding="utf-8")))) > 15


def test_the_page_is_that_of_the_tables() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(read_tables()), "python -m benchmarks.page writes it again"


def test_a_figure_that_is_not_in_its_table_is_a_fault(tmp_path: Path) -> None:
    ratio = ratios((PAGE.parent / "chain.md").read_text(encoding="utf-8"))[
        "NSMC, `ko-instruct run`, of SentencePiece's time"
    ]
    readme = tmp_path / "README.md"
    readme.write_text(README.format(f"{ratio:.1f}", "98765.4"), encoding="utf-8")
    (fault,) = faults(readme)
    assert "98765.4 not in benchmarks/chain.md" in fault
    readme.write_text(README.format(f"{ratio:.1f}", f"{ratio:.2f}"), encoding="utf-8")
    assert faults(readme) == []


@pytest.mark.parametrize(
    ("figure", "table", "expect"),
    [
        ("2.0", "**2.04**", True),
        ("2.1", "**2.04**", False),
        ("2.04", "**2.04**", True),
        ("45,179", "45,179 texts", True),
        ("179", "45,179 texts", False),
        ("99.1", "0.991", True),
        ("4.5", "4,459 MB", True),
        ("2", "12 or 20", False),
    ],
)
def test_a_figure_is_a_number_of_the_table_rounded(figure: str, table: str, expect: bool) -> None:
    assert is_in(figure, table) == expect


def test_numbers_are_read_whole() -> None:
    assert numbers_of("45,179개, 2배(14.4초) F1 0.83 0~5,866개 1,2 utf8") == [
        *("45,179", "2", "14.4", "0.83", "0", "5,866", "1", "2")
    ]


def test_ratios_are_compared_with_the_committed_ones() -> None:
    table = "## NSMC: {} rows\n\n| | s | ratio |\n|---|---|---|\n| `run` | {} | **{}** |\n| other | 1 | **{}** |\n"
    run, other = compare(table.format(10, 2.0, 1.0, 4), table.format(11, 2.4, 1.2, 3))
    assert run.place == "NSMC, `run`, ratio"
    assert run.change(faster=False) == pytest.approx(0.2)
    assert other.change(faster=False) == pytest.approx(-0.25)
    assert other.change(faster=True) == pytest.approx(1 / 3)
