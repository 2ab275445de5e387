"""The least payments of a pension (SIS Regulations 1994, Schedule 7), worked out by hand."""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.depth import examples

from portfolio.check.pension import least, withdrawal
from portfolio.errors import DataError
from portfolio.tax.pension import Pension, minimum, year_start

NOVEMBER = date(2025, 11, 10)


@pytest.mark.parametrize(
    ("age", "balance_aud", "due_aud"),
    [
        # 4 % up to 64, of 250,000: 10,000.
        (60, 250_000.0, 10_000.0),
        (64, 250_000.0, 10_000.0),
        # 5 % from 65 to 74, of 523,450: 26,172.50, to the nearest ten.
        (65, 523_450.0, 26_170.0),
        (74, 523_450.0, 26_170.0),
        # 6 % from 75 to 79, of 100,000.
        (75, 100_000.0, 6_000.0),
        # 7 % from 80 to 84, 9 % from 85 to 89, 11 % from 90 to 94, 14 % from 95 on.
        (84, 100_000.0, 7_000.0),
        (85, 100_000.0, 9_000.0),
        (94, 100_000.0, 11_000.0),
        (95, 100_000.0, 14_000.0),
        (103, 100_000.0, 14_000.0),
        # 5 % of 100,100 is 5,005: five dollars are rounded up. 5 % of 100,099.80 is 5,004.99.
        (70, 100_100.0, 5_010.0),
        (70, 100_099.80, 5_000.0),
        (70, 0.0, 0.0),
    ],
)
def test_the_minimum_is_balance_times_factor_to_the_nearest_ten_dollars(
    age: int, balance_aud: float, due_aud: float
) -> None:
    assert minimum(Pension(age, balance_aud), NOVEMBER).minimum_aud == due_aud


@pytest.mark.parametrize(
    ("started", "days", "due_aud"),
    [
        # From 1 January 2026: 31 + 28 + 31 + 30 + 31 + 30 = 181 days of 365. 5,000 x 181 / 365 = 2,479.45.
        (date(2026, 1, 1), 181, 2_480.0),
        # On 1 July it runs all year; of an earlier year likewise.
        (date(2025, 7, 1), 365, 5_000.0),
        (date(2021, 3, 4), 365, 5_000.0),
        # On 31 May, 31 days: 5,000 x 31 / 365 = 424.66. From 1 June on, nothing.
        (date(2026, 5, 31), 31, 420.0),
        (date(2026, 6, 1), 30, 0.0),
        (date(2026, 6, 30), 1, 0.0),
    ],
)
def test_the_first_year_counts_by_its_days_and_not_from_june_on(started: date, days: int, due_aud: float) -> None:
    found = minimum(Pension(70, 100_000.0, started), date(2026, 6, 30))

    assert (found.days, found.days_in_year, found.minimum_aud) == (days, 365, due_aud)


def test_a_leap_year_has_366_days() -> None:
    # From 1 January 2028: 182 of 366 days. 5,000 x 182 / 366 = 2,486.34.
    found = minimum(Pension(70, 100_000.0, date(2028, 1, 1)), date(2028, 2, 1))

    assert (found.days, found.days_in_year, found.minimum_aud) == (182, 366, 2_490.0)


def test_payments_so_far_are_off_what_is_still_to_draw_and_too_much_is_no_debt() -> None:
    assert minimum(Pension(72, 523_450.0, drawn_aud=8_000.0), NOVEMBER).to_draw_aud == 18_170.0
    assert minimum(Pension(72, 523_450.0, drawn_aud=30_000.0), NOVEMBER).to_draw_aud == 0.0


def test_the_financial_year_begins_on_1_july() -> None:
    assert year_start(date(2026, 6, 30)) == date(2025, 7, 1)
    assert year_start(date(2026, 7, 1)) == date(2026, 7, 1)


def test_years_with_halved_factors_and_pensions_that_have_not_started_are_refused() -> None:
    with pytest.raises(DataError, match=r"from the financial year of 2023-07-01 on, and as_of is 2023-06-30"):
        minimum(Pension(70, 100_000.0), date(2023, 6, 30))
    with pytest.raises(DataError, match=r"started is 2025-11-11, after as_of, 2025-11-10"):
        minimum(Pension(70, 100_000.0, date(2025, 11, 11)), NOVEMBER)


@pytest.mark.slow
@examples(500, quick=100)
@given(
    age=st.integers(0, 110),
    cents=st.integers(0, 10**9),
    before=st.integers(0, 500),
    drawn=st.integers(0, 50_000),
    day=st.dates(date(2023, 7, 1), date(2032, 1, 1)),
)
def test_the_check_computes_the_same_in_decimals(age: int, cents: int, before: int, drawn: int, day: date) -> None:
    pension = Pension(age, cents / 100, day - timedelta(days=before), float(drawn), withdraw_minimum=True)
    told = json.loads(json.dumps(asdict(pension), default=str))

    found = asdict(minimum(pension, day))

    del found["year_ends"]
    assert least(told, day) == pytest.approx(found, abs=1e-9)
    assert withdrawal({"withdraw_aud": 5.0, "pension": told}, day) == pytest.approx(max(5.0, found["to_draw_aud"]))
