"""Helpers for all parts of the check: the event type, and the comparison of numbers."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market

Event = Mapping[str, Any]

# The tolerance for rules is the solver's accuracy (weights and figures of order one). The tolerance for figures only
# covers the rounding of sums in another order, in double precision.
RULE = 1e-7
FIGURE = 1e-9
# A target is met within a millionth of its size: a hundredth of a basis point (docs/model.md).
MET = 1e-6


def same(told: float | None, computed: float | None, *, size: float = 1.0) -> bool:
    """Whether two numbers are equal within rounding.

    If both are differences of large numbers, *size* is the size of those numbers.
    """
    if told is None or computed is None:
        return told is computed
    return isclose(told, computed, rel_tol=FIGURE, abs_tol=max(FIGURE, 1e-13 * size))


def differing(told: Event, computed: Mapping[str, float], *, size: float = 1.0) -> list[str]:
    """List the differences between two sets of named numbers, in words."""
    if set(told) != set(computed):
        return [f"{', '.join(sorted(set(told) ^ set(computed)))} is on one side only"]
    return [f"{k} is {v}, not {told[k]}" for k, v in computed.items() if not same(told[k], v, size=size)]


def correlation(market: Market, i: int, j: int) -> float:
    """Compute the correlation of the returns of two ETFs."""
    return float(market.Sigma[i, j] / sqrt(market.Sigma[i, i] * market.Sigma[j, j]))
