"""Figures, shares and rules against arithmetic by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import market, sleeve, terms

from portfolio.case.naive import extra_owners, overview, put_side_by_side
from portfolio.errors import DataError
from portfolio.market.figures import (
    figures,
    franking_credits,
    grossed_up_yields,
    pre_tax_returns,
    spread_cost_aud,
    tax_drags,
    tax_efficiency,
)
from portfolio.market.measure import Measure
from portfolio.terms.mandate import Mandate, Objective
from portfolio.terms.rules import Preferences, Rules
from portfolio.terms.targets import Target, shares_from_targets

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
    after = pre_tax_returns(franked) - tax_drags(franked, 0.30)
    assert after == EXACT([0.07])


def test_tax_efficiency_is_ten_times_after_over_before() -> None:
    before = 0.08 + 0.5 * 0.05 * 0.7 * 30 / 70
    tax = 0.32 * (0.5 * 0.03 + 0.5 * (0.05 + 0.05 * 0.7 * 30 / 70))
    assert tax_efficiency(TWO, HALVES, 0.32) == EXACT(10 * (before - tax) / before)


def test_who_pays_no_tax_has_a_tax_efficiency_of_ten() -> None:
    assert tax_efficiency(TWO, HALVES, 0.0) == EXACT(10.0)


@pytest.mark.parametrize("expected", [0.0, -0.05])
def test_tax_efficiency_says_nothing_where_nothing_is_earned(expected: float) -> None:
    poor = market([0.1], [expected], yields=[0.0])
    assert tax_efficiency(poor, np.array([1.0]), 0.32) is None


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
    seen = overview(three, X, terms(brokerage=7), None)
    assert (seen.etfs, seen.positions, seen.duplicated_etfs) == (2, 5, 2)
    assert extra_owners(X) == 3
    assert seen.largest_position == EXACT(0.25 + 0.3 + 0.1)
    assert seen.trading_cost_aud == EXACT(35)


def wanted(pod: str, amount_aud: float, years: float) -> Target:
    return Target("g", "A goal", pod, amount_aud, years)


def test_capital_is_split_by_present_value() -> None:
    # 110 in one year and 121 in two are worth 100 each at 10 %.
    targets = [wanted("a", 110, 1), wanted("b", 121, 2), wanted("a", 110, 1), wanted("c", 100 * 1.1**5, 5)]
    assert shares_from_targets(targets, 0.10) == EXACT({"a": 0.5, "b": 0.25, "c": 0.25})


def test_the_sooner_target_takes_more() -> None:
    shares = shares_from_targets([wanted("soon", 100, 1), wanted("late", 100, 30)], 0.04)
    assert shares["soon"] == EXACT(1 / (1 + 1.04**-29))


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    targets=st.lists(
        st.tuples(st.sampled_from("abc"), st.floats(1.0, 1e10), st.floats(0.1, 100.0)), min_size=1, max_size=8
    ),
    rate=st.floats(-0.02, 0.2),
    factor=st.floats(0.01, 100.0),
)
def test_shares_sum_to_one_and_know_no_currency(
    targets: list[tuple[str, float, float]], rate: float, factor: float
) -> None:
    shares = shares_from_targets([wanted(*t) for t in targets], rate)
    other = shares_from_targets([wanted(pod, amount * factor, years) for pod, amount, years in targets], rate)
    assert sum(shares.values()) == EXACT(1.0)
    assert other == EXACT(shares)


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
