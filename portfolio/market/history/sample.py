"""Comparable returns: the same ETFs over the same whole periods, without filled-in prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import date
    from typing import TypeAlias

    import numpy.typing as npt

    from portfolio import Matrix
    from portfolio.market.history.prices import Prices

    Places: TypeAlias = npt.NDArray[np.intp]

# A date without a price for one ETF is dropped for all ETFs. So an ETF must have a price on this fraction of the dates.
COVERAGE = 0.95
# An ETF without a price on the last dates of the file, this many, counts as delisted or suspended.
_ENDED = 5
# A variance of fewer returns is too uncertain: 24 months are two years, 24 weeks are half a year.
_LEAST_RETURNS = 24
_FRIDAY = 4
# If a broad fund moves by more than this in a period, the fund was split or the price is wrong. Such a move is noted,
# not corrected.
_JUMP = 0.4


class Period(StrEnum):
    """The period of one return."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def a_year(self) -> int:
        """The number of periods per year: trading days, weeks or months."""
        return {Period.DAY: 252, Period.WEEK: 52, Period.MONTH: 12}[self]

    @property
    def adjective(self) -> str:
        """The adjective for returns over this period."""
        return {Period.DAY: "daily", Period.WEEK: "weekly", Period.MONTH: "monthly"}[self]

    def number(self, day: date) -> int:
        """Return the number of the calendar day, week or month of *day*; successive periods differ by one."""
        if self is Period.MONTH:
            return day.year * 12 + day.month
        # The first day of the calendar is a Monday.
        return (day.toordinal() - 1) // 7 if self is Period.WEEK else day.toordinal()


@dataclass(frozen=True, slots=True, eq=False)
class Sample:
    """Simple returns of *n* ETFs over *T* periods.

    Attributes:
        period: The period of one return.
        tickers: The ETFs.
        returns: Shape (T, n).
        begins: Day of the first price used.
        ends: Day of the last price used.
        left_out: ETFs left out, each with the reason.
        notes: Other data left out, and suspicious data, in sentences.
    """

    period: Period
    tickers: tuple[str, ...]
    returns: Matrix
    begins: date
    ends: date
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


def align(prices: Prices, period: Period, *, since: date | None = None, coverage: float = COVERAGE) -> Sample:
    """Compute comparable returns from prices.

    A return is taken between the last dates of two successive periods on which every ETF has a price, since
    forward-filled prices would make risk and correlations too small. ETFs that have ended or have too few prices are
    left out.

    Args:
        prices: The history.
        period: The period of one return.
        since: The first date to use.
        coverage: Minimum fraction of the dates on which an ETF must have a price; else the ETF is left out.

    Raises:
        DataError: If too few dates, ETFs or returns can be used, or an ETF has the same return in every period.
    """
    rows = [i for i, day in enumerate(prices.dates) if since is None or day >= since]
    if not rows:
        message = f"{prices.file} has no date from {since} on, its last is {prices.dates[-1]}: give an earlier --since"
        raise DataError(message)
    dates = [prices.dates[i] for i in rows]
    there = np.isfinite(prices.values[rows])
    left_out = _left_out(prices.tickers, dates, there, coverage)
    kept = [j for j, ticker in enumerate(prices.tickers) if ticker not in left_out]
    if not kept:
        told = "; ".join(f"{ticker} {why}" for ticker, why in left_out.items())
        message = f"{prices.file} leaves no ETF: {told}. A later --since or a lower --coverage may keep some"
        raise DataError(message)
    complete = np.flatnonzero(there[:, kept].all(axis=1))
    ends, unfinished = _period_ends(dates, complete, period)
    values = prices.values[np.ix_([rows[i] for i in ends], kept)]
    # Days are numbered by row in the file, so a weekend is not a gap.
    numbers = np.array([i if period is Period.DAY else period.number(dates[i]) for i in ends])
    follows = np.diff(numbers) == 1
    returns = (values[1:] / values[:-1] - 1)[follows]
    if len(returns) < _LEAST_RETURNS:
        message = (
            f"{prices.file} gives {len(returns)} {period.adjective} returns that every ETF has, at least"
            f" {_LEAST_RETURNS} are needed: give a longer history, a shorter period, or fewer ETFs"
        )
        raise DataError(message)
    tickers = tuple(prices.tickers[j] for j in kept)
    _refuse_still(tickers, returns, prices.file)
    notes = [
        *_say(len(dates) - len(complete), "date", "was not used, since an ETF has no price on it"),
        *_say(int((~follows).sum()), "return", f"over more than a {period} was left out"),
        *([f"the last {period} is not over and was left out"] if unfinished else []),
        *_jumps(tickers, returns, [dates[i] for i in ends[1:][follows]], period),
    ]
    return Sample(period, tickers, returns, dates[ends[0]], dates[ends[-1]], left_out, tuple(notes))


def _left_out(tickers: tuple[str, ...], dates: list[date], there: Matrix, coverage: float) -> dict[str, str]:
    found = {}
    for ticker, has in zip(tickers, there.T, strict=True):
        days = np.flatnonzero(has)
        if not len(days):
            found[ticker] = "has no price"
        elif days[-1] < len(dates) - _ENDED:
            found[ticker] = f"ends on {dates[days[-1]]}: delisted, suspended or no longer supplied"
        elif has.mean() < coverage:
            begins = f", from {dates[days[0]]}" if days[0] else ""
            found[ticker] = f"has a price on {has.mean():.1%} of the dates{begins}; {coverage:.1%} are asked"
    return found


def _period_ends(dates: list[date], complete: Places, period: Period) -> tuple[Places, bool]:
    """Find the last complete date of each period, without an unfinished last period; also return whether there is one.

    A date is complete if every ETF has a price.
    """
    if period is Period.DAY:
        return complete, False
    last = {period.number(dates[i]): i for i in complete}
    next_day = dates[-1] + timedelta(days=1)
    while next_day.weekday() > _FRIDAY:
        next_day += timedelta(days=1)
    unfinished = period.number(next_day) == period.number(dates[-1])
    if unfinished:
        last.pop(period.number(dates[-1]), None)
    return np.array(list(last.values()), dtype=int), unfinished


def _refuse_still(tickers: tuple[str, ...], returns: Matrix, file: str) -> None:
    if still := [ticker for ticker, column in zip(tickers, returns.T, strict=True) if not np.ptp(column) > 0]:
        message = (
            f"{file}: the return of {', '.join(still)} is the same in every period, so it has no risk and no"
            " correlation; give total-return prices, or take the column out"
        )
        raise DataError(message)


def _jumps(tickers: tuple[str, ...], returns: Matrix, ends: list[date], period: Period) -> list[str]:
    return [
        f"{tickers[j]} moved by {returns[i, j]:+.0%} in the {period} to {ends[i]}: if that was a split,"
        " its prices are not total-return prices"
        for i, j in np.argwhere(np.abs(returns) > _JUMP)
    ]


def _say(count: int, what: str, happened: str) -> list[str]:
    if not count:
        return []
    return [f"{count} {what} {happened}" if count == 1 else f"{count} {what}s {happened.replace('was', 'were', 1)}"]
