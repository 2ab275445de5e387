"""Whole units beside trying them all: what there is, is found; the best of it; and a refusal is true."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from itertools import product
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import random_market, random_sleeves
from support.depth import some_of

from portfolio.case.case import Case as Asked
from portfolio.case.inventory import FIRST_PURCHASE_AUD, settle, take_stock
from portfolio.conic.solution import Status
from portfolio.master.conflict import ConflictError
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.orders.plan import plan
from portfolio.orders.units_program import Held, UnitsProgram
from portfolio.published.trading import Trading
from portfolio.tax.parcels import Parcel
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.owned import Owned
from portfolio.terms.rules import Rules, Terms

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.master.coordinated_portfolio import CoordinatedPortfolio
    from portfolio.pod.sleeve import Sleeve

pytestmark = pytest.mark.slow

TODAY = date(2025, 11, 10)
NODES = 400
# What sums of a few products lose to rounding, AUD.
ROUNDING = 1e-6
# Repairs of shares are told to a hundredth of a percent.
STEP = 1e-4
# How near to the best objective the search ends, and what the solver's accuracy is worth.
ENOUGH, SOLVED = 5e-5, 1e-6


@dataclass(frozen=True, eq=False)
class Case:
    """A pension fund, which pays no tax: units can be tried one by one."""

    market: Market
    sleeves: Sequence[Sleeve]
    terms: Terms

    def portfolio(self) -> tuple[Terms, CoordinatedPortfolio]:
        """Find the portfolio in fractions."""
        terms = settle(self.market, self.sleeves, self.terms)
        left = iter(range(NODES))
        return terms, optimise_all_pods(Asked(self.market, self.sleeves, terms), stop=lambda: next(left, None) is None)

    def ruled(self, **rules: object) -> Case:
        """Change rules."""
        return replace(self, terms=replace(self.terms, rules=replace(self.terms.rules, **rules)))


def dear(seed: int, tolerance: float) -> Case:
    """Make one or two pods over four ETFs of which a unit is a tenth of the capital, one of them owned."""
    rng = np.random.default_rng(seed)
    bare = random_market(rng, 4)
    etfs = tuple(replace(etf, price_aud=round(float(rng.uniform(520, 1_400)), 2)) for etf in bare.etfs)
    made = replace(bare, etfs=etfs)
    sleeves = random_sleeves(rng, made, int(rng.integers(1, 3)), universe=3)
    sleeves = [replace(s, mandate=replace(s.mandate, goals={})) for s in sleeves]
    owned = Owned(
        TODAY,
        cash_aud=round(float(rng.uniform(5_000, 8_000)), 2),
        parcels=(Parcel(etfs[0].ticker, float(rng.integers(1, 4)), date(2020, 3, 2), 1_000.0),),
        taxpayer=Taxpayer(Entity.SUPER_PENSION, None, 0.0),
    )
    rules = Rules(max_weight=1.0, min_weight=0.05, capital_tolerance=tolerance, max_etfs=3)
    if rng.random() < 0.4:
        rules = replace(rules, max_turnover=float(rng.uniform(0.2, 0.5)))
    if rng.random() < 0.3:
        rules = replace(rules, min_order_aud=float(rng.choice([1_000.0, 2_000.0])))
    return Case(made, sleeves, Terms(0.0, 0.0, 10.0, rules, entity=Entity.SUPER_PENSION, owned=owned))


def everything(asked: Case) -> Iterator[tuple[Vector, tuple[int | None, ...]]]:
    """Try all units, and all owners of them, and keep what keeps the rules: by plain arithmetic."""
    terms = settle(asked.market, asked.sleeves, asked.terms)
    assert terms.owned is not None
    stock = take_stock(asked.market, terms.owned, terms.rules)
    rules, capital = terms.rules, stock.capital_aud
    pods = range(len(asked.sleeves))
    most = [int(capital / price) for price in stock.prices]
    # Nothing is sold to hold cash, but whole units may fetch one too much.
    cash = terms.owned.cash_aud + float(stock.prices[stock.units > 0].max())
    for units in product(*(range(n + 1) for n in most)):
        values = np.array(units) * stock.prices
        change = values - stock.weights * capital
        orders = np.flatnonzero(abs(change) > ROUNDING)
        costs = terms.brokerage_aud * len(orders) + float(stock.costs @ abs(change))
        first = [FIRST_PURCHASE_AUD if not stock.units[j] else 0.0 for j in orders]
        if (
            values.sum() + costs > capital
            or capital - values.sum() - costs > cash + ROUNDING
            or sum(n > 0 for n in units) > rules.max_etfs
            or any(0 < value < rules.min_weight * capital - ROUNDING for value in values)
            or any(abs(change[j]) < max(rules.min_order_aud, f) - ROUNDING for j, f in zip(orders, first, strict=True))
            or (rules.max_turnover is not None and abs(change).sum() / 2 > rules.max_turnover * capital)
        ):
            continue
        for owners in product(*((None,) if n == 0 else pods for n in units)):
            if all(_fits(asked, terms, p, values, owners) for p in pods):
                yield values / capital, owners


def _fits(asked: Case, terms: Terms, p: int, values: Vector, owners: Sequence[int | None]) -> bool:
    mandate, amount = asked.sleeves[p].mandate, asked.sleeves[p].share * terms.total_capital_aud
    own = np.array([value if owner == p else 0.0 for value, owner in zip(values, owners, strict=True)])
    allowed = all(asked.market.tickers[j] in mandate.universe for j in np.flatnonzero(own))
    within = abs(own.sum() - amount) <= terms.rules.capital_tolerance * amount
    return allowed and within and bool((own <= mandate.max_position * own.sum() + ROUNDING).all())


@cache
def rounded(seed: int, tolerance: float) -> Trading | ConflictError | None:
    """Round a case, or be refused."""
    asked = dear(seed, tolerance)
    terms, master = asked.portfolio()
    try:
        return plan(Asked(asked.market, asked.sleeves, terms), master)
    except ConflictError as conflict:
        return conflict


# Where there are portfolios in fractions.
SEEDS, TOLERANCES = (0, 3, 5, 7, 8, 10, 14, 16, 18, 20, 22, 23), (0.007, 0.01, 0.1)
CASES = [(seed, tolerance) for seed in SEEDS for tolerance in TOLERANCES]


@pytest.mark.parametrize(("seed", "tolerance"), some_of(CASES, every=5))
def test_units_are_found_where_there_are_any_and_only_there(seed: int, tolerance: float) -> None:
    exists = next(everything(dear(seed, tolerance)), None) is not None

    assert isinstance(rounded(seed, tolerance), Trading) == exists


@pytest.mark.deep
def test_the_cases_are_of_both_kinds() -> None:
    found = [rounded(*case) for case in CASES]

    assert sum(isinstance(one, Trading) for one in found) >= 15
    assert sum(isinstance(one, ConflictError) for one in found) >= 12


@pytest.mark.parametrize(("seed", "tolerance"), some_of(CASES, every=5))
def test_a_repair_is_enough_and_nothing_less_is(seed: int, tolerance: float) -> None:
    refused = rounded(seed, tolerance)
    if not isinstance(refused, ConflictError):
        return
    assert "in whole units" in str(refused)
    assert {conflict.requirement for conflict in refused.conflicts} >= {repair.rule for repair in refused.repairs}
    repaired = [repair for repair in refused.repairs if repair.rule == "capital_tolerance"]
    assert repaired
    for repair in repaired:
        to = float(repair.to)
        assert next(everything(dear(seed, tolerance).ruled(capital_tolerance=to)), None) is not None
        assert next(everything(dear(seed, tolerance).ruled(capital_tolerance=to - STEP)), None) is None


@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_without_goals_they_are_the_best_there_are(seed: int) -> None:
    asked = dear(seed, 0.1)
    terms = settle(asked.market, asked.sleeves, asked.terms)
    form = Formulation(Asked(asked.market, asked.sleeves, terms), levels={})
    best = max(value(asked, terms, shares, owners) for shares, owners in everything(asked))
    alone = np.array([s.share * s.weights for s in asked.sleeves])

    held = UnitsProgram(form).solve(alone, best, nodes=2_000, keeps=lambda _: True)

    assert isinstance(held, Held)
    found = objective(terms, objective_terms(Asked(asked.market, asked.sleeves, terms), held.X))
    assert found == pytest.approx(best, abs=ENOUGH)
    assert held.lost == pytest.approx(best - found, abs=SOLVED)


@pytest.mark.parametrize("seed", some_of(SEEDS, every=4))
def test_beside_a_known_portfolio_only_a_better_one_is_found(seed: int) -> None:
    asked = dear(seed, 0.1)
    terms, master = asked.portfolio()
    target, all_units = master.certificate.objective, everything(asked)
    best = target - max(value(asked, terms, shares, owners) for shares, owners in all_units)

    def search(known: float) -> Held | Status:
        program = UnitsProgram(Formulation(Asked(asked.market, asked.sleeves, terms), levels={}))
        if master.proof is not None:
            program.settle(master.proof, known, target)
        return program.solve(master.X, target, nodes=2_000, keeps=lambda _: True, known=known)

    # A known portfolio that is worse by more than the gap, and one that is the best.
    better = search(best + 10 * ENOUGH)
    assert isinstance(better, Held)
    assert better.lost == pytest.approx(best, abs=ENOUGH)
    assert search(best) is Status.INFEASIBLE


def value(asked: Case, terms: Terms, shares: Vector, owners: Sequence[int | None]) -> float:
    """Compute the objective of units and their owners."""
    X = np.array(
        [[x if owner == p else 0.0 for x, owner in zip(shares, owners, strict=True)] for p in range(len(asked.sleeves))]
    )
    if (X.sum(axis=1) <= 0).any():
        return -np.inf
    return objective(terms, objective_terms(Asked(asked.market, asked.sleeves, terms), X))
