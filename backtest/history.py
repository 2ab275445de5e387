"""The history of a backtest, and the part of it that is known on a day: the market of that day is made from it alone.

``History.until`` is the only way from a history to a market, and it keeps no later row: a look ahead is impossible by
construction.
"""

from __future__ import annotations

from bisect import bisect_right
from dataclasses import dataclass, field, replace
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.folders import digest
from portfolio.market.history.build import build
from portfolio.market.history.facts import Knowledge
from portfolio.market.history.sample import Period, is_unfinished
from portfolio.market.history.snapshot import keep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from backtest.path import Every
    from portfolio import Matrix
    from portfolio.market.history.distributions import Payment
    from portfolio.market.history.prices import Prices
    from portfolio.market.snapshot import Market

# Months between two decisions.
MONTHS: Mapping[Every, int] = {"month": 1, "quarter": 3, "half-year": 6, "year": 12}


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """Prices of units, the distributions of these units, and facts of the ETFs.

    Attributes:
        prices: Prices of units. Without payments, distributions count as reinvested in the price.
        payments: Distributions by ticker.
        stated: Facts that a user states for all dates, by ticker and column; and the name of that file.
        like: The id of a bundled market that supplies missing facts for all dates; empty for none.
        acquired: The first day on which the customer of a walk acquired units, by ticker: there were units then.
    """

    prices: Prices
    payments: Mapping[str, list[Payment]]
    stated: tuple[Mapping[str, Mapping[str, str]], str] = ({}, "")
    like: str = ""
    acquired: Mapping[str, date] = field(default_factory=dict)

    def until(self, day: date) -> History:
        """Return what is known on *day*: no price and no distribution of a later day."""
        rows = bisect_right(self.prices.dates, day)
        known = replace(
            self.prices,
            dates=self.prices.dates[:rows],
            values=self.prices.values[:rows].copy(),
            lines=self.prices.lines[:rows],
        )
        paid = {
            ticker: earlier
            for ticker, payments in self.payments.items()
            if (earlier := [payment for payment in payments if payment.date <= day])
        }
        return replace(self, prices=known, payments=paid)

    def weeks(self) -> tuple[date, ...]:
        """Return the last date of each week that has one."""
        last = {Period.WEEK.number(day): day for day in self.prices.dates}
        return tuple(last.values())

    def paid_between(self, after: date, until: date) -> dict[str, list[Payment]]:
        """Return the distributions with an ex-date after one day and until another."""
        return {
            ticker: [each for each in payments if after < each.date <= until]
            for ticker, payments in self.payments.items()
        }

    def market(self, folder: Path, train: int) -> Market:
        """Make the market of the last *train* weekly returns, and keep it in *folder*, under a name of its content.

        Raises:
            DataError: If the market cannot be made; see ``portfolio.market.history.build``.
        """
        day = self.prices.dates[-1]
        weeks = self.weeks()
        # The builder leaves out a week that is not over.
        first = max(len(weeks) - 1 - train - is_unfinished(day, Period.WEEK), 0)
        total = replace(self.prices, values=self._with_distributions())
        built = build(total, self._knowledge(), Period.WEEK, since=weeks[first])
        return keep(folder / f"past-{day}-{digest(built.files)[:12]}", built.files)

    def _knowledge(self) -> Knowledge:
        stated, source = self.stated
        # The history tells since when there are units, and not a list of today.
        since = {
            ticker: {"since": str(min(self.prices.dates[int(np.argmax(there))], self.acquired.get(ticker, date.max)))}
            for ticker, there in zip(self.prices.tickers, np.isfinite(self.prices.values).T, strict=True)
            if there.any()
        }
        facts = {ticker: {**stated.get(ticker, {}), **since.get(ticker, {})} for ticker in {*stated, *since}}
        return Knowledge(
            stated=(facts, source or self.prices.file),
            payments=(self.payments, "the distributions"),
            prices=(self.prices.last(), self.prices.file),
            return_is="fund",
            like=self.like,
        )

    def _with_distributions(self) -> Matrix:
        """Return the prices with distributions reinvested on their ex-dates, from the first price on."""
        found = self.prices.values.copy()
        for j, ticker in enumerate(self.prices.tickers):
            if not (payments := self.payments.get(ticker)):
                continue
            column, there = self.prices.values[:, j], np.flatnonzero(np.isfinite(self.prices.values[:, j]))
            for i, k in pairwise(there):
                paid = sum(
                    each.amount_aud for each in payments if self.prices.dates[i] < each.date <= self.prices.dates[k]
                )
                found[k, j] = found[i, j] * (column[k] + paid) / column[i]
        return found


def decision_days(history: History, train: int, every: Every) -> tuple[date, ...]:
    """Return the last trading week of each period, from the first that has *train* weekly returns on.

    The last week of the history is no such day: nothing follows that could be measured.

    Raises:
        DataError: If there is no such week.
    """
    weeks = history.weeks()
    ends = [
        day
        for i, (day, after) in enumerate(pairwise(weeks))
        if i >= train and _period(day, every) != _period(after, every)
    ]
    if not ends:
        message = (
            f"{history.prices.file} has {len(weeks)} weeks, too few: --train {train} takes {train + 1} of them, and"
            f" orders need the end of a {every} and a week after it; give a longer history, or a smaller --train"
        )
        raise DataError(message)
    return tuple(ends)


def _period(day: date, every: Every) -> int:
    return (day.year * 12 + day.month - 1) // MONTHS[every]
