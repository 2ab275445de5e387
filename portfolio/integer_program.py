"""Linear programs with whole numbers, solved by HiGHS through scipy (Huangfu & Hall 2018)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector

# scipy.optimize.milp, OptimizeResult.status.
_INFEASIBLE, _FAILED = 2, 4

# The largest entry of a row is taken for no smaller than this.
_SMALLEST = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class IntegerProgram:
    """Minimise ``cost.x`` with ``least <= A x <= most`` and ``lower <= x <= upper``.

    Attributes:
        cost: Shape (n,).
        whole: Which variables are whole numbers, shape (n,).
        lower: Shape (n,).
        upper: Shape (n,), infinite where there is no limit.
        A: Shape (r, n).
        least: Shape (r,), minus infinity where there is no limit.
        most: Shape (r,), infinity where there is no limit.
    """

    cost: Vector
    whole: npt.NDArray[np.bool_]
    lower: Vector
    upper: Vector
    A: Matrix
    least: Vector
    most: Vector

    def solve(self, *, gap: float = 0.0, node_limit: int | None = None) -> Vector | None:
        """Minimise to a relative *gap*; None if nothing is feasible. Whole numbers are whole to the last digit.

        Raises:
            SolverError: If the solver gives up.
        """
        # Loaded where something is traded: a quarter of a second and 40 MiB that no agent needs.
        from scipy.optimize import Bounds, LinearConstraint, milp  # noqa: PLC0415

        options: dict[str, Any] = {"mip_rel_gap": gap}
        if node_limit is not None:
            options["node_limit"] = node_limit
        plain, even = np.ones(len(self.A)), np.maximum(abs(self.A).max(axis=1, initial=0.0), _SMALLEST)
        # HiGHS fails, seldom, on rows of very different sizes, and in its presolve.
        for size, presolve in ((plain, True), (even, True), (plain, False)):
            found = milp(
                self.cost,
                integrality=self.whole.astype(int),
                bounds=Bounds(self.lower, self.upper),
                constraints=LinearConstraint(self.A / size[:, None], self.least / size, self.most / size),
                options={**options, "presolve": presolve},  # type: ignore[arg-type]
            )
            if found.status != _FAILED:
                break
        if found.x is None:
            if found.status == _INFEASIBLE:
                return None
            message = f"an integer program was not solved: {found.message}"
            raise SolverError(message)
        return np.where(self.whole, np.rint(found.x), found.x)


def stacked(rows: Sequence[tuple[Matrix, Vector | float, Vector | float]]) -> tuple[Matrix, Vector, Vector]:
    """Put rows with their limits, ``(A, least, most)``, below each other."""
    parts = [(np.atleast_2d(A), least, most) for A, least, most in rows]
    return (
        np.vstack([A for A, _, _ in parts]),
        np.concatenate([np.broadcast_to(least, len(A)) for A, least, _ in parts]),
        np.concatenate([np.broadcast_to(most, len(A)) for A, _, most in parts]),
    )
