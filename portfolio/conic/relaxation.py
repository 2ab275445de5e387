"""Solve a program's convex relaxation with Clarabel, some switches off, some on, the rest free.

A free switch is projected out (``z = x / upper``); a switch that is off removes its variable and rows: the remaining
cone program is small and has an interior. The solver's answer has two uses only: a point to branch on or to publish
(checked elsewhere), and multipliers, from which ``bound`` computes the proven bound.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import clarabel
import numpy as np

from portfolio.conic.bound import OFF, ON, valid

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

# The bound is valid at any accuracy, but the error of a rough point looks like small holdings: at 1e-4 the tree has two
# to three times the nodes (docs/adr/0003). Published points are solved as accurately as double precision allows.
ROUGH, _SHARP = 1e-6, (1e-9, 1e-8, 1e-7)


class Outcome(Enum):
    """Outcome of a call of the solver."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, eq=False)
class RelaxationResult:
    """The solver's answer for a relaxation.

    Attributes:
        outcome: Outcome of the solve.
        x: The point, shape (n,); exactly zero where a switch is off; meaningless if infeasible.
        multipliers: Valid multipliers of the program's rows, shape (r,): of the optimum, or of the proof of
            infeasibility.
    """

    outcome: Outcome
    x: Vector
    multipliers: Vector


# Rows are of order one. Multipliers from here on are numerical trouble: their bounds are lost in rounding, or overflow.
_HUGE = 1e12

# The most seconds of one call, where milliseconds are usual. A call that stops here is trouble, and the search goes on;
# the process ends at the deadline in any case.
_MOST_S = 60.0

_OUTCOMES = {
    clarabel.SolverStatus.Solved: Outcome.SOLVED,
    clarabel.SolverStatus.PrimalInfeasible: Outcome.INFEASIBLE,
}


class Relaxation:
    """The relaxations of one program; keeps the data that all of them share.

    Args:
        program: The program.
        stop: Called at every step of the solver; true ends the solve with outcome TROUBLE.
        scaled: Whether the rows that the solver gets are already scaled.
    """

    def __init__(self, program: Program, stop: Callable[[], bool] | None = None, *, scaled: bool = False) -> None:
        self.program, self._stop = program, stop
        # Project out the free switches: spread their rows and costs over their variables.
        j, share = program.switched, 1 / program.upper[program.switched]
        self._free_A, self._free_q = program.A.copy(), program.q.copy()
        self._free_A[:, j] += program.H * share
        self._free_q[j] += program.k * share
        self._before = program.equalities + program.inequalities
        self._settings = {accuracy: _settings(accuracy, scaled=scaled) for accuracy in (ROUGH, *_SHARP)}

    def solve_sharply(self, states: States) -> RelaxationResult:
        """Solve as accurately as the solver can: a nearly degenerate relaxation allows only lower accuracy."""
        for accuracy in _SHARP:
            answer = self.solve(states, accuracy)
            if answer.outcome is not Outcome.TROUBLE or (self._stop is not None and self._stop()):
                break
        return answer

    def solve(self, states: States, accuracy: float = ROUGH) -> RelaxationResult:
        """Solve the relaxation with the switches in *states*."""
        program, j = self.program, self.program.switched
        on = j[states == ON]
        q, lower = self._free_q.copy(), program.lower.copy()
        q[on], lower[on] = program.q[on], program.floor[states == ON]
        b = program.b - program.H @ (states == ON)
        there = np.ones(len(q), dtype=bool)
        there[j[states == OFF]] = False
        columns = np.flatnonzero(there)
        n = len(columns)
        A = self._free_A[:, columns]
        A[:, np.searchsorted(columns, on)] = program.A[:, on]
        box = lower[columns], program.upper[columns]
        solution = self._clarabel(A, b, box, q[columns], accuracy, program.cones)
        x = np.zeros(len(q))
        x[columns] = solution.x
        z = np.array(solution.z)
        if not abs(z).max(initial=0.0) < _HUGE:
            z[:] = 0.0
        y = np.concatenate([z[: self._before], z[self._before + 2 * n :]])  # without the multipliers of the box
        return RelaxationResult(self.outcome_of(solution), x, valid(program, y))

    @staticmethod
    def outcome_of(solution: clarabel.DefaultSolution) -> Outcome:
        """Map the solver's status to an outcome."""
        return _OUTCOMES.get(solution.status, Outcome.TROUBLE)

    def _clarabel(
        self, A: Matrix, b: Vector, box: tuple[Vector, Vector], q: Vector, accuracy: float, sizes: tuple[int, ...]
    ) -> clarabel.DefaultSolution:
        """Solve; the solution's multipliers are those of the linear rows, of both ends of the box, and of the cones."""
        before = self._before
        sides = np.concatenate([b[:before], -box[0], box[1], b[before:]])
        inequalities = self.program.inequalities + 2 * len(q)
        return self._run(_csc_with_box(A, before), sides, q, accuracy, (self.program.equalities, inequalities, sizes))

    def _run(
        self, A: Csc, b: Vector, q: Vector, accuracy: float, sizes: tuple[int, int, tuple[int, ...]]
    ) -> clarabel.DefaultSolution:
        """Solve; *sizes* are the numbers of equalities and inequalities, and the number of rows of each cone."""
        n, (equalities, inequalities, cones) = len(q), sizes
        kinds = [
            clarabel.ZeroConeT(equalities),
            clarabel.NonnegativeConeT(inequalities),
            *map(clarabel.SecondOrderConeT, cones),
        ]
        P = Csc([], [], [0] * (n + 1), (n, n))
        solver = clarabel.DefaultSolver(P, q.tolist(), A, b.tolist(), kinds, self._settings[accuracy])
        if (stop := self._stop) is not None:
            solver.set_termination_callback(lambda _: stop())
        return solver.solve()


class Csc(NamedTuple):
    """The attributes of a scipy.sparse.csc_matrix that Clarabel reads, without checks that cost as much as a solve.

    Lists: Clarabel reads an array entry by entry, each as an object that numpy makes.
    """

    data: list[float]
    indices: list[int]
    indptr: list[int]
    shape: tuple[int, ...]
    has_sorted_indices: bool = True
    has_canonical_format: bool = True

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.data)


def _csc_with_box(A: Matrix, before: int) -> Csc:
    """Put the rows of the box, ``-I`` and ``I``, below the first rows, without making these rows as dense matrices."""
    n = A.shape[1]
    columns, rows = np.nonzero(A.T)
    late, every = rows >= before, np.arange(n)
    counts = np.bincount(columns, minlength=n)
    early = counts - np.bincount(columns[late], minlength=n)
    starts = np.cumsum(counts) - counts + 2 * every
    where = np.arange(len(rows)) + 2 * (columns + late)
    data, indices = np.empty(len(rows) + 2 * n), np.empty(len(rows) + 2 * n, dtype=np.intp)
    data[where], indices[where] = A[rows, columns], rows + 2 * n * late
    for end, (sign, row) in enumerate(((-1.0, before), (1.0, before + n))):
        data[starts + early + end], indices[starts + early + end] = sign, row + every
    return Csc(data.tolist(), indices.tolist(), [*starts.tolist(), len(data)], (len(A) + 2 * n, n))


def _settings(accuracy: float, *, scaled: bool) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.time_limit = _MOST_S
    settings.presolve_enable = False
    settings.chordal_decomposition_enable = False
    settings.equilibrate_enable = not scaled
    settings.iterative_refinement_enable = accuracy < ROUGH
    settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = accuracy
    return settings
