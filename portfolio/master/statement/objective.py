"""The objective of holdings, computed from its definition: what the program of stage 2 makes as large as it can."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.naive import Overview, extra_owners, overview, put_side_by_side, without_coordination
from portfolio.market.figures import Figures, figures
from portfolio.published.account import ObjectiveTerms
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms


def objective_terms(market: Market, sleeves: Sequence[Sleeve], terms: Terms, X: Matrix) -> ObjectiveTerms:
    """Compute the terms of the objective for holdings *X*, shape (pods, n)."""
    naive, now = without_coordination(market, sleeves, terms), overview(market, X, terms)
    return ObjectiveTerms(
        pod_score=sum(
            float(row.sum()) * _score(market, s, figures(market, row / row.sum()))
            for s, row in zip(sleeves, X, strict=True)
        ),
        duplication=extra_owners(X) / max(extra_owners(put_side_by_side(sleeves)), 1),
        trading_cost=_share(now.trading_cost_aud, naive.buying_cost_aud),
        tax_efficiency=1 - now.tax_aud / naive.tax_aud if _taxed(naive) else 0.0,
    )


def objective(terms: Terms, parts: ObjectiveTerms) -> float:
    """Weigh the terms of the objective."""
    weigh = terms.preferences
    return (
        weigh.pod_score * parts.pod_score
        - weigh.duplication * parts.duplication
        - weigh.trading_cost * parts.trading_cost
        + weigh.tax_efficiency * parts.tax_efficiency
    )


def _share(master: float, naive: float) -> float:
    return master / naive if naive > 0 else 0.0


def _taxed(naive: Overview) -> bool:
    return naive.tax_aud > 0 and naive.tax_efficiency is not None


def _score(market: Market, sleeve: Sleeve, now: Figures) -> float:
    """Score a sleeve against the pod's stage-1 result: 1 there, concave in the weights."""
    best = sleeve.figures
    if sleeve.mandate.objective is Objective.MIN_VOLATILITY:
        return 2 - now.volatility / best.volatility
    if sleeve.mandate.objective is Objective.MAX_SHARPE:
        excess = now.expected_return - market.risk_free
        return 1 - (best.sharpe_ratio * now.volatility - excess) / (best.sharpe_ratio * best.volatility)
    measure = sleeve.mandate.objective.measure
    return 1 + (now.of(measure) - best.of(measure)) / abs(best.of(measure))
