"""List a customer's goals in the order of service."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.figures import net_tax
from portfolio.market.measure import Measure
from portfolio.terms.goals import CORRELATION_PRIORITY, LAST_RANK, NEVER_WORSE_PRIORITY, Goal, Row, pod_goals
from portfolio.terms.rules import Correlations, Duplicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Matrix
    from portfolio.case.naive import Overview
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.mandate import Mandate
    from portfolio.terms.rules import Terms


def ranked(market: Market, sleeves: Sequence[Sleeve], terms: Terms, naive: Overview) -> list[Goal]:
    """List all goals in the order of service.

    Sort by priority. Within a priority, the goals of pods come before the rows of the whole portfolio, and the limits
    on correlations come last. Among pods, the better rank comes first, then the larger share.
    """
    pods = {s.mandate.pod: (terms.pod_ranks.get(s.mandate.pod, LAST_RANK), -s.share) for s in sleeves}
    goals = [
        *(goal for sleeve in sleeves for goal in pod_goals(sleeve.mandate, terms.priorities)),
        *_never_worse(market, terms, naive),
        *(_correlations(sleeves, terms) if terms.correlations is Correlations.LIMIT else ()),
    ]
    rank = {Measure: 0, Row: 1, type(None): 2}
    order = {goal.name: i for i, goal in enumerate(goals)}
    return sorted(
        goals,
        key=lambda g: (g.priority, rank[type(g.figure)], min((pods[pod] for pod in g.pods), default=()), order[g.name]),
    )


def _never_worse(market: Market, terms: Terms, naive: Overview) -> Iterator[Goal]:
    for row in Row:
        if _says_something(row, market, naive, terms):
            name, asked = f"never_worse.{row.value}", float(getattr(naive, row.value))
            priority = terms.priorities.get(name, NEVER_WORSE_PRIORITY)
            yield Goal(name, (), row, asked, priority, row.words(asked))


def _says_something(row: Row, market: Market, naive: Overview, terms: Terms) -> bool:
    """Return whether the coordinated portfolio can be worse than the separate pods in this row."""
    if row is Row.TRADING_COST:
        return naive.buying_cost_aud > 0
    if row is Row.TAX_EFFICIENCY:
        return naive.tax_efficiency is not None and _taxes_differ(market, terms)
    # The rule of one owner per ETF is stronger than this goal.
    return row is not Row.DUPLICATED_ETFS or terms.rules.duplicates is Duplicates.PENALISE


def _taxes_differ(market: Market, terms: Terms) -> bool:
    """Return whether any income is taxed, or any credit refunded."""
    rate = terms.marginal_tax_rate
    tax = np.append(net_tax(market, rate, counted=terms.gains_counted), rate * terms.cash_rate)
    return bool((np.maximum(tax, 0.0) if terms.wastes_credits else tax).any())


def _correlations(sleeves: Sequence[Sleeve], terms: Terms) -> Iterator[Goal]:
    for first, second in combinations(sleeves, 2):
        limit = correlation_limit(first.mandate, second.mandate, terms)
        if limit is not None:
            a, b = first.mandate.pod, second.mandate.pod
            name = f"correlation.{a}-{b}"
            words = f"correlation of {a} and {b} at most {limit:.2f}"
            yield Goal(name, (a, b), None, limit, CORRELATION_PRIORITY, words)


def correlation_limit(first: Mandate, second: Mandate, terms: Terms) -> float | None:
    """Find the correlation limit of two pods: from the request, else from either mandate; None if there is none."""
    a, b = first.pod, second.pod
    for limits, name in (
        (terms.correlation_limits, f"{a}-{b}"),
        (terms.correlation_limits, f"{b}-{a}"),
        (first.correlation_targets, b),
        (second.correlation_targets, a),
    ):
        if name in limits:
            return limits[name]
    return None


def correlation(market: Market, X: Matrix, a: int, b: int) -> float:
    """Compute the correlation of the returns of two pods' sleeves; none of an empty pod."""
    covariance = X[[a, b]] @ market.Sigma @ X[[a, b]].T
    size = (covariance[0, 0] * covariance[1, 1]) ** 0.5
    return float(covariance[0, 1] / size) if size > 0 else 0.0
