"""What all parts of the check share: how an event is read, and when two numbers are the same."""

from __future__ import annotations

from collections.abc import Mapping
from math import isclose, sqrt
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from portfolio.market.snapshot import Market

Event = Mapping[str, Any]

# Rules may be off by what the solver's accuracy leaves (weights and figures of order one), figures
# only by what adding up in another order does to double precision.
RULE = 1e-7
FIGURE = 1e-9


def same(told: float | None, computed: float | None, *, size: float = 1.0) -> bool:
    """Whether two numbers are the same; *size* is that of the numbers that they are the difference of."""
    if told is None or computed is None:
        return told is computed
    return isclose(told, computed, rel_tol=FIGURE, abs_tol=max(FIGURE, 1e-13 * size))


def differing(told: Event, computed: Mapping[str, float], *, size: float = 1.0) -> list[str]:
    """List in words what differs between two sets of named numbers."""
    if set(told) != set(computed):
        return [f"{', '.join(sorted(set(told) ^ set(computed)))} is on one side only"]
    return [f"{k} is {v}, not {told[k]}" for k, v in computed.items() if not same(told[k], v, size=size)]


def correlation(market: Market, i: int, j: int) -> float:
    """Correlation of the returns of two ETFs."""
    return float(market.Sigma[i, j] / sqrt(market.Sigma[i, i] * market.Sigma[j, j]))
