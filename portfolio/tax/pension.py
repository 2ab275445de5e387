"""The least amount that a superannuation pension must pay in a financial year.

Superannuation Industry (Supervision) Regulations 1994, Schedule 7: account balance times percentage factor (clause 1),
in proportion to the days in the first year (clause 2), nothing for a pension that starts on or after 1 June (clause 3),
rounded to the nearest 10 dollars, five dollars upwards (clause 5). The regulations could not be read here: the clauses
are taken from administrators' pages that quote them. Left out: the halved factors of 2019-20 to 2022-23, and the
greatest amount that a transition to retirement pension may pay.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from fractions import Fraction
from math import floor

from portfolio.errors import DataError

# The least age of each row of the table, with the percentage factor.
_FACTORS = ((95, 14), (90, 11), (85, 9), (80, 7), (75, 6), (65, 5), (0, 4))

# The factors were halved until 30 June 2023.
FIRST_YEAR = date(2023, 7, 1)

# A pension that starts in this month pays no minimum in its first year.
_JUNE = 6


@dataclass(frozen=True, slots=True)
class Pension:
    """A pension that is paid from the account.

    Attributes:
        age: The member's age in whole years, on the day of the balance.
        balance_aud: Balance of the pension on 1 July of the financial year of the trades, or on the day on which the
            pension started, if that is later, AUD.
        started: The day on which the pension started; None for a pension of an earlier financial year.
        drawn_aud: Payments since the day of the balance, AUD.
        withdraw_minimum: Whether the withdrawal is at least the rest of the year's minimum that is still to draw.
    """

    age: int
    balance_aud: float
    started: date | None = None
    drawn_aud: float = 0.0
    withdraw_minimum: bool = False


@dataclass(frozen=True, slots=True)
class Minimum:
    """The least payments of a pension in a financial year.

    Attributes:
        year_ends: 30 June of the financial year.
        factor: Percentage factor of the age, as a fraction.
        days: Days of the year on which the pension runs, the first day included.
        days_in_year: Days of the financial year.
        minimum_aud: The least payments of the year, AUD: a multiple of 10.
        drawn_aud: Payments of the year so far, AUD.
        to_draw_aud: The rest of the minimum, still to be paid by the end of the year, AUD.
    """

    year_ends: date
    factor: float
    days: int
    days_in_year: int
    minimum_aud: float
    drawn_aud: float
    to_draw_aud: float


def year_start(day: date) -> date:
    """Return 1 July of the financial year of *day*."""
    return date(day.year - (day < date(day.year, 7, 1)), 7, 1)


def minimum(pension: Pension, day: date) -> Minimum:
    """Compute the least payments of a pension in the financial year of *day*.

    Raises:
        DataError: If the year is one of those with halved factors, or if the pension starts after *day*.
    """
    starts = year_start(day)
    if starts < FIRST_YEAR:
        message = (
            f"account.pension is known from the financial year of {FIRST_YEAR} on, and as_of is {day}: leave pension"
            " out, and give withdraw_aud"
        )
        raise DataError(message)
    if pension.started is not None and pension.started > day:
        message = f"account.pension.started is {pension.started}, after as_of, {day}: correct one of the two"
        raise DataError(message)
    ends = date(starts.year + 1, 6, 30)
    first = max(pension.started or starts, starts)
    days, of_days = (ends - first).days + 1, (ends - starts).days + 1
    percent = next(percent for least, percent in _FACTORS if pension.age >= least)
    due = Fraction(percent, 100) * Fraction(repr(float(pension.balance_aud))) * Fraction(days, of_days)
    if first > starts and first.month == _JUNE:
        due = Fraction(0)
    # To the nearest 10 dollars, an exact 5 upwards: in exact numbers, so that a half is a half.
    amount = float(10 * floor(due / 10 + Fraction(1, 2)))
    left = max(amount - pension.drawn_aud, 0.0)
    return Minimum(ends, percent / 100, days, of_days, amount, pension.drawn_aud, left)
