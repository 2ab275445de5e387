"""Mend a value that a person wrote in another form: a percentage, a number or a day as text, a name in other letters.

A mend is only said, never applied: the sender decides.
"""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeGuard

# A longer text is no slip of the pen, and a pattern would search long in it.
_LONGEST = 40
# Fractions have bounds of at most one. More than this many per cent was not meant as a percentage.
_MOST_FRACTION, _MOST_PERCENT = 1.0, 1_000.0
_NUMBER = re.compile(r"\s*(?:AUD|A?\$)?\s*(?P<number>[+-]?[\d,_ ]*\.?\d+)\s*(?P<percent>%?)\s*", re.ASCII)
_THOUSANDS = re.compile(r"[, _]")
# Of a security's code, what other programs write around the ticker: ASX:VAS, VAS.AX, VAS.ASX, VAS AU Equity.
_AROUND = re.compile(r"^(ASX|AX)[: ]|([. ](AX|ASX|AU|XASX)( EQUITY)?)$")
# In Australia the day stands before the month; where only the other order is a day, that.
_DAYS = ("%d/%m/%Y", "%m/%d/%Y", "%d/%m/%y", "%m/%d/%y", "%Y/%m/%d", "%Y%m%d")
_NAMED = ("%d %b %Y", "%d %B %Y", "%b %d %Y", "%B %d %Y", "%d %b %y", "%Y %b %d")


def fraction(value: object, bound: float) -> str | None:
    """Say how to write a percentage that is beyond the *bound* of a fraction; None if *value* is none."""
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(bound) > _MOST_FRACTION:
        return None
    # On the bound's side of zero: -5 units are no percentage.
    if not 1 < abs(value) <= _MOST_PERCENT or value * bound <= 0 or abs(value / 100) > abs(bound):
        return None
    return _percent(float(value))


def number(value: object) -> str | None:
    """Say how to write a number that was given as text; None if *value* is no such text."""
    if not _is_short(value) or not (found := _NUMBER.fullmatch(value)):
        return None
    written = float(_THOUSANDS.sub("", found["number"]))
    return _percent(written) if found["percent"] else f"write {written:.15g}, without quotation marks"


def day(value: object) -> str | None:
    """Say how to write a day that was given in another form; None if *value* is no day."""
    text = str(value) if isinstance(value, int) and not isinstance(value, bool) else value
    read = next(_days(text.strip()), None) if _is_short(text) else None
    return f"write {read.isoformat()} for {read.day} {read:%B %Y}" if read and read.isoformat() != value else None


def name(value: object, form: str) -> str | None:
    """Say how to write a name that has the wrong letters for the pattern *form*; None if no such name is near."""
    if not _is_short(value):
        return None
    ticker = _AROUND.sub("", value.strip().upper())
    for meant in (value.strip().lower(), re.sub(r"[\s_]+", "-", value.strip().lower()), ticker):
        if re.fullmatch(form, meant):
            return f"write {meant}"
    return None


def _is_short(value: object) -> TypeGuard[str]:
    return isinstance(value, str) and len(value) <= _LONGEST


def _percent(value: float) -> str:
    return f"write {value:.15g} % as {value / 100:.12g}"


def _days(text: str) -> Iterator[date]:
    """Yield the days that *text* may be, the likeliest first."""
    plain = re.sub(r"[T ]\d{1,2}:\d{2}.*$", "", text)
    numeric = re.sub(r"\s*[-./]\s*", "/", plain)
    words = re.sub(r"(?<=\d)(st|nd|rd|th)\b", "", re.sub(r"[\s,./-]+", " ", plain))
    for written, forms in ((numeric, _DAYS), (words, _NAMED)):
        for form in forms:
            try:
                yield datetime.strptime(written, form).date()  # noqa: DTZ007 - a day has no zone
            except ValueError:
                continue
