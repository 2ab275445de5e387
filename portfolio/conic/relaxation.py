"""Solve a program's convex relaxation with Clarabel, some switches off, some on, the rest free.

A free switch is projected out (``z = x / upper``), a switch that is off takes its variable and its
rows with it: the cone program that is left is small and has an interior. The solver's answer is
used for two things only: a point to branch on or to publish (checked elsewhere), and multipliers,
from which ``bound`` computes what they really prove.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

import clarabel
import numpy as np

from portfolio.conic.bound import FREE, OFF, ON, Multipliers, valid

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

# A node needs a point good enough to branch on and multipliers good enough to prune with: the
# bound is valid at any accuracy. What is published is solved as far as double precision goes.
ROUGH, SHARP = 1e-4, 1e-9


class Outcome(Enum):
    """How the solver ended."""

    SOLVED = "solved"
    INFEASIBLE = "infeasible"
    TROUBLE = "trouble"


@dataclass(frozen=True, slots=True, eq=False)
class Answer:
    """What the solver says of a relaxation.

    Attributes:
        outcome: How it ended.
        x: The point, shape (n,); exactly zero where a switch is off; meaningless if infeasible.
        multipliers: Of the program's rows: of the optimum, or of the contradiction.
    """

    outcome: Outcome
    x: Vector
    multipliers: Multipliers


_OUTCOMES = {
    clarabel.SolverStatus.Solved: Outcome.SOLVED,
    clarabel.SolverStatus.PrimalInfeasible: Outcome.INFEASIBLE,
}


class Relaxation:
    """The relaxations of one program; keeps the matrices that all of them share."""

    def __init__(self, program: Program) -> None:
        self.program = program
        n = len(program.q)
        self._m, self._e = len(program.h), len(program.f)
        self._on_columns = self._stack(program.G)
        G = program.G.copy()
        share = program.H / program.upper[program.switched]
        for i, j in enumerate(program.switched):
            G[:, j] += share[:, i]
        self._free_columns = self._stack(G)
        self._free_cost = np.zeros(n)
        np.add.at(self._free_cost, program.switched, program.k / program.upper[program.switched])
        self._cone_rows = sum(len(d) for _, d in program.cones)
        self._rows = self._e + self._m + self._cone_rows
        self._d = np.concatenate([np.zeros(0), *(d for _, d in program.cones)])
        self._settings = {ROUGH: _settings(ROUGH), SHARP: _settings(SHARP)}

    def _stack(self, G: Matrix) -> Matrix:
        """Stack equalities, inequalities and cones as the solver wants them: A x + s = b."""
        program = self.program
        return np.vstack([program.E, G, *(-B for B, _ in program.cones)])

    def solve(self, states: States, accuracy: float = ROUGH) -> Answer:
        """Solve the relaxation with the switches in *states*."""
        program = self.program
        j = program.switched
        free, on, off = j[states == FREE], j[states == ON], j[states == OFF]
        A = self._on_columns.copy()
        A[:, free] = self._free_columns[:, free]
        cost = program.q.copy()
        cost[free] += self._free_cost[free]
        lower = program.lower.copy()
        lower[on] = program.floor[states == ON]
        kept = np.ones(len(cost), dtype=bool)
        kept[off] = False
        h = program.h - program.H[:, states == ON].sum(axis=1)
        n = int(kept.sum())
        box = np.eye(n)
        top, cones = A[: self._e + self._m, kept], A[self._e + self._m :, kept]
        matrix = np.vstack([top, -box, box, cones])
        b = np.concatenate([program.f, h, -lower[kept], program.upper[kept], self._d])
        solution = self._clarabel(matrix, b, cost[kept], n, accuracy)
        x = np.zeros(len(cost))
        x[kept] = solution.x
        return Answer(_OUTCOMES.get(solution.status, Outcome.TROUBLE), x, self._multipliers(np.array(solution.z), n))

    def _clarabel(self, A: Matrix, b: Vector, q: Vector, n: int, accuracy: float) -> clarabel.DefaultSolution:
        cones = [
            clarabel.ZeroConeT(self._e),
            clarabel.NonnegativeConeT(self._m + 2 * n),
            *(clarabel.SecondOrderConeT(len(d)) for _, d in self.program.cones),
        ]
        P = _Csc(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(n + 1, dtype=np.intp), (n, n))
        return clarabel.DefaultSolver(P, q, _csc(A), b, cones, self._settings[accuracy]).solve()

    def _multipliers(self, z: Vector, n: int) -> Multipliers:
        e, m = self._e, self._m
        blocks, start = [], e + m + 2 * n
        for _, d in self.program.cones:
            blocks.append(z[start : start + len(d)])
            start += len(d)
        return valid(z[e : e + m], z[:e], tuple(blocks))


class _Csc(NamedTuple):
    """What Clarabel reads of a scipy.sparse.csc_matrix, without the checks that cost as much as a solve."""

    data: Vector
    indices: npt.NDArray[np.intp]
    indptr: npt.NDArray[np.intp]
    shape: tuple[int, ...]
    has_sorted_indices: bool = True
    has_canonical_format: bool = True

    @property
    def nnz(self) -> int:
        """Number of stored entries."""
        return len(self.data)


def _csc(A: Matrix) -> _Csc:
    columns, rows = np.nonzero(A.T)
    counts = np.bincount(columns, minlength=A.shape[1])
    return _Csc(A[rows, columns], rows, np.concatenate([[0], np.cumsum(counts)]), A.shape)


def _settings(accuracy: float) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.presolve_enable = False
    settings.chordal_decomposition_enable = False
    settings.iterative_refinement_enable = accuracy < ROUGH
    settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = accuracy
    return settings
