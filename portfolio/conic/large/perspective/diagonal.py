"""Find a diagonal to split off a variance: the larger the diagonal, the stronger the perspective reformulation.

Any ``D >= 0`` with ``S - D`` positive semidefinite is valid (Frangioni & Gentile 2007); the diagonal of the largest
trace gave the smallest trees. This diagonal is the optimum of a semidefinite program with n variables, found by
Newton's method on the logarithmic barrier,

    maximise  sum(D) + mu (log det(S - D) + sum(log D)),

whose Hessian is the elementwise square of the inverse (Boyd & Vandenberghe 11.8.3), without a semidefinite solver. A
few per cent of the trace are not worth a step: the barrier ends early.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from scipy.linalg import lapack

from portfolio.conic.limits import never

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix, Vector

# The barrier's share of the trace at its end, and the factor on the barrier per round.
_END, _ROUND = 0.02, 0.15
_STEPS = 60
# Twice the rounding error of one operation in double precision; and shares to try of a diagonal that is too large.
_ROUNDOFF, _SHARES = 4.6e-16, (1.0, 0.999, 0.99, 0.9, 0.5, 0.1)
# A step below the first is too short to continue; above the second, the barrier's centre is near.
_SHORTEST, _LONG = 1e-10, 0.5


def safe_diagonal(S: Matrix, stop: Callable[[], bool] = never) -> Vector:
    """Find a large valid diagonal and shrink it until ``S - D`` has a factorisation with a margin for rounding.

    Where the variance is singular, as with more assets than observations, the diagonal may shrink to zero. Once *stop*
    is true, a smaller diagonal is returned.
    """
    D = largest_diagonal(S, stop)
    margin = _ROUNDOFF * len(S) ** 2 * float(np.diag(S).max())
    for share in _SHARES:
        if not lapack.dpotrf(S - np.diag(share * D) - margin * np.eye(len(S)), lower=1)[1]:
            return share * D
    return np.zeros(len(S))


def largest_diagonal(S: Matrix, stop: Callable[[], bool] = never) -> Vector:
    """Find ``D >= 0`` of nearly the largest sum with ``S - D`` positive definite."""
    n = len(S)
    size = float(np.diag(S).mean())
    if size <= 0:
        return np.zeros(n)
    S = S / size + 1e-9 * np.eye(n)
    inverse = _inverse(S)
    if inverse is None:
        return np.zeros(n)
    # D proportional to 1 / diag(S^-1), halfway to the boundary.
    D = 1 / np.diag(inverse)
    root = np.sqrt(D)
    D *= 0.5 / np.linalg.eigvalsh(root[:, None] * inverse * root)[-1]
    mu = float(D.sum()) / n
    inverse = _inverse(S - np.diag(D))
    for _ in range(_STEPS):
        if inverse is None or stop():  # the inverse exists at every interior point
            break
        gradient = 1 - mu * np.diag(inverse) + mu / D
        hessian = mu * inverse**2
        hessian[np.diag_indices(n)] += mu / D**2
        step = lapack.dposv(hessian, gradient)[1]
        decrement = float(gradient @ step)
        length = min(1.0, 0.9 / max(1e-12, float((-step / D).max())))
        while True:
            trial = _inverse(S - np.diag(D + length * step))
            if trial is not None:
                break
            length *= 0.6
            if length < _SHORTEST:
                return np.maximum(D - 1e-9, 0.0) * size
        D, inverse = D + length * step, trial
        if decrement < mu and length > _LONG:
            if 2 * n * mu <= _END * D.sum():
                break
            mu *= _ROUND
    return np.maximum(D - 1e-9, 0.0) * size


def _inverse(X: Matrix) -> Matrix | None:
    """Invert a positive definite matrix; None if the matrix is not positive definite."""
    c, info = lapack.dpotrf(X, lower=1)
    if info:
        return None
    half = lapack.dpotri(c, lower=1)[0]
    inverse: Matrix = np.tril(half) + np.tril(half, -1).T
    return inverse
