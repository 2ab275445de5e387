"""Histories of prices for tests: made of a seed, so that everybody has the same."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.history.prices import Prices

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from portfolio import Matrix

TICKERS = ("BILL", "VAF", "VAS", "VHY", "VGS", "GOLD")
# A year, as fractions; close to what these funds did.
_MEANS = np.array([0.042, 0.05, 0.09, 0.10, 0.11, 0.12])
_VOLATILITIES = np.array([0.003, 0.04, 0.11, 0.12, 0.13, 0.15])
LAST = date(2025, 11, 7)  # a Friday


def weekdays(count: int, last: date = LAST) -> tuple[date, ...]:
    """Give the *count* weekdays up to *last*."""
    days = (last - timedelta(days=i) for i in range(2 * count + 7))
    return tuple(sorted([day for day in days if day.weekday() < 5][:count]))


def walk(seed: int = 1, days: int = 520, n: int = len(TICKERS)) -> Matrix:
    """Make prices of *n* ETFs that share one factor, shape (days, n)."""
    rng = np.random.default_rng(seed)
    which = np.arange(n) % len(TICKERS)
    common, own = rng.normal(size=(days, 1)), rng.normal(size=(days, n))
    # The first hardly moves with the others: it is cash.
    loading = np.where(which == 0, 0.05, 0.7)
    steps = loading * common + np.sqrt(1 - loading**2) * own
    growth = 1 + _MEANS[which] / 252 + _VOLATILITIES[which] / np.sqrt(252) * steps
    prices: Matrix = 100 * np.cumprod(growth, axis=0)
    return prices


def history(values: Matrix, tickers: Sequence[str] = TICKERS, last: date = LAST) -> Prices:
    """Make a history that ends on *last*, a row a weekday."""
    return Prices("prices.csv", weekdays(len(values), last), tuple(tickers), values)


def write(file: Path, prices: Prices) -> Path:
    """Write a history as people have it; what is not a number is blank."""
    rows = (
        [str(day), *("" if np.isnan(value) else f"{value:.6f}" for value in row)]
        for day, row in zip(prices.dates, prices.values, strict=True)
    )
    file.write_text(_csv([["date", *prices.tickers], *rows]), encoding="utf-8")
    return file


def _csv(rows: Iterable[Sequence[str]]) -> str:
    return "".join(",".join(row) + "\n" for row in rows)
