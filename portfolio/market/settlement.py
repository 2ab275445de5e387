"""Settlement of trades on ASX: two trading days after the trade (ASX Settlement Operating Rules: T+2).

Trading days are Monday to Friday. The holidays of ASX are not known here: each holiday in between takes a day more.
"""

from __future__ import annotations

from datetime import date, timedelta

# Trading days from the trade to the money.
_TRADING_DAYS = 2
_DAY = timedelta(days=1)
_SATURDAY = 5


def settles_on(traded: date) -> date:
    """Return the day on which the money of a sale is there; a sale on a weekend is made on the Monday."""
    return _count(traded, _DAY)


def last_sale_day(paid_on: date) -> date:
    """Return the last trading day whose sales settle by *paid_on*."""
    return _count(paid_on, -_DAY)


def _count(day: date, step: timedelta) -> date:
    """Count the trading days from the first one at or beyond *day*."""
    day = _roll(day, step)
    for _ in range(_TRADING_DAYS):
        day = _roll(day + step, step)
    return day


def _roll(day: date, step: timedelta) -> date:
    while day.weekday() >= _SATURDAY:
        day += step
    return day
