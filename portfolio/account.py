"""Say what a master portfolio is and does, in words and numbers that a customer can check.

These are the parts of the final event. Every figure follows from the weights and the market;
``check`` computes each of them again on its own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

import numpy as np

from portfolio.figures import Figures, figures
from portfolio.mandate import Mandate, Measure, Objective
from portfolio.naive import Overview, extra_owners, overview, put_side_by_side

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.market import Market
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve


@dataclass(frozen=True, slots=True)
class Holding:
    """An ETF of the portfolio: its share of the capital, in dollars too, and the pods it serves."""

    ticker: str
    name: str
    asset_class: str
    weight: float
    amount_aud: float
    owners: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PodAccount:
    """A pod's part of the portfolio.

    Attributes:
        mandate: Its terms, the cap on volatility fitted to the customer.
        capital_share: Its share of the capital.
        naive_weights: What it would hold alone, as shares of the pod.
        weights: What it holds, as shares of the whole capital.
        figures: What its sleeve is expected to do.
        left_out: ETFs of its universe that were not considered: unpriced, or never to be bought.
    """

    mandate: Mandate
    capital_share: float
    naive_weights: Mapping[str, float]
    weights: Mapping[str, float]
    figures: Figures
    left_out: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class GoalAccount:
    """A pod's goal: what was asked, the best it could do alone, and what it gets."""

    pod: str
    goal: Measure
    asked: float
    best_alone: float
    delivered: float
    met: bool


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One figure, without coordination and with it.

    Attributes:
        never_worse: Whether the portfolio had to be at least as good as the naive one here.
    """

    metric: str
    naive: float | None
    master: float | None
    better: Literal["lower", "higher"]
    never_worse: bool


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """How two pods' sleeves move together, and the target their mandates name; reported only."""

    pods: tuple[str, str]
    correlation: float
    target: float | None
    within_target: bool | None


@dataclass(frozen=True, slots=True)
class ObjectiveTerms:
    """The four terms of the objective, before their weights.

    Attributes:
        pod_score: Shares times scores; a pod scores 1 at its stage-1 result.
        duplication: Owners beyond an ETF's first, as a share of the naive portfolio's (of 1, if it has none).
        trading_cost: As a share of the naive portfolio's.
        tax_efficiency: Share of the naive portfolio's tax on income that is saved.
    """

    pod_score: float
    duplication: float
    trading_cost: float
    tax_efficiency: float


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the final event says of a portfolio."""

    holdings: tuple[Holding, ...]
    pods: Mapping[str, PodAccount]
    goals: tuple[GoalAccount, ...]
    comparison: tuple[ComparisonRow, ...]
    correlations: tuple[CorrelationRow, ...]
    objective_terms: ObjectiveTerms


# The rows of the comparison; the last three are information, not rules.
COMPARED: tuple[tuple[str, Literal["lower", "higher"], bool], ...] = (
    ("etfs", "lower", True),
    ("positions", "lower", False),
    ("duplicated_etfs", "lower", True),
    ("largest_position", "lower", True),
    ("trading_cost_aud", "lower", True),
    ("tax_efficiency", "higher", True),
    ("sharpe_ratio", "higher", True),
    ("expected_return", "higher", False),
    ("volatility", "lower", False),
    ("tax_aud", "lower", False),
)


def render_account(market: Market, sleeves: Sequence[Sleeve], terms: Terms, X: Matrix) -> Account:
    """Describe the holdings *X*, shape (pods, n)."""
    naive, master = overview(market, put_side_by_side(sleeves), terms), overview(market, X, terms)
    delivered = [figures(market, row / s.share) for s, row in zip(sleeves, X, strict=True)]
    return Account(
        holdings=_holdings(market, sleeves, terms, X),
        pods={s.mandate.pod: _pod(market, s, row, found) for s, row, found in zip(sleeves, X, delivered, strict=True)},
        goals=tuple(goal for s, found in zip(sleeves, delivered, strict=True) for goal in _goals(s, found)),
        comparison=_comparison(naive, master),
        correlations=_correlations(market, sleeves, X),
        objective_terms=ObjectiveTerms(
            pod_score=sum(s.share * _score(market, s, found) for s, found in zip(sleeves, delivered, strict=True)),
            duplication=extra_owners(X) / max(extra_owners(put_side_by_side(sleeves)), 1),
            trading_cost=_share(master.trading_cost_aud, naive.trading_cost_aud),
            tax_efficiency=1 - master.tax_aud / naive.tax_aud if _taxed(naive) else 0.0,
        ),
    )


def _holdings(market: Market, sleeves: Sequence[Sleeve], terms: Terms, X: Matrix) -> tuple[Holding, ...]:
    w = X.sum(axis=0)
    return tuple(
        Holding(
            ticker=etf.ticker,
            name=etf.name,
            asset_class=etf.asset_class,
            weight=float(w[j]),
            amount_aud=float(w[j]) * terms.total_capital_aud,
            owners=tuple(s.mandate.pod for s, row in zip(sleeves, X, strict=True) if row[j] > 0),
        )
        for j, etf in enumerate(market.etfs)
        if w[j] > 0
    )


def _pod(market: Market, sleeve: Sleeve, row: Vector, delivered: Figures) -> PodAccount:
    return PodAccount(
        mandate=sleeve.mandate,
        capital_share=sleeve.share,
        naive_weights=named(market, sleeve.weights),
        weights=named(market, row),
        figures=delivered,
        left_out=sleeve.left_out,
    )


def named(market: Market, weights: Vector) -> dict[str, float]:
    """Name the weights that are not zero."""
    return {t: float(v) for t, v in zip(market.tickers, weights, strict=True) if v > 0}


def _goals(sleeve: Sleeve, delivered: Figures) -> list[GoalAccount]:
    return [
        GoalAccount(
            pod=sleeve.mandate.pod,
            goal=measure,
            asked=asked,
            best_alone=sleeve.best_alone[measure],
            delivered=delivered.of(measure),
            met=measure.met(asked, delivered.of(measure)),
        )
        for measure, asked in sleeve.mandate.goals.items()
    ]


def _comparison(naive: Overview, master: Overview) -> tuple[ComparisonRow, ...]:
    return tuple(
        ComparisonRow(metric, getattr(naive, metric), getattr(master, metric), better, never_worse)
        for metric, better, never_worse in COMPARED
    )


def _correlations(market: Market, sleeves: Sequence[Sleeve], X: Matrix) -> tuple[CorrelationRow, ...]:
    covariance = X @ market.Sigma @ X.T
    rows = []
    for (a, first), (b, second) in combinations(enumerate(sleeves), 2):
        rho = float(covariance[a, b] / np.sqrt(covariance[a, a] * covariance[b, b]))
        target = correlation_target(first.mandate, second.mandate)
        rows.append(
            CorrelationRow(
                (first.mandate.pod, second.mandate.pod), rho, target, None if target is None else rho <= target
            )
        )
    return tuple(rows)


def correlation_target(first: Mandate, second: Mandate) -> float | None:
    """Read the target for two pods from the mandate of either."""
    return first.correlation_targets.get(second.pod, second.correlation_targets.get(first.pod))


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
