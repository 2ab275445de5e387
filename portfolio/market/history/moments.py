"""Estimate yearly returns, yearly risk and correlations from past returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.market.history.moves import bound

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio import Matrix, Vector
    from portfolio.market.history.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """Estimates for *n* ETFs from a sample.

    Attributes:
        expected_returns: Mean simple return times the periods per year, shape (n,): history, not a forecast.
        volatilities: Standard deviation (divisor T - 1) times the square root of the periods per year, shape (n,).
        correlations: Shrunk, shape (n, n), with ones on the diagonal; positive definite.
        shrinkage: 0 to 1: the weight of zero correlation; the sample correlations have the remaining weight.
        bounded: By ticker, the number of returns that were bounded for the correlations, where there are any.
    """

    expected_returns: Vector
    volatilities: Vector
    correlations: Matrix
    shrinkage: float
    bounded: Mapping[str, int]


def estimate(sample: Sample) -> Moments:
    """Estimate the moments of *sample*.

    The correlations are shrunk towards zero as in Ledoit and Wolf (2004), "A well-conditioned estimator for
    large-dimensional covariance matrices", J. Multivariate Analysis 88, on returns scaled to variance one. On
    unscaled returns, shrinkage would pull all variances to the mean variance, and cash would get the risk of shares.
    For the correlations, each return is bounded (``moves.bound``), so that no single one decides the shrinkage of all.

    Raises:
        DataError: If scikit-learn, which computes the shrinkage, is not installed.
    """
    try:
        from sklearn.covariance import ledoit_wolf
    except ImportError:
        message = (
            "making a market needs scikit-learn, which is not installed: run `make setup` in the checkout, or make an"
            " image with it, `docker build --build-arg WITH=people --tag podfolio .`"
        )
        raise DataError(message) from None
    a_year = sample.a_year
    bounded, outliers = bound(sample.returns)
    deviations = bounded - bounded.mean(axis=0)
    scaled = deviations / np.sqrt((deviations**2).mean(axis=0))
    correlations, shrinkage = ledoit_wolf(scaled, assume_centered=True)
    correlations = (correlations + correlations.T) / 2
    np.fill_diagonal(correlations, 1.0)
    return Moments(
        expected_returns=sample.returns.mean(axis=0) * a_year,
        volatilities=sample.returns.std(axis=0, ddof=1) * np.sqrt(a_year),
        correlations=correlations,
        shrinkage=float(shrinkage),
        bounded={t: int(k) for t, k in zip(sample.tickers, outliers.sum(axis=0), strict=True) if k},
    )
