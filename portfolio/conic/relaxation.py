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

from portfolio.conic.bound import valid
from portfolio.conic.reduction import Layout

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

# The bound is valid at any accuracy, but the noise of a rough point looks like small holdings: at
# 1e-4 the tree has two to three times the nodes (docs/adr/0003). What is published is solved as far
# as double precision goes.
ROUGH, _SHARP = 1e-6, (1e-9, 1e-8, 1e-7)


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
        multipliers: Of the program's rows, valid, shape (r,): of the optimum, or of the contradiction.
    """

    outcome: Outcome
    x: Vector
    multipliers: Vector


_OUTCOMES = {
    clarabel.SolverStatus.Solved: Outcome.SOLVED,
    clarabel.SolverStatus.PrimalInfeasible: Outcome.INFEASIBLE,
}


class Relaxation:
    """The relaxations of one program; keeps what all of them share."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # A free switch is projected out: its rows and its cost are spread over its variable.
        share = 1 / program.upper[program.switched]
        spread = np.zeros((len(program.switched), len(program.q)))
        spread[np.arange(len(program.switched)), program.switched] = share
        self._free_A = program.A + program.H @ spread
        self._free_q = program.q + program.k @ spread
        self._before = program.equalities + program.inequalities
        self._layout = Layout(program, self._free_A, self._free_q)
        self._settings = {accuracy: _settings(accuracy) for accuracy in (ROUGH, *_SHARP)}

    def solve_sharply(self, states: States) -> Answer:
        """Solve as accurately as the solver can: what is nearly degenerate it can only solve less so."""
        for accuracy in _SHARP:
            answer = self.solve(states, accuracy)
            if answer.outcome is not Outcome.TROUBLE:
                break
        return answer

    def solve(self, states: States, accuracy: float = ROUGH) -> Answer:
        """Solve the relaxation with the switches in *states*."""
        program, reduced = self.program, self._layout.reduce(states)
        A = Csc(reduced.data, reduced.indices, reduced.indptr, (len(reduced.b), len(reduced.q)))
        solution = self._clarabel(
            A, reduced.b, reduced.q, accuracy, (reduced.equalities, reduced.inequalities, program.cones)
        )
        outcome = self.outcome_of(solution)
        y = self._layout.multipliers(reduced, np.array(solution.z), costs=outcome is not Outcome.INFEASIBLE)
        return Answer(outcome, self._layout.point(reduced, np.array(solution.x)), valid(program, y))

    @staticmethod
    def outcome_of(solution: clarabel.DefaultSolution) -> Outcome:
        """Read how the solver ended."""
        return _OUTCOMES.get(solution.status, Outcome.TROUBLE)

    def _clarabel(
        self, A: Csc, b: Vector, q: Vector, accuracy: float, sizes: tuple[int, int, tuple[int, ...]]
    ) -> clarabel.DefaultSolution:
        """Solve; *sizes* are the number of equalities, of inequalities, and the rows of each cone."""
        n, (equalities, inequalities, cones) = len(q), sizes
        kinds = [
            clarabel.ZeroConeT(equalities),
            clarabel.NonnegativeConeT(inequalities),
            *map(clarabel.SecondOrderConeT, cones),
        ]
        P = Csc(np.zeros(0), np.zeros(0, dtype=np.intp), np.zeros(n + 1, dtype=np.intp), (n, n))
        return clarabel.DefaultSolver(P, q, A, b, kinds, self._settings[accuracy]).solve()


class Csc(NamedTuple):
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


def csc(A: Matrix) -> Csc:
    columns, rows = np.nonzero(A.T)
    counts = np.bincount(columns, minlength=A.shape[1])
    return Csc(A[rows, columns], rows, np.concatenate([[0], np.cumsum(counts)]), A.shape)


def _settings(accuracy: float) -> clarabel.DefaultSettings:
    settings = clarabel.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    settings.presolve_enable = False
    settings.chordal_decomposition_enable = False
    settings.iterative_refinement_enable = accuracy < ROUGH
    settings.tol_feas = settings.tol_gap_abs = settings.tol_gap_rel = accuracy
    return settings
