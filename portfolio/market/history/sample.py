"""Comparable returns: the same ETFs over the same whole periods, without filled-in prices."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.market.history.moves import large_moves
from portfolio.market.history.screen import screen
from portfolio.market.history.table import AN_INDEX

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date
    from typing import TypeAlias

    import numpy.typing as npt

    from portfolio import Matrix
    from portfolio.market.history.moves import Move
    from portfolio.market.history.prices import Prices

    Flags: TypeAlias = npt.NDArray[np.bool_]
    Places: TypeAlias = npt.NDArray[np.intp]

# A date without a price for one ETF is dropped for all ETFs. So an ETF must have a price on this fraction of the dates.
COVERAGE = 0.95
# An ETF without a price on the last dates of the file, this many, counts as delisted or suspended.
_ENDED = 5
# A variance of fewer returns is too uncertain: 24 months are two years, 24 weeks are half a year.
_LEAST_RETURNS = 24
# Moves of a column of prices beyond 40 %: the most that may be errors, and the most as a share of the returns.
_FEW_ERRORS, _WILD, _BEYOND = 4, 0.1, 0.4
_FRIDAY = 4
# Daily returns span at most this many days: from the Thursday before Easter to the Tuesday after.
_MOST_DAYS = 5
# Dates further apart than this have no weekly returns; further apart than that, no monthly ones.
_WEEKLY, _MONTHLY = 8, 32
_DAYS_A_YEAR = 365.25
# A report lists at most this many moves.
_SHOWN = 8


class Period(StrEnum):
    """The period of one return."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"

    @property
    def a_year(self) -> int | None:
        """The number of weeks or months per year; None for trading days, which the dates of a file tell."""
        return {Period.DAY: None, Period.WEEK: 52, Period.MONTH: 12}[self]

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
        a_year: The number of periods per year.
        returns: Shape (T, n).
        days: Shape (T,): the last day of each return.
        begins: Day of the first price used.
        ends: Day of the last price used.
        left_out: ETFs left out, each with the reason.
        notes: Other data left out, and suspicious data, in sentences.
    """

    period: Period
    a_year: float
    tickers: tuple[str, ...]
    returns: Matrix
    days: tuple[date, ...]
    begins: date
    ends: date
    left_out: Mapping[str, str]
    notes: tuple[str, ...]


def align(
    prices: Prices,
    period: Period | None = None,
    *,
    since: date | None = None,
    coverage: float = COVERAGE,
    trusted: Collection[str] = (),
) -> Sample:
    """Compute comparable returns from prices.

    A return is taken between the last dates of two successive periods on which every ETF has a price, since
    forward-filled prices would make risk and correlations too small. ETFs that have ended or have too few prices are
    left out, and so are prices that stand still, and moves that are more likely a split or an error than a return.

    Args:
        prices: The history.
        period: The period of one return; if None, a week, or a month where the dates are further apart.
        since: The first date to use.
        coverage: Minimum fraction of the dates on which an ETF must have a price; else the ETF is left out.
        trusted: ETFs whose prices are taken as they are.

    Raises:
        DataError: If too few dates, ETFs or returns can be used, or an ETF has the same return in every period.
    """
    if strange := sorted(set(trusted) - set(prices.tickers)):
        message = f"{prices.file} has no {', '.join(strange)} (--trust): name one of {', '.join(prices.tickers)}"
        raise DataError(message)
    if not any(since is None or day >= since for day in prices.dates):
        message = f"{prices.file} has no date from {since} on, its last is {prices.dates[-1]}: give an earlier --since"
        raise DataError(message)
    screened, notes = screen(prices, since=since, trusted=trusted)
    there = np.isfinite(screened.values)
    left_out = _left_out(screened.tickers, list(screened.dates), there, coverage)
    kept = [j for j, ticker in enumerate(prices.tickers) if ticker not in left_out]
    if not kept:
        told = "; ".join(f"{ticker} {why}" for ticker, why in left_out.items())
        message = f"{prices.file} leaves no ETF: {told}. A later --since or a lower --coverage may keep some"
        raise DataError("; ".join([message, *notes]))
    complete = np.flatnonzero(there[:, kept].all(axis=1))
    chosen = period or _fitting(screened.dates)
    if period is None and chosen is not Period.WEEK:
        notes = (*notes, f"dates are {_days_apart(screened.dates)} apart, so returns are {chosen.adjective}")
    return _sample(screened, kept, complete, chosen, (left_out, notes), trusted)


def _sample(
    prices: Prices,
    kept: list[int],
    complete: Places,
    period: Period,
    told: tuple[Mapping[str, str], tuple[str, ...]],
    trusted: Collection[str],
) -> Sample:
    """Compute the returns of the ETFs *kept* between the dates on which all have a price."""
    dates = list(prices.dates)
    ends, unfinished = _period_ends(dates, complete, period)
    values = prices.values[ends][:, kept]
    follows = _follows(dates, ends, period)
    returns = (values[1:] / values[:-1] - 1)[follows]
    tickers = tuple(prices.tickers[j] for j in kept)
    steps = [i for i, one in enumerate(follows) if one]
    found = large_moves(returns, tickers, trusted) if len(returns) else []
    _refuse_wild(prices.file, tickers, found, len(returns), period)
    errors = {move.i for move in found if move.error}
    used = [i for i in range(len(returns)) if i not in errors]
    if len(used) < _LEAST_RETURNS:
        raise _too_few(prices, period, len(used), len(errors))
    returns = returns[used]
    _refuse_still(tickers, returns, prices.file)
    begun, ended = ([dates[ends[steps[i] + k]] for i in used] for k in (0, 1))
    spans = sum((b - a).days for a, b in zip(begun, ended, strict=True))
    left_out, notes = told
    return Sample(
        period=period,
        a_year=period.a_year or round(len(used) / spans * _DAYS_A_YEAR, 1),
        tickers=tickers,
        returns=returns,
        days=tuple(ended),
        begins=dates[ends[0]],
        ends=dates[ends[-1]],
        left_out=left_out,
        notes=(
            *notes,
            *_say(len(dates) - len(complete), "date", "was not used, since an ETF has no price on it"),
            *_say(
                int((~follows).sum()), "return", f"over more than {_most(period)} was left out", _longest(prices, ends)
            ),
            *([f"the last {period} is not over and was left out"] if unfinished else []),
            *_moves(prices, tickers, found, [ends[i + 1] for i in steps], period),
        ),
    )


def _refuse_wild(file: str, tickers: Sequence[str], found: Sequence[Move], count: int, period: Period) -> None:
    """Refuse a column in which errors are usual: each would be left out for every ETF, and what remains is no price.

    Raises:
        DataError: If there is one; the message names it.
    """
    for j, ticker in enumerate(tickers):
        errors = [move for move in found if move.j == j and move.error and abs(move.size) > _BEYOND]
        if len(errors) > max(_FEW_ERRORS, _WILD * count):
            message = (
                f"{file}: {ticker} is no column of prices: in {len(errors)} of {count} {period}s it moves as by"
                f" {errors[0].size:+.0%}: {AN_INDEX}; or leave it out (--trust {ticker} takes it as it is)"
            )
            raise DataError(message)


def _longest(prices: Prices, ends: Places) -> str:
    """Name the longest step from one date to the next."""
    days = [prices.dates[i] for i in ends]
    k = int(np.argmax([(b - a).days for a, b in pairwise(days)]))
    line = f" (line {prices.lines[ends[k + 1]]})" if prices.lines else ""
    return f", the longest from {days[k]} to {days[k + 1]}{line}"


def _most(period: Period) -> str:
    return f"{_MOST_DAYS} days, or over a date that is not used," if period is Period.DAY else f"a {period}"


def _apart(dates: Sequence[date]) -> float:
    """Return the usual number of days from one date to the next."""
    return float(np.median(np.diff([day.toordinal() for day in dates]))) if len(dates) > 1 else 1.0


def _days_apart(dates: Sequence[date]) -> str:
    apart = _apart(dates)
    return "1 day" if apart == 1 else f"{apart:g} days"


def _fitting(dates: Sequence[date]) -> Period:
    return Period.WEEK if _apart(dates) <= _WEEKLY else Period.MONTH


def _too_few(prices: Prices, period: Period, count: int, errors: int) -> DataError:
    apart, asked = _apart(prices.dates), {Period.DAY: _MOST_DAYS, Period.WEEK: _WEEKLY, Period.MONTH: _MONTHLY}[period]
    why = f" (its dates are {_days_apart(prices.dates)} apart)" if apart > asked else ""
    if apart > _MONTHLY:
        mend = "prices of at least every month"
    elif apart > asked:
        mend = f"--returns {_fitting(prices.dates)}"
    else:
        unlike = counted(errors, "more looks like an error or a split", "more look like errors or splits")
        why = f" ({unlike})" if errors else ""
        mend = "a longer history, a shorter period, or fewer ETFs"
    message = (
        f"{prices.file} gives {counted(count, f'{period.adjective} return')} that every ETF has, at least"
        f" {_LEAST_RETURNS} are needed{why}: give {mend}"
    )
    return DataError(message)


def _follows(dates: list[date], ends: Places, period: Period) -> Flags:
    """Say which steps from one end of a period to the next are over one period."""
    if period is not Period.DAY:
        numbered: Flags = np.diff(np.array([period.number(dates[i]) for i in ends])) == 1
        return numbered
    # Rows as well as days: a date that was not used would make a return over two days.
    days = np.diff(np.array([dates[i].toordinal() for i in ends]))
    near: Flags = (np.diff(ends) == 1) & (days <= _MOST_DAYS)
    return near


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
    if unfinished := is_unfinished(dates[-1], period):
        last.pop(period.number(dates[-1]), None)
    return np.array(list(last.values()), dtype=int), unfinished


def is_unfinished(day: date, period: Period) -> bool:
    """Return whether the week or month of *day* has a further weekday."""
    next_day = day + timedelta(days=1)
    while next_day.weekday() > _FRIDAY:
        next_day += timedelta(days=1)
    return period.number(next_day) == period.number(day)


def _refuse_still(tickers: tuple[str, ...], returns: Matrix, file: str) -> None:
    if still := [ticker for ticker, column in zip(tickers, returns.T, strict=True) if not np.ptp(column) > 0]:
        message = (
            f"{file}: the return of {', '.join(still)} is the same in every period, so it has no risk and no"
            " correlation; give total-return prices, or take the column out"
        )
        raise DataError(message)


def _moves(prices: Prices, tickers: tuple[str, ...], found: list[Move], ends: list[int], period: Period) -> list[str]:
    """Tell the moves that are many times the usual one: first those left out."""
    told = []
    for move in sorted(found, key=lambda move: (not move.error, move.i)):
        row = ends[move.i]
        line = f" (line {prices.lines[row]})" if prices.lines else ""
        what = (
            f"{tickers[move.j]} moved by {move.size:+.2%} in the {period} to {prices.dates[row]}{line},"
            f" {move.times:.0f} times its usual move"
        )
        if move.error:
            told.append(
                f"{what}: left out for every ETF, since it looks like a split or an error, and not like a total return;"
                f" mend the prices, or give --trust {tickers[move.j]} if it is one"
            )
        else:
            told.append(f"{what}: kept")
    more = (
        [f"{counted(len(told) - _SHOWN, 'more move is', 'more moves are')} many times the usual one"]
        if len(told) > _SHOWN
        else []
    )
    return [*told[:_SHOWN], *more]


def _say(count: int, what: str, happened: str, example: str = "") -> list[str]:
    if not count:
        return []
    return [counted(count, f"{what} {happened}", f"{what}s {happened.replace('was', 'were', 1)}") + example]
