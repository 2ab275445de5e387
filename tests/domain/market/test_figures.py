"""Figures, shares and rules against arithmetic by hand."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING

import numpy as np
import pytest
from support.builders import market, sleeve, terms

from portfolio.case.naive import extra_owners, overview, put_side_by_side
from portfolio.errors import DataError
from portfolio.market.figures import (
    after_tax_returns,
    figures,
    franking_credits,
    grossed_up_yields,
    net_tax,
    spread_cost_aud,
    tax_efficiency,
)
from portfolio.market.measure import Measure
from portfolio.tax.taxpayer import Entity, Taxpayer
from portfolio.terms.mandate import Mandate, Objective
from portfolio.terms.owned import Owned
from portfolio.terms.rules import Preferences, Rules

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.case.naive import Overview
    from portfolio.terms.rules import Terms

# Sums of a few products: differences of order are a few units in the last place.
EXACT = pytest.approx
TWO = market(
    [0.10, 0.20],
    [0.06, 0.10],
    correlation=0.5,
    yields=[0.03, 0.05],
    franked=[0.0, 0.7],
    liquidity=[0.9, 0.5],
    half_spreads=[0.0001, 0.001],
    risk_free=0.04,
)
HALVES = np.array([0.5, 0.5])


def test_two_etfs_have_the_volatility_of_the_textbook() -> None:
    # s^2 = .25 * .01 + .25 * .04 + 2 * .25 * .5 * .1 * .2 = .0025 + .01 + .005
    assert figures(TWO, HALVES).volatility == EXACT(math.sqrt(0.0175))


def test_return_yield_sharpe_and_liquidity_of_two_etfs() -> None:
    found = figures(TWO, HALVES)
    assert found.expected_return == EXACT(0.08)
    assert found.grossed_up_yield == EXACT(0.5 * 0.03 + 0.5 * (0.05 + 0.05 * 0.7 * 30 / 70))
    assert found.sharpe_ratio == EXACT(0.04 / math.sqrt(0.0175))
    assert found.liquidity == EXACT(0.7)


def test_every_measure_reads_its_own_figure() -> None:
    found = figures(TWO, HALVES)
    assert [found.of(m) for m in Measure] == [
        found.volatility,
        found.expected_return,
        found.grossed_up_yield,
        found.sharpe_ratio,
        found.liquidity,
    ]


def test_a_fully_franked_dollar_carries_credits_of_30_over_70() -> None:
    franked = market([0.1], [0.1], yields=[0.07], franked=[1.0])
    assert franking_credits(franked) == EXACT([0.03])
    assert grossed_up_yields(franked) == EXACT([0.10])


def test_after_tax_return_of_a_fully_franked_share_held_by_a_company_rate_payer_is_its_cash() -> None:
    # Return is all dividend; at a marginal rate of 30 % the credits pay exactly the tax on it.
    franked = market([0.1], [0.07], yields=[0.07], franked=[1.0])
    assert after_tax_returns(franked, 0.30) == EXACT([0.07])


def test_net_tax_is_what_is_left_of_the_tax_after_the_credits_and_negative_where_they_are_refunded() -> None:
    # 7 cents fully franked carry 3 cents of credits: at 45 % the tax is 4.5 cents, at 15 % it is 1.5.
    franked = market([0.1], [0.1], yields=[0.07], franked=[1.0])
    assert net_tax(franked, 0.45) == EXACT([0.045 - 0.03])
    assert net_tax(franked, 0.15) == EXACT([0.015 - 0.03])
    assert after_tax_returns(franked, 0.15) == EXACT([0.1 + 0.015])


def test_a_part_of_the_distributions_is_not_taxed_now_where_the_market_knows_it() -> None:
    # 10 cents: 4 of them gains before the discount, 1 tax-deferred. Half of the 4 and the 1 are not taxed: 7 at 30 %.
    # A super fund is taxed on two thirds of the 4: 7.666... at 15 %. A company on all of it: 9 at 30 %.
    made = market([0.1], [0.1], yields=[0.1])
    made = replace(made, etfs=(replace(made.etfs[0], discounted_gain_share=0.4, tax_deferred_share=0.1),))
    assert net_tax(made, 0.30, counted=1 / 2) == EXACT([0.021])
    assert net_tax(made, 0.15, counted=2 / 3) == EXACT([0.0115])
    assert net_tax(made, 0.30, counted=1.0) == EXACT([0.027])
    assert after_tax_returns(made, 0.30, counted=1 / 2) == EXACT([0.1 - 0.021])


CREDITS = 0.5 * 0.05 * 0.7 * 30 / 70
GROSS = 0.5 * 0.03 + 0.5 * 0.05 + CREDITS


def seen(asked: Terms, w: Vector = HALVES) -> Overview:
    return overview(TWO, w[None, :], asked, None)


def test_tax_efficiency_is_ten_times_what_tax_leaves_of_the_return() -> None:
    tax = 0.32 * GROSS - CREDITS
    assert seen(terms()).tax_efficiency == EXACT(10 * (0.08 - tax) / 0.08)
    assert seen(terms()).net_tax_aud == EXACT(100_000 * tax)
    assert seen(terms()).gross_income_aud == EXACT(100_000 * GROSS)


def test_who_pays_no_tax_is_refunded_the_credits_and_is_above_ten() -> None:
    assert seen(terms(tax=0.0)).tax_efficiency == EXACT(10 * (0.08 + CREDITS) / 0.08)


@pytest.mark.parametrize("expected", [0.0, -0.05])
def test_tax_efficiency_says_nothing_where_nothing_is_earned(expected: float) -> None:
    assert tax_efficiency(expected, 0.01) is None


def test_a_company_is_refunded_nothing_unless_other_income_uses_the_credits_up() -> None:
    # 7 cents fully franked carry 3 cents of credits; at 25 % the tax on both is 2.5 cents.
    franked = market([0.1, 0.2], [0.06, 0.10], yields=[0.0, 0.07], franked=[0.0, 1.0])
    company = replace(terms(tax=0.25), entity=Entity.COMPANY)
    w = np.array([[0.5, 0.5]])
    refund = 100_000 * 0.5 * (0.25 * 0.10 - 0.03)
    assert overview(franked, w, company, None).net_tax_aud == EXACT(0.0, abs=1e-9)
    assert overview(franked, w, company, None).tax_efficiency == EXACT(10.0)
    other = replace(company, other_income_uses_credits=True)
    assert overview(franked, w, other, None).net_tax_aud == EXACT(refund)
    assert overview(franked, w, terms(tax=0.25), None).net_tax_aud == EXACT(refund)


def test_money_is_a_holding_with_interest_that_is_taxed_and_without_risk() -> None:
    owned = Owned(date(2025, 11, 10), 0.0, (), Taxpayer(Entity.INDIVIDUAL, 0.32), cash_rate=0.03)
    w = np.array([0.3, 0.3])
    found = seen(replace(terms(), owned=owned), w)
    invested = seen(terms(), w)
    earned = 0.6 * 0.08 + 0.4 * 0.03
    assert found.expected_return == EXACT(earned)
    assert found.volatility == EXACT(invested.volatility)
    assert found.sharpe_ratio == EXACT((earned - 0.04) / found.volatility)
    assert found.net_tax_aud == EXACT(100_000 * (0.6 * (0.32 * GROSS - CREDITS) + 0.4 * 0.32 * 0.03))


def test_fees_are_told_in_dollars_a_year() -> None:
    dear = replace(TWO, etfs=tuple(replace(etf, management_fee=0.002) for etf in TWO.etfs))
    assert overview(dear, HALVES[None, :], terms(), None).management_fees_aud == EXACT(200.0)


def test_half_the_spread_is_paid_on_every_dollar() -> None:
    assert spread_cost_aud(TWO, HALVES, 100_000) == EXACT(100_000 * (0.5 * 0.0001 + 0.5 * 0.001))


def test_overview_counts_positions_owners_and_duplicates() -> None:
    three = market([0.1, 0.1, 0.1], [0.05, 0.06, 0.07])
    sleeves = [
        sleeve(three, [0.5, 0.5, 0.0], share=0.5),
        sleeve(three, [1.0, 0.0, 0.0], share=0.3),
        sleeve(three, [0.5, 0.5, 0.0], share=0.2),
    ]
    X = put_side_by_side(sleeves)
    found = overview(three, X, terms(brokerage=7), None)
    assert (found.etfs, found.positions, found.duplicated_etfs) == (2, 5, 2)
    assert extra_owners(X) == 3
    assert found.largest_position == EXACT(0.25 + 0.3 + 0.1)
    assert found.trading_cost_aud == EXACT(35)


@pytest.mark.parametrize(
    "wrong",
    [
        {"max_etfs": 0},
        {"min_weight": 0.0},
        {"min_weight": 0.4, "max_weight": 0.3},
        {"max_weight": 1.1},
        {"min_correlation_distance": 1.5},
        {"min_correlation_distance": -0.1},
    ],
)
def test_rules_that_no_portfolio_could_keep_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match=next(iter(wrong))):
        Rules(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("wrong", [{"pod_score": 0.0}, {"duplication": -0.1}, {"trading_cost": -1.0}])
def test_preferences_that_turn_a_term_around_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="preferences"):
        Preferences(**wrong)


@pytest.mark.parametrize(
    "wrong",
    [
        {"universe": ()},
        {"universe": ("A", "A")},
        {"max_position": 0.0},
        {"max_position": 1.1},
        {"min_effective_holdings": 0.5},
        {"min_effective_holdings": 3},
    ],
)
def test_mandates_that_mean_nothing_are_refused(wrong: dict[str, object]) -> None:
    right: dict[str, object] = {
        "pod": "p",
        "purpose": "",
        "objective": Objective.MAX_RETURN,
        "goals": {},
        "universe": ("A", "B"),
        "max_position": 0.5,
        "min_effective_holdings": 2,
    }
    with pytest.raises(DataError, match="of p"):
        Mandate(**(right | wrong))  # type: ignore[arg-type]
