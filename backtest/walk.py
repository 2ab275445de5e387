"""Walk forward through a history: at each date of orders, every strategy decides from the past alone.

Pure but for the markets, which are written to a folder: no clock, no randomness.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from backtest.account import Costs, Ledger, Paid, Pocket
from backtest.beginning import divided
from backtest.history import History, decision_days
from backtest.path import CASH, Decision, Path, Walk
from backtest.payments import to_raise_aud
from backtest.strategies import Decided, Today, raising
from portfolio.errors import DataError
from portfolio.tax.regime import income_year

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from pathlib import Path as Folder

    from backtest.path import Every
    from backtest.payments import CustomerPayment
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
        start: The account on the first date of orders, before the orders.
        brokerage_aud: Brokerage per order.
        brokerage_share: Brokerage as a share of the order's value, on top.
        cash_rate: Interest per year on cash.
        folder: Folder for the markets.
        payments: Payments of the customer, in the order of their days.
        universes: The ETFs that each pod may hold, by pod.
    """

    history: History
    train: int
    every: Every
    taxpayer: Taxpayer
    start: Pocket
    brokerage_aud: float
    folder: Folder
    brokerage_share: float = 0.0
    cash_rate: float = 0.0
    payments: tuple[CustomerPayment, ...] = ()
    universes: Mapping[str, Collection[str]] = field(default_factory=dict)
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
        opening = self.history.until(days[0]).prices.last()
        pockets = divided(self.start, strategy.shares, self.universes, opening)
        ledger = Ledger(self.taxpayer, pockets, strategy.shares, income_year(days[0]))
        following = dict(zip(days, [*days[1:], None], strict=True))
        wealth, flows, decisions, paid_before = [], [self.start.value_aud(opening)], [], 0.0
        for before, day in pairwise([weeks[0], *weeks]):
            ledger, paid_aud = self._until(ledger, before, day)
            if before < day:
                flows.append(paid_aud)
            prices = self.history.until(day).prices.last()
            if day in days:
                on_decision(strategy.name)
                raised_aud = to_raise_aud(self.payments, day, following[day])
                ledger, decision = self._decide(strategy, ledger, day, prices, paid_before, raised_aud)
                decisions.append(decision)
                paid_before = ledger.tax_paid_aud
            wealth.append(_cents(ledger.wealth_aud(prices)))
        return Path(
            strategy=strategy.name,
            dates=tuple(weeks),
            wealth_aud=tuple(wealth),
            flows_aud=tuple(_cents(aud) for aud in flows),
            decisions=tuple(decisions),
        )

    def _until(self, ledger: Ledger, before: date, day: date) -> tuple[Ledger, float]:
        """Book the days after *before* until *day*; return the ledger, and the customer's payments in AUD."""
        now = {each.day: each.aud for each in self.payments if before < each.day <= day}
        for begins, ends in within_years(before, day, now):
            known = self.history.paid_between(begins, ends)
            ledger = ledger.until(ends, known, days=(ends - begins).days, cash_rate=self.cash_rate)
            if ends in now:
                ledger = ledger.pay(now[ends])
        return ledger, math.fsum(now.values())

    def _decide(
        self,
        strategy: Strategy,
        ledger: Ledger,
        day: date,
        prices: Mapping[str, float],
        paid_before: float,
        raised_aud: float,
    ) -> tuple[Ledger, Decision]:
        market, paid = self._market(day), Paid()
        if isinstance(market, str):
            decided, costs = Decided(refused=f"no market: {market}"), self._costs(self._known(day))
        else:
            costs = self._costs(market)
            decided = strategy.decide(Today(day, market, prices, costs, raised_aud), ledger)
            traded = ledger.trade(decided.trades, day, prices, costs)
            ledger, paid = traded.ledger, traded.paid
        # Whatever a strategy answers, the money of a withdrawal is there in time.
        if raised_aud and (sales := raising(ledger, raised_aud, day, prices, costs)):
            traded = ledger.trade(sales, day, prices, costs)
            ledger, paid = traded.ledger, paid + traded.paid
        return ledger, _decision(ledger, day, prices, paid, ledger.tax_paid_aud - paid_before, decided)

    def _known(self, day: date) -> Market:
        """Return the last market that could be made before *day*."""
        made = (self._market(each) for each in sorted(self._markets, reverse=True) if each < day)
        return next(market for market in made if not isinstance(market, str))

    def _costs(self, market: Market) -> Costs:
        spreads = {etf.ticker: etf.half_spread for etf in market.etfs}
        return Costs(self.brokerage_aud, self.brokerage_share, spreads)


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


def within_years(before: date, day: date, at: Iterable[date] = ()) -> list[tuple[date, date]]:
    """Divide the days after *before* until *day* where a financial year ends, so that each payment is in its year.

    Args:
        before: The day before the first.
        day: The last day.
        at: Further days at whose end to divide.
    """
    ends = {each for each in (date(day.year, *_YEAR_ENDS), *at) if before < each < day}
    return list(pairwise([before, *sorted(ends), day]))


def _cents(aud: float) -> float:
    return float(np.round(aud, 2)) + 0.0
