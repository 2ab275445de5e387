"""Measure stage 2 of customers who own something: parcels, fixed brokerage an order, tax on gains.

The customers are the reference customer with random parcels, the same for the same seed.
"""

from __future__ import annotations

import random
import statistics
import time
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

from measurements import timed
from reference import request

from agents import mandate_files
from portfolio.case.case import Case
from portfolio.case.inventory import settle
from portfolio.conic.dispatch import minimise
from portfolio.conic.limits import Limits
from portfolio.conic.solution import Status
from portfolio.market import snapshot as markets
from portfolio.master.coordinated_portfolio import GAP
from portfolio.master.statement.formulation import Formulation
from portfolio.pod.optimise import optimise_sleeve
from portfolio.tax.parcels import Parcel
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.owned import Owned

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.rules import Terms

Row = tuple[str, str, str, str, str]
HEADER = ("owned", "stating it", "solving it", "nodes", "aim, median")

# ETFs owned (13 are all that the market prices), parcels, and what the median solve is to take, in words.
SIZES = ((13, 60, "250 ms"), (13, 400, "2 s"), (7, 12, ""))

SEEDS, LIMIT_S = 10, 20.0

# Prices that ETFs were traded at: parcels are of whole units.
_MARKET = "asx-trailing-104w-2025-11-07"
_CAPITAL_AUD, _CASH_AUD, _RATE = 100_000.0, 5_000.0, 0.32
_BOUGHT_FROM, _YEARS, _AS_OF = 2019, 7, date(2025, 11, 7)


def measure() -> list[Row]:
    """Measure all sizes."""
    return [_measure(etfs, parcels, aim) for etfs, parcels, aim in SIZES]


def instance(seed: int, etfs: int, parcels: int) -> tuple[Market, list[Sleeve], Terms]:
    """Make a customer who owns some ETFs in parcels, bought within seven years at half to 1.2 times their price."""
    asked, rng = request(), random.Random(seed)  # noqa: S311 - the same customers on every machine
    market = markets.load(_MARKET)
    chosen = rng.sample([etf for etf in market.etfs if etf.price_aud], etfs)
    owned = []
    for number in range(parcels):
        etf = chosen[number % etfs]
        price = etf.price_aud or 0.0
        units = max(1, round((_CAPITAL_AUD - _CASH_AUD) / parcels * rng.uniform(0.5, 1.5) / price))
        cost = round(units * price * rng.uniform(0.5, 1.2), 2)
        bought = date(_BOUGHT_FROM + rng.randrange(_YEARS), 1 + rng.randrange(12), 1 + rng.randrange(28))
        bought = max(min(bought, date(2025, 11, 1)), etf.since or bought)
        owned.append(Parcel(etf.ticker, units, bought, cost))
    shares, customer = asked.shares() or {}, Taxpayer(Entity.INDIVIDUAL, _RATE, 0.0)
    unpriced = frozenset(etf.ticker for etf in market.etfs if etf.price_aud is None)
    sleeves = [
        optimise_sleeve(market, mandate_files.load(pod), shares[pod], never_buy=unpriced) for pod in sorted(shares)
    ]
    terms = replace(asked.terms(), owned=Owned(_AS_OF, _CASH_AUD, tuple(owned), customer))
    return market, sleeves, settle(market, sleeves, terms)


def _measure(etfs: int, parcels: int, aim: str) -> Row:
    stating, solving, nodes, still_open = [], [], [], 0
    for seed in range(SEEDS):
        market, sleeves, terms = instance(seed, etfs, parcels)
        stating.append(timed(lambda m=market, s=sleeves, t=terms: Formulation(Case(m, s, t))))
        program = Formulation(Case(market, sleeves, terms)).program
        began = time.perf_counter()
        solution = minimise(program, Limits(gap=GAP, stop=lambda began=began: time.perf_counter() - began > LIMIT_S))
        solving.append(time.perf_counter() - began)
        nodes.append(solution.nodes)
        still_open += solution.status is not Status.OPTIMAL
    return (
        f"{etfs} ETFs, {parcels} parcels",
        _median_and_worst(stating),
        f"{_median_and_worst(solving)}, {still_open} of {SEEDS} open",
        f"{statistics.median(nodes):.0f}, worst {max(nodes)}",
        aim,
    )


def _median_and_worst(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1e3:.0f} ms, worst {max(seconds) * 1e3:.0f} ms"
