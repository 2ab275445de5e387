"""The parts of a final event that a challenge needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market
    from portfolio.published.account import PodAccount
    from portfolio.published.money_goals import Funding, MoneyGoal
    from portfolio.published.standing import Standing, Switch
    from portfolio.published.trading import Trading
    from portfolio.terms.rules import Terms


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A suggestion, in the parts of its final event.

    Attributes:
        request_id: The request.
        terms: The terms, with the holdings of today valued.
        pods: The pods' parts.
        today: The holdings of today; None without an account.
        separate: The separate pods.
        suggested: The portfolio as ordered.
        switch: The way from today; None without an account, and where nothing is to be done.
        trading: The orders; None without an account.
        buying_aud: Without an account: the cost of buying the suggestion, beyond that of the separate pods.
        funding: How the money goals are funded; None without goals.
        money_goals: The money goals.
    """

    request_id: str
    terms: Terms
    pods: Mapping[str, PodAccount]
    today: Standing | None
    separate: Standing
    suggested: Standing
    switch: Switch | None
    trading: Trading | None
    buying_aud: float
    funding: Funding | None
    money_goals: Sequence[MoneyGoal]

    def holdings(self, market: Market) -> Matrix:
        """Return the coordinated portfolio, shape (pods, n)."""
        return np.array([vector(market, pod.weights) for pod in self.pods.values()])

    def ordered(self, market: Market) -> Matrix:
        """Return the pods' holdings after the orders in whole units, shape (pods, n), as shares of the capital."""
        if self.trading is None:
            return self.holdings(market)
        held = [vector(market, self.trading.pods.get(pod, {})) for pod in self.pods]
        return np.array(held) / self.terms.total_capital_aud


def vector(market: Market, weights: Mapping[str, float]) -> Vector:
    """Put named weights into the market's order, shape (n,)."""
    w = np.zeros(len(market.etfs))
    w[market.positions(weights)] = list(weights.values())
    return w


def turnover_of(w: Vector, other: Vector) -> float:
    """Compute half of the value traded between two portfolios, money included, as a share of the capital."""
    money = abs(float(w.sum()) - float(other.sum()))
    return (float(np.abs(w - other).sum()) + money) / 2
