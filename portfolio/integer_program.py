"""Linear programs with whole numbers, solved by HiGHS through scipy (Huangfu & Hall 2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector

# scipy.optimize.milp, OptimizeResult.status.
_OPTIMAL, _INFEASIBLE, _FAILED = 0, 2, 4

# The most seconds of one call, where tenths of a second are usual. The process ends at the deadline in any case; a call
# that stops here says so.
MOST_S = 60.0

# A minimum is proven where the bound is this near to the cost, relative to it.
_PROVEN = 1e-6

# When rows are scaled by their largest entry, the scale is at least this.
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class IntegerSolution:
    """The result of a search. The bound and the infeasibility are the solver's own statements, not checked here.

    Attributes:
        x: The best point, shape (n,), or None; integer variables are exact integers.
        bound: Lower bound on the cost of every point; minus infinity if the solver gives no bound.
        infeasible: Whether the solver reports that no point is feasible.
    """

    x: Vector | None
    bound: float
    infeasible: bool


@dataclass(frozen=True, slots=True, eq=False)
class IntegerProgram:
    """Minimise ``offset + cost.x`` with ``least <= A x <= most`` and ``lower <= x <= upper``.

    Attributes:
        cost: Shape (n,).
        whole: Whether each variable is a whole number, shape (n,).
        lower: Shape (n,).
        upper: Shape (n,), infinite where there is no limit.
        A: Shape (r, n).
        least: Shape (r,), minus infinity where there is no limit.
        most: Shape (r,), infinity where there is no limit.
        offset: Constant of the objective; gaps are relative to the cost plus this constant.
    """

    cost: Vector
    whole: npt.NDArray[np.bool_]
    lower: Vector
    upper: Vector
    A: Matrix
    least: Vector
    most: Vector
    offset: float = 0.0

    def solve(self, *, gap: float = 0.0, most_s: float = MOST_S) -> Vector | None:
        """Minimise to a relative *gap*; None if no point is feasible.

        Raises:
            SolverError: If the solver gives up, or *most_s* seconds end the search before the proof.
        """
        answer = self.search(gap=gap, left_s=lambda: most_s)
        unproven = False
        if answer.x is not None:
            cost = float(self.cost @ answer.x) + self.offset
            unproven = cost - answer.bound > (gap + _PROVEN) * max(float(abs(self.cost) @ abs(answer.x)), 1.0)
        if unproven or (answer.x is None and not answer.infeasible):
            message = (
                "the solver gave up on whole units; ask again, and report it with the request_id if that does not help"
            )
            raise SolverError(message)
        return answer.x

    def search(
        self, *, gap: float = 0.0, node_limit: int | None = None, left_s: Callable[[], float] = lambda: math.inf
    ) -> IntegerSolution:
        """Minimise to a relative *gap*, or until the limit of nodes, of seconds or of one call ends the search."""
        # Imported only when a search runs: the import takes a quarter of a second and 40 MiB, and agents never need it.
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

        options: dict[str, Any] = {"mip_rel_gap": gap}
        if node_limit is not None:
            options["node_limit"] = node_limit
        # The offset is the cost of an extra variable fixed to one.
        A = np.hstack([self.A, np.zeros((len(self.A), 1))])
        plain, even = np.ones(len(A)), np.maximum(abs(A).max(axis=1, initial=0.0), _SMALLEST)
        # HiGHS rarely fails on rows of very different sizes, or in presolve: retry scaled, then without presolve.
        for size, presolve in ((plain, True), (even, True), (plain, False)):
            if (seconds := left_s()) <= 0:
                return IntegerSolution(None, -np.inf, infeasible=False)
            options["time_limit"] = min(seconds, MOST_S)
            found: Any = milp(
                np.append(self.cost, self.offset),
                integrality=np.append(self.whole, False).astype(int),
                bounds=Bounds(np.append(self.lower, 1.0), np.append(self.upper, 1.0)),
                constraints=LinearConstraint(A / size[:, None], self.least / size, self.most / size),
                options={**options, "presolve": presolve},  # type: ignore[arg-type]
            )
            stopped = node_limit is not None and (found.mip_node_count or 0) >= node_limit
            if found.status != _FAILED or found.x is not None or stopped:
                break
        bound = -np.inf
        if found.mip_dual_bound is not None:
            bound = float(found.mip_dual_bound)
        elif found.status == _OPTIMAL and found.x is not None:  # without whole numbers, the minimum is the bound
            bound = float(self.cost @ found.x[:-1]) + self.offset
        if found.x is None:
            return IntegerSolution(None, bound, found.status == _INFEASIBLE)
        return IntegerSolution(np.where(self.whole, np.rint(found.x[:-1]), found.x[:-1]), bound, infeasible=False)


def stacked(rows: Sequence[tuple[Matrix, Vector | float, Vector | float]]) -> tuple[Matrix, Vector, Vector]:
    """Stack rows with their limits, ``(A, least, most)``."""
    parts = [(np.atleast_2d(A), least, most) for A, least, most in rows]
    return (
        np.vstack([A for A, _, _ in parts]),
        np.concatenate([np.broadcast_to(least, len(A)) for A, least, _ in parts]),
        np.concatenate([np.broadcast_to(most, len(A)) for A, _, most in parts]),
    )
