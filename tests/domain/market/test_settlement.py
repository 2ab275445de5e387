"""The money of a sale is there two trading days later."""

from __future__ import annotations

from datetime import date

import pytest

from portfolio.market.settlement import last_sale_day, settles_on

# Monday 10 November 2025 and the days after it.
MONDAY, TUESDAY, WEDNESDAY, THURSDAY, FRIDAY, SATURDAY, SUNDAY = (date(2025, 11, day) for day in range(10, 17))


@pytest.mark.parametrize(
    ("traded", "settled"),
    [
        (MONDAY, WEDNESDAY),
        (WEDNESDAY, FRIDAY),
        (THURSDAY, date(2025, 11, 17)),
        (FRIDAY, date(2025, 11, 18)),
        # An order of a weekend is sold on the Monday.
        (SATURDAY, date(2025, 11, 19)),
        (SUNDAY, date(2025, 11, 19)),
        # Over Easter 2026: Good Friday is 3 April, and the Monday is a holiday too.
        (date(2026, 4, 1), date(2026, 4, 7)),
        (date(2026, 4, 2), date(2026, 4, 8)),
        # Christmas Day is a Friday, and Boxing Day is kept on the Monday.
        (date(2026, 12, 24), date(2026, 12, 30)),
    ],
)
def test_a_sale_settles_two_trading_days_later(traded: date, settled: date) -> None:
    assert settles_on(traded) == settled


@pytest.mark.parametrize(
    ("paid_on", "sold"),
    [
        (WEDNESDAY, MONDAY),
        (FRIDAY, WEDNESDAY),
        # No money moves on a weekend: a payment due then is made on the Friday.
        (SATURDAY, WEDNESDAY),
        (SUNDAY, WEDNESDAY),
        (date(2025, 11, 17), THURSDAY),
        (date(2025, 11, 18), FRIDAY),
        (date(2026, 4, 7), date(2026, 4, 1)),
        (date(2026, 4, 6), date(2026, 3, 31)),
    ],
)
def test_the_last_day_to_sell_is_two_trading_days_before_the_payment(paid_on: date, sold: date) -> None:
    assert last_sale_day(paid_on) == sold
    assert settles_on(sold) <= paid_on
