"""Who pays, and the law by date: rates, the clear year, the index."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from portfolio.errors import DataError
from portfolio.tax.kinds import GAINS, Kind, effective_rate
from portfolio.tax.regime import Reform, Regime, first_long_term_day, first_of_quarter, steady_cpi
from portfolio.tax.taxpayer import Entity, Taxpayer

# Products of two or three figures: differences of order are a few units in the last place.
EXACT = pytest.approx
PROFILE = settings(derandomize=True, deadline=None, max_examples=200)


@pytest.mark.parametrize(
    ("taxpayer", "rate"),
    [
        (Taxpayer(Entity.INDIVIDUAL, 0.39), 0.39),
        (Taxpayer(Entity.INDIVIDUAL, 0.0), 0.0),
        (Taxpayer(Entity.SUPER_ACCUMULATION), 0.15),
        (Taxpayer(Entity.SUPER_ACCUMULATION, 0.15), 0.15),
        (Taxpayer(Entity.SUPER_PENSION), 0.0),
        (Taxpayer(Entity.SUPER_PENSION, 0.0), 0.0),
        (Taxpayer(Entity.COMPANY), 0.30),
        (Taxpayer(Entity.COMPANY, 0.25), 0.25),
    ],
)
def test_the_rate_follows_from_the_entity(taxpayer: Taxpayer, rate: float) -> None:
    assert taxpayer.rate == rate


@pytest.mark.parametrize(
    ("entity", "rate", "says"),
    [
        (Entity.INDIVIDUAL, None, "needs a marginal rate"),
        (Entity.INDIVIDUAL, 32.0, "fraction"),
        (Entity.INDIVIDUAL, -0.01, "fraction"),
        (Entity.INDIVIDUAL, 0.61, "fraction"),
        (Entity.INDIVIDUAL, float("nan"), "fraction"),
        (Entity.SUPER_ACCUMULATION, 0.32, "is 0.15"),
        (Entity.SUPER_PENSION, 0.15, "is 0.0"),
        (Entity.COMPANY, 0.32, "0.3 or 0.25"),
    ],
)
def test_a_rate_the_entity_cannot_have_is_refused(entity: Entity, rate: float | None, says: str) -> None:
    with pytest.raises(DataError, match=says):
        Taxpayer(entity, rate)


@pytest.mark.parametrize("losses", [-1.0, float("nan"), float("inf")])
def test_carried_losses_are_a_positive_amount(losses: float) -> None:
    with pytest.raises(DataError, match="carried losses"):
        Taxpayer(Entity.COMPANY, carried_losses_aud=losses)


@pytest.mark.parametrize(
    ("taxpayer", "rates"),
    [
        # Half of 39 %; indexed gains bear the marginal rate, which is above the minimum.
        (Taxpayer(Entity.INDIVIDUAL, 0.39), (0.39, 0.195, 0.39)),
        # 30 % of income tax is the minimum already; 2 % of levy on top.
        (Taxpayer(Entity.INDIVIDUAL, 0.32), (0.32, 0.16, 0.32)),
        # 15 % of income tax is lifted to 30 %, and the levy of 2 % stays.
        (Taxpayer(Entity.INDIVIDUAL, 0.17), (0.17, 0.085, 0.32)),
        # Who pays neither tax nor levy pays the minimum alone.
        (Taxpayer(Entity.INDIVIDUAL, 0.0), (0.0, 0.0, 0.30)),
        # 15 % less a third is 10 %.
        (Taxpayer(Entity.SUPER_ACCUMULATION), (0.15, 0.10, 0.15)),
        (Taxpayer(Entity.SUPER_PENSION), (0.0, 0.0, 0.0)),
        (Taxpayer(Entity.COMPANY), (0.30, 0.30, 0.30)),
    ],
)
def test_each_kind_of_gain_has_its_rate(taxpayer: Taxpayer, rates: tuple[float, ...]) -> None:
    assert tuple(effective_rate(kind, taxpayer) for kind in GAINS) == EXACT(rates)


@pytest.mark.parametrize(
    ("acquired", "first"),
    [
        # ATO, Guide to CGT 2001-02, "The discount method", Sally.
        (date(2001, 2, 2), date(2002, 2, 3)),
        # The year of twelve months runs from 1 July 2024 to 30 June 2025.
        (date(2024, 6, 30), date(2025, 7, 1)),
        (date(2024, 12, 31), date(2026, 1, 1)),
        # From 1 March 2024 to 28 February 2025: bought on a leap day.
        (date(2024, 2, 29), date(2025, 3, 1)),
        # From 29 February 2024 to the end of February 2025, which has no 29th.
        (date(2024, 2, 28), date(2025, 3, 1)),
        # From 1 March 2023 to the end of February 2024, which has a 29th: that day is too early.
        (date(2023, 2, 28), date(2024, 3, 1)),
        # From 28 February 2023 to 27 February 2024.
        (date(2023, 2, 27), date(2024, 2, 28)),
    ],
)
def test_a_clear_year_lies_between_purchase_and_sale(acquired: date, first: date) -> None:
    assert first_long_term_day(acquired) == first


@PROFILE
@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_clear_year_has_365_or_366_days_between_and_never_shortens(acquired: date) -> None:
    first = first_long_term_day(acquired)
    assert (first - acquired).days - 1 in {365, 366}
    assert first_long_term_day(acquired + timedelta(days=1)) >= first


def test_the_reform_governs_what_individuals_sell_from_1_july_2027() -> None:
    regime = Regime()
    assert regime.reform_for(Entity.INDIVIDUAL, date(2027, 6, 30)) is None
    assert regime.reform_for(Entity.INDIVIDUAL, date(2027, 7, 1)) is regime.reform
    assert regime.reform is not None
    others = set(Entity) - {Entity.INDIVIDUAL}
    assert [regime.reform_for(entity, date(2030, 1, 1)) for entity in others] == [None] * 3


def test_the_reform_can_be_switched_off() -> None:
    assert Regime(reform=None).reform_for(Entity.INDIVIDUAL, date(2030, 1, 1)) is None


@pytest.mark.parametrize(
    ("sold", "factor"),
    [
        # The quarter of the cost itself.
        (date(2027, 9, 30), 1.0),
        # 101.05 / 100 = 1.0105: half goes up (s 960-275(5)).
        (date(2027, 10, 1), 1.011),
        # 102.34 / 100 = 1.0234.
        (date(2028, 1, 15), 1.023),
        # Prices fell: 99 / 100 is not applied (s 960-270(2)).
        (date(2028, 6, 30), 1.0),
    ],
)
def test_the_index_factor_is_quarter_over_quarter_to_three_places(sold: date, factor: float) -> None:
    cpi = {date(2027, 7, 1): 100.0, date(2027, 10, 1): 101.05, date(2028, 1, 1): 102.34, date(2028, 4, 1): 99.0}
    assert Reform(cpi).index_factor(date(2027, 7, 1), sold) == factor


def test_within_a_quarter_no_index_is_asked_for() -> None:
    assert Reform().index_factor(date(2027, 7, 1), date(2027, 9, 30)) == 1.0
    assert Reform().index_factor(date(2028, 11, 3), date(2028, 12, 31)) == 1.0


def test_facts_are_the_same_in_any_order() -> None:
    index, values = {date(2027, 7, 1): 100.0, date(2027, 10, 1): 101.0}, {"VAS": 98.0, "VGS": 140.0}
    turned = Reform(dict(reversed(index.items())), dict(reversed(values.items())))
    assert Reform(index, values) == turned


def test_a_missing_index_is_named() -> None:
    with pytest.raises(DataError, match="CPI of the quarter from 2028-01-01"):
        Reform({date(2027, 7, 1): 100.0}).index_factor(date(2027, 7, 1), date(2028, 2, 2))


@pytest.mark.parametrize(
    "wrong",
    [
        {"cpi": {date(2027, 7, 2): 100.0}},
        {"cpi": {date(2027, 7, 1): 0.0}},
        {"cpi": {date(2027, 7, 1): float("nan")}},
        # Rates of inflation in percent, and an index whose point was lost.
        {"cpi": {date(2027, 7, 1): 2.5, date(2027, 10, 1): 3.1}},
        {"cpi": {date(2027, 7, 1): 100.0, date(2028, 7, 1): 1_030.0}},
        {"values_aud": {"VAS": -1.0}},
    ],
)
def test_an_index_or_a_value_that_is_none_is_refused(wrong: dict[str, dict[object, float]]) -> None:
    with pytest.raises(DataError, match=r"CPI|VAS"):
        Reform(**wrong)  # type: ignore[arg-type]


def test_a_steady_index_grows_by_its_rate_every_four_quarters() -> None:
    index = steady_cpi(0.03, until=date(2028, 9, 30))
    assert list(index) == [date(2027, 7, 1), date(2027, 10, 1), date(2028, 1, 1), date(2028, 4, 1), date(2028, 7, 1)]
    assert index[date(2028, 7, 1)] == EXACT(103.0)
    assert Reform(index).index_factor(date(2027, 8, 8), date(2028, 8, 8)) == 1.03


def test_inflation_in_percent_is_refused() -> None:
    with pytest.raises(DataError, match=r"0\.025"):
        steady_cpi(2.5, until=date(2030, 1, 1))


@PROFILE
@given(st.dates(date(2000, 1, 1), date(2090, 1, 1)))
def test_a_quarter_starts_at_most_92_days_before(day: date) -> None:
    start = first_of_quarter(day)
    assert (start.day, start.month % 3) == (1, 1)
    assert 0 <= (day - start).days < 92


def test_a_loss_is_no_kind_of_gain() -> None:
    assert set(GAINS) == set(Kind) - {Kind.LOSS}
