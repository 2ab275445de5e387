"""The cheapest units to sell against arithmetic by hand and against every choice there is."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.errors import DataError
from portfolio.tax.gains import assess
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel, Quotes
from portfolio.tax.regime import Reform, Regime, steady_cpi
from portfolio.tax.sale import Sale, cheapest_sale, realise
from portfolio.tax.taxpayer import Entity, Taxpayer

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

EXACT = pytest.approx
# HiGHS keeps its rows to 1e-7 of units worth up to 20 AUD, and calls an answer optimal from 1e-6 AUD.
SOLVED = {"rel": 1e-9, "abs": 1e-5}
PROFILE = settings(derandomize=True, deadline=None, max_examples=120)

PERSON = Taxpayer(Entity.INDIVIDUAL, 0.40)
TODAY = date(2026, 11, 2)
OLD, NEW = date(2024, 1, 2), date(2026, 9, 1)
UNDER_REFORM, LATER = date(2027, 8, 1), date(2028, 11, 2)
LAW = Regime(Reform(steady_cpi(0.04, until=LATER), {"A": 11.0, "B": 9.0}))


def sell(
    parcels: Sequence[Parcel], units: dict[str, float], prices: dict[str, float], *, who: Taxpayer = PERSON
) -> Sale:
    return cheapest_sale(parcels, units, Quotes(TODAY, prices), who, LAW)


def test_a_long_held_gain_goes_before_a_recent_one_of_the_same_size() -> None:
    parcels = [Parcel("A", 10, NEW, 50.0), Parcel("A", 10, OLD, 50.0)]
    found = sell(parcels, {"A": 10.0}, {"A": 10.0})
    # 10 units gain 5 each: 40 % of half of 50.
    assert found.units == (0.0, 10.0)
    assert found.assessment.tax_aud == EXACT(10.0)


def test_a_recent_gain_goes_first_where_it_is_less_than_half_the_other() -> None:
    # 40 % of 10 * 2 = 8, against 40 % of half of 10 * 5 = 10.
    parcels = [Parcel("A", 10, NEW, 80.0), Parcel("A", 10, OLD, 50.0)]
    found = sell(parcels, {"A": 10.0}, {"A": 10.0})
    assert found.units == (10.0, 0.0)
    assert found.assessment.tax_aud == EXACT(8.0)


def test_losses_of_one_etf_shelter_gains_of_another() -> None:
    # B has to be sold, and loses 30: it wipes out the recent gain of A's second parcel, 10 * 3, which alone would be
    # taxed 12; the long-held gain of 10 * 4 would be taxed 40 % of (40 - 30) / 2 = 2.
    parcels = [Parcel("A", 10, OLD, 60.0), Parcel("A", 10, NEW, 70.0), Parcel("B", 10, NEW, 100.0)]
    found = sell(parcels, {"A": 10.0, "B": 10.0}, {"A": 10.0, "B": 7.0})
    assert found.units == (0.0, 10.0, 10.0)
    assert found.assessment.tax_aud == EXACT(0.0, abs=1e-9)


def test_losses_carried_in_change_the_choice() -> None:
    parcels = [Parcel("A", 10, OLD, 60.0), Parcel("A", 10, NEW, 70.0)]
    # Long-held: 40 % of half of 40 = 8; recent: 40 % of 30 = 12. With 30 of losses, 40 % of half of 10 = 2, and 0.
    assert sell(parcels, {"A": 10.0}, {"A": 10.0}).units == (10.0, 0.0)
    carrying = Taxpayer(Entity.INDIVIDUAL, 0.40, 30.0)
    assert sell(parcels, {"A": 10.0}, {"A": 10.0}, who=carrying).units == (0.0, 10.0)


def test_of_parcels_that_cost_the_same_the_first_are_sold() -> None:
    # A pension pays no tax, and has no gains: 12 units are the 10 of the first parcel and 2 of the second.
    parcels = [Parcel("A", 10, OLD, 60.0), Parcel("A", 10, NEW, 70.0), Parcel("A", 10, OLD, 80.0)]
    pension = Taxpayer(Entity.SUPER_PENSION, None, 0.0)
    assert sell(parcels, {"A": 12.0}, {"A": 10.0}, who=pension).units == (10.0, 2.0, 0.0)


def test_where_losses_cover_all_gains_as_few_of_them_are_used_as_can_be() -> None:
    # 1,000 AUD of losses cover any gain. Units gain 4, 3 and 2 AUD: 12 of them use 10 * 2 + 2 * 3 at least.
    parcels = [Parcel("A", 10, OLD, 60.0), Parcel("A", 10, NEW, 70.0), Parcel("A", 10, OLD, 80.0)]
    found = sell(parcels, {"A": 12.0}, {"A": 10.0}, who=Taxpayer(Entity.INDIVIDUAL, 0.40, 1_000.0))
    assert found.units == (0.0, 2.0, 10.0)
    assert found.assessment.losses_carried_aud == EXACT(1_000.0 - 26.0)


def test_losses_that_end_among_the_gains_of_a_kind_spare_as_much_as_they_can() -> None:
    # Per unit, long-held 4 (0.8 of tax), recent 1 (0.4). 5 AUD of losses make the first 5 recent
    # units free, so that all 10 cost 2; then 5 long-held ones cost 4.
    parcels = [Parcel("A", 10, OLD, 60.0), Parcel("A", 10, NEW, 90.0)]
    carrying = Taxpayer(Entity.INDIVIDUAL, 0.40, 5.0)
    found = sell(parcels, {"A": 15.0}, {"A": 10.0}, who=carrying)
    assert found.units == (5.0, 10.0)
    assert found.assessment.tax_aud == EXACT(6.0)


def test_whole_parcels_are_sold_in_whole_units() -> None:
    # The loss of 7.28 wipes out 2.6 units of the recent gain of 2.80; the rest comes from the long-held gain of 3. Of
    # whole units, 2 and 2 leave 1.68 of loss for 6: 40 % of half of 4.32 = 0.864; 3 and 1 leave 40 % of 1.12, and 40 %
    # of half of 3: 0.448 + 0.6 = 1.048.
    parcels = [Parcel("A", 4, OLD, 28.0), Parcel("A", 4, NEW, 28.80), Parcel("B", 1, NEW, 12.0)]
    found = sell(parcels, {"A": 4.0, "B": 1.0}, {"A": 10.0, "B": 4.72})
    assert found.units == (2.0, 2.0, 1.0)
    assert found.assessment.tax_aud == EXACT(0.864)


def test_fractional_parcels_are_sold_in_parts_of_units() -> None:
    # As above, but 2.6 recent and 1.4 long-held units are possible: 40 % of half of 4.20.
    parcels = [Parcel("A", 4.5, OLD, 31.50), Parcel("A", 4, NEW, 28.80), Parcel("B", 1, NEW, 12.0)]
    found = sell(parcels, {"A": 4.0, "B": 1.0}, {"A": 10.0, "B": 4.72})
    assert found.units == EXACT((1.4, 2.6, 1.0))
    assert found.assessment.tax_aud == EXACT(0.84)


def test_what_is_not_sold_needs_no_price() -> None:
    found = sell([Parcel("A", 2, OLD, 10.0), Parcel("B", 2, OLD, 10.0)], {"A": 1.0, "B": 0.0}, {"A": 7.0})
    assert found.units == (1.0, 0.0)
    assert found.realised_aud[Kind.DISCOUNTABLE] == EXACT(2.0)


@pytest.mark.parametrize("parcels", [[], [Parcel("A", 2, OLD, 10.0)]])
def test_nothing_to_sell_costs_nothing(parcels: list[Parcel]) -> None:
    found = sell(parcels, {}, {})
    assert (sum(found.units), found.assessment.tax_aud) == (0.0, 0.0)


@pytest.mark.parametrize("asked", [3.0, -1.0, float("nan")])
def test_more_than_is_held_is_refused(asked: float) -> None:
    with pytest.raises(DataError, match=r"asked to sell .* A; the parcels hold 2"):
        sell([Parcel("A", 2, OLD, 10.0)], {"A": asked}, {"A": 7.0})


def test_an_etf_nobody_holds_is_refused() -> None:
    with pytest.raises(DataError, match=r"1.0 C; the parcels hold 0"):
        sell([Parcel("A", 2, OLD, 10.0)], {"C": 1.0}, {"C": 7.0})


def test_parcels_not_yet_bought_are_refused() -> None:
    with pytest.raises(DataError, match="not yet bought"):
        sell([Parcel("A", 2, LATER, 10.0)], {}, {})


def test_units_of_as_many_parcels_as_there_are() -> None:
    with pytest.raises(DataError, match="1 parcels, and units of 2"):
        realise([Parcel("A", 2, OLD, 10.0)], [1.0, 2.0], Quotes(TODAY, {"A": 1.0}), PERSON, LAW)


def test_units_asked_may_exceed_the_holding_by_what_rounding_loses() -> None:
    # 0.0000000004 of the holding, in sums of fractional units.
    found = sell([Parcel("A", 100_000.5, OLD, 1e6)], {"A": 100_000.50004}, {"A": 20.0})
    assert found.units == (100_000.5,)


def test_a_fraction_of_whole_parcels_can_be_sold_where_it_is_asked_for() -> None:
    # 1.5 units of a long-held gain of 5: 40 % of half of 7.50.
    found = sell([Parcel("A", 2, OLD, 10.0)], {"A": 1.5}, {"A": 10.0})
    assert found.units == EXACT((1.5,))
    assert found.assessment.tax_aud == EXACT(1.50)


def test_under_the_reform_a_loss_may_have_to_spare_the_gain_it_is_worth_most_against() -> None:
    # The index grows by 4 % a year: 5 quarters, 1.050. Sold at 20, the old unit gains 11 - 1 = 10 until July 2027, and
    # 20 - 11.55 = 8.45 from then; the newer one gains 20 - 5.25 = 14.75. Without losses 40 % of 5 + 8.45 = 5.38 is
    # less than 40 % of 14.75 = 5.90. Losses of 10 would all go against the discounted gain of the old unit and leave
    # 40 % of 8.45 = 3.38; against the newer unit's gain they leave 40 % of 4.75 = 1.90.
    parcels = [Parcel("A", 1, OLD, 1.0), Parcel("A", 1, UNDER_REFORM, 5.0)]
    later = Quotes(LATER, {"A": 20.0})
    plain = cheapest_sale(parcels, {"A": 1.0}, later, PERSON, LAW)
    assert plain.units == (1.0, 0.0)
    assert plain.assessment.tax_aud == EXACT(5.38)
    carrying = cheapest_sale(parcels, {"A": 1.0}, later, Taxpayer(Entity.INDIVIDUAL, 0.40, 10.0), LAW)
    assert carrying.units == (0.0, 1.0)
    assert carrying.assessment.tax_aud == EXACT(1.90)


def test_losses_that_the_law_keeps_from_the_indexed_gain_make_the_older_units_cheaper() -> None:
    # Sold at 12, an old unit gains 10 until July 2027 and 12 - 11.55 = 0.45 from then, the newer one 12 - 6.30 = 5.70.
    # Losses of 9 stop at the discounted gain either way: two old units leave 40 % of half of 11, and of 0.90: 2.56; one
    # of each 40 % of half of 1, and of 6.15: 2.66. If they could reduce the indexed gain first it would be 1.43.
    parcels = [Parcel("A", 2, OLD, 2.0), Parcel("A", 1, UNDER_REFORM, 6.0)]
    carrying = Taxpayer(Entity.INDIVIDUAL, 0.40, 9.0)
    found = cheapest_sale(parcels, {"A": 2.0}, Quotes(LATER, {"A": 12.0}), carrying, LAW)
    assert found.units == (2.0, 0.0)
    assert found.assessment.tax_aud == EXACT(2.56)


def parcels_bought(on: list[date]) -> st.SearchStrategy[list[Parcel]]:
    parcel = st.builds(
        Parcel,
        ticker=st.sampled_from("AB"),
        units=st.integers(1, 4),
        acquired=st.sampled_from(on),
        cost_base_aud=st.integers(1, 80).map(float),
    )
    return st.lists(parcel, min_size=1, max_size=4)


def quotes_on(day: date) -> st.SearchStrategy[Quotes]:
    return st.builds(
        Quotes,
        on=st.just(day),
        prices_aud=st.fixed_dictionaries({"A": st.floats(1.0, 20.0), "B": st.floats(1.0, 20.0)}),
        incidental_aud=st.fixed_dictionaries({"A": st.floats(0.0, 0.5)}),
    )


# What is held, and what it fetches: today, or under the reform.
HELD = st.tuples(parcels_bought([OLD, NEW, date(2025, 11, 1), date(2026, 10, 30)]), quotes_on(TODAY)) | st.tuples(
    parcels_bought([OLD, UNDER_REFORM, date(2028, 9, 1)]), quotes_on(LATER)
)
PEOPLE = st.builds(
    Taxpayer, st.just(Entity.INDIVIDUAL), st.floats(0.0, 0.47), st.just(0.0) | st.floats(0.0, 60.0)
) | st.sampled_from([Taxpayer(Entity.SUPER_ACCUMULATION), Taxpayer(Entity.COMPANY), Taxpayer(Entity.SUPER_PENSION)])
Held: TypeAlias = tuple[list[Parcel], Quotes]
# Of what is held of each ETF, this part is sold.
PART = st.floats(0.0, 1.0)


def to_sell(parcels: Sequence[Parcel], part: float) -> dict[str, float]:
    return {t: float(round(part * sum(p.units for p in parcels if p.ticker == t))) for t in "AB"}


def tax(parcels: Sequence[Parcel], asked: dict[str, float], quotes: Quotes, who: Taxpayer) -> float:
    return cheapest_sale(parcels, asked, quotes, who, LAW).assessment.tax_aud


def by_brute_force(parcels: Sequence[Parcel], asked: dict[str, float], quotes: Quotes, who: Taxpayer) -> float:
    """Least tax over all whole numbers of units."""
    choices = product(*(range(int(parcel.units) + 1) for parcel in parcels))
    return min(
        assess(who, realise(parcels, choice, quotes, who, LAW)).tax_aud
        for choice in choices
        if all(sum(n for p, n in zip(parcels, choice, strict=True) if p.ticker == t) == asked[t] for t in asked)
    )


@PROFILE
@given(HELD, PART, PEOPLE)
def test_no_choice_of_whole_units_is_cheaper(held: Held, part: float, who: Taxpayer) -> None:
    parcels, quotes = held
    asked = to_sell(parcels, part)
    found = cheapest_sale(parcels, asked, quotes, who, LAW)
    assert found.assessment.tax_aud == EXACT(by_brute_force(parcels, asked, quotes, who), **SOLVED)
    assert {t: sum(n for p, n in zip(parcels, found.units, strict=True) if p.ticker == t) for t in "AB"} == asked
    assert all(0 <= n <= p.units and n.is_integer() for p, n in zip(parcels, found.units, strict=True))


@PROFILE
@given(HELD, PART, PEOPLE, st.randoms(use_true_random=False))
def test_the_order_of_parcels_does_not_matter(held: Held, part: float, who: Taxpayer, chance: Random) -> None:
    parcels, quotes = held
    asked, shuffled = to_sell(parcels, part), list(parcels)
    chance.shuffle(shuffled)
    assert tax(shuffled, asked, quotes, who) == EXACT(tax(parcels, asked, quotes, who), **SOLVED)


@PROFILE
@given(HELD, PART, PEOPLE, st.floats(0.0, 60.0))
def test_more_losses_never_raise_the_tax_and_it_is_never_negative(
    held: Held, part: float, who: Taxpayer, more: float
) -> None:
    parcels, quotes = held
    asked = to_sell(parcels, part)
    richer = Taxpayer(who.entity, who.marginal_rate, who.carried_losses_aud + more)
    assert 0 <= tax(parcels, asked, quotes, richer) <= tax(parcels, asked, quotes, who) + SOLVED["abs"]


@PROFILE
@given(HELD, PART, PEOPLE)
def test_a_parcel_in_two_equal_halves_is_the_same_parcel(held: Held, part: float, who: Taxpayer) -> None:
    parcels, quotes = held
    whole = [Parcel(p.ticker, 2 * p.units, p.acquired, p.cost_base_aud) for p in parcels]
    halves = [Parcel(p.ticker, p.units, p.acquired, p.cost_base_aud / 2) for p in parcels for _ in range(2)]
    asked = to_sell(whole, part)
    assert tax(halves, asked, quotes, who) == EXACT(tax(whole, asked, quotes, who), **SOLVED)


@PROFILE
@given(HELD, PART, PEOPLE)
def test_units_that_can_be_split_cost_no_more_than_whole_ones(held: Held, part: float, who: Taxpayer) -> None:
    parcels, quotes = held
    asked = to_sell(parcels, part)
    # A thousandth of a unit as a parcel of its own makes the holding fractional, and changes nothing else.
    split = [
        piece
        for p in parcels
        for piece in (
            Parcel(p.ticker, p.units - 2**-10, p.acquired, p.cost_base_aud * (p.units - 2**-10) / p.units),
            Parcel(p.ticker, 2**-10, p.acquired, p.cost_base_aud * 2**-10 / p.units),
        )
    ]
    assert tax(split, asked, quotes, who) <= tax(parcels, asked, quotes, who) + SOLVED["abs"]


@PROFILE
@given(HELD, PART, PEOPLE, st.sampled_from([0.5, 3.0, 1_000.0]))
def test_the_tax_of_the_cheapest_sale_scales_with_all_amounts(
    held: Held, part: float, who: Taxpayer, factor: float
) -> None:
    parcels, quotes = held
    asked = to_sell(parcels, part)
    dearer = [Parcel(p.ticker, p.units, p.acquired, p.cost_base_aud * factor) for p in parcels]
    prices = {t: price * factor for t, price in quotes.prices_aud.items()}
    costs = {t: cost * factor for t, cost in quotes.incidental_aud.items()}
    values = {"A": 11.0 * factor, "B": 9.0 * factor}
    law = Regime(Reform(steady_cpi(0.04, until=LATER), values))
    more = Taxpayer(who.entity, who.marginal_rate, who.carried_losses_aud * factor)
    found = cheapest_sale(dearer, asked, Quotes(quotes.on, prices, costs), more, law)
    assert found.assessment.tax_aud == EXACT(factor * tax(parcels, asked, quotes, who), rel=1e-9, abs=1e-5 * factor)
