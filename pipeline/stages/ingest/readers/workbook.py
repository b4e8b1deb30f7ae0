"""Excel workbooks: the rows of each sheet as records, each cell as Excel shows it."""

import datetime
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from pipeline.stages.ingest.faults import Fault
from pipeline.stages.ingest.parse import unpacking
from pipeline.stages.ingest.parse.framing import Entry
from pipeline.stages.ingest.parse.unpacking import IngestError, damaged
from pipeline.stages.ingest.readers.headers import (
    REPEATED,
    TITLE_LINES,
    are_known_names,
    column_names,
    header_again,
    hides,
    is_one_of,
    lines_before_header,
    may_name,
)
from schemas.errors import install
from schemas.options import Source

#: How Excel writes a character that XML does not hold: _x000D_ is CR, and _x005F_ the underscore of such a word. (What
#: would be half of a surrogate pair stays as it is.)
ESCAPE = re.compile(r"_x(?![Dd][89A-Fa-f])([0-9A-Fa-f]{4})_")
#: The parts of a format of dates: texts in quotes or behind a backslash, [$-412] and colours, and letters.
DATE_PART = re.compile(r'"([^"]*)"|\\(.)|\[[^\]]*\]|(AM/PM|오전/오후|y+|m+|d+|h+|s+|a{3,4})|(.)', re.IGNORECASE)
#: A format of numbers: thousands, decimals, per cent.
NUMBER_FORMAT = re.compile(r"(#,##)?[#0]+(?:\.([0#]+))?(%)?")
DAYS = "월화수목금토일"


def workbook(path: Path, source: Source) -> Iterator[Entry]:
    """The rows of every sheet of an Excel workbook below its header row. Raises Fault, IngestError."""
    with zipfile.ZipFile(path) as archive:
        size = sum(part.file_size for part in archive.infolist())
    if size > unpacking.may_unpack_to(path.stat().st_size):
        raise unpacking.size_bomb(path.stat().st_size, size)
    try:
        import openpyxl
    except ImportError as error:
        raise IngestError(f"{path}: an Excel workbook needs openpyxl: {install('excel')}") from error
    try:
        # `read_only` leaves out the rows of files that give no size, or a wrong one.
        book = openpyxl.load_workbook(path, data_only=True)
    except Exception as error:  # openpyxl passes on any error of its parts
        raise damaged(error) from error
    as_text = source.numbers == "as-text"
    sheets = {
        sheet.title: [[_value(cell, as_text) for cell in row] for row in sheet.iter_rows()] for sheet in book.worksheets
    }
    filled = {title: rows for title, rows in sheets.items() if any(map(_filled, rows))}
    headers = {title: _header_in(rows, source.skip) for title, rows in filled.items()}
    _must_fit(headers, filled, source, path)
    known = {_texts(filled[title][at]) for title, at in headers.items() if at is not None}
    for title, rows in filled.items():
        table = _table_of(rows, headers[title], known, source)
        yield from _sheet(rows, "" if len(sheets) == 1 else f"!{title}", table, source.skip)


def _header_in(rows: list[list[Any]], skip: int) -> int | None:
    """The row that names the columns of a sheet by known names: the first one that is read, or the first one below
    title lines. None where no row is sure to do so.
    """
    first, read = (_first_filled(rows, at) for at in (0, skip))
    for at in (read, first):
        if at is not None and are_known_names(_texts(rows[at])):
            return at
    above = 0 if first is None else lines_before_header([_texts(row) for row in rows[first : first + TITLE_LINES]])
    return first + above if first is not None and above else None


def _first_filled(rows: list[list[Any]], skip: int) -> int | None:
    return next((number for number, row in enumerate(rows) if number >= skip and _filled(row)), None)


