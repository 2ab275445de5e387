"""Settlement of trades on ASX: two trading days after the trade (ASX Settlement Operating Rules: T+2)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.trading_days import trading_days_after

if TYPE_CHECKING:
    from datetime import date

# Trading days from the trade to the money.
_TRADING_DAYS = 2


def settles_on(traded: date) -> date:
    """Return the day of the money of a sale; a sale on a weekend or a holiday is made on the next trading day."""
    return trading_days_after(traded, _TRADING_DAYS)


def last_sale_day(paid_on: date) -> date:
    """Return the last trading day whose sales settle by *paid_on*."""
    return trading_days_after(paid_on, -_TRADING_DAYS)
