"""The accuracy of an oracle's own solver: by how much an optimum that it reports can be too high."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING
from warnings import catch_warnings, simplefilter

import cvxpy as cp
import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from portfolio import Vector

ACCURACIES = (1e-8, 1e-7, 1e-6)
# The solutions of one program at these accuracies differ by less.
AGREES = 1e-5


@dataclass(frozen=True)
class _Point:
    """A point of the oracle's solver.

    Attributes:
        value: The objective there, computed from the weights.
        violations: Of each row, in its own units.
        multipliers: Of each row; that of a cone is the size of its vector.
    """

    value: float
    violations: Sequence[Vector]
    multipliers: Sequence[Vector]


def judged(problem: cp.Problem, expected: float) -> tuple[float, float]:
    """Solve at each accuracy; return the objective at the most accurate point, and by how much it can be too high.

    Args:
        problem: A program of linear rows and norms, to be maximised.
        expected: The optimum that another statement of the same program reported.
    """
    points = list(_points(problem))
    assert min(abs(point.value - expected) for point in points) <= AGREES, "by cvxpy alone it is the same program"
    accurate, doubt = min(((point, _doubt(point, points)) for point in points), key=itemgetter(1))
    return accurate.value, doubt


def _points(problem: cp.Problem) -> Iterator[_Point]:
    """Solve at each accuracy. Where there is no interior the solver stalls, and where it stalls may be nearest."""
    for tolerance in ACCURACIES:
        with suppress(cp.SolverError), catch_warnings():
            simplefilter("ignore", UserWarning)  # "solution may be inaccurate": ``_doubt`` says how accurate it is
            problem.solve(solver=cp.CLARABEL, tol_feas=tolerance, tol_gap_abs=tolerance, tol_gap_rel=tolerance)
            if problem.status in {cp.OPTIMAL, cp.OPTIMAL_INACCURATE} and np.isfinite(problem.value):
                yield _Point(
                    float(problem.value),
                    [np.abs(row.violation()) for row in problem.constraints],
                    [
                        np.abs(row.dual_value[0] if isinstance(row, cp.SOC) else row.dual_value)
                        for row in problem.constraints
                    ],
                )


def _doubt(point: _Point, points: Sequence[_Point]) -> float:
    """Bound by how much the objective at *point* can be too high, since the point is outside its rows.

    The optimum p(v) is concave in the violation v that is allowed, and its slope there is the multiplier m(v). So a
    violation v costs at most m(u) v more than a smaller one u: the steepest multipliers that are known count. Of the
    last step, from u to none, m(u) u is too little where there is no interior, because p is steeper still below u.
    Norms then have p(u) - p(0) of the order of the square root of u (Sturm 2000, "Error bounds for linear matrix
    inequalities", for one step of facial reduction), whose slope times u is half of the difference: hence twice. The
    multipliers are those of the solver's path, from two thirds to three quarters of the slope where the optimum is
    known (``test_an_oracle_knows_its_accuracy_where_there_is_no_interior``): hence twice again.
    """
    prices = (
        sum(float(np.sum(m * v)) for m, v in zip(each.multipliers, point.violations, strict=True)) for each in points
    )
    return 4 * max(prices)
