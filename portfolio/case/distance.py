"""How far holdings are from the rules that the holdings of today may break.

Where a budget lets no portfolio keep all rules, these rules are targets (``orders.step``). Their distances are defined
here once, and stand in the order in which they are served. All are shares of the capital, but for numbers of ETFs and
of pairs.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.figures import correlation_distance
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case

# The order of service: money that is to be kept, holdings of no pod, concentration, pods, and the small things last.
CASH_FLOOR, OUTSIDE = "cash_floor", "outside"
MAX_WEIGHT, CAPITAL_TOLERANCE, MAX_POSITION = "max_weight", "capital_tolerance", "max_position"
MAX_ETFS, NEAR_PAIRS, MIN_WEIGHT = "max_etfs", "min_correlation_distance", "min_weight"
TARGETS = (CASH_FLOOR, OUTSIDE, MAX_WEIGHT, CAPITAL_TOLERANCE, MAX_POSITION, MAX_ETFS, NEAR_PAIRS, MIN_WEIGHT)

# Budgets that give way where a payment must be made, before any rule does: money that is lost, then trades.
MAX_TAX, MAX_TURNOVER = "max_tax_aud", "max_turnover"
BUDGETS = (MAX_TAX, MAX_TURNOVER)

# A distance below this is rounding: weights are as exact as the solver.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, slots=True)
class Breach:
    """One thing that breaks a rule.

    Attributes:
        about: The ETF, the pod, the ETF of a pod, or the pair of ETFs; empty for the whole portfolio.
        limit: The limit, in the unit of the rule.
        value: The figure that is limited.
        distance: How far beyond the limit: a share of the capital, a number of ETFs, or one pair.
    """

    about: str
    limit: float
    value: float
    distance: float


def breaches(case: Case, X: Matrix, money: float) -> dict[str, list[Breach]]:
    """List the breaches of each rule, in the order of service; a rule that is kept has none.

    Args:
        case: The customer's case.
        X: Holdings, shape (pods, n), as shares of the capital.
        money: What is not invested, as a share of the capital.
    """
    w = X.sum(axis=0)
    found = {
        CASH_FLOOR: _of_cash(case, money),
        OUTSIDE: _of_outside(case, w),
        MAX_WEIGHT: _of_weights(case, w),
        CAPITAL_TOLERANCE: _of_shares(case, X),
        MAX_POSITION: _of_positions(case, X),
        MAX_ETFS: _of_number(case, w),
        NEAR_PAIRS: _of_pairs(case, w),
        MIN_WEIGHT: _of_least(case, w),
    }
    return {rule: [each for each in all_of_it if each.distance > NEGLIGIBLE] for rule, all_of_it in found.items()}


def distances(case: Case, X: Matrix, money: float) -> dict[str, float]:
    """Add up the distances from each rule, in the order of service."""
    return {rule: sum(each.distance for each in parts) for rule, parts in breaches(case, X, money).items()}


def used(case: Case, X: Matrix) -> dict[str, float]:
    """Measure what the trades to the holdings *X* use of each budget that there is, as shares of the capital."""
    move, capital, found = case.move_to(X), case.terms.total_capital_aud, {}
    if move is not None and case.terms.rules.max_tax_aud is not None:
        found[MAX_TAX] = move.gains.tax_aud / capital
    if move is not None and case.terms.rules.max_turnover is not None:
        found[MAX_TURNOVER] = (move.bought_aud + move.sold_aud) / 2 / capital
    return found


def budgets(case: Case) -> dict[str, float]:
    """Return the limit of each budget that there is, as shares of the capital."""
    rules, capital = case.terms.rules, case.terms.total_capital_aud
    limits = {MAX_TAX: rules.max_tax_aud, MAX_TURNOVER: rules.max_turnover}
    size = {MAX_TAX: capital, MAX_TURNOVER: 1.0}
    return {name: limit / size[name] for name, limit in limits.items() if limit is not None}


def outside(case: Case) -> frozenset[int]:
    """List the ETFs that the customer owns and no pod may hold."""
    if case.stock is None:
        return frozenset()
    universes = {ticker for sleeve in case.sleeves for ticker in sleeve.mandate.universe}
    owned = np.flatnonzero(case.stock.units).tolist()
    return frozenset(j for j in owned if case.market.tickers[j] not in universes)


def money_left(case: Case, X: Matrix) -> float:
    """Compute the money after the trades to the holdings *X*, as a share of the capital."""
    move = case.move_to(X)
    costs = 0.0 if move is None else move.brokerage_aud + move.spread_aud
    return 1 - float(X.sum()) - costs / case.terms.total_capital_aud


def _of_cash(case: Case, money: float) -> Iterator[Breach]:
    floor = 0.0 if case.stock is None else case.stock.cash_floor
    # Money below nothing is a withdrawal that sales must pay, and no floor.
    yield Breach("", floor, money, floor - max(money, 0.0))


def _of_outside(case: Case, w: Vector) -> Iterator[Breach]:
    for j in sorted(outside(case)):
        yield Breach(case.market.tickers[j], 0.0, float(w[j]), float(w[j]))


def _of_weights(case: Case, w: Vector) -> Iterator[Breach]:
    rules = case.terms.rules
    today = np.zeros(len(w)) if case.stock is None else case.stock.weights
    for j in np.flatnonzero(w > rules.max_weight).tolist():
        limit = max(rules.max_weight, min(float(today[j]), rules.max_weight * (1 + rules.position_tolerance)))
        yield Breach(case.market.tickers[j], limit, float(w[j]), float(w[j]) - limit)


def _of_shares(case: Case, X: Matrix) -> Iterator[Breach]:
    tolerance = case.terms.rules.capital_tolerance
    for sleeve, held in zip(case.sleeves, X.sum(axis=1).tolist(), strict=True):
        beyond = abs(held - sleeve.share) - tolerance * sleeve.share
        yield Breach(sleeve.mandate.pod, sleeve.share, held, beyond)


def _of_positions(case: Case, X: Matrix) -> Iterator[Breach]:
    tolerance = case.terms.rules.position_tolerance * (case.terms.rules.duplicates is Duplicates.FORBID)
    for sleeve, row in zip(case.sleeves, X, strict=True):
        held, limit = float(row.sum()), sleeve.mandate.max_position * (1 + tolerance)
        for j in np.flatnonzero(row > limit * held).tolist():
            name = f"{sleeve.mandate.pod}: {case.market.tickers[j]}"
            yield Breach(name, limit, float(row[j]) / held, float(row[j]) - limit * held)


def _of_number(case: Case, w: Vector) -> Iterator[Breach]:
    number, most = float((w > 0).sum()), float(case.terms.rules.max_etfs)
    yield Breach("", most, number, number - most)


def _of_pairs(case: Case, w: Vector) -> Iterator[Breach]:
    least, tickers = case.terms.rules.min_correlation_distance, case.market.tickers
    for i, j in combinations(np.flatnonzero(w > 0).tolist(), 2) if least > 0 else ():
        if (apart := correlation_distance(case.market, i, j)) < least:
            yield Breach(f"{tickers[i]} and {tickers[j]}", least, apart, 1.0)


def _of_least(case: Case, w: Vector) -> Iterator[Breach]:
    least = case.terms.rules.min_weight
    for j in np.flatnonzero((w > 0) & (w < least)).tolist():
        yield Breach(case.market.tickers[j], least, float(w[j]), least - float(w[j]))
