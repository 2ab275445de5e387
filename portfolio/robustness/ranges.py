"""The values of a figure over the draws, in three numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.published.robustness import Range

if TYPE_CHECKING:
    from collections.abc import Sequence


def range_of(values: Sequence[float]) -> Range | None:
    """Return tenth, half and nine tenths of *values*, linear between neighbours; None without values."""
    if not values:
        return None
    low, middle, high = np.quantile(values, (0.1, 0.5, 0.9)).tolist()
    return Range(low, middle, high)
