"""Read CSV files made by users, and report every fault with the line."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes
from portfolio.market.history.layout import find_separator, is_day, read_days, read_numbers
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.plain_text import WORDS, is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Sequence
    from pathlib import Path

# The same pattern as in requests.
_TICKER = re.compile(r"[A-Z0-9]{1,12}")
# As some exports of prices write the names of their columns.
_BRACKETS = re.compile(r"^<([A-Z]+)>$")
A_PIVOT = "give a row for each date, with a column for each ETF (a pivot)"
_EXCHANGE = re.compile(r"\.AX$|^ASX:|:AU$| AU( EQUITY)?$")
# Dates that cannot be read, by their form, and the mend; spreadsheets count days since 1900, programs also seconds.
_OTHER_DATES = {
    re.compile(r"\d{5}", re.ASCII): "a spreadsheet's number of a day; give its column the format yyyy-mm-dd",
    re.compile(r"\d{9,13}", re.ASCII): "a count of seconds; give the day itself",
    re.compile(r"(\d{1,2}[-/.]){2}\d{2}", re.ASCII): "its year has two digits; give the year with four digits, first",
    re.compile(
        r"\d{4}-\d\d-\d\d[T ]\d.*", re.ASCII
    ): "it has a time, whose day depends on the zone; give the day alone",
    re.compile(
        r"[a-z]{3,9}[\s-]\d{2,4}|\d{4}[-/]\d{1,2}|\d{1,2}[-/.]\d{4}", re.ASCII | re.IGNORECASE
    ): "it has no day; give that of the price, such as the last of the month",
}
# Below a table stand totals, sources and remarks.
_NO_DAY = "correct it, or take the row out"
# As programs write a cell without a value.
_NO_VALUE = {"null", "none", "nan", "na", "n/a", "#n/a", "#n/a n/a", "-", "--"}
# Currencies and per cents beside a number.
_UNIT = re.compile(r"(A?\$|US\$|AUD|USD|€|£)|%", re.IGNORECASE)
# A message lists at most this many faults or names, since users do not read longer lists.
_SHOWN = 8
_LONGEST = 40
# Enough of a file for its first lines; the header of a thousand ETFs has some 13,000 characters.
_HEAD = 65_536
# A price outside the range is a typing error that would break the arithmetic.
# Public prices of inverse funds, adjusted back over many consolidations, begin at a billionth.
PRICES = 1e-9, 1e9
AN_INDEX = "correct it, or make an index of returns: 100, then each value times 1 + return"


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of a file.

    Attributes:
        text: The text, without surrounding blanks.
        line: Line number in the file, from 1.
        column: Name of the column.
    """

    text: str
    line: int
    column: str


