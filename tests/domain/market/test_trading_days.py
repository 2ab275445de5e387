"""The days on which ASX trades: beside a published calendar, and beside the check's own rules."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portfolio.check.exchange_days import between, moved
from portfolio.market.age import trading_days_between
from portfolio.market.trading_days import holidays, is_trading_day, trading_days_after

# The days from Monday to Friday on which the calendar XASX of the package exchange_calendars 4.13.2 is closed.
CLOSED = {
    2016: "01-01 01-26 03-25 03-28 04-25 06-13 12-26 12-27",
    2020: "01-01 01-27 04-10 04-13 06-08 12-25 12-28",
    2021: "01-01 01-26 04-02 04-05 06-14 12-27 12-28",
    2024: "01-01 01-26 03-29 04-01 04-25 06-10 12-25 12-26",
    2025: "01-01 01-27 04-18 04-21 04-25 06-09 12-25 12-26",
    2026: "01-01 01-26 04-03 04-06 06-08 12-25 12-28",
    2027: "01-01 01-26 03-26 03-29 06-14 12-27 12-28",
    2028: "01-03 01-26 04-14 04-17 04-25 06-12 12-25 12-26",
    2029: "01-01 01-26 03-30 04-02 04-25 06-11 12-25 12-26",
}
DAYS = st.dates(date(1901, 1, 1), date(2199, 12, 1))


@pytest.mark.parametrize("year", CLOSED)
def test_the_holidays_are_those_of_a_published_calendar(year: int) -> None:
    assert sorted(f"{day:%m-%d}" for day in holidays(year)) == CLOSED[year].split()


@given(DAYS, st.integers(-9, 9).filter(bool))
def test_the_check_moves_by_its_own_rules_to_the_same_day(day: date, number: int) -> None:
    reached = trading_days_after(day, number)

    assert is_trading_day(reached)
    assert moved(day, number) == reached


@given(DAYS, st.integers(0, 30))
def test_the_check_counts_by_its_own_rules_the_same_days(day: date, number: int) -> None:
    later = day + timedelta(days=number)

    assert between(day, later) == trading_days_between(day, later)
