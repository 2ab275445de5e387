"""Describe a coordinated portfolio in words and numbers that a customer can check.

These are the parts of the final event. Every figure follows from the weights and the market; ``check`` computes each
figure again, independently.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, Literal

from portfolio.case.income import cash_share, income_of
from portfolio.case.ranking import correlation, correlation_limit
from portfolio.market.figures import economic_duplicates, effective_holdings
from portfolio.market.measure import Figures, Measure
from portfolio.market.snapshot import named
from portfolio.master.statement.objective import objective_terms
from portfolio.published.account import (
    CashHeld,
    ComparisonRow,
    CorrelationRow,
    EconomicDuplicate,
    GoalAccount,
    Holding,
    IncomeAccount,
    ObjectiveTerms,
    OwnerIncome,
    PodAccount,
)
from portfolio.tax.income import must_hold
from portfolio.terms.goals import Row
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.case.naive import Overview
    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.trading import Move
    from portfolio.tax.income import Income
    from portfolio.terms.goals import Goal
    from portfolio.terms.rules import Terms


@dataclass(frozen=True, slots=True)
class Account:
    """All parts of the final event that describe a portfolio."""

    holdings: tuple[Holding, ...]
    cash: CashHeld | None
    pods: Mapping[str, PodAccount]
    goals: tuple[GoalAccount, ...]
    comparison: tuple[ComparisonRow, ...]
    correlations: tuple[CorrelationRow, ...]
    correlation_matrix: Mapping[str, Mapping[str, float]]
    economic_duplicates: tuple[EconomicDuplicate, ...]
    objective_terms: ObjectiveTerms
    income: Mapping[str, IncomeAccount]


# The rows of the comparison, with the change that is in the person's interest. Less tax on income is in nobody's by
# itself: it falls with the income; the row after it has what is left. ``goals.Row`` has the rows that are also goals.
COMPARED: tuple[tuple[str, Literal["lower", "higher"] | None], ...] = (
    ("etfs", "lower"),
    ("positions", "lower"),
    ("duplicated_etfs", "lower"),
    ("economic_duplicates", "lower"),
    ("effective_holdings", "higher"),
    ("largest_position", "lower"),
    ("trading_cost_aud", "lower"),
    ("brokerage_aud", "lower"),
    ("spread_aud", "lower"),
    ("capital_gains_tax_aud", "lower"),
    ("tax_efficiency", "higher"),
    ("sharpe_ratio", "higher"),
    ("expected_return", "higher"),
    ("volatility", "lower"),
    ("net_tax_aud", None),
    ("income_after_tax_aud", "higher"),
    ("management_fees_aud", "lower"),
)


def render_account(case: Case, master: CoordinatedPortfolio) -> Account:
    """Describe a coordinated portfolio."""
    market, sleeves, terms, X = case.market, case.sleeves, case.terms, master.X
    goals = tuple(_goal(goal, case, master) for goal in master.goals)
    return Account(
        holdings=_holdings(market, sleeves, terms, X),
        cash=_cash(terms, X.sum(axis=0), case.move_to(X)),
        pods={s.mandate.pod: _pod(market, s, row, case.figures(row)) for s, row in zip(sleeves, X, strict=True)},
        goals=goals,
        comparison=_comparison(case.naive, case.overview(X), goals, terms),
        correlations=_correlations(market, sleeves, terms, X),
        correlation_matrix=_matrix(market, sleeves, X),
        economic_duplicates=_economic_duplicates(market, X),
        objective_terms=objective_terms(case, X),
        income={
            "naive": _income(market, terms, case.side_by_side.sum(axis=0)),
            "master": _income(market, terms, X.sum(axis=0)),
        },
    )


def _income(market: Market, terms: Terms, w: Vector) -> IncomeAccount:
    return income_account(terms, income_of(market, terms, w, cash_share(terms, w)))


def income_account(terms: Terms, income: Income) -> IncomeAccount:
    """Describe a year's income."""
    capital = terms.total_capital_aud
    return IncomeAccount(
        distributions_aud=income.cash_aud,
        franking_credits_aud=income.credits_aud,
        net_tax_aud=income.net_tax_aud,
        after_tax_aud=income.after_tax_aud,
        unused_credits_aud=income.unused_credits_aud,
        distribution_yield=income.cash_aud / capital,
        grossed_up_yield=income.gross_aud / capital,
        after_tax_yield=income.after_tax_aud / capital,
        untaxed_aud=income.untaxed_aud,
        holding_period_rule=must_hold(terms.entity, terms.largest_share * income.credits_aud),
        owners=tuple(_owner_incomes(terms, income)),
    )


def _owner_incomes(terms: Terms, income: Income) -> Iterator[OwnerIncome]:
    """Share a year's income between the owners, each taxed at the owner's rate and refunded what credits exceed."""
    for owner in terms.owned.taxpayer.owners if terms.owned else ():
        tax_aud = owner.share * (owner.marginal_rate * (income.gross_aud - income.untaxed_aud) - income.credits_aud)
        cash_aud = owner.share * income.cash_aud
        yield OwnerIncome(
            owner_id=owner.owner_id,
            distributions_aud=cash_aud,
            franking_credits_aud=owner.share * income.credits_aud,
            net_tax_aud=tax_aud,
            after_tax_aud=cash_aud - tax_aud,
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


def _cash(terms: Terms, w: Vector, move: Move | None) -> CashHeld | None:
    if not terms.has_cash:
        return None
    weight = cash_share(terms, w)
    costs = 0.0 if move is None else move.brokerage_aud + move.spread_aud
    return CashHeld(weight, weight * terms.total_capital_aud, costs, terms.cash_rate)


def _pod(market: Market, sleeve: Sleeve, row: Vector, delivered: Figures) -> PodAccount:
    return PodAccount(
        mandate=sleeve.mandate,
        capital_share=sleeve.share,
        naive_weights=named(market, sleeve.weights),
        weights=named(market, row),
        figures=delivered,
        left_out=sleeve.left_out,
        frontier=sleeve.frontier,
        effective_holdings_alone=effective_holdings(sleeve.weights),
        effective_holdings=effective_holdings(row),
    )


def _goal(goal: Goal, case: Case, master: CoordinatedPortfolio) -> GoalAccount:
    value = case.delivered(goal, master.X)
    price = master.prices.get(goal.name)
    alone = next((s.best_alone for s in case.sleeves if goal.pods == (s.mandate.pod,)), {})
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
        held=master.held.get(goal.name),
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
    return tuple(
        EconomicDuplicate((market.tickers[i], market.tickers[j]), rho)
        for i, j, rho in economic_duplicates(market, X.sum(axis=0))
    )
