"""How far from a market's figures the worst case is in which a customer wants the best portfolio: data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Robust:
    """How far from the market's figures the worst case is.

    Attributes:
        returns: Half-widths of the box of returns, in units of the error of each return: half of the range that an
            outlook states, or the standard error of a history's mean.
        covariance: Most by which a covariance may be above the market's, as a part of the product of both volatilities.
    """

    returns: float = 0.0
    covariance: float = 0.0
