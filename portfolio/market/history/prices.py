"""A history of total-return prices: one row per date, one column per ETF, blank where there is no price."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.history.table import A_PIVOT, Faults, is_ticker, listed, read_table
from portfolio.plain_text import shown

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

    from portfolio import Matrix
    from portfolio.market.history.table import Cell, Table

_DATE = "date"
_KIND = re.compile(r"[ _.-](open|high|low|close|volume)$", re.IGNORECASE)


@dataclass(frozen=True, slots=True, eq=False)
class Prices:
    """A history of prices.

    Attributes:
        file: Name of the file, for messages.
        dates: In ascending order, without duplicates.
        tickers: The ETFs, in the order of the file.
        values: Prices with distributions reinvested, shape (dates, tickers); NaN where there is no price.
        lines: The line of each date in the file; empty if unknown.
        assumed: The reading of the file where it is not written as this project writes, in sentences.
    """

    file: str
    dates: tuple[date, ...]
    tickers: tuple[str, ...]
    values: Matrix
    lines: tuple[int, ...] = ()
    assumed: tuple[str, ...] = ()

    def last(self) -> dict[str, float]:
        """Return the last price of each ETF that has a price."""
        found = {}
        for ticker, column in zip(self.tickers, self.values.T, strict=True):
            if len(priced := column[np.isfinite(column)]):
                found[ticker] = float(priced[-1])
        return found


def read_prices(file: Path) -> Prices:
    """Read a history of prices.

    Raises:
        DataError: If the file has a fault, such as a duplicate date, or a price that is not a positive number. The
            message gives the line of each fault.
    """
    table = read_table(file, needs=(_DATE,), days=_DATE)
    rows, tickers = table.rows, tuple(name for name in table.header if name != _DATE)
    faults = Faults(file.name)
    _refuse_other_shapes(tickers, faults)
    _refuse_tickers(table, tickers, faults)
    if not tickers:
        faults.add(1, "there is no ETF: besides date, a column each, named by its ticker")
    if not rows:
        faults.add(2, "there is no price: give a row for each date")
    read: dict[date, tuple[int, list[float]]] = {}
    for row in rows:
        day = faults.day(row[_DATE])
        values = [_price(row[ticker], faults) for ticker in tickers]
        if day is None:
            continue
        if day in read:
            faults.add(row[_DATE].line, f"{day} stands again, first in line {read[day][0]}; leave one of them out")
        read.setdefault(day, (row[_DATE].line, values))
    faults.refuse()
    dates = tuple(sorted(read))
    matrix = np.array([read[day][1] for day in dates])
    return Prices(file.name, dates, tickers, matrix, tuple(read[day][0] for day in dates), table.assumed)


def _refuse_other_shapes(columns: tuple[str, ...], faults: Faults) -> None:
    """Refuse the prices of one ETF by kind, and a row per price, with the mend.

    Raises:
        DataError: If *columns* are of such a file.
    """
    names = {column.lower().replace("_", " ") for column in columns}
    if {"open", "close"} <= names or {"open", "high", "low"} <= names or "adj close" in names:
        faults.add(
            1,
            "these are the prices of one ETF by kind: give one file with a column for each ETF, named by its ticker,"
            " that holds the adjusted close of each",
        )
    elif names & {"ticker", "symbol", "code"}:
        faults.add(1, f"this has a row for each price: {A_PIVOT}")
    elif kinds := [column for column in columns if _KIND.search(column)]:
        faults.add(
            1,
            f"{listed(kinds)}: prices by kind; keep one column for each ETF, named by its ticker: its adjusted close",
        )
    faults.refuse()


def _refuse_tickers(table: Table, columns: tuple[str, ...], faults: Faults) -> None:
    """Refuse columns that are not named by a ticker, and those that hold no prices.

    Raises:
        DataError: If a column holds no prices.
    """
    without = False
    for column in columns:
        cells = table.cells([column])
        if not is_ticker(column) and cells and not any(map(str.isdigit, "".join(cell.text for cell in cells))):
            faults.add(1, f"the column {listed([column])} has no numbers, such as {shown(cells[0].text)}: take it out")
            without = True
        else:
            faults.ticker(1, column)
    # The cells of such a column would only say the same again, each in its line.
    if without:
        faults.refuse()


def _price(cell: Cell, faults: Faults) -> float:
    return faults.price(cell) if cell.text else math.nan
