"""Find prices that nobody can have traded at: filled-in rows, and prices that stand still. Corrects nothing."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import date

    from portfolio import Vector
    from portfolio.market.history.prices import Prices

# A traded ETF has another price after four weeks and as many prices; a row for each weekday has twenty by then.
_STILL = timedelta(days=28)
_STILL_STEPS = 4


@dataclass(frozen=True, slots=True)
class Still:
    """A time in which the price of an ETF does not move.

    Attributes:
        ticker: The ETF.
        price: The price.
        first: Index of the first date with this price.
        last: Index of the last date with this price.
    """

    ticker: str
    price: float
    first: int
    last: int


def screen(prices: Prices, *, since: date | None, trusted: Collection[str]) -> tuple[Prices, tuple[str, ...]]:
    """Leave out rows that repeat the row before, and blank prices that stand still.

    Args:
        prices: The history.
        since: The first date to use.
        trusted: ETFs whose prices may stand still.

    Returns:
        The prices that remain from *since* on, and a sentence for each omission.
    """
    rows = [i for i, day in enumerate(prices.dates) if since is None or day >= since]
    # Where no ETF of several has another price, the row was filled in: for a weekend or a holiday.
    same = [b for a, b in pairwise(rows) if _repeats(prices.values[a], prices.values[b])]
    kept = _take(prices, sorted(set(rows) - set(same)))
    notes = []
    if same:
        where = _line(prices, same[0])
        notes.append(
            f"{counted(len(same), 'row repeats', 'rows repeat')} the row before for every ETF and"
            f" {'was' if len(same) == 1 else 'were'} not used, first {prices.dates[same[0]]}{where}: filled in, for a"
            " weekend or a holiday"
        )
    values = kept.values.copy()
    for still in _all_still(kept, trusted):
        j = kept.tickers.index(still.ticker)
        # Before the first other price, the launch; after the last one, the end: one price on the edge is a real one.
        begins = not np.isfinite(kept.values[: still.first, j]).any()
        blank = slice(still.first, still.last) if begins else slice(still.first + 1, still.last + 1)
        values[blank, j] = np.nan
        notes.append(_told(kept, still))
    return replace(kept, values=values), tuple(notes)


def _repeats(before: Vector, after: Vector) -> bool:
    both = np.isfinite(before) & np.isfinite(after)
    several = 2
    return int(both.sum()) >= several and bool((before[both] == after[both]).all()) and _same_blanks(before, after)


def _same_blanks(before: Vector, after: Vector) -> bool:
    return bool((np.isfinite(before) == np.isfinite(after)).all())


def _take(prices: Prices, rows: list[int]) -> Prices:
    return replace(
        prices,
        dates=tuple(prices.dates[i] for i in rows),
        values=prices.values[rows],
        lines=tuple(prices.lines[i] for i in rows) if prices.lines else (),
    )


def _all_still(prices: Prices, trusted: Collection[str]) -> Iterator[Still]:
    for ticker, column in zip(prices.tickers, prices.values.T, strict=True):
        there = np.flatnonzero(np.isfinite(column))
        moves = np.flatnonzero(np.diff(column[there]) != 0)
        # A column that never moves is refused as a whole.
        if ticker in trusted or not len(moves):
            continue
        starts = [0, *(moves + 1)]
        for first, last in zip(starts, [*moves, len(there) - 1], strict=True):
            a, b = int(there[first]), int(there[last])
            if last - first >= _STILL_STEPS and prices.dates[b] - prices.dates[a] >= _STILL:
                yield Still(ticker, float(column[a]), a, b)


def _told(prices: Prices, still: Still) -> str:
    lines = f" (lines {prices.lines[still.first]} to {prices.lines[still.last]})" if prices.lines else ""
    return (
        f"{still.ticker} stands still at {still.price:g} from {prices.dates[still.first]} to"
        f" {prices.dates[still.last]}{lines}: taken for blank, as of a fund that is not traded (--trust {still.ticker}"
        " takes it as it is)"
    )


def _line(prices: Prices, i: int) -> str:
    return f" (line {prices.lines[i]})" if prices.lines else ""
