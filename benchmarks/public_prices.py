"""Public prices that packages of the registry carry: five ETFs of factors, and treasury bills as cash.

The prices are those of ``load_factors_dataset`` of skfolio 1.12.2 (BSD-3-Clause): adjusted closes, 2014 to 2022,
of MTUM, QUAL, SIZE, USMV and VLUE, quoted in the United States. The cash is the one-month bill of Kenneth French's data
library as arch 8.0.0 carries it (NCSA licence), monthly up to November 2018, where this history ends. Neither is copied
into this repository: the packages are read where they were installed, by
``pip install --no-deps --target FOLDER skfolio==1.12.2 arch==8.0.0``.
"""

from __future__ import annotations

import csv
import gzip
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from portfolio import Matrix

CASH = "BILL"
# Fees as the funds state them, rounded; the spread and the liquidity are assumptions.
_FACTS = {
    "asset_class": "international equities",
    "management_fee": "0.0015",
    "return_is": "fund",
    # The prices are adjusted: distributions are in them, and no tax on income is reckoned.
    "distribution_yield": "0",
    "franked_share": "0",
    "liquidity": "0.95",
    "half_spread_bps": "2",
}
_PRICES = "skfolio/datasets/data/factors_dataset.csv.gz"
_BILLS = "arch/data/frenchdata/frenchdata.csv.gz"


# Percent per month: a return that is published as 0.00 is below 0.005; its middle is taken, since a price that stands
# still counts as no price.
_LEAST = 0.0025


def read(folder: Path) -> tuple[tuple[str, ...], list[date], Matrix]:
    """Read the last price of each week, cash first: tickers, dates, and prices of shape (dates, tickers)."""
    rows = _rows(folder / _PRICES)
    tickers = tuple(name for name in rows[0] if name != "Date")
    bills = {row["Date"]: max(float(row["RF"]), _LEAST) / 100 for row in _rows(folder / _BILLS)}
    known = [(date.fromisoformat(row["Date"]), [float(row[ticker]) for ticker in tickers]) for row in rows]
    known = [(day, values) for day, values in known if f"{day:%Y%m}" in bills]
    last = {day.isocalendar()[:2]: (day, values) for day, values in known}
    dates = [day for day, _ in last.values()]
    return (CASH, *tickers), dates, np.column_stack([_cash(dates, bills), [values for _, values in last.values()]])


def facts_csv(tickers: Sequence[str]) -> str:
    """State what a market needs to know of each ETF besides its prices."""
    cash = {"asset_class": "cash", "management_fee": "0", "half_spread_bps": "1", "liquidity": "1"}
    rows = [",".join([ticker, *(_FACTS | (cash if ticker == CASH else {})).values()]) for ticker in tickers]
    return "\n".join([",".join(["ticker", *_FACTS]), *rows, ""])


def _rows(file: Path) -> list[dict[str, str]]:
    with gzip.open(file, "rt", encoding="utf-8") as text:
        return list(csv.DictReader(text))


def _cash(dates: list[date], bills: dict[str, float]) -> list[float]:
    """Grow 100 dollars by the bill's return of each month, day by day."""
    value, found = 100.0, [100.0]
    for before, day in pairwise(dates):
        for place in range(before.toordinal() + 1, day.toordinal() + 1):
            value *= (1 + bills[f"{date.fromordinal(place):%Y%m}"]) ** (12 / 365.25)
        found.append(value)
    return found
