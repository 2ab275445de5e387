"""The objective of stage 2, computed for given holdings from the definition; the program maximises this objective."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.naive import extra_owners
from portfolio.published.account import ObjectiveTerms
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.market.measure import Figures
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms


def objective_terms(case: Case, X: Matrix) -> ObjectiveTerms:
    """Compute the terms of the objective for holdings *X*, shape (pods, n)."""
    naive, now = case.naive, case.overview(X)
    return ObjectiveTerms(
        pod_score=sum(
            float(row.sum()) * _score(case, sleeve, case.aimed_figures(row))
            for sleeve, row in zip(case.sleeves, X, strict=True)
        ),
        duplication=extra_owners(X) / max(extra_owners(case.side_by_side), 1),
        trading_cost=_share(now.trading_cost_aud - now.losses_value_aud, naive.buying_cost_aud),
        tax_efficiency=_share(naive.net_tax_aud - now.net_tax_aud, naive.gross_income_aud),
    )


def objective(terms: Terms, parts: ObjectiveTerms) -> float:
    """Compute the objective: the weighted sum of the terms."""
    weigh = terms.preferences
    return (
        weigh.pod_score * parts.pod_score
        - weigh.duplication * parts.duplication
        - weigh.trading_cost * parts.trading_cost
        + weigh.tax_efficiency * parts.tax_efficiency
    )


def _share(amount: float, whole: float) -> float:
    return amount / whole if whole > 0 else 0.0


def _score(case: Case, sleeve: Sleeve, now: Figures) -> float:
    """Score a sleeve against the pod's stage-1 result: 1 at this result, concave in the weights.

    All figures are those of the worst case, where the terms ask for one, except the size of a return: near zero in the
    worst case, it would let one pod outweigh all others.
    """
    best, size = case.aimed_alone(sleeve), sleeve.figures
    if sleeve.mandate.objective is Objective.MIN_VOLATILITY:
        return 2 - now.volatility / best.volatility
    if sleeve.mandate.objective is Objective.MAX_SHARPE:
        excess = now.expected_return - case.market.risk_free
        return 1 - (best.sharpe_ratio * now.volatility - excess) / (size.sharpe_ratio * size.volatility)
    measure = sleeve.mandate.objective.measure
    return 1 + (now.of(measure) - best.of(measure)) / abs(size.of(measure))
