"""The age of prices: told from six trading days on, refused from 31 days on, in both directions."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.builders import TRAILING

from portfolio.errors import DataError
from portfolio.market.age import StalePrices, age_to_tell, refuse_stale, trading_days_between
from portfolio.market.snapshot import load
from portfolio.market.trading_days import is_trading_day

FRIDAY = date(2025, 11, 7)
DAYS = st.dates(date(1990, 1, 1), date(2100, 1, 1))


@given(DAYS, DAYS)
def test_trading_days_are_counted_one_by_one_and_alike_in_both_directions(one: date, other: date) -> None:
    first, last = min(one, other), max(one, other)
    last = min(last, first + timedelta(days=400))
    each = [first + timedelta(days=day) for day in range(1, (last - first).days + 1)]

    counted = sum(is_trading_day(day) for day in each)

    assert trading_days_between(first, last) == trading_days_between(last, first) == counted


@pytest.mark.parametrize(
    ("as_of", "told"),
    [
        ("2025-11-07", None),
        ("2025-11-08", None),
        ("2025-11-14", None),
        ("2025-11-16", None),
        ("2025-11-17", 10),
        ("2025-10-31", None),
        ("2025-10-30", -8),
        ("2025-10-26", -12),
        ("2025-12-07", 30),
        ("2026-12-07", 395),
    ],
)
def test_more_than_five_trading_days_are_told(as_of: str, told: int | None) -> None:
    assert age_to_tell(FRIDAY, date.fromisoformat(as_of)) == told


@pytest.mark.parametrize(("days", "refused"), [(0, False), (30, False), (31, True), (-30, False), (-31, True)])
def test_more_than_30_days_are_refused_unless_allowed(days: int, refused: bool) -> None:  # noqa: FBT001 - a case
    market, as_of = load(TRAILING), FRIDAY + timedelta(days=days)

    refuse_stale(market, as_of, StalePrices.ALLOW)
    if refused:
        with pytest.raises(
            DataError, match=r"at most 30 are taken: correct as_of, name a market of that time, or give"
        ):
            refuse_stale(market, as_of, StalePrices.REFUSE)
    else:
        refuse_stale(market, as_of, StalePrices.REFUSE)
