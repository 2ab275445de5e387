"""Limits on the correlation of two pods. They are not convex; convex rows that imply the limits replace them.

``a'Sb <= rho |a| |b|`` for sleeves *a*, *b* is a difference of convex functions. Around a point, in units of both
volatilities at this point, tangents replace the concave parts (the convex-concave procedure; Lipp & Boyd 2016,
Variations and extensions of the convex-concave procedure):

    a'Sb = |a + b|^2 / 4 - |a - b|^2 / 4,           the second term by its tangent
    rho > 0:  rho |a| |b| >= rho f g,                f, g the tangents of |a|, |b|
              f g = (f + g)^2 / 4 - (f - g)^2 / 4,   the first term by its tangent
    rho < 0:  rho |a| |b| >= rho (|a|^2 + |b|^2) / 2

The row implies the limit; the limit does not imply the row. So a portfolio found this way keeps the limits, but a
better portfolio within the limits may exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.master.statement.structure import Structure
    from portfolio.terms.goals import Goal


@dataclass(frozen=True, slots=True, eq=False)
class Near:
    """The point around which convex rows replace the limits.

    Attributes:
        X: Holdings, shape (pods, n).
        elastic: Whether limits may be exceeded; the total excess is then the whole objective, to be minimised.
    """

    X: Matrix
    elastic: bool = False


def limit_correlation(form: Structure, goal: Goal, rho: float, near: Near) -> None:
    """Keep the correlation of two pods below *rho*."""
    names = [sleeve.mandate.pod for sleeve in form.sleeves]
    p, q = (names.index(pod) for pod in goal.pods)
    L = form.case.factor()
    a, b = _Side(form, L, p, near.X[p]), _Side(form, L, q, near.X[q])
    variables = a.variables + b.variables
    plus, minus = np.hstack([a.M, b.M]) / 2, np.hstack([a.M, -b.M]) / 2
    point = np.concatenate([a.u, b.u])
    # The tangent of |v|^2 at v0 is 2 v0.v - |v0|^2. The first pod's weights sum to one, so they carry the constant.
    centre = minus @ point
    linear = 2 * centre @ minus
    constant = -float(centre @ centre)
    quadratic = [plus]
    tangent_a = np.concatenate([a.tangent, 0 * b.tangent])
    tangent_b = np.concatenate([0 * a.tangent, b.tangent])
    if rho > 0:
        quadratic.append(np.sqrt(rho) / 2 * (tangent_a - tangent_b)[None, :])
        total = tangent_a + tangent_b
        at = float(total @ point)
        linear = linear + rho / 4 * 2 * at * total
        constant -= rho / 4 * at**2
    elif rho < 0:
        quadratic.append(np.sqrt(-rho / 2) * np.hstack([a.M, 0 * b.M]))
        quadratic.append(np.sqrt(-rho / 2) * np.hstack([0 * a.M, b.M]))
    linear[: len(a.variables)] += constant
    row = dict(zip(variables, linear.tolist(), strict=True))
    if near.elastic:
        row[form.build.variable(upper=4.0, cost=1.0)] = 1.0
    _square_at_most(form, np.vstack(quadratic), variables, row, ones=a.variables)


def _square_at_most(form: Structure, Q: Matrix, variables: list[int], row: dict[int, float], ones: list[int]) -> None:
    """Require ``|Q x|^2 <= row.x`` as the cone ``|(2 Q x, 1 - row.x)| <= 1 + row.x``; *ones* sum to one."""
    everything = list(dict.fromkeys([*variables, *row]))
    one = np.array([1.0 if j in set(ones) else 0.0 for j in everything])
    side = np.array([row.get(j, 0.0) for j in everything])
    M = np.zeros((len(Q) + 1, len(everything)))
    M[:-1, : len(variables)] = 2 * Q
    M[-1] = one - side
    form.build.norm_at_most(M, everything, dict(zip(everything, (one + side).tolist(), strict=True)))


class _Side:
    """The variables of a sleeve, and the sleeve's volatility in units of the volatility at the point."""

    def __init__(self, form: Structure, L: Matrix, p: int, x: Vector) -> None:
        holdings = form.by_pod[p]
        self.variables = [h.u for h in holdings]
        self.u = np.array([x[h.j] for h in holdings]) / form.sleeves[p].share
        unit = float(np.linalg.norm(L.T @ x)) / form.sleeves[p].share
        self.M: Matrix = np.array([L[h.j] for h in holdings]).T / unit
        self.tangent: Vector = self.M.T @ (self.M @ self.u)
