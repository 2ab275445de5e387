"""Stage 2 through CVXPY and SCIP: what one would write without an optimiser of one's own.

The same problem as ``portfolio.formulation``, written down again from its definition, with every
cone scaled to order one (unscaled, SCIP's absolute tolerance gives wrong optima).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np

from portfolio.figures import pre_tax_returns, tax_drags
from portfolio.mandate import Measure, Objective
from portfolio.naive import overview, put_side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.market import Market
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve


def stage_two(market: Market, sleeves: Sequence[Sleeve], terms: Terms) -> cp.Problem:
    """State stage 2 with one owner an ETF."""
    rules, weigh = terms.rules, terms.preferences
    naive = overview(market, put_side_by_side(sleeves), terms)
    n, excess = len(market.etfs), market.expected_returns - market.risk_free
    L = np.linalg.cholesky(market.Sigma)
    largest = min(rules.max_weight, naive.largest_position)
    columns = {
        Measure.RETURN: market.expected_returns,
        Measure.YIELD: market.column("distribution_yield") * (1 + market.column("franked_share") * 30 / 70),
        Measure.LIQUIDITY: market.column("liquidity"),
    }
    score, rows, held, whole = 0, [], [], 0
    for sleeve in sleeves:
        u, z, best, mandate = cp.Variable(n), cp.Variable(n, boolean=True), sleeve.figures, sleeve.mandate
        allowed = np.isin(market.tickers, [t for t in mandate.universe if t not in sleeve.left_out])
        upper = min(mandate.max_position, largest / sleeve.share)
        risk = cp.norm(L.T @ u / best.volatility)
        rows += [cp.sum(u) == 1, u <= upper * z, u >= rules.min_weight / sleeve.share * z, z <= allowed.astype(float)]
        if mandate.objective is Objective.MIN_VOLATILITY:
            gain = 2 - risk
        elif mandate.objective is Objective.MAX_SHARPE:
            gain = 1 - risk + excess @ u / (best.sharpe_ratio * best.volatility)
        else:
            measure = mandate.objective.measure
            gain = columns[measure] @ u / best.of(measure)
        for measure, asked in mandate.goals.items():
            if measure is Measure.VOLATILITY:
                rows.append(risk <= asked / best.volatility)
            elif measure is Measure.SHARPE:
                rows.append(asked * risk <= excess @ u / best.volatility)
            else:
                rows.append(columns[measure] @ u / asked >= 1)
        score += sleeve.share * gain
        held.append(z)
        whole = whole + sleeve.share * u
    count = cp.sum(cp.sum(held))
    cost = terms.brokerage_aud * count + terms.total_capital_aud * market.column("half_spread") @ whole
    cost = cost / naive.trading_cost_aud
    drags = tax_drags(market, terms.marginal_tax_rate)
    drag = drags @ whole * (terms.total_capital_aud / naive.tax_aud)
    kept = (1 - naive.tax_efficiency / 10) * pre_tax_returns(market)
    rows += [
        sum(held) <= 1,
        count <= min(rules.max_etfs, naive.etfs),
        cost <= 1,
        (drags - kept) @ whole * (terms.total_capital_aud / naive.tax_aud) <= 0,
        cp.norm(L.T @ whole / naive.volatility) <= excess @ whole / (naive.sharpe_ratio * naive.volatility),
    ]
    objective = weigh.pod_score * score - weigh.trading_cost * cost + weigh.tax_efficiency * (1 - drag)
    return cp.Problem(cp.Maximize(objective), rows)
