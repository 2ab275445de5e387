"""The age of a market's prices on the day of the trades: told beyond a week, refused beyond a month."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.market.trading_days import DAY, is_trading_day

if TYPE_CHECKING:
    from datetime import date

    from portfolio.market.snapshot import Market

# Prices that are further away than this are told.
TOLD_TRADING_DAYS = 5
# Prices that are further away than this are refused, unless the request allows them.
MOST_DAYS = 30


class StalePrices(StrEnum):
    """What becomes of a request whose day is far from that of the prices."""

    REFUSE = "refuse"
    ALLOW = "allow"


def trading_days_between(one: date, other: date) -> int:
    """Count the trading days after the earlier day, up to and including the later one."""
    first, last = min(one, other), max(one, other)
    return sum(is_trading_day(first + day * DAY) for day in range(1, (last - first).days + 1))


def age_to_tell(priced_on: date, as_of: date) -> int | None:
    """Count the days from the prices to the trades; negative before, None where they are too few to be told."""
    days = (as_of - priced_on).days
    is_near = abs(days) <= MOST_DAYS and trading_days_between(priced_on, as_of) <= TOLD_TRADING_DAYS
    return None if is_near else days


def distance_in_words(days: int) -> str:
    """Write an age: 31 days after, or 12 days before."""
    return f"{counted(abs(days), 'day')} {'after' if days > 0 else 'before'}"


def refuse_stale(market: Market, as_of: date, stale_prices: StalePrices) -> None:
    """Refuse a day of the trades that is far from that of the prices, unless the request allows that.

    Raises:
        DataError: If it is more than 30 days after or before.
    """
    days = (as_of - market.priced_on).days
    if abs(days) > MOST_DAYS and stale_prices is StalePrices.REFUSE:
        message = (
            f"account.as_of is {as_of}, {distance_in_words(days)} {market.priced_on}, the day of the prices of market"
            f" {market.id}, and at most {MOST_DAYS} are taken: correct as_of, name a market of that time, or give"
            " stale_prices: allow"
        )
        raise DataError(message)
