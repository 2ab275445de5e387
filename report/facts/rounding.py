"""Rounded figures that still add up: a reader who adds up a column gets the total that is shown."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def adding_up(values: Sequence[float], *, total: float | None = None, digits: int = 2) -> list[float]:
    """Round *values* so that their sum is the rounded total.

    Each is rounded to the nearest; what is then missing goes to those that rounding moved furthest the other way (the
    method of the largest remainder), at most one unit of the last digit each.

    Args:
        values: The parts.
        total: Their sum, if the parts are not all that it has; by default, their exact sum.
        digits: Decimal places.
    """
    unit = 10**digits
    whole = [round(value * unit) for value in values]
    missing = round((fsum(values) if total is None else total) * unit) - sum(whole)
    step = 1 if missing > 0 else -1
    furthest = sorted(range(len(values)), key=lambda i: step * (whole[i] - values[i] * unit))
    for i in furthest[: abs(missing)]:
        whole[i] += step
    return [each / unit for each in whole]
