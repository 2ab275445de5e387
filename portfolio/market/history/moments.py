"""Estimate a year's return, risk and correlations from returns of the past."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.market.history.sample import Sample


@dataclass(frozen=True, slots=True, eq=False)
class Moments:
    """What a sample says of *n* ETFs.

    Attributes:
        expected_returns: Mean simple return times the periods a year, shape (n,): history, not a forecast.
        volatilities: Standard deviation (of T - 1) times the root of the periods a year, shape (n,).
        correlations: Shrunk, shape (n, n), with ones on the diagonal; positive definite.
        shrinkage: 0 to 1: how much of the correlations is "none"; the rest is the sample's.
    """

    expected_returns: Vector
    volatilities: Vector
    correlations: Matrix
    shrinkage: float


def estimate(sample: Sample) -> Moments:
    """Estimate from *sample*.

    The correlations are shrunk towards none as in Ledoit and Wolf (2004), "A well-conditioned estimator for
    large-dimensional covariance matrices", J. Multivariate Analysis 88, on returns scaled to variance one: on the
    returns themselves, all variances would be drawn to their mean, and cash would get the risk of shares.

    Raises:
        DataError: If scikit-learn, which does it, is not installed.
    """
    try:
        from sklearn.covariance import ledoit_wolf
    except ImportError:
        message = "making a market needs scikit-learn: pip install 'podfolio[markets]'"
        raise DataError(message) from None
    a_year = sample.period.a_year
    deviations = sample.returns - sample.returns.mean(axis=0)
    scaled = deviations / np.sqrt((deviations**2).mean(axis=0))
    correlations, shrinkage = ledoit_wolf(scaled, assume_centered=True)
    correlations = (correlations + correlations.T) / 2
    np.fill_diagonal(correlations, 1.0)
    return Moments(
        expected_returns=sample.returns.mean(axis=0) * a_year,
        volatilities=sample.returns.std(axis=0, ddof=1) * np.sqrt(a_year),
        correlations=correlations,
        shrinkage=float(shrinkage),
    )
