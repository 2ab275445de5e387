"""Read CSV files made by users, and report every fault with the line."""

from __future__ import annotations

import csv
import io
import math
import re
from dataclasses import dataclass, field
from datetime import date
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes
from portfolio.plain_text import WORDS, is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

# The same pattern as in requests.
_TICKER = re.compile(r"[A-Z0-9]{1,12}")
# A message lists at most this many faults or names, since users do not read longer lists.
_SHOWN = 8
_LONGEST = 40
# There were no ETFs before the first day. A later day than the second, or a price outside the range, is a typing error
# that would break the arithmetic.
_DAYS = date(1900, 1, 1), date(2199, 12, 31)
PRICES = 1e-6, 1e9


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
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}, not a date such as 2025-11-07")
            return None
        first, last = _DAYS
        if not first <= day <= last:
            self.add(cell.line, f"{cell.column} is {day}; it must be from {first} to {last}")
            return None
        return day

    def text(self, cell: Cell) -> None:
        """Record a fault if a text is not safe to show."""
        if not is_plain(cell.text):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}; give {WORDS}")

    def price(self, cell: Cell) -> float:
        """Read a price, as ``number`` does."""
        return self.number(cell, least=PRICES[0], most=PRICES[1])

    def number(self, cell: Cell, *, least: float, most: float) -> float:
        """Read a finite number; record a fault and return NaN if the text is not a number or is out of bounds."""
        try:
            value = float(cell.text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}, not a number; leave out what is not known")
        elif not least <= value <= most:
            bounds = f"from {_written(least)} to {_written(most)}"
            self.add(cell.line, f"{cell.column} is {cell.text[:_LONGEST]}; it must be {bounds}")
        else:
            return value
        return math.nan

    def ticker(self, line: int, text: str) -> str:
        """Return *text*; record a fault if the text is not a valid ticker."""
        if not _TICKER.fullmatch(text):
            self.add(line, f"{shown(text)} is not a ticker: 1 to 12 of A-Z and 0-9")
        return text


def read_table(file: Path, *, needs: Sequence[str]) -> tuple[tuple[str, ...], list[dict[str, Cell]]]:
    """Read a CSV file with a header; return the columns, and each row as cells by column.

    Args:
        file: The file.
        needs: Required columns.

    Raises:
        DataError: If the file cannot be read, a row is too long or too short, or a column is missing or duplicate.
    """
    reader = csv.reader(
        io.StringIO(decode(read_bytes(file, most=MOST_TABLE_BYTES), file.name), newline=""), strict=True
    )
    try:
        lines = [(reader.line_num, [text.strip() for text in row]) for row in reader if any(row)]
    except csv.Error as error:
        message = f"{file.name}: line {reader.line_num} cannot be read as CSV ({error}): mend it there"
        raise DataError(message) from error
    faults = Faults(file.name)
    if not lines:
        faults.add(1, f"it is empty; it needs a header with {', '.join(needs)}")
        faults.refuse()
    (first, header), *rows = lines
    if missing := [name for name in needs if name not in header]:
        faults.add(first, f"there is no column {', '.join(missing)} beside {listed(header)}: add it")
    if twice := sorted({name for name in header if header.count(name) > 1}):
        faults.add(first, f"the column {listed(twice)} stands twice; name each once")
    for line, row in rows:
        if len(row) != len(header):
            faults.add(line, f"{len(row)} fields, the header has {len(header)}; give as many")
    faults.refuse()
    return tuple(header), [
        {name: Cell(text, line, name) for name, text in zip(header, row, strict=True)} for line, row in rows
    ]


def listed(names: Sequence[str]) -> str:
    """List the first *names*, escaped where unsafe to show, and the number of further names."""
    more = len(names) - _SHOWN
    told = [name if is_plain(name) and len(name) <= _LONGEST else shown(name) for name in names[:_SHOWN]]
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _written(bound: float) -> str:
    return f"{bound:,.6f}".rstrip("0").rstrip(".")
