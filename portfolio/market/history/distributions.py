"""Distributions paid by ETFs, one row per payment, and the yield and franking computed from them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.market.history.table import PRICES, Faults, read_table

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
    """

    date: date
    amount_aud: float
    franked_share: float


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
        found.setdefault(ticker, []).append(Payment(day, amount, franked))
    faults.refuse()
    return found


def trailing(ticker: str, payments: list[Payment], price_aud: float, *, until: date) -> dict[str, str]:
    """Compute yield and franking over the year up to *until*, at *price_aud* per unit, as texts for a snapshot.

    Raises:
        DataError: If the ETF has no payment in that year: the list is then more likely out of date than the yield zero.
    """
    paid = [payment for payment in payments if until - _YEAR < payment.date <= until]
    if not paid:
        message = (
            f"{ticker} has no distribution in the year to {until}, its last is of {max(p.date for p in payments)}:"
            " add the newer ones, or state distribution_yield and franked_share in --facts"
        )
        raise DataError(message)
    cash = sum(payment.amount_aud for payment in paid)
    franked = sum(payment.amount_aud * payment.franked_share for payment in paid)
    return {
        "distribution_yield": f"{cash / price_aud:.6f}",
        "franked_share": f"{franked / cash if cash else 0.0:.6f}",
    }