def _must_fit(headers: dict[str, int | None], sheets: dict[str, list[list[Any]]], source: Source, path: Path) -> None:
    """Hold a workbook whose headers are all in one row to the `skip` that leads there. Raises IngestError.

    Where they are in several rows, no `skip` leads to all of them: each sheet is read from its own header.
    """
    found = {title: at for title, at in headers.items() if at is not None}
    name = {title: f"{path}!{title}" if len(sheets) > 1 else f"{path}" for title in sheets}
    for title, rows in sheets.items() if source.header and not source.skip else ():
        first = _texts(rows[_first_filled(rows, 0) or 0])
        if are_known_names(first) and first != source.header:
            raise IngestError(
                f"{name[title]}: `header` is for a table without a header, and the first row is one "
                f"({', '.join(first)}): write `skip = 1` in the source as well, to put your names in its place"
            )
    if source.header or len(set(found.values())) != 1:
        return
    title, above = next(iter(found.items()))
    if above < source.skip:
        names = _texts(sheets[title][above])
        raise IngestError(f"{name[title]}: {hides(source.skip, f'row {above + 1}', names, above)}")
    if above != _first_filled(sheets[title], source.skip):
        raise IngestError(
            f"{name[title]}: row {above + 1} is the header, and what is above it is not: "
            f"write `skip = {above}` in the source"
        )


class _Table(NamedTuple):
    """The names of the columns of a sheet, none where it holds no table; its header; and where its records begin."""

    names: tuple[str, ...]
    header: int | None
    begin: int


def _table_of(rows: list[list[Any]], found: int | None, known: set[tuple[str, ...]], source: Source) -> _Table:
    """`found`: the row that is sure to be the header. `known`: such headers of all sheets."""
    first = _first_filled(rows, source.skip)
    if first is not None and source.header:
        is_header = _texts(rows[first]) == source.header
        return _Table(source.header, first if is_header else None, first + is_header)
    at = first if found is None else found
    if at is None or source.header:
        return _Table((), None, len(rows))
    names, is_alone = _texts(rows[at]), _first_filled(rows, at + 1) is None
    if found is None and (is_alone or (known and names not in known)):
        return _Table((), None, len(rows))
    if found is None and is_one_of([_texts(row) for row in rows[at:]]):
        return _Table(column_names([""] * len(names)), None, at)
    return _Table(column_names(names), at, at + 1)


def _sheet(rows: list[list[Any]], inside: str, table: _Table, skip: int) -> Iterator[Entry]:
    """The records of a sheet, placed by their rows, and a faulty entry for each row that is none and not skipped."""
    names = table.names
    for number, row in enumerate(rows):
        place = f"{inside}:{number + 1}"
        if not _filled(row) or number == table.header:
            continue
        if not names:
            yield Entry(place, row, None, (), Fault("not-data", "no row of the sheet is sure to name its columns"))
        elif number < table.begin:
            if number >= skip:
                yield Entry(place, row, None, (), Fault("not-data", "the row is above the header of the sheet"))
        elif may_name(_texts(row[:1])[0], names) and (found := header_again(_texts(row), names)):
            names = found
            yield Entry(place, row, None, (), Fault("repeated-header", REPEATED))
        else:
            fixes = ("excel-escapes",) if any(isinstance(value, _Unescaped) for value in row) else ()
            yield _entry(place, names, row, fixes)


def _entry(place: str, names: tuple[str, ...], row: list[Any], fixes: tuple[str, ...]) -> Entry:
    cells = [str(value) if isinstance(value, str) else value for value in row]
    beyond = [value for value in cells[len(names) :] if value is not None]
    value = dict(zip(names, cells, strict=False))
    if beyond:
        detail = f"{len(names) + len(beyond)} cells, but the header has {len(names)}: name the other columns, too"
        return Entry(place, {**value, "": beyond}, None, fixes, Fault("wrong-cell-count", detail))
    return Entry(place, value, None, fixes)


def _filled(row: list[Any]) -> bool:
    return any(value not in ("", None) for value in row)


def _texts(row: list[Any]) -> tuple[str, ...]:
    return tuple("" if value is None else str(value) for value in row)


class _Unescaped(str):
    """A text in which an escape of Excel was undone."""


