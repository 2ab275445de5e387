"""Made customers who own something, under today's law and that of July 2027, and the whole path to their orders."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import date, timedelta
from functools import cache, partial
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.case import Case as Asked
from portfolio.case.inventory import settle
from portfolio.market.age import StalePrices
from portfolio.master.conflict import ConflictError
from portfolio.master.goal_programming import Solver
from portfolio.master.optimise import GAP, Master, optimise_master
from portfolio.master.statement.formulation import Formulation
from portfolio.orders.plan import plan
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import Reform, steady_cpi
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.owned import Outside, Owned
from portfolio.terms.rules import Rules, Terms
from support.builders import random_market, random_sleeves

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.trading import Trading

TODAY = date(2025, 11, 10)
# Nodes of all trees of one portfolio: numbers, not seconds, so that every machine does the same.
NODES = 1_500
CENT = 0.01
# What sums of a few dozen products lose to rounding, AUD.
ROUNDING = 1e-9
# Rows of a cone program hold to this, as shares of the capital (docs/model.md, "The proof").
RULE = 1e-7

# Before and after a year of the reform: only until then can a gain from before it be without a discount.
DAYS = (date(2028, 3, 6), date(2028, 9, 4))
CPI = steady_cpi(0.03, until=DAYS[-1])


@dataclass(frozen=True, eq=False)
class Case:
    """A market, the pods' results, and who owns what."""

    market: Market
    sleeves: Sequence[Sleeve]
    terms: Terms

    @property
    def owned(self) -> Owned:
        """What is owned, as the request says it."""
        assert self.terms.owned is not None
        return self.terms.owned

    def ruled(self, **rules: object) -> Case:
        """Change rules."""
        return replace(self, terms=replace(self.terms, rules=replace(self.terms.rules, **rules)))

    def owning(self, **changes: object) -> Case:
        """Change what is owned."""
        return replace(self, terms=replace(self.terms, owned=replace(self.owned, **changes)))

    def units(self) -> dict[str, float]:
        """Units owned, by ticker."""
        held = dict.fromkeys(self.market.tickers, 0.0)
        for parcel in self.owned.parcels:
            held[parcel.ticker] += parcel.units
        return held


@cache
def case(seed: int, *, capital: float = 90_000.0) -> Case:
    """Make two pods over seven ETFs, of which four are owned in two to three parcels each."""
    rng = np.random.default_rng(seed)
    bare = random_market(rng, 7)
    etfs = tuple(replace(etf, price_aud=round(float(rng.uniform(8, 160)), 2)) for etf in bare.etfs)
    market = replace(bare, etfs=etfs)
    sleeves = random_sleeves(rng, market, 2, universe=5)
    parcels = []
    for j in rng.choice(7, size=4, replace=False).tolist():
        for _ in range(int(rng.integers(2, 4))):
            price = etfs[j].price_aud or 0.0
            units = float(max(1, round(capital / 13 / price)))
            bought = TODAY - timedelta(days=int(rng.integers(20, 3_000)))
            parcels.append(
                Parcel(etfs[j].ticker, units, bought, round(units * price * float(rng.uniform(0.4, 1.3)), 2))
            )
    entity = list(Entity)[int(rng.integers(4))] if seed % 2 else Entity.INDIVIDUAL
    taxpayer = Taxpayer(
        entity,
        float(rng.choice([0.32, 0.39, 0.47])) if entity is Entity.INDIVIDUAL else None,
        float(rng.choice([0.0, 0.0, 1_500.0])),
    )
    owned = Owned(
        TODAY,
        cash_aud=round(capital * float(rng.uniform(0.05, 0.3)), 2),
        parcels=tuple(parcels),
        taxpayer=taxpayer,
        outside=Outside.SELL,
        brokerage_share=float(rng.choice([0.0, 0.001])),
    )
    terms = Terms(
        total_capital_aud=0.0,
        marginal_tax_rate=taxpayer.rate,
        entity=entity,
        rules=Rules(max_weight=1.0, capital_tolerance=0.1, min_order_aud=float(rng.choice([0.0, 800.0]))),
        owned=owned,
    )
    return Case(market, sleeves, terms)


def optimise(asked: Case, *, gap: float = GAP) -> tuple[Terms, Master, Trading]:
    """Find the portfolio and its orders, as the coordinator does."""
    terms = settle(asked.market, asked.sleeves, asked.terms)
    whole = Asked(asked.market, asked.sleeves, terms)
    nodes = count()
    master = optimise_master(whole, gap=gap, stop=lambda: next(nodes) >= NODES)
    trading = plan(whole, master)
    assert trading is not None
    return terms, master, trading


def attempt(asked: Case) -> tuple[Terms, Master, Trading] | set[str]:
    """Do the same, or list the rules that contradict each other."""
    try:
        return optimise(asked)
    except ConflictError as conflict:
        return {part.requirement for part in conflict.conflicts}


@cache
def later(seed: int) -> Case:
    """Let an individual own and sell what a case has, after the reform, bought before it and since."""
    asked, rng, today = case(seed), np.random.default_rng(seed + 100), DAYS[seed % 2]
    parcels = tuple(
        replace(parcel, acquired=today - timedelta(days=int(rng.choice([90, 300, 390, 2_000]))))
        for parcel in asked.owned.parcels
    )
    values = {etf.ticker: round((etf.price_aud or 0.0) * float(rng.uniform(0.6, 1.0)), 2) for etf in asked.market.etfs}
    rate = float(rng.choice([0.18, 0.32, 0.47]))
    changed = asked.owning(
        as_of=today,
        parcels=parcels,
        taxpayer=Taxpayer(Entity.INDIVIDUAL, rate, float(rng.choice([0.0, 800.0, 4_000.0]))),
        reform=Reform(CPI, values),
        stale_prices=StalePrices.ALLOW,
    )
    return replace(changed, terms=replace(changed.terms, entity=Entity.INDIVIDUAL, marginal_tax_rate=rate))


def told(trading: Trading) -> list[object]:
    """List what is to be done, and from which parcels."""
    return [
        (o.side, o.ticker, o.units, sorted((p.acquired, p.units, p.cost_base_aud) for p in o.parcels))
        for o in trading.orders
    ]


def objective(asked: Case) -> tuple[float, float]:
    """Find the best objective that the rules alone allow, and its bound.

    Goals compare with the naive portfolio, whose tax an owner's losses change too.
    """
    terms = settle(asked.market, asked.sleeves, asked.terms)
    nodes = count()
    solver = Solver(partial(Formulation, Asked(asked.market, asked.sleeves, terms)), lambda: next(nodes) >= NODES)
    solution = solver.solve(solver.formulate(levels={}), GAP)
    assert solution.x is not None
    return -solution.value, -solution.bound
