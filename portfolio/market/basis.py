"""The basis of a market's returns, and the words that follow from it: a history is no forecast, an outlook no history.

Every page takes its words for returns from here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from math import sqrt
from typing import Literal

_DAYS_A_YEAR = 365.25
# A span of whole years that is this many days longer or shorter is told as whole years: 104 weeks are two.
_WHOLE_WITHIN_DAYS = 7
_NUMBERS = ("", "", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def day_in_words(day: date) -> str:
    """Write a day: 7 November 2025."""
    return f"{day.day} {day:%B} {day.year}"


@dataclass(frozen=True, slots=True)
class History:
    """Returns of the past: the mean of what the ETFs returned.

    Attributes:
        begins: First day of the first return.
        ends: Last day of the last return.
        returns: Number of returns.
        returns_per_year: Number of returns that make a year: 52 of weeks.
        kind: Always ``history``.
    """

    begins: date
    ends: date
    returns: int
    returns_per_year: float
    kind: Literal["history"] = "history"

    @property
    def span(self) -> str:
        """Name the time: the two years to 7 November 2025."""
        days = (self.ends - self.begins).days
        years = round(days / _DAYS_A_YEAR)
        if years < 1 or abs(days - years * _DAYS_A_YEAR) > _WHOLE_WITHIN_DAYS:
            return f"{day_in_words(self.begins)} to {day_in_words(self.ends)}"
        told = "year" if years == 1 else f"{_NUMBERS[years] if years < len(_NUMBERS) else years} years"
        return f"the {told} to {day_in_words(self.ends)}"

    @property
    def noun(self) -> str:
        """Name the figure in a sentence, without its time."""
        return "return"

    @property
    def label(self) -> str:
        """Name the figure in a table."""
        return "Return a year"

    @property
    def words(self) -> str:
        """Name the figure in full: return a year over the two years to 7 November 2025."""
        return f"{self.noun} a year over {self.span}"

    @property
    def said(self) -> str:
        """Say in a sentence what the returns are."""
        return f"Returns and risks are those of {self.span}: history, and no forecast."

    def sharpe_standard_error(self, ratio: float) -> float:
        """Compute the standard error of an annual Sharpe ratio that was estimated from this history.

        For independent returns, the error of the ratio of one period is ``sqrt((1 + s^2 / 2) / n)``; both are annual
        times the root of the periods per year (Lo, "The Statistics of Sharpe Ratios", FAJ 58(4), 2002, eqs 9 and 21).

        Args:
            ratio: The annual ratio.
        """
        years = self.returns / self.returns_per_year
        return sqrt((1 + ratio**2 / (2 * self.returns_per_year)) / years)


@dataclass(frozen=True, slots=True)
class Outlook:
    """Returns that somebody expects.

    Attributes:
        publication: Who published the outlook, and when.
        years: How many years it looks ahead; None if it does not say.
        kind: Always ``outlook``.
    """

    publication: str
    years: float | None = None
    kind: Literal["outlook"] = "outlook"

    @property
    def span(self) -> str:
        """Name the time: the next 10 years."""
        if self.years is None:
            return "a time that the outlook does not state"
        return "the next year" if self.years == 1 else f"the next {self.years:g} years"

    @property
    def noun(self) -> str:
        """Name the figure in a sentence, without its source."""
        return "expected return"

    @property
    def label(self) -> str:
        """Name the figure in a table."""
        return "Expected return a year"

    @property
    def words(self) -> str:
        """Name the figure in full: expected return a year over the next 10 years (publication)."""
        return f"{self.noun} a year over {self.span} (outlook: {self.publication})"

    @property
    def said(self) -> str:
        """Say in a sentence what the returns are."""
        return f"Returns are expected over {self.span}, not promised. Outlook: {self.publication}."

    def sharpe_standard_error(self, ratio: float) -> None:
        """Return None: an outlook is no sample, so that its error is not known."""


Basis = History | Outlook
