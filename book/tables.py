"""Read tables (CSV) that come from others, and name the line and the column of each fault. Pure."""

from __future__ import annotations

import csv
import io
import re
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.plain_text import is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_LONGEST = 200
# A later day is a typing error, and has no trading days.
_LAST = date(2100, 12, 31)
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# Up to the largest amount of a message, 10 thousand million, with the decimals that an average price may have.
_NUMBER = re.compile(r"\d{1,11}(\.\d{1,12})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table.

    Attributes:
        place: The file and the line, for people.
        cells: The cells, by column.
    """

    place: str
    cells: Mapping[str, str]

    def text(self, column: str) -> str:
        """Read a text that is safe to show.

        Raises:
            DataError: If the cell is empty, too long or no plain text.
        """
        cell = self.cells[column]
        if len(cell) > _LONGEST or not is_plain(cell):
            raise self.fault(column, f"give the {column} as it was written, 1 to {_LONGEST} letters")
        return cell

    def day(self, column: str) -> date:
        """Read a day.

        Raises:
            DataError: If the cell is no day.
        """
        cell = self.cells[column]
        try:
            day = date.fromisoformat(cell if _DAY.fullmatch(cell) else "")
        except ValueError:
            day = date.max
        if day > _LAST:
            raise self.fault(column, "give a day, such as 2025-11-10")
        return day

    def number(self, column: str) -> Decimal:
        """Read a number from 0 on.

        Raises:
            DataError: If the cell is no such number, or beyond any amount of a message.
        """
        cell = self.cells[column]
        if not _NUMBER.fullmatch(cell):
            raise self.fault(column, "give a number, 0 or more, with a point for the decimals and no other sign")
        return Decimal(cell)

    def whole(self, column: str) -> int:
        """Read a whole number from 0 on.

        Raises:
            DataError: If the cell is no such number.
        """
        number = self.number(column)
        if number != number.to_integral_value():
            raise self.fault(column, f"give whole {column}")
        return int(number)

    def fault(self, column: str, mend: str) -> DataError:
        """Make the error of a cell."""
        return DataError(f"{self.place}: {column} is {shown(self.cells[column])}: {mend}")


def read(text: str, name: str, columns: Sequence[str], optional: Sequence[str] = ()) -> list[Row]:
    """Read the rows of a table; other columns than those named are left out, and empty lines are no rows.

    Args:
        text: The table.
        name: The name of the file, for people.
        columns: The columns that must be there.
        optional: The columns that may be there; their cells are empty where they are not.

    Raises:
        DataError: If the text is no table with these columns; the message names the line.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    rows: list[Row] = []
    header: list[str] | None = None
    try:
        for cells in reader:
            if not cells:
                continue
            if header is None:
                header = _header(cells, name, columns)
                continue
            place = f"{name}: line {reader.line_num}"
            if len(cells) != len(header):
                raise DataError(f"{place} has {len(cells)} cells, and the header {len(header)}: give one for each")
            there = dict(zip(header, cells, strict=True))
            rows.append(Row(place, {one: there.get(one, "") for one in (*columns, *optional)}))
    except csv.Error as error:
        raise DataError(f"{name}: line {reader.line_num} is no CSV ({error}): save it as CSV") from None
    if header is None:
        raise DataError(f"{name} has no line: give the columns {', '.join(columns)}")
    return rows


def _header(cells: list[str], name: str, columns: Sequence[str]) -> list[str]:
    if missing := [one for one in columns if one not in cells]:
        raise DataError(f"{name} has no column {', '.join(missing)}: give {', '.join(columns)}")
    if twice := sorted({one for one in cells if cells.count(one) > 1}):
        raise DataError(f"{name} has the column {shown(twice[0])} twice: leave one of them")
    return cells
