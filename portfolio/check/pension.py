"""A pension's least payments, and the withdrawal that follows: again, and only for the check."""

from __future__ import annotations

from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portfolio.check.facts import Event

# SIS Regulations 1994, Schedule 7: the percentage factor up to each age, and above the last.
_UP_TO = ((64, 4), (74, 5), (79, 6), (84, 7), (89, 9), (94, 11))
_OLDEST = 14
_JUNE, _JULY = 6, 7


def withdrawal(paid: Event, day: date) -> float:
    """Compute the money that is paid out, AUD: the amount asked, or a pension's minimum that is still to draw."""
    asked, pension = float(paid.get("withdraw_aud", 0.0)), paid.get("pension")
    if not pension or not pension["withdraw_minimum"]:
        return asked
    return max(asked, float(least(pension, day)["to_draw_aud"]))


def year_ends(day: date) -> date:
    """Return the last day of the financial year of *day*."""
    return date(day.year + (1 if day.month >= _JULY else 0), _JUNE, 30)


def least(pension: Event, day: date) -> dict[str, float]:
    """Compute a pension's least payments of the year: in whole tens, five dollars upwards."""
    ends = year_ends(day)
    starts = date(ends.year - 1, _JULY, 1)
    began = max(date.fromisoformat(pension["started"]), starts) if pension["started"] else starts
    percent = next((percent for age, percent in _UP_TO if pension["age"] <= age), _OLDEST)
    days, of_days = (ends - began).days + 1, (ends - starts).days + 1
    tens = Decimal(str(float(pension["balance_aud"]))) * percent * days / (100 * of_days) / 10
    amount = float(tens.quantize(Decimal(1), ROUND_HALF_UP) * 10)
    if began > starts and began.month == _JUNE:
        amount = 0.0
    drawn = float(pension["drawn_aud"])
    return {
        "factor": percent / 100,
        "days": days,
        "days_in_year": of_days,
        "minimum_aud": amount,
        "drawn_aud": drawn,
        "to_draw_aud": max(0.0, amount - drawn),
    }
