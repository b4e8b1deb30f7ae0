"""Excel workbooks: the rows of each sheet as records, each cell as Excel shows it."""

import datetime
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pipeline.stages.ingest import unpacking
from pipeline.stages.ingest.delimited import TITLE_LINES, are_known_names, column_names, lines_before_header
from pipeline.stages.ingest.framing import Entry
from pipeline.stages.ingest.parsing import Fault
from pipeline.stages.ingest.unpacking import IngestError, damaged
from schemas.errors import install
from schemas.options import Source

#: How Excel writes a character that XML does not hold: _x000D_ is CR, and _x005F_ the underscore of such a word.
ESCAPE = re.compile(r"_x([0-9A-Fa-f]{4})_")
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
    for sheet in book.worksheets:
        inside = "" if len(book.worksheets) == 1 else f"!{sheet.title}"
        rows = [[_value(cell, source.numbers == "as-text") for cell in row] for row in sheet.iter_rows()]
        if any(map(_filled, rows)):
            yield from _sheet(rows, f"{path}{inside}", inside, source)


def _sheet(rows: list[list[Any]], name: str, inside: str, source: Source) -> Iterator[Entry]:
    """The records of a sheet, placed by their rows."""
    first = next(number for number, row in enumerate(rows) if number >= source.skip and _filled(row))
    header = [_text(value) for value in rows[first]]
    above = lines_before_header([[_text(value) for value in row] for row in rows[first : first + TITLE_LINES]])
    if above and not source.header:
        raise IngestError(
            f"{name}: row {first + above + 1} is the header, and what is above it is not: "
            f"write `skip = {first + above}` in the source"
        )
    if source.header and not source.skip and are_known_names(header) and tuple(header) != source.header:
        raise IngestError(
            f"{name}: `header` is for a table without a header, and the first row is one ({', '.join(header)}): "
            "write `skip = 1` in the source as well, to put your names in its place"
        )
    is_data = bool(source.header) and tuple(header) != source.header
    names = source.header or column_names(header)
    for number, row in enumerate(rows[first + (not is_data) :], first + (not is_data) + 1):
        if _filled(row):
            fixes = ("excel-escapes",) if any(isinstance(value, _Unescaped) for value in row) else ()
            yield _entry(f"{inside}:{number}", names, row, fixes)


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


def _text(value: Any) -> str:
    return "" if value is None else str(value)


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
