"""The trading days of ASX by the rules in docs/markets.md; Easter by the table of the Paschal moons."""

from __future__ import annotations

from datetime import date, timedelta
from functools import cache

_DAY = timedelta(days=1)
_SATURDAY, _SUNDAY = 5, 6
# The Paschal full moon by golden number, as days after 21 March, for 1900 to 2199 (Book of Common Prayer, table II).
_MOONS = (24, 13, 2, 21, 10, 28, 18, 7, 26, 15, 4, 23, 12, 1, 20, 9, 27, 17, 6)


def moved(day: date, by: int) -> date:
    """Move by trading days; a day on which the exchange is closed counts as the next trading day in the direction."""
    step = _DAY if by > 0 else -_DAY
    left = abs(by)
    while left or _is_closed(day):
        left -= not _is_closed(day)
        day += step
    return day


def between(first: date, last: date) -> int:
    """Count the trading days after *first*, up to and including *last*."""
    return sum(not _is_closed(first + day * _DAY) for day in range(1, (last - first).days + 1))


def _is_closed(day: date) -> bool:
    return day.weekday() >= _SATURDAY or day in _closed(day.year)


@cache
def _closed(year: int) -> set[date]:
    full_moon = date(year, 3, 21) + _MOONS[year % 19] * _DAY
    sunday = full_moon + (_SUNDAY - full_moon.weekday() or 7) * _DAY
    mondays_in_june = [date(year, 6, day) for day in range(1, 15) if date(year, 6, day).weekday() == 0]
    christmas = date(year, 12, 25).weekday()
    # Both on a weekend: Monday and Tuesday. One alone: Christmas Day passes over Boxing Day to the Tuesday.
    ends = {_SATURDAY: (27, 28), _SUNDAY: (26, 27), 4: (25, 28)}.get(christmas, (25, 26))
    beginnings = [date(year, 1, day) for day in (1, 26)]
    return {
        *(day + max(7 - day.weekday(), 0) * _DAY if day.weekday() >= _SATURDAY else day for day in beginnings),
        sunday - 2 * _DAY,
        sunday + _DAY,
        date(year, 4, 25),
        mondays_in_june[1],
        *(date(year, 12, day) for day in ends),
    }