@dataclass(slots=True)
class Faults:
    """Collect the faults of a file, so that one error reports all of them.

    Attributes:
        file: Name of the file.
    """

    file: str
    _found: list[str] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Record a fault."""
        self._found.append(f"line {line}: {what}")

    def refuse(self) -> None:
        """Raise an error if there are faults.

        Raises:
            DataError: With the first faults, each with the line, and the number of further faults.
        """
        if self._found:
            more = len(self._found) - _SHOWN
            told = "; ".join(self._found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            message = f"{self.file}: {told}"
            raise DataError(message)

    def day(self, cell: Cell) -> date | None:
        """Read a date; record a fault and return None if the text is not a date or the date is out of range."""
        try:
            day = date.fromisoformat(cell.text)
        except ValueError:
            why = next((what for form, what in _OTHER_DATES.items() if form.fullmatch(cell.text)), _NO_DAY)
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}, not a date such as 2025-11-07: {why}")
            return None
        if not FIRST_DAY <= day <= LAST_DAY:
            self.add(cell.line, f"{cell.column} is {day}; it must be from {FIRST_DAY} to {LAST_DAY}")
            return None
        return day

    def text(self, cell: Cell) -> None:
        """Record a fault if a text is not safe to show."""
        if not is_plain(cell.text):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}; give {WORDS}")

    def price(self, cell: Cell) -> float:
        """Read a price, as ``number`` does; of a return, also say the mend."""
        if re.fullmatch(r"-\d.*|-?\d.*%", cell.text):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}, and no price: {AN_INDEX}")
            return math.nan
        return self.number(cell, least=PRICES[0], most=PRICES[1])

    def number(self, cell: Cell, *, least: float, most: float) -> float:
        """Read a finite number; record a fault and return NaN if the text is not a number or is out of bounds."""
        try:
            value = float(cell.text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}, not a number; {_mend(cell.text)}")
        elif not least <= value <= most:
            bounds = f"from {_written(least)} to {_written(most)}"
            self.add(cell.line, f"{cell.column} is {cell.text[:_LONGEST]}; it must be {bounds}")
        else:
            return value
        return math.nan

    def ticker(self, line: int, text: str) -> str:
        """Return *text*; record a fault if the text is not a valid ticker."""
        if not _TICKER.fullmatch(text):
            # As other programs write the tickers of ASX.
            bare = _EXCHANGE.sub("", text.upper())
            mend = f"; write {bare}" if _TICKER.fullmatch(bare) else ""
            self.add(line, f"{shown(text)} is not a ticker: 1 to 12 of A-Z and 0-9{mend}")
        return text


@dataclass(frozen=True, slots=True)
class Table:
    """The contents of a file.

    Attributes:
        header: The columns; known columns as this project writes them, whatever their case in the file.
        rows: Each row as cells by column.
        assumed: The reading of the file where the file is not written as this project writes, in sentences.
    """

    header: tuple[str, ...]
    rows: list[dict[str, Cell]]
    assumed: tuple[str, ...]

    def cells(self, columns: Iterable[str]) -> list[Cell]:
        """List the cells of *columns* that are not blank."""
        wanted = set(columns)
        return [cell for row in self.rows for name, cell in row.items() if name in wanted and cell.text]


def read_table(
    file: Path, *, needs: Sequence[str], may: Sequence[str] = (), days: str = "", numbers: Sequence[str] | None = None
) -> Table:
    """Read a table of separated fields with a header; write each date and each number in the cells in one way.

    Args:
        file: The file.
        needs: Required columns; the first may have no name in the file.
        may: Other columns that are known.
        days: The column of dates, if any.
        numbers: The columns of numbers; all that are not needed if None.

    Raises:
        DataError: If the file cannot be read in exactly one way, a row is too long or too short, or a column is missing
            or duplicate.
    """
    first, rows, assumed = _read_fields(file)
    faults = Faults(file.name)
    if not rows:
        faults.add(1, f"it is empty; it needs a header with {', '.join(needs)}")
        faults.refuse()
    header, told = _name(rows[0][1], rows[1:], [*needs, *may])
    line = rows[0][0] if first else 1
    twice = sorted({name for name in header if name and header.count(name) > 1})
    odd = needs[0] not in header or twice or sum(map(is_day, header)) > 1
    if odd and (other := _other_header(rows, line)):
        faults.add(line, other)
        faults.refuse()
    if missing := [name for name in needs if name not in header]:
        faults.add(
            line,
            f"there is no column {', '.join(missing)} beside {listed(header)}: name the column so that holds it, or add"
            " one",
        )
    if twice:
        faults.add(line, f"the column {listed(twice)} stands twice; name each once")
    for at, row in rows[1:]:
        # Spreadsheets write separators after the last column.
        if days and len(row) < len(header) and not any(map(is_day, row)):
            faults.add(at, f"{shown(row[0])} is no row of the table: take it out")
        elif len(row) < len(header) or any(row[len(header) :]):
            faults.add(at, f"{counted(len(row), 'field')}, the header has {len(header)}; give as many")
    faults.refuse()
    dropped = {i for i, name in enumerate(header) if not name}
    names = [name for name in header if name]
    read = [{name: Cell(row[i], at, name) for i, name in enumerate(header) if i not in dropped} for at, row in rows[1:]]
    table = Table(tuple(names), read, (*assumed, *told))
    plain = [name for name in names if name not in needs] if numbers is None else numbers
    return _rewrite(table, file.name, days, plain)


def _read_fields(file: Path) -> tuple[int, list[tuple[int, list[str]]], list[str]]:
    """Split the lines that are not blank; also return the lines before the header and the assumption."""
    text = decode(read_bytes(file, most=MOST_TABLE_BYTES), file.name)
    try:
        separator, first, told = find_separator(text[:_HEAD].splitlines(keepends=True))
    except DataError as error:
        message = f"{file.name}: {error}"
        raise DataError(message) from None
    except csv.Error:
        separator, first, told = ",", 0, ""  # the same error again, with its line
    reader = csv.reader(io.StringIO(text, newline=""), strict=True, delimiter=separator)
    try:
        rows = [(reader.line_num, [text.strip() for text in row]) for row in reader if any(row)]
    except csv.Error as error:
        message = f"{file.name}: line {reader.line_num} cannot be read as CSV ({error}): mend it there"
        raise DataError(message) from error
    stated = first and rows and rows[0][0] <= first
    return first, rows[1:] if stated else rows, [told] if told else []


def _other_header(rows: Sequence[tuple[int, list[str]]], line: int) -> str:
    """Say what stands in place of the header, with the mend; empty if the header only lacks a name."""
    header, below = rows[0][1], [row for _, row in rows[1:4]]
    if header[0].startswith(("<", "{", "[")) and not _BRACKETS.fullmatch(header[0]):
        return "this is a web page or JSON, and no table: give a table of separated fields"
    if sum(map(is_day, header)) > 1:
        return "the dates stand side by side: turn the table, so that each date is a row"
    if any(map(is_day, header)) and is_number(header[-1]):
        a_row_a_price = is_ticker(header[0]) and not is_number(header[0])
        shape = f"this has a row for each price ({A_PIVOT}), and " if a_row_a_price else ""
        return f"{shape}the columns have no names: add a line above with a name for each"
    if (above := _above_the_names(rows)) is not None:
        return f"{listed(header)} is a title: take out the lines above the names of the columns, up to line {above}"
    if any(row[0].lower() in {"date", "dates", "ticker"} for row in below):
        return f"the columns have names in several lines, from line {line} on: keep one line, with date and tickers"
    dated = [name for i, name in enumerate(header) if below and all(i < len(row) and is_day(row[i]) for row in below)]
    named = len(dated) == 1 and dated[0].lower() not in {"", "date"}
    return f"the column {listed(dated)} holds dates: name it date" if named else ""


def _above_the_names(rows: Sequence[tuple[int, list[str]]]) -> int | None:
    """Return the last line above the names of the columns; None if the first line may have these names."""
    widths = [max((i for i, text in enumerate(row, start=1) if text), default=0) for _, row in rows]
    usual = sorted(widths)[len(widths) // 2]
    first = next(i for i, width in enumerate(widths) if width >= usual)
    return rows[first - 1][0] if first else None


def _name(
    header: Sequence[str], rows: Sequence[tuple[int, list[str]]], known: Sequence[str]
) -> tuple[list[str], list[str]]:
    """Name the columns: known ones in any case, and the first one if it has no name; columns to drop have none."""
    # pandas reads a column without a name as Unnamed: 0, and writes that.
    names, told = [re.sub(r"^Unnamed: \d+$", "", _BRACKETS.sub(r"\1", name)) for name in header], []
    there = {name.lower() for name in names}
    for i, name in enumerate(names):
        if name.lower() in known and name not in known:
            names[i] = name.lower()
            told.append(f"the column {name} is {names[i]}")
    if not names[0] and known[0] not in there:
        names[0] = known[0]
        told.append(f"the first column, which has no name, is {known[0]}")
    counts = not names[0] and all(row[0] == str(i) for i, (_, row) in enumerate(rows))
    if counts:
        told.append("the first column, which has no name and counts the rows, is not used")
    for i, name in enumerate(names):
        filled = not name and next((at for at, row in rows if i < len(row) and row[i]), None)
        if filled and not (i == 0 and counts):
            names[i] = f"(column {i + 1} has no name, but line {filled} has a value)"
    return names, told


def _rewrite(table: Table, file: str, days: str, numbers: Sequence[str]) -> Table:
    """Write dates as 2025-11-07 and numbers with a decimal point; what cannot be read stays, for its reader to tell."""
    table = _leave_blank(table, set(numbers))
    try:
        dates, told_days = read_days([(cell.line, cell.text) for cell in table.cells([days])])
        plain, told_numbers = read_numbers((cell.line, cell.text) for cell in table.cells(numbers))
    except DataError as error:
        message = f"{file}: {error}"
        raise DataError(message) from None
    if not (told_days or told_numbers or dates):
        return table
    texts: dict[str, Callable[[str], str]] = dict.fromkeys(numbers, plain) if told_numbers else {}
    texts[days] = lambda text: str(dates.get(text, text))
    rows = [
        {
            name: replace(cell, text=texts[name](cell.text)) if name in texts and cell.text else cell
            for name, cell in row.items()
        }
        for row in table.rows
    ]
    told = [each for each in (told_days, told_numbers) if each]
    return Table(table.header, rows, (*table.assumed, *told))


def _mend(text: str) -> str:
    """Say how to write a number that has a unit; else, to leave out what is no number."""
    bare = _UNIT.sub("", text).strip()
    if bare == text or not is_number(bare):
        return "leave out what is not known"
    return f"write {float(bare) / 100:g}" if "%" in text else f"write {bare}"


def _leave_blank(table: Table, numbers: Collection[str]) -> Table:
    """Blank the cells of *numbers* that say that there is no value."""
    none = [cell for cell in table.cells(numbers) if cell.text.lower() in _NO_VALUE]
    if not none:
        return table
    rows = [
        {
            name: replace(cell, text="") if name in numbers and cell.text.lower() in _NO_VALUE else cell
            for name, cell in row.items()
        }
        for row in table.rows
    ]
    words = " and ".join(sorted({shown(cell.text) for cell in none}))
    told = f"{words} is no value, as in line {none[0].line}, {len(none)} in all"
    return Table(table.header, rows, (*table.assumed, told))


def is_ticker(text: str) -> bool:
    """Whether a text is written as a ticker is in requests."""
    return _TICKER.fullmatch(text) is not None


def is_number(text: str) -> bool:
    """Whether a text is a number, with a decimal point if any."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def listed(names: Sequence[str]) -> str:
    """List the first *names*, escaped where unsafe to show, and the number of further names."""
    more = len(names) - _SHOWN
    told = [name if is_plain(name) and len(name) <= _LONGEST else shown(name) for name in names[:_SHOWN]]
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _written(bound: float) -> str:
    return f"{bound:,.9f}".rstrip("0").rstrip(".")