def _value(cell: Any, numbers_as_text: bool) -> Any:
    """A cell's value as a JSON value: dates as they are shown, and numbers where that is asked for."""
    value, shown = cell.value, cell.number_format
    if isinstance(value, str):
        plain = ESCAPE.sub(lambda escape: chr(int(escape[1], 16)), value)
        return value if plain == value else _Unescaped(plain)
    if isinstance(value, datetime.date | datetime.time | datetime.timedelta):
        return shown_date(value, shown)
    if numbers_as_text and isinstance(value, int | float) and not isinstance(value, bool):
        return shown_number(value, shown)
    return value if isinstance(value, int | float | None) else str(value)


def shown_date(value: datetime.date | datetime.time | datetime.timedelta, shown: str) -> str:
    """A date or a time as a format of Excel shows it.

    >>> day = datetime.datetime(2026, 3, 1, 9, 5)
    >>> shown_date(day, "yyyy-mm-dd"), shown_date(day, 'yyyy"년" m"월" d"일";@'), shown_date(day, "m/d/yy h:mm")
    ('2026-03-01', '2026년 3월 1일', '3/1/26 9:05')
    >>> shown_date(day, "[$-412]AM/PM h:mm;@"), shown_date(datetime.time(14, 0), "General")
    ('오전 9:05', '14:00:00')
    """
    if isinstance(value, datetime.timedelta):
        return str(value)
    moment = value if isinstance(value, datetime.datetime) else None
    if moment is None:
        day = value if isinstance(value, datetime.date) else datetime.date(1900, 1, 1)
        moment = datetime.datetime.combine(day, value if isinstance(value, datetime.time) else datetime.time())
    parts = list(DATE_PART.finditer(shown.partition(";")[0]))
    if not any(part[3] and part[3][0].lower() in "ymdhs" for part in parts):
        return value.isoformat().removesuffix("T00:00:00")
    words = [(part[3] or "").lower() for part in parts]
    is_halved = any("/" in word for word in words)
    written, before = [], ""
    for place, part in enumerate(parts):
        after = next((word for word in words[place + 1 :] if word), "")
        word = words[place]
        if word:
            is_minute = word in ("m", "mm") and (before[:1] == "h" or after[:1] == "s")
            written.append(_part(moment, "n" * len(word) if is_minute else word, is_halved))
            before = word
        else:
            written.append(part[1] or part[2] or part[4] or "")
    return "".join(written)


def _part(moment: datetime.datetime, word: str, is_halved: bool) -> str:
    """One part of a date: `n` is the minute. `is_halved`: hours are counted to 12."""
    if "/" in word:
        return "오후" if moment.hour >= 12 else "오전"
    sign, size = word[0], len(word)
    if sign == "y":
        return f"{moment.year:04}" if size > 2 else f"{moment.year % 100:02}"
    if sign == "a" or (sign == "d" and size > 2):
        return DAYS[moment.weekday()] + ("요일" if size > 3 else "")
    if sign == "m" and size > 2:
        return f"{moment.month}월"
    hour = (moment.hour - 1) % 12 + 1 if is_halved else moment.hour
    number = {"m": moment.month, "d": moment.day, "h": hour, "n": moment.minute, "s": moment.second}[sign]
    return f"{number:02}" if size > 1 else str(number)


def shown_number(value: int | float, shown: str) -> str:
    """A number as a format of Excel shows it.

    >>> shown_number(1234.5, "#,##0.00"), shown_number(0.25, "0%"), shown_number(3.0, "General"), shown_number(7, "000")
    ('1,234.50', '25%', '3', '007')
    """
    plain = str(int(value)) if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 else str(value)
    found = NUMBER_FORMAT.fullmatch(shown.partition(";")[0].strip("_ "))
    if found is None or shown == "General":
        return plain
    comma, decimals, percent = found.groups()
    number = f"{value * 100 if percent else value:{',' if comma else ''}.{len(decimals or '')}f}"
    whole = shown.partition(".")[0].count("0")
    return (number.zfill(whole) if not comma and not decimals else number) + (percent or "")
