"""Derive the figures in which the pods' scores count, from the request's terms and the market's statements."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market


@dataclass(frozen=True, slots=True, eq=False)
class Aimed:
    """The returns, shape (n,), and the covariance, shape (n, n), in which the pods' scores count."""

    mu: Vector
    Sigma: Matrix

    def risk(self, w: Vector) -> float:
        """Compute the annual volatility of *w*."""
        return sqrt(float(w @ self.Sigma @ w))


def errors(market: Market) -> Vector | None:
    """Find the error of each return; None where the market states none."""
    if market.basis.kind == "history":
        part = market.basis.returns_per_year / market.basis.returns
        return np.array([sqrt(variance * part) for variance in market.Sigma.diagonal().tolist()])
    return market.half_ranges


def aimed(terms: Event, market: Market) -> Aimed:
    """Derive the figures in which the pods' scores count: the market's, unless the terms ask for a worst case."""
    robust = terms.get("robust")
    if robust is None:
        return Aimed(market.expected_returns, market.Sigma)
    each = errors(market)
    down = np.zeros(len(market.etfs)) if each is None else robust["returns"] * each
    spread = [sqrt(variance) for variance in market.Sigma.diagonal().tolist()]
    Sigma = [
        [float(market.Sigma[i, j]) + robust["covariance"] * a * b for j, b in enumerate(spread)]
        for i, a in enumerate(spread)
    ]
    return Aimed(market.expected_returns - down, np.array(Sigma))
