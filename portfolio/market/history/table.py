"""CSV files that people make: read with the line of everything that is wrong."""

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

# As in requests.
_TICKER = re.compile(r"[A-Z0-9]{1,12}")
# More than these are not read by anybody.
_SHOWN = 8
_LONGEST = 40
# There was no ETF before; and what is later, or a price beyond these, is a slip that arithmetic would not survive.
_DAYS = date(1900, 1, 1), date(2199, 12, 31)
PRICES = 1e-6, 1e9


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a file.

    Attributes:
        text: It, without blanks around it.
        line: Its line in the file, from 1.
        column: The name of its column.
    """

    text: str
    line: int
    column: str


@dataclass(slots=True)
class Faults:
    """What is wrong with a file, so that all of it is told at once.

    Attributes:
        file: Its name.
    """

    file: str
    _found: list[str] = field(default_factory=list)

    def add(self, line: int, what: str) -> None:
        """Note a fault."""
        self._found.append(f"line {line}: {what}")

    def refuse(self) -> None:
        """End here if there was any.

        Raises:
            DataError: Naming the first of them, by line.
        """
        if self._found:
            more = len(self._found) - _SHOWN
            told = "; ".join(self._found[:_SHOWN]) + (f"; and {more} more" if more > 0 else "")
            message = f"{self.file}: {told}"
            raise DataError(message)

    def day(self, cell: Cell) -> date | None:
        """Read a date; None, and a fault, if it is none."""
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
        """Note a fault if a text is one that must not be shown."""
        if not is_plain(cell.text):
            self.add(cell.line, f"{cell.column} is {shown(cell.text)}; give {WORDS}")

    def price(self, cell: Cell) -> float:
        """Read a price; as ``number``."""
        return self.number(cell, least=PRICES[0], most=PRICES[1])

    def number(self, cell: Cell, *, least: float, most: float) -> float:
        """Read a finite number; NaN, and a fault, if it is none or out of bounds."""
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
        """Read a ticker; a fault if it cannot be one."""
        if not _TICKER.fullmatch(text):
            self.add(line, f"{shown(text)} is not a ticker: 1 to 12 of A-Z and 0-9")
        return text


def read_table(file: Path, *, needs: Sequence[str]) -> tuple[tuple[str, ...], list[dict[str, Cell]]]:
    """Read a CSV file with a header: its columns, and its rows, each by column.

    Args:
        file: The file.
        needs: Columns that it must have.

    Raises:
        DataError: If it cannot be read, a row is too long or too short, or a column is missing or stands twice.
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
    """Name the first of *names*, which may be anything, and say how many more there are."""
    more = len(names) - _SHOWN
    told = [name if is_plain(name) and len(name) <= _LONGEST else shown(name) for name in names[:_SHOWN]]
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")


def _written(bound: float) -> str:
    return f"{bound:,.6f}".rstrip("0").rstrip(".")
