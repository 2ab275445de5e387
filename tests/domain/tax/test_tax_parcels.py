"""What selling a unit gains, by kind, before the reform and under it."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.errors import DataError
from portfolio.tax.kinds import Kind
from portfolio.tax.parcels import Parcel, Quotes, gain_per_unit, missing_facts, refuse_future
from portfolio.tax.regime import Reform, Regime, steady_cpi
from portfolio.tax.taxpayer import Entity, Taxpayer

# Sums of a few products: differences of order are a few units in the last place.
EXACT = pytest.approx
PROFILE = settings(derandomize=True, deadline=None, max_examples=200)

PERSON = Taxpayer(Entity.INDIVIDUAL, 0.39)
FUND = Taxpayer(Entity.SUPER_ACCUMULATION)
PENSION = Taxpayer(Entity.SUPER_PENSION)
COMPANY = Taxpayer(Entity.COMPANY)

# 100 units for 5,000 AUD and 10 AUD of brokerage: 50.10 AUD a unit.
BOUGHT = date(2025, 3, 10)
PARCEL = Parcel("VAS", 100, BOUGHT, 5_010.0)

CPI = {
    date(2027, 7, 1): 150.0,
    date(2027, 10, 1): 151.5,
    date(2028, 1, 1): 153.0,
    date(2028, 4, 1): 154.5,
    date(2028, 7, 1): 156.0,
}
REFORM = Regime(Reform(CPI, {"VAS": 70.0}))


def quotes(on: date, price: float, *, costs: float = 0.0) -> Quotes:
    return Quotes(on, {"VAS": price}, {"VAS": costs})


def gain(
    on: date, price: float, *, who: Taxpayer = PERSON, parcel: Parcel = PARCEL, law: Regime = REFORM
) -> dict[Kind, float]:
    return gain_per_unit(parcel, quotes(on, price), who, law)


def test_brokerage_of_buying_is_part_of_the_cost_base() -> None:
    assert PARCEL.unit_cost_aud == EXACT(50.10)


@pytest.mark.parametrize(
    ("sold", "kind"),
    [
        (date(2026, 3, 9), Kind.UNDISCOUNTED),
        # Exactly a year later: only 364 days lie clear between the two.
        (date(2026, 3, 10), Kind.UNDISCOUNTED),
        # The year from 11 March 2025 to 10 March 2026 is over.
        (date(2026, 3, 11), Kind.DISCOUNTABLE),
        (date(2027, 6, 30), Kind.DISCOUNTABLE),
    ],
)
@pytest.mark.parametrize("who", [PERSON, FUND])
def test_a_gain_has_its_discount_from_the_day_after_a_clear_year(sold: date, kind: Kind, who: Taxpayer) -> None:
    assert gain(sold, 60.10, who=who) == EXACT({kind: 10.0})


def test_on_the_day_of_purchase_a_gain_is_undiscounted() -> None:
    assert gain(BOUGHT, 51.10) == EXACT({Kind.UNDISCOUNTED: 1.0})


def test_a_company_has_no_discount_however_long_it_held() -> None:
    assert gain(date(2027, 3, 10), 60.10, who=COMPANY) == EXACT({Kind.UNDISCOUNTED: 10.0})


def test_gains_and_losses_in_the_pension_phase_are_disregarded() -> None:
    assert gain(date(2027, 3, 10), 60.10, who=PENSION) == {}
    assert gain(date(2027, 3, 10), 40.10, who=PENSION) == {}


@pytest.mark.parametrize("sold", [date(2025, 4, 1), date(2027, 4, 1)])
def test_a_loss_is_a_loss_however_long_it_was_held(sold: date) -> None:
    assert gain(sold, 45.10) == EXACT({Kind.LOSS: 5.0})


def test_what_is_sold_at_cost_gains_nothing() -> None:
    parcel = Parcel("VAS", 4, BOUGHT, 200.0)
    assert gain(date(2026, 1, 5), 50.0, parcel=parcel) == {}


def test_costs_of_selling_reduce_the_gain_and_deepen_the_loss() -> None:
    # 60.10 - 0.10 - 50.10 = 9.90; 50.10 + 0.10 - 45.10 = 5.10.
    won = gain_per_unit(PARCEL, quotes(date(2025, 4, 1), 60.10, costs=0.10), PERSON, REFORM)
    lost = gain_per_unit(PARCEL, quotes(date(2025, 4, 1), 45.10, costs=0.10), PERSON, REFORM)
    assert won == EXACT({Kind.UNDISCOUNTED: 9.90})
    assert lost == EXACT({Kind.LOSS: 5.10})


def test_a_gain_across_1_july_2027_is_split_at_its_market_value() -> None:
    # Until then 70 - 50.10 = 19.90, discounted. From then, sold in the June quarter of 2028: 154.5 / 150 = 1.03,
    # 80 - 70 * 1.03 = 7.90.
    assert gain(date(2028, 5, 1), 80.0) == EXACT({Kind.DISCOUNTABLE: 19.90, Kind.INDEXED: 7.90})


def test_costs_of_selling_belong_to_the_gain_after_the_split_and_are_not_indexed() -> None:
    # 80 - 0.40 - 70 * 1.03 = 7.50.
    found = gain_per_unit(PARCEL, quotes(date(2028, 5, 1), 80.0, costs=0.40), PERSON, REFORM)
    assert found == EXACT({Kind.DISCOUNTABLE: 19.90, Kind.INDEXED: 7.50})


def test_the_last_day_before_the_reform_has_one_gain_and_the_first_day_of_it_two() -> None:
    # Sold on 1 July 2027 at 71: the index of its quarter over itself is 1, so 71 - 70 = 1.
    assert gain(date(2027, 6, 30), 71.0) == EXACT({Kind.DISCOUNTABLE: 20.90})
    assert gain(date(2027, 7, 1), 71.0) == EXACT({Kind.DISCOUNTABLE: 19.90, Kind.INDEXED: 1.0})


def test_without_the_reform_the_discount_stays() -> None:
    assert gain(date(2028, 5, 1), 80.0, law=Regime(reform=None)) == EXACT({Kind.DISCOUNTABLE: 29.90})


@pytest.mark.parametrize(("who", "kind"), [(FUND, Kind.DISCOUNTABLE), (COMPANY, Kind.UNDISCOUNTED)])
def test_the_reform_leaves_funds_and_companies_alone(who: Taxpayer, kind: Kind) -> None:
    assert gain(date(2028, 5, 1), 80.0, who=who) == EXACT({kind: 29.90})


def test_twelve_months_count_from_the_real_purchase_not_from_the_split() -> None:
    # Bought on 1 February 2027, sold on 2 February 2028: a clear year, though seven months from the split.
    # 70 - 60 = 10; 153 / 150 = 1.02; 80 - 71.40 = 8.60.
    parcel = Parcel("VAS", 1, date(2027, 2, 1), 60.0)
    assert gain(date(2028, 2, 2), 80.0, parcel=parcel) == EXACT({Kind.DISCOUNTABLE: 10.0, Kind.INDEXED: 8.60})


def test_held_for_less_than_a_year_across_the_split_there_is_neither_discount_nor_index() -> None:
    # A day earlier than above: 70 - 60 = 10 in full, 80 - 70 = 10 over the plain cost.
    parcel = Parcel("VAS", 1, date(2027, 2, 1), 60.0)
    assert gain(date(2028, 2, 1), 80.0, parcel=parcel) == EXACT({Kind.UNDISCOUNTED: 10.0, Kind.INDEXED: 10.0})


def test_what_is_bought_under_the_reform_is_indexed_from_its_own_quarter() -> None:
    # Bought on 1 July 2027 at 70, sold on 2 July 2028 in the quarter of 156: 156 / 150 = 1.04; 80 - 72.80 = 7.20.
    parcel = Parcel("VAS", 1, date(2027, 7, 1), 70.0)
    assert gain(date(2028, 7, 2), 80.0, parcel=parcel) == EXACT({Kind.INDEXED: 7.20})
    assert gain(date(2028, 7, 1), 80.0, parcel=parcel) == EXACT({Kind.INDEXED: 10.0})


def test_indexing_makes_no_loss_and_deepens_none() -> None:
    # Indexed 72.10: at 71 there is no gain; no loss either, since the plain cost is 70. At 69 it is 70 - 69.
    assert gain(date(2028, 5, 1), 71.0) == EXACT({Kind.DISCOUNTABLE: 19.90})
    assert gain(date(2028, 5, 1), 69.0) == EXACT({Kind.DISCOUNTABLE: 19.90, Kind.LOSS: 1.0})


def test_a_loss_until_the_split_and_a_gain_from_it_both_count() -> None:
    # 75 - 70 = 5 lost until then; 80 - 72.10 = 7.90 gained from then.
    parcel = Parcel("VAS", 1, BOUGHT, 75.0)
    assert gain(date(2028, 5, 1), 80.0, parcel=parcel) == EXACT({Kind.LOSS: 5.0, Kind.INDEXED: 7.90})


def test_losses_on_both_sides_of_the_split_add_up() -> None:
    # 75 - 70 = 5, and 70 - 60 = 10.
    parcel = Parcel("VAS", 1, BOUGHT, 75.0)
    assert gain(date(2028, 5, 1), 60.0, parcel=parcel) == EXACT({Kind.LOSS: 15.0})


def test_the_reform_asks_for_a_price_or_an_index_only_where_it_needs_one() -> None:
    assert gain(date(2027, 6, 30), 60.10, law=Regime()) == EXACT({Kind.DISCOUNTABLE: 10.0})
    # Held for less than a year since: no index.
    assert gain(date(2028, 7, 1), 80.0, parcel=Parcel("VAS", 1, date(2027, 7, 1), 70.0), law=Regime())
    with pytest.raises(DataError, match="price of VAS just before 2027-07-01"):
        gain(date(2028, 5, 1), 80.0, law=Regime(Reform(CPI)))
    with pytest.raises(DataError, match="CPI of the quarter from 2028-04-01"):
        gain(date(2028, 5, 1), 80.0, law=Regime(Reform(values_aud={"VAS": 70.0})))


def test_all_facts_that_are_missing_are_named_at_once_and_no_others() -> None:
    parcels = [
        Parcel("VGS", 1, date(2026, 1, 5), 60.0),
        PARCEL,
        Parcel("NDQ", 1, date(2027, 10, 1), 70.0),
        Parcel("NDQ", 1, date(2028, 2, 1), 70.0),  # held for less than a year: nothing is indexed
    ]
    values = "values_aud of VAS, VGS (the price of a unit just before 2027-07-01)"
    quarters = "cpi of the quarters from 2027-07-01, 2027-10-01, 2028-10-01"
    sold = date(2028, 11, 1)
    assert missing_facts(parcels, sold, PERSON, Regime()) == [values, quarters]
    assert missing_facts(parcels, sold, PERSON, Regime(Reform(CPI, {"VAS": 70.0, "VGS": 80.0}))) == [
        "cpi of the quarters from 2028-10-01"
    ]
    # In the first quarter, nothing is indexed yet.
    assert missing_facts(parcels[:2], date(2027, 9, 30), PERSON, Regime()) == [values]
    assert missing_facts(parcels, sold, FUND, Regime()) == []
    assert missing_facts(parcels[:2], date(2027, 6, 30), PERSON, Regime()) == []


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        ({"units": 0.0}, "units"),
        ({"units": -1.0}, "units"),
        ({"units": float("inf")}, "units"),
        ({"units": float("nan")}, "units"),
        ({"cost_base_aud": -5.0}, "cost base"),
        ({"cost_base_aud": float("nan")}, "cost base"),
        ({"acquired": date(1999, 9, 21)}, "1999-09-22"),
    ],
)
def test_a_parcel_that_no_purchase_could_have_been_is_refused(wrong: dict[str, object], says: str) -> None:
    with pytest.raises(DataError, match=says):
        replace(PARCEL, **wrong)  # type: ignore[arg-type]


def test_of_a_cost_base_that_was_reduced_to_nil_all_proceeds_are_gain() -> None:
    nil = replace(PARCEL, cost_base_aud=0.0)

    assert gain(date(2026, 3, 9), 62.5, parcel=nil, who=COMPANY) == {Kind.UNDISCOUNTED: 62.5}
    assert gain(date(2026, 6, 9), 62.5, parcel=nil) == {Kind.DISCOUNTABLE: 62.5}


def test_a_parcel_bought_after_the_sale_is_refused() -> None:
    with pytest.raises(DataError, match="not yet bought on 2025-03-09"):
        gain(date(2025, 3, 9), 60.0)
    with pytest.raises(DataError, match="not yet bought"):
        refuse_future([PARCEL], date(2025, 3, 9))
    refuse_future([PARCEL], BOUGHT)


@pytest.mark.parametrize("wrong", [{"VAS": -1.0}, {"VAS": float("nan")}, {"VAS": float("inf")}])
def test_a_price_or_a_cost_that_is_none_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(DataError, match="price of VAS"):
        Quotes(BOUGHT, wrong)
    with pytest.raises(DataError, match="incidental cost of VAS"):
        Quotes(BOUGHT, {"VAS": 1.0}, wrong)


def test_a_missing_price_is_named() -> None:
    with pytest.raises(DataError, match="no price of VAS; there are those of GOLD"):
        gain_per_unit(PARCEL, Quotes(BOUGHT, {"GOLD": 1.0}), PERSON, REFORM)


@PROFILE
@given(
    units=st.integers(1, 1_000),
    cost=st.floats(1.0, 200.0),
    value=st.floats(1.0, 200.0),
    price=st.floats(0.0, 200.0),
    bought=st.dates(date(2025, 1, 1), date(2028, 6, 30)),
    sold=st.dates(date(2028, 7, 1), date(2032, 6, 30)),
)
def test_without_inflation_the_parts_of_a_gain_add_up_to_it(
    units: int, cost: float, value: float, price: float, bought: date, sold: date
) -> None:
    still = Regime(Reform(steady_cpi(0.0, until=date(2032, 6, 30)), {"VAS": value}))
    parts = gain(sold, price, parcel=Parcel("VAS", units, bought, cost * units), law=still)
    loss = parts.pop(Kind.LOSS, 0.0)
    assert sum(parts.values()) - loss == EXACT(price - cost, abs=1e-9)


@PROFILE
@given(inflation=st.floats(0.0, 0.2), more=st.floats(0.0, 0.2), price=st.floats(0.0, 200.0))
def test_more_inflation_never_makes_a_gain_larger_or_a_loss_deeper(inflation: float, more: float, price: float) -> None:
    def under(rate: float) -> dict[Kind, float]:
        return gain(date(2031, 1, 1), price, law=Regime(Reform(steady_cpi(rate, until=date(2031, 1, 1)), {"VAS": 70})))

    low, high = under(inflation), under(inflation + more)
    assert high.get(Kind.INDEXED, 0.0) <= low.get(Kind.INDEXED, 0.0)
    assert high.get(Kind.LOSS) == low.get(Kind.LOSS)
