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

from portfolio.case.naive import Overview, extra_owners, overview, put_side_by_side, without_coordination
from portfolio.case.ranking import correlation, correlation_limit
from portfolio.case.ranking import delivered as delivered_figure
from portfolio.market.figures import NEARLY_THE_SAME, Figures, etf_correlation, figures
from portfolio.tax.income import Distributions, after_tax_income, must_hold
from portfolio.tax.taxpayer import Taxpayer
from portfolio.terms.goals import Row
from portfolio.terms.mandate import Mandate, Measure, Objective
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.market.snapshot import Market
    from portfolio.master.optimise import Master
    from portfolio.pod.optimise import Sleeve
    from portfolio.terms.goals import Goal
    from portfolio.terms.rules import Terms


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
    """A goal: what was asked, what was possible, and what the portfolio gives.

    Goals stand in the order in which they were served: each as well as the rules and the goals before
    it allow.

    Attributes:
        name: ``gamma.sharpe_ratio``, ``never_worse.trading_cost_aud``, ``correlation.alpha-beta``.
        pods: Whose sleeve it is about; two pods for a correlation, none for the whole portfolio.
        figure: What it is about.
        better: Whether what is asked is a cap (lower is better) or a floor.
        priority: 1 is served first.
        asked: The figure asked.
        best_alone: The best the pod could do alone, with this goal only; of goals of pods.
        best_together: The best with all rules and the goals before it, proven to a millionth; None where it
            was not found: not asked for (``explain``), not proven in time, or a correlation.
        delivered: What the portfolio gives; None where the figure is not defined.
        shortfall: How far that is from what was asked, in the figure's own unit.
        met: Whether it is what was asked.
        price: The goal's multiplier: what the objective gains per unit of the figure as the goal is eased by very
            little, each pod holding the same ETFs (where that loses what tightening would cost, something in
            between); zero where the goal does not bind, None where it cannot be said.
        gain_of_one_percent: What it would gain if the goal were eased by a hundredth of what was asked, each
            pod holding the same ETFs.
    """

    name: str
    pods: tuple[str, ...]
    figure: str
    better: Literal["lower", "higher"]
    priority: int
    asked: float
    best_alone: float | None
    best_together: float | None
    delivered: float | None
    shortfall: float | None
    met: bool
    price: float | None
    gain_of_one_percent: float | None


@dataclass(frozen=True, slots=True)
class ComparisonRow:
    """One figure, without coordination and with it.

    Attributes:
        never_worse: Whether the portfolio was held to be at least as good as the naive one here; false where
            the row is information, or a goal that gave way to others.
    """

    metric: str
    naive: float | None
    master: float | None
    better: Literal["lower", "higher"]
    never_worse: bool


@dataclass(frozen=True, slots=True)
class CorrelationRow:
    """How two pods' sleeves move together.

    Attributes:
        limit: The most it should be, by the request or the pods' mandates; a goal if the request says so.
        room: How far it is below the limit; negative above it.
    """

    pods: tuple[str, str]
    correlation: float
    limit: float | None
    room: float | None


@dataclass(frozen=True, slots=True)
class EconomicDuplicate:
    """Two ETFs that are held and do nearly the same."""

    tickers: tuple[str, str]
    correlation: float


@dataclass(frozen=True, slots=True)
class ObjectiveTerms:
    """The four terms of the objective, before their weights.

    Attributes:
        pod_score: Shares times scores; a pod scores 1 at its stage-1 result.
        duplication: Owners beyond an ETF's first, as a share of the naive portfolio's (of 1, if it has none).
        trading_cost: As a share of what buying the naive portfolio from cash costs.
        tax_efficiency: Share of the naive portfolio's tax on income that is saved.
    """

    pod_score: float
    duplication: float
    trading_cost: float
    tax_efficiency: float


@dataclass(frozen=True, slots=True)
class IncomeAccount:
    """A year's distributions of a portfolio and the tax on them.

    Attributes:
        cash_aud: Distributions.
        franking_credits_aud: Credits for company tax that come with them.
        tax_aud: Tax on both, before the credits pay part of it.
        after_tax_aud: What is left of distributions and credits.
        cash_yield: Distributions, as a share of the capital.
        grossed_up_yield: With their credits.
        after_tax_yield: What is left.
        holding_period_rule: Whether the credits take 45 days of holding: always, but for individuals with few.
    """

    cash_aud: float
    franking_credits_aud: float
    tax_aud: float
    after_tax_aud: float
    cash_yield: float
    grossed_up_yield: float
    after_tax_yield: float
    holding_period_rule: bool


@dataclass(frozen=True, slots=True)
class Account:
    """Everything the final event says of a portfolio."""

    holdings: tuple[Holding, ...]
    pods: Mapping[str, PodAccount]
    goals: tuple[GoalAccount, ...]
    comparison: tuple[ComparisonRow, ...]
    correlations: tuple[CorrelationRow, ...]
    correlation_matrix: Mapping[str, Mapping[str, float]]
    economic_duplicates: tuple[EconomicDuplicate, ...]
    objective_terms: ObjectiveTerms
    income: Mapping[str, IncomeAccount]


