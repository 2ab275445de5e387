"""Figures as they are shown: rounded once, so that what a reader adds up or subtracts gives what the page says."""

from __future__ import annotations

from dataclasses import dataclass
from math import floor
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Unit:
    """How figures of one kind are shown.

    Attributes:
        pattern: The format of a figure; ``z`` leaves no minus before a zero.
        digits: Decimals of the figure that the format shows.
        difference: The format of a difference, if it is told in another unit.
        scale: From the figure's unit to that of the difference.
    """

    pattern: str
    digits: int
    difference: str = ""
    scale: float = 1.0

    def rounded(self, value: float) -> float:
        """Return the figure that is shown."""
        return round(value, self.digits) + 0.0

    def show(self, value: float | None) -> str:
        """Format a figure; empty if there is none."""
        return "" if value is None else self.pattern.format(self.rounded(value))

    def change(self, before: float | None, after: float | None) -> str:
        """Format the second figure less the first, as a reader subtracts what is shown; empty if one is missing."""
        if before is None or after is None:
            return ""
        change = round(self.rounded(after) - self.rounded(before), self.digits)
        return (self.difference or self.pattern.replace("{:", "{:+")).format(self.scale * change) if change else "0"

    def signed(self, value: float) -> str:
        """Format an amount that is added or taken away, with its sign."""
        return self.pattern.replace("{:", "{:+").format(self.rounded(value))

    def total(self, values: Sequence[float]) -> float:
        """Add up figures as they are shown."""
        return self.rounded(sum(map(self.rounded, values)))

    def spread(self, values: Sequence[float]) -> list[float]:
        """Round figures so that they add up to their rounded sum: those that lose most by it are rounded up."""
        scale = 10**self.digits
        exact = [value * scale for value in values]
        whole = [floor(value) for value in exact]
        missing = round(sum(exact)) - sum(whole)
        order = sorted(range(len(exact)), key=lambda i: whole[i] - exact[i])
        for i in order[:missing]:
            whole[i] += 1
        return [value / scale for value in whole]


AUD = Unit("{:z,.2f}", 2)
# Differences of percentages are points, so that nobody takes them for a part of the figure.
SHARE = Unit("{:z.2%}", 4, "{:+.2f} points", 100)
COUNT = Unit("{:z,.0f}", 0)
RATIO = Unit("{:z.3f}", 3)
EFFECTIVE = Unit("{:z.1f}", 1)
