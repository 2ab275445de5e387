"""Linear programs with whole numbers, solved by HiGHS (Huangfu & Hall 2018)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import SolverError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    import numpy.typing as npt
    from highspy import HighsLp

    from portfolio import Matrix, Vector

_OPTIONS = {"output_flag": False, "threads": 1}

# Programs of whole units have some twenty columns after presolve. The heuristic of jumps takes half of their time and
# finds no point that is kept; a restart takes longer than the nodes that are left.
_QUICK = {"mip_heuristic_run_feasibility_jump": False, "mip_allow_restart": False}
_NO_HEURISTICS = {"mip_heuristic_effort": 0.0, "mip_heuristic_run_root_reduced_cost": False}

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

    def or_better(self, other: IntegerSolution, cost: Vector) -> IntegerSolution:
        """Return the better of two answers to the same program, with the higher bound."""
        if other.x is None:
            return other if other.infeasible else self
        if self.x is None or float(cost @ other.x) < float(cost @ self.x):
            return replace(other, bound=max(self.bound, other.bound))
        return replace(self, bound=max(self.bound, other.bound))


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
        self,
        *,
        gap: float = 0.0,
        node_limit: int | None = None,
        left_s: Callable[[], float] = lambda: math.inf,
        doubtful: bool = False,
    ) -> IntegerSolution:
        """Minimise to a relative *gap*, or until the limit of nodes, of seconds or of one call ends the search.

        Where it is *doubtful* that any point is feasible, no heuristic looks for one.
        """
        limits = {"mip_rel_gap": gap} | ({} if node_limit is None else {"mip_max_nodes": node_limit})
        found, stopped = self._attempt(_OPTIONS | _QUICK | (_NO_HEURISTICS if doubtful else {}) | limits, left_s)
        if stopped:
            # Seldom. Everything that was left out finds better points in such a tree.
            again, _ = self._attempt(_OPTIONS | limits, left_s)
            return found.or_better(again, self.cost)
        return found

    def _attempt(
        self, options: Mapping[str, bool | float], left_s: Callable[[], float]
    ) -> tuple[IntegerSolution, bool]:
        """Search once. Return the answer, and whether the limit of nodes ended the search."""
        # Imported only when a search runs: agents never need it.
        import highspy  # noqa: PLC0415

        solver = highspy.Highs()  # type: ignore[no-untyped-call]
        for name, value in options.items():
            solver.setOptionValue(name, value)
        kinds = highspy.HighsModelStatus
        limits = {kinds.kTimeLimit, kinds.kIterationLimit, kinds.kSolutionLimit}
        feasible = highspy.kSolutionStatusFeasible
        plain, even = np.ones(len(self.A)), np.maximum(abs(self.A).max(axis=1, initial=0.0), _SMALLEST)
        # HiGHS rarely fails on rows of very different sizes, or in presolve: retry scaled, then without presolve.
        for size, presolve in ((plain, "on"), (even, "on"), (plain, "off")):
            if (seconds := left_s()) <= 0:
                return IntegerSolution(None, -np.inf, infeasible=False), False
            solver.setOptionValue("time_limit", min(seconds, MOST_S))
            solver.setOptionValue("presolve", presolve)
            solver.passModel(self._model(size))
            solver.run()
            status, info = solver.getModelStatus(), solver.getInfo()
            # A search that is stopped may hand out a point of its relaxation, which breaks rows.
            kept = info.primal_solution_status == feasible and math.isfinite(info.objective_function_value)
            found = status == kinds.kOptimal or (status in limits and kept)
            if found or status in limits or status == kinds.kInfeasible:
                break
        stopped = status == kinds.kSolutionLimit
        if not found:
            return IntegerSolution(None, -np.inf, infeasible=status == kinds.kInfeasible), stopped
        x = np.array(solver.getSolution().col_value)
        # Without whole numbers, the minimum is the bound; a search that was stopped has none.
        least = float(info.objective_function_value) if status == kinds.kOptimal else -np.inf
        bound = float(info.mip_dual_bound) if self.whole.any() else least
        return IntegerSolution(np.where(self.whole, np.rint(x), x), bound, infeasible=False), stopped

    def _model(self, size: Vector) -> HighsLp:
        """State the program for HiGHS, each row divided by its *size*."""
        import highspy  # noqa: PLC0415

        model, kinds = highspy.HighsLp(), (highspy.HighsVarType.kContinuous, highspy.HighsVarType.kInteger)
        columns, rows = np.nonzero(self.A.T)
        model.num_row_, model.num_col_ = self.A.shape
        model.col_cost_, model.offset_ = self.cost, self.offset
        model.col_lower_, model.col_upper_ = self.lower, self.upper
        model.row_lower_, model.row_upper_ = self.least / size, self.most / size
        model.integrality_ = [kinds[whole] for whole in self.whole.tolist()]
        matrix = model.a_matrix_
        matrix.format_, matrix.num_row_, matrix.num_col_ = highspy.MatrixFormat.kColwise, *self.A.shape
        matrix.start_ = np.searchsorted(columns, np.arange(self.A.shape[1] + 1))
        matrix.index_, matrix.value_ = rows, self.A[rows, columns] / size[rows]
        return model


def stacked(rows: Sequence[tuple[Matrix, Vector | float, Vector | float]]) -> tuple[Matrix, Vector, Vector]:
    """Stack rows with their limits, ``(A, least, most)``."""
    parts = [(np.atleast_2d(A), least, most) for A, least, most in rows]
    return (
        np.vstack([A for A, _, _ in parts]),
        np.concatenate([np.broadcast_to(least, len(A)) for A, least, _ in parts]),
        np.concatenate([np.broadcast_to(most, len(A)) for A, _, most in parts]),
    )
