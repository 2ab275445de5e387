"""What distributions leave after tax, against arithmetic by hand and the figures the optimiser uses."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import market

from portfolio.errors import DataError
from portfolio.market import figures
from portfolio.tax.income import (
    Distributions,
    after_tax_income,
    after_tax_yields,
    days_at_risk,
    keeps_credits,
    must_hold,
)
from portfolio.tax.taxpayer import Entity, Taxpayer

# Sums of a few products: differences of order are a few units in the last place.
EXACT = pytest.approx
PROFILE = settings(derandomize=True, deadline=None, max_examples=200)

PERSON = Taxpayer(Entity.INDIVIDUAL, 0.39)
FUND = Taxpayer(Entity.SUPER_ACCUMULATION)
PENSION = Taxpayer(Entity.SUPER_PENSION)
COMPANY = Taxpayer(Entity.COMPANY)
SMALL_COMPANY = Taxpayer(Entity.COMPANY, 0.25)

# One ETF pays 7 % fully franked, with credits of 3 %; the other pays 4 % unfranked.
FRANKED_AND_NOT = Distributions(np.array([0.07, 0.04]), np.array([1.0, 0.0]))


def test_a_fully_franked_seventy_cents_carries_thirty() -> None:
    assert FRANKED_AND_NOT.franking_credits == EXACT([0.03, 0.0])
    assert FRANKED_AND_NOT.grossed_up_yields == EXACT([0.10, 0.04])


def test_half_franked_carries_half() -> None:
    assert Distributions(np.array([0.07]), np.array([0.5])).franking_credits == EXACT([0.015])


@pytest.mark.parametrize(
    ("who", "yields"),
    [
        # 61 % of 10 % and of 4 %.
        (PERSON, [0.061, 0.0244]),
        # Below the company rate the credits exceed the tax, and the rest is refunded: 7 % cash become 8.3 %.
        (Taxpayer(Entity.INDIVIDUAL, 0.17), [0.083, 0.0332]),
        (FUND, [0.085, 0.034]),
        # All credits are refunded.
        (PENSION, [0.10, 0.04]),
        # 30 % of 10 % is just what the credits pay.
        (COMPANY, [0.07, 0.028]),
        # 25 % of 10 % is less than the credits of 3 %; the 0.5 % left over are not refunded.
        (SMALL_COMPANY, [0.07, 0.03]),
    ],
)
def test_each_entity_keeps_what_its_rate_and_its_refund_leave(who: Taxpayer, yields: list[float]) -> None:
    assert after_tax_yields(who, FRANKED_AND_NOT) == EXACT(yields)


def test_a_credit_lost_to_the_holding_period_is_neither_income_nor_offset() -> None:
    # 61 % of the cash of 7 % and 4 %.
    lost = Distributions(np.array([0.07, 0.04]), np.array([1.0, 0.0]), entitled=np.array([0.0, 1.0]))
    assert lost.grossed_up_yields == EXACT([0.07, 0.04])
    assert after_tax_yields(PERSON, lost) == EXACT([0.0427, 0.0244])


def test_the_whole_of_an_individuals_income_and_its_refund() -> None:
    # 1,000 at 7 % and 500 at 4 %: 90 cash, 30 credits; 17 % of 120 is 20.40; 9.60 come back.
    found = after_tax_income(Taxpayer(Entity.INDIVIDUAL, 0.17), FRANKED_AND_NOT, np.array([1_000.0, 500.0]))
    assert (found.cash_aud, found.credits_aud, found.tax_aud) == EXACT((90.0, 30.0, 20.40))
    assert (found.refund_aud, found.unused_credits_aud, found.after_tax_aud) == EXACT((9.60, 0.0, 99.60))


def test_a_small_companys_credits_of_one_etf_pay_tax_on_another() -> None:
    # 70 cash and 30 credits, and 20 unfranked: 25 % of 120 is 30, just the credits. One by one it would be 70 + 15.
    holdings = np.array([1_000.0, 500.0])
    found = after_tax_income(SMALL_COMPANY, FRANKED_AND_NOT, holdings)
    assert (found.tax_aud, found.unused_credits_aud, found.after_tax_aud) == EXACT((30.0, 0.0, 90.0))
    assert after_tax_yields(SMALL_COMPANY, FRANKED_AND_NOT) @ holdings == EXACT(85.0)


def test_a_small_companys_unused_credits_pay_its_other_tax_before_they_are_lost() -> None:
    # 70 cash and 30 credits: 25 % of 100 is 25; 5 of credits are left.
    holdings = np.array([1_000.0, 0.0])
    alone = after_tax_income(SMALL_COMPANY, FRANKED_AND_NOT, holdings)
    assert (alone.unused_credits_aud, alone.after_tax_aud) == EXACT((5.0, 70.0))
    some = after_tax_income(SMALL_COMPANY, FRANKED_AND_NOT, holdings, other_tax_aud=2.0)
    assert (some.unused_credits_aud, some.after_tax_aud) == EXACT((3.0, 72.0))
    much = after_tax_income(SMALL_COMPANY, FRANKED_AND_NOT, holdings, other_tax_aud=9.0)
    assert (much.unused_credits_aud, much.after_tax_aud) == EXACT((0.0, 75.0))


def test_a_refund_comes_after_all_other_tax() -> None:
    # 15 % of 100 is 15; of the 15 left, 9 pay other tax and 6 are refunded; the worth is the same.
    found = after_tax_income(FUND, FRANKED_AND_NOT, np.array([1_000.0, 0.0]), other_tax_aud=9.0)
    assert (found.refund_aud, found.after_tax_aud) == EXACT((6.0, 85.0))


def test_days_of_purchase_and_sale_do_not_count_as_held() -> None:
    bought = date(2026, 1, 1)
    assert days_at_risk(bought, bought) == 0
    assert days_at_risk(bought, bought + timedelta(days=1)) == 0
    # ATO, "Holding period rule": 45 days between, so sold on the 46th day after.
    assert days_at_risk(bought, date(2026, 2, 16)) == 45


@pytest.mark.parametrize(
    ("entity", "credits_aud", "days", "keeps"),
    [
        (Entity.INDIVIDUAL, 5_000.0, 0, True),
        (Entity.INDIVIDUAL, 5_000.01, 44, False),
        (Entity.INDIVIDUAL, 5_000.01, 45, True),
        # The exemption is for natural persons.
        (Entity.SUPER_ACCUMULATION, 1.0, 44, False),
        (Entity.SUPER_PENSION, 1.0, 45, True),
        (Entity.COMPANY, 1.0, 44, False),
    ],
)
def test_credits_take_45_days_unless_an_individual_has_few(
    entity: Entity, credits_aud: float, days: int, *, keeps: bool
) -> None:
    assert keeps_credits(entity, credits_aud, held_days=days) is keeps


def test_the_flag_rises_above_5000_aud_a_year() -> None:
    assert [must_hold(Entity.INDIVIDUAL, x) for x in (5_000.0, 5_000.01)] == [False, True]
    assert must_hold(Entity.COMPANY, 0.0)


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"cash_yields": np.array([0.1])}, "1 cash yields, and 2 franked shares"),
        ({"cash_yields": np.array([-0.1, 0.1])}, "cash yields"),
        ({"cash_yields": np.array([np.nan, 0.1])}, "cash yields"),
        ({"franked_shares": np.array([0.0, 1.1])}, "franked shares"),
        ({"franked_shares": np.array([0.0, np.nan])}, "franked shares"),
        ({"entitled": np.array([1.0])}, "2 cash yields, and 1 entitlements"),
        ({"entitled": np.array([2.0, 1.0])}, "entitlements"),
    ],
)
def test_distributions_that_no_fund_pays_are_refused(wrong: dict[str, np.ndarray], says: str) -> None:
    right = {"cash_yields": np.array([0.07, 0.04]), "franked_shares": np.array([1.0, 0.0])}
    with pytest.raises(DataError, match=says):
        Distributions(**(right | wrong))


@pytest.mark.parametrize("holdings", [[1.0], [-1.0, 1.0], [np.nan, 1.0]])
def test_holdings_that_are_none_are_refused(holdings: list[float]) -> None:
    with pytest.raises(DataError, match="holdings"):
        after_tax_income(PERSON, FRANKED_AND_NOT, np.array(holdings))


@pytest.mark.parametrize("other", [-1.0, float("inf")])
def test_other_tax_that_is_none_is_refused(other: float) -> None:
    with pytest.raises(DataError, match="other tax"):
        after_tax_income(PERSON, FRANKED_AND_NOT, np.array([1.0, 1.0]), other_tax_aud=other)


SHARES = st.floats(0.0, 1.0)
THREE = st.tuples(SHARES, SHARES, SHARES).map(np.array)
TAXPAYERS = st.sampled_from([PERSON, Taxpayer(Entity.INDIVIDUAL, 0.0), FUND, PENSION, COMPANY, SMALL_COMPANY])


@PROFILE
@given(THREE, THREE, SHARES.map(lambda rate: rate / 2))
def test_for_an_individual_the_figures_of_the_optimiser_are_these(
    cash: np.ndarray, franked: np.ndarray, rate: float
) -> None:
    priced = market([0.1, 0.2, 0.3], [0.05, 0.06, 0.07], yields=cash.tolist(), franked=franked.tolist())
    ours = Distributions(cash, franked)
    assert ours.franking_credits == EXACT(figures.franking_credits(priced))
    assert ours.grossed_up_yields == EXACT(figures.grossed_up_yields(priced))
    left = cash - figures.net_tax(priced, rate)
    assert after_tax_yields(Taxpayer(Entity.INDIVIDUAL, rate), ours) == EXACT(left, abs=1e-12)


@PROFILE
@given(TAXPAYERS, THREE, THREE, THREE)
def test_a_portfolio_keeps_what_its_etfs_keep_and_a_company_perhaps_more(
    who: Taxpayer, cash: np.ndarray, franked: np.ndarray, shares: np.ndarray
) -> None:
    paid, holdings = Distributions(cash, franked), shares * 1e5
    one_by_one = float(after_tax_yields(who, paid) @ holdings)
    together = after_tax_income(who, paid, holdings)
    if who is SMALL_COMPANY:
        # Credits are worth at most what they are, wherever they are used.
        assert (
            one_by_one - 1e-6 <= together.after_tax_aud <= together.cash_aud + together.credits_aud - together.tax_aud
        )
    else:
        assert together.after_tax_aud == EXACT(one_by_one, abs=1e-6)


@PROFILE
@given(TAXPAYERS, THREE, THREE, THREE, st.floats(0.0, 1e4))
def test_credits_pay_tax_or_come_back_or_are_unused(
    who: Taxpayer, cash: np.ndarray, franked: np.ndarray, shares: np.ndarray, other: float
) -> None:
    found = after_tax_income(who, Distributions(cash, franked), shares * 1e5, other_tax_aud=other)
    paying = found.credits_aud - found.refund_aud - found.unused_credits_aud
    assert -1e-6 <= paying <= found.tax_aud + other + 1e-6
    assert min(found.refund_aud, found.unused_credits_aud) == 0
    # Cash in, all tax out, credits back: what is left of everything, other tax included.
    left = found.cash_aud - (found.tax_aud + other - paying) + found.refund_aud
    assert found.after_tax_aud == EXACT(left + other, abs=1e-6)
