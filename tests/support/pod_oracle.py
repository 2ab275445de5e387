"""Stage 1 a second time, with cvxpy."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np

from portfolio.market.figures import grossed_up_yields
from portfolio.market.measure import Measure
from support.goal_oracle import solved

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market
    from portfolio.terms.mandate import Mandate


def best(prices: Market, terms: Mandate, measure: Measure, *, goals: bool = True) -> float:
    """State stage 1 a second time, with cvxpy; for the Sharpe ratio with unit risk instead of unit excess."""
    chosen = prices.positions(terms.universe)
    ratio = measure is Measure.SHARPE
    y = cp.Variable(len(chosen), nonneg=True)
    total = cp.sum(y)
    risk = cp.norm(np.linalg.cholesky(prices.Sigma[np.ix_(chosen, chosen)]).T @ y * 10)  # in units of 10 %
    excess = (prices.expected_returns[chosen] - prices.risk_free) @ y * 10
    linear = {
        Measure.RETURN: prices.expected_returns[chosen] @ y,
        Measure.YIELD: grossed_up_yields(prices)[chosen] @ y,
        Measure.LIQUIDITY: prices.column("liquidity")[chosen] @ y,
    }
    rows = [y <= terms.max_position * total, risk <= 1 if ratio else total == 1]
    if goals:
        if terms.min_effective_holdings == len(chosen):  # the cone has one ray: a solver wants an interior
            rows.append(y == total / len(chosen))
        else:
            rows.append(cp.norm(y) <= total / np.sqrt(terms.min_effective_holdings))
        for goal, asked in terms.goals.items():
            if goal is Measure.VOLATILITY:
                rows.append(risk <= asked * 10 * total)
            elif goal is Measure.SHARPE:
                rows.append(asked * risk <= excess)
            else:
                rows.append(linear[goal] >= asked * total)
    objective = {Measure.VOLATILITY: -risk, Measure.SHARPE: excess}.get(measure, linear.get(measure))
    problem = cp.Problem(cp.Maximize(objective), rows)
    if not solved(problem):
        return float("nan")
    value = float(problem.value)
    if ratio and value < 1e-5:  # unit risk allows y = 0, where nothing else is feasible
        return float("nan")
    return -value / 10 if measure is Measure.VOLATILITY else value
