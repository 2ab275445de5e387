"""What fees and net tax on income do to a portfolio: properties that hold in any market."""

from __future__ import annotations

import itertools
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import mandate, market, terms

from portfolio.account.describe import render_account
from portfolio.case.case import Case
from portfolio.master.coordinated_portfolio import optimise_all_pods
from portfolio.pod.optimise import optimise_sleeve
from portfolio.tax.taxpayer import Entity
from portfolio.terms.mandate import Objective
from portfolio.terms.rules import Preferences

if TYPE_CHECKING:
    from portfolio.account.describe import Account
    from portfolio.market.snapshot import Market
    from portfolio.terms.rules import Terms

# What the search may leave open of the objective, as an amount of a weight or of a dollar of income: a gap of 1e-7.
GAP, WITHIN, WITHIN_AUD = 1e-7, 1e-3, 1.0
PAYERS = {
    "a pension fund": (Entity.SUPER_PENSION, 0.0),
    "a super fund": (Entity.SUPER_ACCUMULATION, 0.15),
    "a small company": (Entity.COMPANY, 0.25),
    "a company": (Entity.COMPANY, 0.30),
    "an individual": (Entity.INDIVIDUAL, 0.32),
    "an individual at the highest rate": (Entity.INDIVIDUAL, 0.47),
}
HEAVY = Preferences(tax_efficiency=2.0)


def optimum(prices: Market, asked: Terms, objective: Objective = Objective.MIN_VOLATILITY) -> tuple[Case, Account]:
    """Optimise one pod over all ETFs of a market, with every goal but those of the objective left alone."""
    alone = mandate(prices.tickers, objective=objective, max_position=0.6)
    case = Case(prices, [optimise_sleeve(prices, alone, 1.0)], asked)
    return case, render_account(case, optimise_all_pods(case, gap=GAP))


def paid_by(payer: str, **changes: object) -> Terms:
    entity, rate = PAYERS[payer]
    return replace(terms(tax=rate, brokerage=0.0), entity=entity, **changes)  # type: ignore[arg-type]


def weight(account: Account, ticker: str) -> float:
    return sum(holding.weight for holding in account.holdings if holding.ticker == ticker)


def compared(account: Account, metric: str) -> float:
    (row,) = (row for row in account.comparison if row.metric == metric)
    assert row.master is not None
    return row.master


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("objective", [Objective.MIN_VOLATILITY, Objective.MAX_SHARPE])
def test_of_two_etfs_alike_but_for_franking_the_franked_one_gets_no_less(payer: str, objective: Objective) -> None:
    def twins(franked: float) -> Market:
        return market(
            [0.12, 0.12, 0.05],
            [0.08, 0.08, 0.05],
            correlation=0.4,
            yields=[0.05, 0.05, 0.03],
            franked=[franked, 0.0, 0.0],
        )

    _, franked = optimum(twins(1.0), paid_by(payer, preferences=HEAVY), objective)
    _, plain = optimum(twins(0.0), paid_by(payer, preferences=HEAVY), objective)

    assert weight(franked, "A") >= weight(franked, "B") - WITHIN
    assert weight(franked, "A") >= weight(plain, "A") - WITHIN
    assert compared(franked, "tax_efficiency") >= compared(plain, "tax_efficiency") - WITHIN


def test_a_higher_fee_never_makes_an_etf_more_wanted() -> None:
    held = []
    for fee in (0.0, 0.002, 0.005, 0.01):
        gross = np.array([0.08, 0.08, 0.05])
        prices = market([0.12, 0.12, 0.05], (gross - [fee, 0.0, 0.0]).tolist(), correlation=0.4, yields=[0.04] * 3)
        _, account = optimum(prices, paid_by("an individual"), Objective.MAX_SHARPE)
        held.append(weight(account, "A"))
    assert all(later <= earlier + WITHIN for earlier, later in itertools.pairwise(held))
    assert held[-1] < held[0] - 0.05


@pytest.mark.parametrize("payer", PAYERS)
@pytest.mark.parametrize("seed", range(4))
def test_a_stronger_wish_for_tax_efficiency_never_raises_the_tax_and_lowers_no_income(payer: str, seed: int) -> None:
    # ETFs that pay the same and differ in franking: less tax is more income. Where they pay out differently, less tax
    # may also be less paid out.
    rng = np.random.default_rng(seed)
    volatilities = rng.uniform(0.05, 0.2, 5)
    prices = market(
        volatilities.tolist(),
        (0.045 + volatilities * rng.uniform(0.2, 0.7, 5)).tolist(),
        correlation=float(rng.uniform(0.0, 0.6)),
        yields=[0.04] * 5,
        franked=rng.uniform(0, 1, 5).tolist(),
    )
    wishes = [Preferences(tax_efficiency=wish) for wish in (0.0, 0.1, 1.0, 5.0)]
    found = [optimum(prices, paid_by(payer, preferences=wish))[1].income["master"] for wish in wishes]

    for weaker, stronger in itertools.pairwise(found):
        assert stronger.net_tax_aud <= weaker.net_tax_aud + WITHIN_AUD
        assert stronger.after_tax_aud >= weaker.after_tax_aud - WITHIN_AUD


def test_scaling_all_amounts_scales_all_amounts_and_no_weight() -> None:
    prices = market(
        [0.12, 0.10, 0.05], [0.08, 0.07, 0.05], yields=[0.05, 0.02, 0.03], franked=[1, 0, 0], half_spreads=[0.001] * 3
    )
    _, small = optimum(prices, terms(capital=50_000.0, brokerage=5.0))
    _, large = optimum(prices, terms(capital=500_000.0, brokerage=50.0))

    # A level has a room of 1e-8, within which the solver may stop anywhere.
    for a, b in zip(small.holdings, large.holdings, strict=True):
        assert (a.ticker, a.weight) == (b.ticker, pytest.approx(b.weight, abs=1e-6))
    for one, other in zip(small.comparison, large.comparison, strict=True):
        factor = 10 if one.metric.endswith("_aud") else 1
        assert other.master == pytest.approx(factor * (one.master or 0.0), rel=1e-6, abs=1e-9)
