"""The figures of one path of a backtest, by the definitions of the textbooks. Pure.

Returns are weekly, of what the customer has after tax and costs; a payment into the account is no return.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError

if TYPE_CHECKING:
    from backtest.path import Path
    from portfolio import Matrix, Vector

WEEKS = 52
# A path with fewer weekly returns has no standard deviation.
_LEAST = 2


@dataclass(frozen=True, slots=True)
class Figures:
    """The figures of one path.

    Attributes:
        wealth_aud: Wealth on the last date, after tax and costs.
        growth: Return per year: the constant rate that leads from the first date to the last, payments left out.
        volatility: Standard deviation of the weekly returns, per year.
        sharpe_ratio: Mean weekly return above cash, per year, divided by the volatility of these excess returns.
        deepest_loss: Largest fall from an earlier peak, as a fraction of the peak; payments left out.
        turnover: Half of purchases plus sales after the first orders, per year, as a fraction of the mean wealth: the
            exchange of all for other ETFs is 1.
        brokerage_aud: Sum of brokerage.
        spread_aud: Sum of half-spreads.
        tax_aud: Sum of tax paid, less refunds.
        orders: Number of orders.
        etfs: Mean number of ETFs held.
        refused: Number of dates on which the strategy had no answer.
        in_cash: Number of dates on which a pod took no part, since cash had returned more.
    """

    wealth_aud: float
    growth: float
    volatility: float
    sharpe_ratio: float
    deepest_loss: float
    turnover: float
    brokerage_aud: float
    spread_aud: float
    tax_aud: float
    orders: int
    etfs: float
    refused: int
    in_cash: int


def weekly_returns(path: Path) -> Vector:
    """Compute the weekly returns of *path*, shape (dates - 1,): the first one bears the costs of the first orders.

    Raises:
        DataError: If the path has fewer than three dates, or wealth that is not positive.
    """
    wealth, flows = np.array(path.wealth_aud), np.array(path.flows_aud)
    if len(wealth) <= _LEAST:
        message = f"path {path.strategy} has {len(wealth)} dates, not {_LEAST + 1}: give prices of more weeks"
        raise DataError(message)
    if wealth.min() <= 0 or flows[0] <= 0:
        message = (
            f"path {path.strategy} has wealth that is not positive, so no returns: give the request more capital, or"
            " pay less out"
        )
        raise DataError(message)
    returns: Vector = (wealth[1:] - flows[1:]) / wealth[:-1] - 1
    returns[0] = (1 + returns[0]) * wealth[0] / flows[0] - 1
    return returns


def figures(path: Path, cash: Vector) -> Figures:
    """Compute the figures of *path*.

    Args:
        path: The path.
        cash: Weekly returns of cash, shape (dates - 1,).

    Raises:
        DataError: If the path is too short, or has wealth that is not positive.
    """
    returns = weekly_returns(path)
    years = len(returns) / WEEKS
    decisions = path.decisions
    traded = sum(decision.traded_aud for decision in decisions[1:])
    return Figures(
        wealth_aud=path.wealth_aud[-1],
        growth=float(np.prod(1 + returns) ** (1 / years) - 1),
        volatility=float(np.std(returns, ddof=1)) * math.sqrt(WEEKS),
        sharpe_ratio=sharpe_ratio(returns - cash),
        deepest_loss=float(deepest_loss(returns)),
        turnover=traded / 2 / float(np.mean(path.wealth_aud)) / years,
        brokerage_aud=sum(decision.brokerage_aud for decision in decisions),
        spread_aud=sum(decision.spread_aud for decision in decisions),
        tax_aud=sum(decision.tax_aud for decision in decisions),
        orders=sum(decision.orders for decision in decisions),
        etfs=float(np.mean([decision.etfs for decision in decisions])) if decisions else 0.0,
        refused=sum(decision.refused is not None for decision in decisions),
        in_cash=sum(bool(decision.in_cash) for decision in decisions),
    )


def sharpe_ratio(excess: Vector) -> float:
    """Compute the Sharpe ratio per year of weekly excess returns; 0 for returns that do not move."""
    deviation = float(np.std(excess, ddof=1))
    return float(np.mean(excess)) / deviation * math.sqrt(WEEKS) if deviation > 0 else 0.0


def deepest_loss(returns: Matrix) -> Vector:
    """Compute the largest fall from an earlier peak along the last axis, as a fraction of the peak."""
    deepest: Vector = drawdowns(returns).max(axis=-1)
    return deepest


def drawdowns(returns: Matrix) -> Matrix:
    """Compute the fall from the earlier peak after each return, as fractions of the peak; the beginning is a peak."""
    grown = np.cumprod(1 + returns, axis=-1)
    falls: Matrix = 1 - grown / np.maximum.accumulate(np.maximum(grown, 1.0), axis=-1)
    return falls
