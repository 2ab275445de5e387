"""The days on which ASX trades and settles: Monday to Friday but its holidays.

The holidays follow from rules (ASX's yearly "Trading calendar"): New Year's Day, Australia Day and Boxing Day, or
the next weekday that is free if they fall on a weekend, and Christmas Day so too; Good Friday and Easter Monday; Anzac
Day on its day alone; the second Monday of June. A day that is proclaimed once is not known here.
"""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

DAY = timedelta(days=1)
# There were no ETFs before the first day, and a later day than the last is a typing error. Arithmetic with a day that
# somebody states has room on both sides.
FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
_SATURDAY = 5


def is_trading_day(day: date) -> bool:
    """Say whether ASX trades on a day."""
    return day.weekday() < _SATURDAY and day not in holidays(day.year)


def trading_day_from(day: date, step: timedelta) -> date:
    """Return *day*, or the first trading day from there on in steps of *step*."""
    while not is_trading_day(day):
        day += step
    return day


def trading_days_after(day: date, number: int) -> date:
    """Move from a day, or the trading day that follows it, by a number of trading days; to earlier ones if negative."""
    step = DAY if number > 0 else -DAY
    day = trading_day_from(day, step)
    for _ in range(abs(number)):
        day = trading_day_from(day + step, step)
    return day


@cache
def holidays(year: int) -> frozenset[date]:
    """Return the days from Monday to Friday of a year on which ASX is closed."""
    easter = _easter_sunday(year)
    june = date(year, 6, 1)
    closed = {easter - 2 * DAY, easter + DAY, date(year, 4, 25), june + timedelta(days=7 + -june.weekday() % 7)}
    # Boxing Day before Christmas Day: where both fall on a weekend or beside it, Christmas Day comes last.
    for month, day in ((1, 1), (1, 26), (12, 26), (12, 25)):
        kept = date(year, month, day)
        while kept.weekday() >= _SATURDAY or kept in closed:
            kept += DAY
        closed.add(kept)
    return frozenset(day for day in closed if day.weekday() < _SATURDAY)


def _easter_sunday(year: int) -> date:
    """Return Easter Sunday of the Gregorian calendar (Meeus, Astronomical Algorithms, chapter 8)."""
    century, of_century = divmod(year, 100)
    golden = year % 19
    leaps, rest = divmod(century, 4)
    moon = (19 * golden + century - leaps - (century - (century + 8) // 25 + 1) // 3 + 15) % 30
    weekday = (32 + 2 * rest + 2 * (of_century // 4) - moon - of_century % 4) % 7
    late = (golden + 11 * moon + 22 * weekday) // 451
    month, day = divmod(moon + weekday - 7 * late + 114, 31)
    return date(year, month, day + 1)
