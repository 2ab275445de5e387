"""Compare each return with the usual one of its ETF: splits, typing errors, and outliers of the correlations."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from portfolio import Matrix, Vector

# The median absolute deviation of normal returns, times this, is their standard deviation.
_NORMAL = 1.4826
# A return of cash is nearly the same in each period: its usual move is no less than this.
_LEAST_USUAL = 5e-4
# Normal returns are beyond six times the usual move once in 500 million; returns of shares, in a crash.
_MANY = 6.0
# A crash moves others too: another return beyond four times the usual move.
_SHARED = 4.0
# A split of 5 for 4 is a move of 20 %, and an average fund has moved by no more in a month.
_LARGE = 0.15
# No return that stands alone is so many times the usual one, whatever its size.
_WILD = 15.0
# No fund without leverage has moved by more, with others or alone.
_IMPOSSIBLE = 0.4
# Winsorised there, the largest move has 25 times the weight of a usual one in a variance, and no more.
BOUND = 5.0


@dataclass(frozen=True, slots=True)
class Move:
    """A return that is many times the usual one.

    Attributes:
        i: Index of the return.
        j: Index of the ETF.
        size: The return.
        times: The return in usual moves.
        error: Whether the move is more likely an error or a split than a return.
    """

    i: int
    j: int
    size: float
    times: float
    error: bool


def usual(returns: Matrix) -> tuple[Vector, Vector]:
    """Return the median and the usual move (a standard deviation that outliers do not change) of each ETF."""
    middle = np.median(returns, axis=0)
    return middle, np.maximum(_NORMAL * np.median(np.abs(returns - middle), axis=0), _LEAST_USUAL)


def large_moves(returns: Matrix, tickers: Sequence[str], trusted: Collection[str]) -> list[Move]:
    """Find the returns that are many times the usual one; those of *trusted* ETFs are no errors."""
    middle, sigma = usual(returns)
    z = (returns - middle) / sigma
    beyond = (np.abs(z) > _SHARED).sum(axis=1)
    found = []
    for i, j in np.argwhere((np.abs(z) > _MANY) | (np.abs(returns) > _IMPOSSIBLE)):
        size, times = float(returns[i, j]), float(abs(z[i, j]))
        alone = beyond[i] <= 1
        error = abs(size) > _IMPOSSIBLE or (alone and (abs(size) >= _LARGE or times > _WILD))
        found.append(Move(int(i), int(j), size, times, error and tickers[j] not in trusted))
    return found


def bound(returns: Matrix) -> tuple[Matrix, Matrix]:
    """Winsorise: draw returns beyond ``BOUND`` usual moves from the median to there; also return which ones."""
    middle, sigma = usual(returns)
    bounded: Matrix = np.clip(returns, middle - BOUND * sigma, middle + BOUND * sigma)
    return bounded, bounded != returns
