"""The worst case that a request asked for, as a final event states it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ErrorsFrom(StrEnum):
    """The source of the errors of the returns.

    Attributes:
        HISTORY: The standard error of the mean of a history.
        RANGES: Half of the range that an outlook states around each return.
        NONE: The market states none.
    """

    HISTORY = "history"
    RANGES = "ranges"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WorstFigures:
    """One portfolio in the worst case; the same figures in the market as stated are those of ``Standing``.

    Attributes:
        expected_return: Expected return per year, after the funds' fees and before tax, interest on cash included.
        return_after_tax_aud: Expected return per year, after fees and net tax on income, AUD.
        volatility: Volatility per year.
    """

    expected_return: float
    return_after_tax_aud: float
    volatility: float


@dataclass(frozen=True, slots=True)
class WorstCase:
    """The portfolios in the worst case in which the pods' scores count (``terms.robust``).

    Attributes:
        errors_from: The source of the errors of the returns.
        errors: Error of the expected return per year of each ETF that a pod may hold, by ticker: in the worst case, the
            return is lower by ``terms.robust.returns`` times this error. Empty where the market states none.
        today: The holdings of today; None without an account.
        separate: The separate pods.
        suggested: The suggestion as ordered.
    """

    errors_from: ErrorsFrom
    errors: Mapping[str, float]
    today: WorstFigures | None
    separate: WorstFigures
    suggested: WorstFigures
