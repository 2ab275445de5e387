"""The cheapest units to sell against arithmetic by hand and against every choice there is."""

from __future__ import annotations

from datetime import date
from itertools import product
from typing import TYPE_CHECKING

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

EXACT = pytest.approx
# HiGHS keeps its rows to 1e-7 of units worth up to 20 AUD, and calls an answer optimal from 1e-6 AUD.
SOLVED = {"rel": 1e-9, "abs": 1e-5}
PROFILE = settings(derandomize=True, deadline=None, max_examples=120)

PERSON = Taxpayer(Entity.INDIVIDUAL, 0.40)
TODAY = date(2026, 11, 2)
OLD, NEW = date(2024, 1, 2), date(2026, 9, 1)
LATER = date(2028, 11, 2)
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


def test_whole_parcels_are_sold_in_whole_units() -> None:
    # The loss of 5 wipes out 2.5 units of the recent gain of 2; whole units leave a choice of 2 or 3 of them, the rest
    # from the long-held gain of 3: 2 leave 1 of loss for 2 * 3: 40 % of half of 5 = 1; 3 leave 40 % of 1, and 40 % of
    # half of 3: 0.4 + 0.6 = 1; 4 leave 40 % of 3 = 1.2.
    parcels = [Parcel("A", 4, OLD, 28.0), Parcel("A", 4, NEW, 32.0), Parcel("B", 1, NEW, 12.0)]
    found = sell(parcels, {"A": 4.0, "B": 1.0}, {"A": 10.0, "B": 7.0})
    assert found.assessment.tax_aud == EXACT(1.0)
    assert all(units.is_integer() for units in found.units)
    # Units of a fractional holding can be split: 2.5 recent and 1.5 long-held ones leave 40 % of half of 4.5 = 0.9.
    parcels[0] = Parcel("A", 4.5, OLD, 31.5)
    assert sell(parcels, {"A": 4.0, "B": 1.0}, {"A": 10.0, "B": 7.0}).assessment.tax_aud == EXACT(0.9)


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


def test_fractions_that_sum_to_the_holding_can_all_be_sold() -> None:
    thirds = [Parcel("A", 0.1, OLD, 1.0)] * 3
    found = sell(thirds, {"A": 0.1 + 0.1 + 0.1}, {"A": 20.0})
    assert sum(found.units) == EXACT(0.3)


PARCELS = st.lists(
    st.builds(
        Parcel,
        ticker=st.sampled_from("AB"),
        units=st.integers(1, 4),
        acquired=st.sampled_from([OLD, NEW, date(2025, 11, 1), date(2026, 10, 30)]),
        cost_base_aud=st.integers(1, 80).map(float),
    ),
    min_size=1,
    max_size=4,
)
PEOPLE = st.builds(
    Taxpayer, st.just(Entity.INDIVIDUAL), st.floats(0.0, 0.47), st.just(0.0) | st.floats(0.0, 60.0)
) | st.sampled_from([Taxpayer(Entity.SUPER_ACCUMULATION), Taxpayer(Entity.COMPANY), Taxpayer(Entity.SUPER_PENSION)])
QUOTES = st.builds(
    Quotes,
    on=st.sampled_from([TODAY, LATER]),
    prices_aud=st.fixed_dictionaries({"A": st.floats(1.0, 20.0), "B": st.floats(1.0, 20.0)}),
    incidental_aud=st.fixed_dictionaries({"A": st.floats(0.0, 0.5)}),
)
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
@given(PARCELS, PART, QUOTES, PEOPLE)
def test_no_choice_of_whole_units_is_cheaper(parcels: list[Parcel], part: float, quotes: Quotes, who: Taxpayer) -> None:
    asked = to_sell(parcels, part)
    found = cheapest_sale(parcels, asked, quotes, who, LAW)
    assert found.assessment.tax_aud == EXACT(by_brute_force(parcels, asked, quotes, who), **SOLVED)
    assert {t: sum(n for p, n in zip(parcels, found.units, strict=True) if p.ticker == t) for t in "AB"} == asked
    assert all(0 <= n <= p.units and n.is_integer() for p, n in zip(parcels, found.units, strict=True))


@PROFILE
@given(PARCELS, PART, QUOTES, PEOPLE, st.randoms(use_true_random=False))
def test_the_order_of_parcels_does_not_matter(
    parcels: list[Parcel], part: float, quotes: Quotes, who: Taxpayer, shuffle: object
) -> None:
    asked, shuffled = to_sell(parcels, part), list(parcels)
    shuffle.shuffle(shuffled)  # type: ignore[attr-defined]
    assert tax(shuffled, asked, quotes, who) == EXACT(tax(parcels, asked, quotes, who), **SOLVED)


@PROFILE
@given(PARCELS, PART, QUOTES, PEOPLE)
def test_a_parcel_in_two_equal_halves_is_the_same_parcel(
    parcels: list[Parcel], part: float, quotes: Quotes, who: Taxpayer
) -> None:
    whole = [Parcel(p.ticker, 2 * p.units, p.acquired, p.cost_base_aud) for p in parcels]
    halves = [Parcel(p.ticker, p.units, p.acquired, p.cost_base_aud / 2) for p in parcels for _ in range(2)]
    asked = to_sell(whole, part)
    assert tax(halves, asked, quotes, who) == EXACT(tax(whole, asked, quotes, who), **SOLVED)


@PROFILE
@given(PARCELS, PART, QUOTES, PEOPLE)
def test_units_that_can_be_split_cost_no_more_than_whole_ones(
    parcels: list[Parcel], part: float, quotes: Quotes, who: Taxpayer
) -> None:
    asked = to_sell(parcels, part)
    # One unit in 1,024 of a parcel of its own makes the holding fractional, and changes nothing else.
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
@given(PARCELS, PART, QUOTES, PEOPLE, st.sampled_from([0.5, 3.0, 1_000.0]))
def test_the_tax_of_the_cheapest_sale_scales_with_all_amounts(
    parcels: list[Parcel], part: float, quotes: Quotes, who: Taxpayer, factor: float
) -> None:
    asked = to_sell(parcels, part)
    dearer = [Parcel(p.ticker, p.units, p.acquired, p.cost_base_aud * factor) for p in parcels]
    prices = {t: price * factor for t, price in quotes.prices_aud.items()}
    costs = {t: cost * factor for t, cost in quotes.incidental_aud.items()}
    values = {"A": 11.0 * factor, "B": 9.0 * factor}
    law = Regime(Reform(steady_cpi(0.04, until=LATER), values))
    more = Taxpayer(who.entity, who.marginal_rate, who.carried_losses_aud * factor)
    found = cheapest_sale(dearer, asked, Quotes(quotes.on, prices, costs), more, law)
    assert found.assessment.tax_aud == EXACT(factor * tax(parcels, asked, quotes, who), rel=1e-9, abs=1e-5 * factor)
