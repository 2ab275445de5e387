"""Confidence intervals of the difference between two series, by a studentised circular block bootstrap.

The method is that of Ledoit and Wolf (2008), "Robust performance hypothesis testing with the Sharpe ratio", Journal of
Empirical Finance 15, section 3.2, for any smooth figure of means, with one change: the standard error of the data is
estimated from blocks too, as that of each resample (they take a kernel there). The block length follows from the data
by Politis and White (2004), "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23, as
Patton, Politis and White (2009) corrected it. Pure: the seed is an argument, and the numbers
of ``RandomState`` are the same in every version of numpy.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix, Vector

LEVEL = 0.95
# Of the intervals; Ledoit and Wolf (2008) use 499 to 4,999. An odd number puts the quantile on one of the resamples.
RESAMPLES = 1999
# Fewer observations make blocks of which hardly two differ.
LEAST = 8


@dataclass(frozen=True, slots=True)
class Figure:
    """A smooth figure of means.

    Attributes:
        value: The figure of means, shape (..., k) to shape (...).
        gradient: The gradient of the figure, shape (..., k) to shape (..., k).
    """

    value: Callable[[Matrix], Vector]
    gradient: Callable[[Matrix], Matrix]


@dataclass(frozen=True, slots=True)
class Interval:
    """A difference and its confidence interval.

    Attributes:
        difference: The difference of the data.
        low: Lower end.
        high: Upper end.
        block: Block length of the resamples, in observations.
    """

    difference: float
    low: float
    high: float
    block: int

    @property
    def is_beyond(self) -> bool:
        """Whether the difference is larger than its interval: the interval leaves zero out."""
        return self.low > 0 or self.high < 0


MEAN = Figure(lambda m: m[..., 0], np.ones_like)


def interval(
    X: Matrix, figure: Figure, *, seed: int, block: int | None = None, level: float = LEVEL, resamples: int = RESAMPLES
) -> Interval | None:
    """Compute a symmetric studentised interval of ``figure(mean(X))``.

    Args:
        X: Observations in the order of time, shape (T, k).
        figure: The figure, of the means of the k columns.
        seed: The seed of the resamples.
        block: Block length; by default the rule of Politis and White on the figure's influence.
        level: Probability with which the interval should hold the true figure.
        resamples: Number of resamples.

    Returns:
        The interval; None for fewer than eight observations, or where too many resamples have no spread to divide by.
    """
    T = len(X)
    mean = X.mean(axis=0)
    delta = float(figure.value(mean))
    if T < LEAST:
        return None
    influence = (X - mean) @ figure.gradient(mean)
    if not np.any(np.abs(influence) > 0):
        return Interval(delta, delta, delta, 1)
    b = block or block_length(influence)
    error = math.sqrt(float((_block_sums(influence[:, None], b) ** 2).mean()) / b / T)
    sums = _block_sums(X, b)
    starts = np.random.RandomState(seed).randint(T, size=(resamples, T // b))
    drawn = sums[starts]  # (resamples, blocks, k)
    means = drawn.mean(axis=1) / b
    # The variance of a block's mean is estimated from the blocks themselves: they are independent given the data.
    apart = np.einsum("rlk,rk->rl", drawn - b * means[:, None, :], figure.gradient(means)) / math.sqrt(b)
    errors = np.sqrt((apart**2).mean(axis=1) / (T // b * b))
    off = np.abs(figure.value(means) - delta)
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.where(off > 0, off / errors, 0.0)
    reach = float(np.quantile(ratios, level, method="higher"))
    if not math.isfinite(reach):
        return None
    return Interval(delta, delta - reach * error, delta + reach * error, b)


def _block_sums(X: Matrix, b: int) -> Matrix:
    """Sum each block of *b* successive observations, the last ones continued by the first: shape (T, k)."""
    around = np.concatenate([np.zeros((1, X.shape[1])), np.cumsum(np.concatenate([X, X[: b - 1]]), axis=0)])
    sums: Matrix = around[b:] - around[:-b]
    return sums


def circular(T: int, b: int, *, resamples: int, seed: int) -> np.ndarray[tuple[int, int], np.dtype[np.intp]]:
    """Draw the places of resamples in blocks of *b*, cut to T: shape (resamples, T)."""
    starts = np.random.RandomState(seed).randint(T, size=(resamples, -(-T // b), 1))
    return ((starts + np.arange(b)) % T).reshape(resamples, -1)[:, :T].astype(np.intp)


def block_length(z: Vector) -> int:
    """Choose the block length of a circular bootstrap of the mean of *z*: at least 1, at most ``min(3 sqrt(T), T/3)``.

    Politis and White (2004), section 3.2, with the constant of Patton, Politis and White (2009) for circular blocks.
    """
    T = len(z)
    z = z - z.mean()
    variance = float(z @ z)
    if variance <= 0:
        return 1
    quiet = max(5, int(math.log10(T)))
    lags = min(math.ceil(math.sqrt(T)) + quiet, T - 1)
    band = 2 * math.sqrt(math.log10(T) / T)
    correlations = np.array([z[k:] @ z[: T - k] / variance for k in range(lags + 1)])
    # The first lag of a quiet stretch, twice; all lags, where there is none.
    m = next((k for k in range(1, lags + 2 - quiet) if np.all(np.abs(correlations[k : k + quiet]) < band)), lags)
    M = min(2 * m, lags)
    k = np.arange(-M, M + 1)
    window = np.minimum(1.0, 2 * (1 - np.abs(k) / M))
    covariances = correlations[np.abs(k)] * variance / T
    g, spectrum = window @ (np.abs(k) * covariances), window @ covariances
    if spectrum <= 0:
        return 1
    length = (2 * g**2 / (4 / 3 * spectrum**2) * T) ** (1 / 3)
    most = math.ceil(min(3 * math.sqrt(T), T / 3))
    return int(min(max(math.ceil(length), 1), most))
