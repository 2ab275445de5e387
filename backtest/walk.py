"""Walk forward through a history: at each date of orders, every strategy decides from the past alone.

Pure but for the markets, which are written to a folder: no clock, no randomness.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from backtest.account import Costs, Ledger, Paid, Pocket
from backtest.history import History, decision_days
from backtest.path import CASH, Decision, Path, Walk
from backtest.strategies import Decided, Today
from portfolio.errors import DataError
from portfolio.tax.regime import income_year

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path as Folder

    from backtest.path import Every
    from backtest.strategies import Strategy
    from portfolio.market.snapshot import Market
    from portfolio.tax.taxpayer import Taxpayer

# The last day of a financial year.
_YEAR_ENDS = 6, 30


@dataclass(frozen=True, slots=True, eq=False)
class Walker:
    """The inputs of a walk, apart from the strategies.

    Attributes:
        history: Prices and distributions.
        train: Weekly returns from which each market is made.
        every: Time between two dates of orders.
        taxpayer: The owner of every account.
        capital_aud: Money at the start.
        brokerage_aud: Brokerage per order.
        brokerage_share: Brokerage as a share of the order's value, on top.
        cash_rate: Interest per year on cash.
        folder: Folder for the markets.
    """

    history: History
    train: int
    every: Every
    taxpayer: Taxpayer
    capital_aud: float
    brokerage_aud: float
    folder: Folder
    brokerage_share: float = 0.0
    cash_rate: float = 0.0
    _markets: dict[date, Market | str] = field(default_factory=dict)

    def walk(
        self, strategies: Sequence[Strategy], *, inputs: str, on_decision: Callable[[str], None] = lambda _: None
    ) -> Walk:
        """Walk with each strategy.

        Args:
            strategies: The strategies, the coordinated portfolio first.
            inputs: Digest of all inputs.
            on_decision: Called before each decision, with the name of the strategy.

        Raises:
            DataError: If the history is too short, or the first market cannot be made.
        """
        days = decision_days(self.history, self.train, self.every)
        if isinstance(first := self._market(days[0]), str):
            message = (
                f"the market of {days[0]}, the first date of orders, cannot be made: {first}; give a later start of the"
                " prices, or mend them"
            )
            raise DataError(message)
        paths = tuple(self._path(strategy, days, on_decision) for strategy in strategies)
        made = (self._market(day) for day in days)
        return Walk(
            inputs=inputs,
            markets=tuple("" if isinstance(market, str) else market.id for market in made),
            train=self.train,
            every=self.every,
            paths=paths,
        )

    def _market(self, day: date) -> Market | str:
        """Return the market that is known on *day*, or the reason why there is none."""
        if day not in self._markets:
            try:
                self._markets[day] = self.history.until(day).market(self.folder, self.train)
            except DataError as error:
                self._markets[day] = str(error)
        return self._markets[day]

    def _path(self, strategy: Strategy, days: Sequence[date], on_decision: Callable[[str], None]) -> Path:
        weeks = [day for day in self.history.weeks() if day >= days[0]]
        ledger = Ledger(
            self.taxpayer,
            {name: Pocket(self.capital_aud * share) for name, share in strategy.shares.items()},
            strategy.shares,
            income_year(days[0]),
        )
        wealth, decisions, paid_before = [], [], 0.0
        for before, day in pairwise([weeks[0], *weeks]):
            for begins, ends in within_years(before, day):
                ledger = ledger.until(
                    ends,
                    self.history.paid_between(begins, ends),
                    days=(ends - begins).days,
                    cash_rate=self.cash_rate,
                )
            prices = self.history.until(day).prices.last()
            if day in days:
                on_decision(strategy.name)
                ledger, decision = self._decide(strategy, ledger, day, prices, paid_before)
                decisions.append(decision)
                paid_before = ledger.tax_paid_aud
            wealth.append(_cents(ledger.wealth_aud(prices)))
        return Path(
            strategy=strategy.name,
            dates=tuple(weeks),
            wealth_aud=tuple(wealth),
            flows_aud=(_cents(self.capital_aud), *(0.0 for _ in weeks[1:])),
            decisions=tuple(decisions),
        )

    def _decide(
        self, strategy: Strategy, ledger: Ledger, day: date, prices: Mapping[str, float], paid_before: float
    ) -> tuple[Ledger, Decision]:
        market, paid = self._market(day), Paid()
        if isinstance(market, str):
            decided = Decided(refused=f"no market: {market}")
        else:
            costs = Costs(
                self.brokerage_aud, self.brokerage_share, {etf.ticker: etf.half_spread for etf in market.etfs}
            )
            decided = strategy.decide(Today(day, market, prices, costs), ledger)
            traded = ledger.trade(decided.trades, day, prices, costs)
            ledger, paid = traded.ledger, traded.paid
        return ledger, _decision(ledger, day, prices, paid, ledger.tax_paid_aud - paid_before, decided)


def _decision(
    ledger: Ledger, day: date, prices: Mapping[str, float], paid: Paid, tax_aud: float, decided: Decided
) -> Decision:
    whole = ledger.together()
    units, total = whole.units(), whole.value_aud(prices)
    values = {ticker: units[ticker] * prices[ticker] for ticker in sorted(units)}
    return Decision(
        date=day,
        weights={**{t: round(aud / total, 6) for t, aud in values.items()}, CASH: round(whole.cash_aud / total, 6)},
        orders=paid.orders,
        traded_aud=_cents(paid.traded_aud),
        brokerage_aud=_cents(paid.brokerage_aud),
        spread_aud=_cents(paid.spread_aud),
        tax_aud=_cents(tax_aud),
        etfs=len(values),
        refused=decided.refused,
        in_cash=decided.in_cash,
    )


def within_years(before: date, day: date) -> list[tuple[date, date]]:
    """Divide the days after *before* until *day* where a financial year ends, so that each payment is in its year."""
    end = date(day.year, *_YEAR_ENDS)
    return [(before, end), (end, day)] if before < end < day else [(before, day)]


def _cents(aud: float) -> float:
    return float(np.round(aud, 2)) + 0.0
