"""The efficient frontier of a market, with the portfolios of an event on it: the data of a chart."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy.optimize import nnls

from report.facts.snapshot import snapshot
from report.facts.standings import SEPARATE, SUGGESTED, TODAY

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market

# Portfolios on the line.
_POINTS = 40
# Of a row that holds an equation: returns and sums are off by a millionth, and scaled afterwards.
_WEIGHT = 100.0
# The line is drawn up to this many times the largest volatility of a portfolio on the chart.
_FAR = 2.0


@dataclass(frozen=True, slots=True)
class Placed:
    """A portfolio by its volatility and return per year, as fractions."""

    label: str
    volatility: float
    expected_return: float


@dataclass(frozen=True, slots=True)
class Frontier:
    """The efficient frontier, and portfolios beside it.

    Attributes:
        name: Stable, for file names and anchors.
        returns: What the returns are, in words.
        line: Volatility and return of efficient portfolios, the least volatile first.
        alt: The text alternative.
    """

    name: str
    title: str
    returns: str
    line: tuple[tuple[float, float], ...]
    placed: tuple[Placed, ...]
    alt: str


def frontiers(event: MasterPortfolioOptimized) -> Iterator[Frontier]:
    """Put the portfolios of *event* beside the frontier of its market: for the customer, and with the separate pods.

    There are none without figures, or without that exact market.
    """
    market, placed = snapshot(event.market), tuple(_placed(event))
    if market is None or not placed:
        return
    yield _frontier("risk", event, market, tuple(one for one in placed if one.label != SEPARATE))
    yield _frontier("frontier", event, market, placed)


def _frontier(name: str, event: MasterPortfolioOptimized, market: Market, placed: tuple[Placed, ...]) -> Frontier:
    most = _FAR * max(one.volatility for one in placed)
    line = tuple(point for point in efficient(market) if point[0] <= most)
    title = "Risk and return"
    told = (
        f"{one.label}: volatility {one.volatility:.2%}, {event.market.basis.noun} {one.expected_return:.2%}"
        for one in placed
    )
    return Frontier(
        name, title, event.market.basis.label, line, placed, f"Line with points. {title}. {'; '.join(told)}."
    )


def _placed(event: MasterPortfolioOptimized) -> Iterator[Placed]:
    for label, one in ((TODAY, event.today), (SEPARATE, event.separate), (SUGGESTED, event.suggested)):
        if one is not None and one.etfs:
            yield Placed(label, one.volatility, one.expected_return)


def efficient(market: Market) -> list[tuple[float, float]]:
    """Compute efficient portfolios of the ETFs that can be bought, fully invested and without short positions.

    Each has the least variance for its return: nonnegative least squares, ``min |L'w|`` with ``Sigma = L L'``, where
    two rows of a large weight hold the sum and the return.

    Returns:
        Volatility and return per year, from the least volatile portfolio to the one of the greatest return.
    """
    offered = [i for i, etf in enumerate(market.etfs) if not etf.is_closed]
    mu, Sigma = market.expected_returns[offered], market.Sigma[np.ix_(offered, offered)]
    root: Matrix = np.linalg.cholesky(Sigma).T.astype(np.float64)
    least = _least_squares(root, np.ones((1, mu.size)), 1.0)
    spread = float(np.ptp(mu)) or 1.0
    weights = [least]
    for wanted in np.linspace(float(mu @ least), float(mu.max()), _POINTS)[1:-1]:
        rows = np.vstack([np.ones_like(mu), (mu - wanted) / spread])
        weights.append(_least_squares(root, rows, np.array([1.0, 0.0])))
    weights.append(np.eye(mu.size)[int(np.argmax(mu))])
    return [(float(np.sqrt(w @ Sigma @ w)), float(mu @ w)) for w in weights]


def _least_squares(root: Matrix, rows: Matrix, values: Vector | float) -> Vector:
    """Minimise ``|root w|`` over nonnegative *w* with ``rows w = values``; the result is scaled to a sum of one."""
    held = np.vstack([root, _WEIGHT * rows])
    w, _ = nnls(held, np.append(np.zeros(root.shape[0]), _WEIGHT * np.atleast_1d(values)))
    scaled: Vector = w / w.sum()
    return scaled