# The rows of the comparison; those that are goals too are ``goals.Row``.
COMPARED: tuple[tuple[str, Literal["lower", "higher"]], ...] = (
    ("etfs", "lower"),
    ("positions", "lower"),
    ("duplicated_etfs", "lower"),
    ("largest_position", "lower"),
    ("trading_cost_aud", "lower"),
    ("brokerage_aud", "lower"),
    ("spread_aud", "lower"),
    ("capital_gains_tax_aud", "lower"),
    ("tax_efficiency", "higher"),
    ("sharpe_ratio", "higher"),
    ("expected_return", "higher"),
    ("volatility", "lower"),
    ("tax_aud", "lower"),
)


def render_account(market: Market, sleeves: Sequence[Sleeve], terms: Terms, master: Master) -> Account:
    """Describe a master portfolio."""
    X = master.X
    naive, now = without_coordination(market, sleeves, terms), overview(market, X, terms)
    goals = tuple(_goal(goal, market, sleeves, terms, master) for goal in master.goals)
    delivered = [figures(market, row / row.sum()) for row in X]
    return Account(
        holdings=_holdings(market, sleeves, terms, X),
        pods={s.mandate.pod: _pod(market, s, row, found) for s, row, found in zip(sleeves, X, delivered, strict=True)},
        goals=goals,
        comparison=_comparison(naive, now, goals, terms),
        correlations=_correlations(market, sleeves, terms, X),
        correlation_matrix=_matrix(market, sleeves, X),
        economic_duplicates=_economic_duplicates(market, X),
        objective_terms=objective_terms(market, sleeves, terms, X),
        income={
            "naive": _income(market, terms, put_side_by_side(sleeves).sum(axis=0)),
            "master": _income(market, terms, X.sum(axis=0)),
        },
    )


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


def _income(market: Market, terms: Terms, w: Vector) -> IncomeAccount:
    taxpayer = Taxpayer(terms.entity, terms.marginal_tax_rate)
    distributions = Distributions(market.column("distribution_yield"), market.column("franked_share"))
    capital = terms.total_capital_aud
    # Credits that exceed the tax on a company's distributions pay tax on its other income.
    income = after_tax_income(taxpayer, distributions, w * capital, other_tax_aud=capital)
    return IncomeAccount(
        cash_aud=income.cash_aud,
        franking_credits_aud=income.credits_aud,
        tax_aud=income.tax_aud,
        after_tax_aud=income.after_tax_aud,
        cash_yield=income.cash_aud / capital,
        grossed_up_yield=(income.cash_aud + income.credits_aud) / capital,
        after_tax_yield=income.after_tax_aud / capital,
        holding_period_rule=must_hold(terms.entity, income.credits_aud),
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


def _goal(goal: Goal, market: Market, sleeves: Sequence[Sleeve], terms: Terms, master: Master) -> GoalAccount:
    value = delivered_figure(goal, market, sleeves, terms, master.X)
    price = master.prices.get(goal.name)
    alone = next((s.best_alone for s in sleeves if goal.pods == (s.mandate.pod,)), {})
    return GoalAccount(
        name=goal.name,
        pods=goal.pods,
        figure=goal.figure.value if goal.figure else "correlation",
        better="lower" if goal.lower_is_better else "higher",
        priority=goal.priority,
        asked=goal.asked,
        best_alone=alone.get(goal.figure) if isinstance(goal.figure, Measure) else None,
        best_together=master.best_together.get(goal.name),
        delivered=value,
        shortfall=None if value is None else goal.shortfall(value),
        met=goal.met(value),
        price=price.per_unit if price else None,
        gain_of_one_percent=price.one_percent if price else None,
    )


def _comparison(
    naive: Overview, master: Overview, goals: Sequence[GoalAccount], terms: Terms
) -> tuple[ComparisonRow, ...]:
    kept = {goal.figure for goal in goals if not goal.pods and goal.met}
    if terms.rules.duplicates is Duplicates.FORBID:
        kept.add(Row.DUPLICATED_ETFS.value)
    return tuple(
        ComparisonRow(metric, getattr(naive, metric), getattr(master, metric), better, metric in kept)
        for metric, better in COMPARED
    )


def _correlations(market: Market, sleeves: Sequence[Sleeve], terms: Terms, X: Matrix) -> tuple[CorrelationRow, ...]:
    rows = []
    for (a, first), (b, second) in combinations(enumerate(sleeves), 2):
        rho = correlation(market, X, a, b)
        limit = correlation_limit(first.mandate, second.mandate, terms)
        pods = (first.mandate.pod, second.mandate.pod)
        rows.append(CorrelationRow(pods, rho, limit, None if limit is None else limit - rho))
    return tuple(rows)


def _matrix(market: Market, sleeves: Sequence[Sleeve], X: Matrix) -> dict[str, dict[str, float]]:
    pods = [sleeve.mandate.pod for sleeve in sleeves]
    return {
        pod: {other: 1.0 if a == b else correlation(market, X, a, b) for b, other in enumerate(pods)}
        for a, pod in enumerate(pods)
    }


def _economic_duplicates(market: Market, X: Matrix) -> tuple[EconomicDuplicate, ...]:
    pairs = combinations(np.flatnonzero(X.sum(axis=0) > 0).tolist(), 2)
    return tuple(
        EconomicDuplicate((market.tickers[i], market.tickers[j]), rho)
        for i, j in pairs
        if (rho := etf_correlation(market, i, j)) >= NEARLY_THE_SAME
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
