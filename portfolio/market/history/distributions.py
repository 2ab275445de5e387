"""Distributions paid by ETFs, one row per payment, and the yield and franking computed from them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.history.table import PRICES, Faults, read_table
from portfolio.market.months import write_months

if TYPE_CHECKING:
    from datetime import date
    from pathlib import Path

_YEAR = timedelta(days=365)
_COLUMNS = ("ticker", "date", "amount_aud", "franked_share")


@dataclass(frozen=True, slots=True)
class Payment:
    """One distribution.

    Attributes:
        date: The ex-date: from this day, the price excludes the payment.
        amount_aud: Cash per unit.
        franked_share: Franked fraction of the cash, 0 to 1.
        line: Line in the file.
    """

    date: date
    amount_aud: float
    franked_share: float
    line: int = 0


def read_distributions(file: Path, told: list[str] | None = None) -> dict[str, list[Payment]]:
    """Read payments, by ticker.

    Args:
        file: The file.
        told: Gets the reading of the file where it is not written as this project writes, in sentences.

    Raises:
        DataError: If the file cannot be read; the message gives the line of each fault.
    """
    table = read_table(file, needs=_COLUMNS, days="date", numbers=_COLUMNS[2:])
    if told is not None:
        told.extend(f"{file.name}: {each}" for each in table.assumed)
    faults = Faults(file.name)
    found: dict[str, list[Payment]] = {}
    seen: dict[tuple[str, date], int] = {}
    for row in table.rows:
        line = row["ticker"].line
        ticker, day = faults.ticker(line, row["ticker"].text), faults.day(row["date"])
        amount = faults.number(row["amount_aud"], least=0.0, most=PRICES[1])
        franked = faults.number(row["franked_share"], least=0.0, most=1.0)
        if day is None:
            continue
        if (ticker, day) in seen:
            faults.add(line, f"a payment of {ticker} on {day} stands in line {seen[ticker, day]} too: add them up")
        seen.setdefault((ticker, day), line)
        found.setdefault(ticker, []).append(Payment(day, amount, franked, line))
    faults.refuse()
    return found


def last_year(payments: list[Payment], *, until: date) -> list[Payment]:
    """List the payments of the 365 days up to *until*, in their order."""
    return sorted((paid for paid in payments if until - _YEAR < paid.date <= until), key=lambda paid: paid.date)


def in_a_year(payments: list[Payment], *, until: date) -> list[Payment]:
    """List the payments that a year has: those of the year up to the last one, less half an interval.

    Ex-dates move by some days, so that 365 days may have five quarterly payments, or three.
    """
    paid = sorted((each for each in payments if each.date <= until), key=lambda each: each.date)
    if not last_year(paid, until=until):
        return []
    gaps = sorted((b.date - a.date for a, b in pairwise(paid)))
    half = min(gaps[len(gaps) // 2], _YEAR) / 2 if gaps else timedelta()
    return [each for each in paid if each.date > paid[-1].date - _YEAR + half]


def trailing(ticker: str, payments: list[Payment], price_aud: float, *, until: date) -> dict[str, str]:
    """Compute yield, franking and months over the year up to *until*, at *price_aud* per unit, as texts for a snapshot.

    Raises:
        DataError: If the ETF has no payment in that year: the list is then more likely out of date than the yield zero;
            or if it paid more than its price.
    """
    paid = in_a_year(payments, until=until)
    if not paid:
        message = (
            f"{ticker} has no distribution in the year to {until}, its last is of {max(p.date for p in payments)}:"
            " add the newer ones, or state distribution_yield and franked_share in --facts"
        )
        raise DataError(message)
    cash = sum(payment.amount_aud for payment in paid)
    franked = sum(payment.amount_aud * payment.franked_share for payment in paid)
    by_month: dict[int, float] = defaultdict(float)
    for payment in paid:
        by_month[payment.date.month] += payment.amount_aud
    if cash > price_aud:
        message = (
            f"{ticker} paid {cash:g} AUD a unit in a year (line {paid[0].line} and further), more than its price of"
            f" {price_aud:g} AUD: give amounts a unit in AUD, or its price in --facts"
        )
        raise DataError(message)
    return {
        "distribution_yield": f"{cash / price_aud:.6f}",
        "franked_share": f"{franked / cash if cash else 0.0:.6f}",
        "paid_in": write_months(by_month),
    }
