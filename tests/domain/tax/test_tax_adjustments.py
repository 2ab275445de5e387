"""Adjustments of cost bases by funds: each figure derived by hand from ITAA 1997, ss 104-107A to 104-107C."""

from __future__ import annotations

from datetime import date

import pytest

from portfolio.errors import DataError
from portfolio.tax.adjustments import Adjustment, adjust
from portfolio.tax.parcels import Parcel

OLD, NEW = date(2020, 2, 3), date(2024, 11, 5)


def test_a_year_is_spread_by_the_units_owned_at_its_end() -> None:
    # On 30 June 2024 only the 300 are owned: 90 AUD off 9,000. A year later 300 and 100: 80 AUD more, 60 and 20.
    parcels = [Parcel("A", 300.0, OLD, 9_000.0), Parcel("A", 100.0, NEW, 4_000.0), Parcel("B", 50.0, OLD, 500.0)]
    made, steps = adjust(parcels, [Adjustment("A", 2025, 80.0), Adjustment("A", 2024, -90.0)])
    assert [parcel.cost_base_aud for parcel in made] == pytest.approx([8_970.0, 4_020.0, 500.0])
    assert [(step.year, len(step.parcels), step.gain_aud) for step in steps] == [(2024, 1, 0.0), (2025, 2, 0.0)]
    assert steps[1].parcels[0].before_aud == pytest.approx(8_910.0)


def test_a_cost_base_falls_to_nil_and_the_rest_is_a_gain_of_that_year() -> None:
    # 200 off by units: 150 of a cost base of 100 leave nil and a gain of 50 (s 104-107A(3)(b)); 50 of 4,000 leave
    # 3,950. The year after, 40 more: of nil all 30 are a gain (s 104-107A(3)(a)), and 10 come off 3,950.
    parcels = [Parcel("A", 300.0, OLD, 100.0), Parcel("A", 100.0, OLD, 4_000.0)]
    made, steps = adjust(parcels, [Adjustment("A", 2024, -200.0), Adjustment("A", 2025, -40.0)])
    assert [parcel.cost_base_aud for parcel in made] == pytest.approx([0.0, 3_940.0])
    assert [step.gain_aud for step in steps] == pytest.approx([50.0, 30.0])


def test_a_shortfall_raises_a_cost_base_of_nil() -> None:
    made, _ = adjust([Parcel("A", 10.0, OLD, 0.0)], [Adjustment("A", 2025, 25.0)])
    assert made[0].cost_base_aud == pytest.approx(25.0)


def test_no_adjustment_changes_nothing() -> None:
    parcels = (Parcel("A", 3.0, OLD, 0.1),)
    assert adjust(parcels, []) == (parcels, ())


def test_a_parcel_bought_on_the_last_day_of_the_year_counts_and_one_of_the_next_day_does_not() -> None:
    last, first = date(2025, 6, 30), date(2025, 7, 1)
    made, _ = adjust([Parcel("A", 1.0, last, 50.0), Parcel("A", 1.0, first, 50.0)], [Adjustment("A", 2025, -10.0)])
    assert [parcel.cost_base_aud for parcel in made] == pytest.approx([40.0, 50.0])
    with pytest.raises(DataError, match="no unit of A that is owned was acquired by 2025-06-30"):
        adjust([Parcel("A", 1.0, first, 50.0)], [Adjustment("A", 2025, -10.0)])
