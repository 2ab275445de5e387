"""The statements of a market about itself: what its returns are, the day of its prices, its inflation.

They are the one line of ``market.csv``. There is no default, but for the inflation: a page that does not know what the
returns are would call a history a forecast.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import isfinite
from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.market.basis import History, Outlook
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.plain_text import WORDS, is_plain, shown

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.market.basis import Basis

FILE = "market.csv"
COLUMNS = ("basis", "begins", "ends", "returns", "returns_per_year", "years", "publication", "priced_on", "inflation")
# The same limits as those of a request's inflation.
LEAST_INFLATION, MOST_INFLATION = -0.05, 0.25
_MOST_YEARS = 100.0
_MOST_RETURNS = 100_000
_LONGEST_TEXT = 200
_OF_HISTORY = ("begins", "ends", "returns", "returns_per_year")
_OF_OUTLOOK = ("years", "publication")


@dataclass(frozen=True, slots=True)
class Stated:
    """The statements of a market.

    Attributes:
        basis: What its returns are.
        priced_on: Day of its prices.
        inflation: Per year, as a fraction; None if the market assumes none.
    """

    basis: Basis
    priced_on: date
    inflation: float | None


def read_stated(rows: Sequence[Mapping[str, str]]) -> Stated:
    """Read the line of ``market.csv``.

    Raises:
        ValueError: If there is not one line, or a statement is missing or impossible; the message says the mend.
    """
    if len(rows) != 1:
        message = (
            f"{FILE} has {counted(len(rows), 'line')} below its header: give one, with the columns {', '.join(COLUMNS)}"
        )
        raise ValueError(message)
    row = {column: (rows[0].get(column) or "").strip() for column in COLUMNS}
    basis = _basis(row)
    priced_on = _day(row, "priced_on")
    inflation = _number(row, "inflation", LEAST_INFLATION, MOST_INFLATION) if row["inflation"] else None
    return Stated(basis, priced_on, inflation)


def write_stated(stated: Stated) -> list[str]:
    """Write the cells of ``market.csv``, in the order of ``COLUMNS``."""
    basis = stated.basis
    told = {"basis": basis.kind, "priced_on": stated.priced_on, "inflation": stated.inflation}
    told |= {column: getattr(basis, column) for column in (*_OF_HISTORY, *_OF_OUTLOOK) if hasattr(basis, column)}
    return ["" if told.get(column) is None else str(told[column]) for column in COLUMNS]


def _basis(row: Mapping[str, str]) -> Basis:
    if row["basis"] == "history":
        _refuse_beside(row, _OF_OUTLOOK)
        begins, ends = _day(row, "begins"), _day(row, "ends")
        if begins >= ends:
            message = f"{FILE}: begins {begins} must be before ends {ends}: mend one of them"
            raise ValueError(message)
        returns = _number(row, "returns", 2, _MOST_RETURNS)
        if not returns.is_integer():
            message = f"{FILE}: returns is {row['returns']}: give the number of returns, a whole one"
            raise ValueError(message)
        return History(begins, ends, int(returns), _number(row, "returns_per_year", 1, 366))
    if row["basis"] == "outlook":
        _refuse_beside(row, _OF_HISTORY)
        years = _number(row, "years", 0.25, _MOST_YEARS) if row["years"] else None
        return Outlook(_publication(row), years)
    told = f"is {shown(row['basis'])}" if row["basis"] else "is missing"
    message = (
        f"{FILE}: basis {told}: write history, if the returns are those of the past, with {', '.join(_OF_HISTORY)}; or"
        " outlook, if somebody expects them, with publication and, where it says them, years"
    )
    raise ValueError(message)


def _refuse_beside(row: Mapping[str, str], others: Sequence[str]) -> None:
    if given := [column for column in others if row[column]]:
        message = f"{FILE}: {', '.join(given)} says nothing beside the basis {row['basis']}: leave it blank"
        raise ValueError(message)


def _publication(row: Mapping[str, str]) -> str:
    text = row["publication"]
    if not text or not is_plain(text) or len(text) > _LONGEST_TEXT:
        told = f"is {shown(text)}" if text else "is missing"
        message = (
            f"{FILE}: publication {told}: say who published the outlook, and when, in {WORDS}, {_LONGEST_TEXT} at most"
        )
        raise ValueError(message)
    return text


def _day(row: Mapping[str, str], column: str) -> date:
    try:
        day = date.fromisoformat(row[column])
    except ValueError:
        day = date.min
    if not FIRST_DAY <= day <= LAST_DAY:
        told = f"is {shown(row[column])}" if row[column] else "is missing"
        message = f"{FILE}: {column} {told}: give a date such as 2025-11-07, from {FIRST_DAY.year} to {LAST_DAY.year}"
        raise ValueError(message)
    return day


def _number(row: Mapping[str, str], column: str, least: float, most: float) -> float:
    try:
        value = float(row[column])
    except ValueError:
        value = float("nan")
    if not (isfinite(value) and least <= value <= most):
        told = f"is {shown(row[column])}" if row[column] else "is missing"
        message = f"{FILE}: {column} {told}: give a number from {least:g} to {most:g}"
        raise ValueError(message)
    return value
