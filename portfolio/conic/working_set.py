"""Solve large relaxations on the few variables that matter.

Of hundreds of ETFs a relaxation holds a handful. The solver gets a working set of the variables; the other variables
are at zero. Their reduced costs show which of them would improve the solution: these enter, until there are none
(column generation on the columns of the program itself; Gilmore & Gomory 1961). The multipliers cover all rows, so
bounds are as good as those of the whole relaxation, and as valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON, valid
from portfolio.conic.narrow import NarrowRelaxation
from portfolio.conic.relaxation import ROUGH, Outcome, Relaxation, RelaxationResult
from portfolio.conic.small_cones import small_cones
from portfolio.conic.smaller import SmallerRelaxation

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

# A program with at most this many switches is solved whole.
FEW = 40

# Size of the first working set, and number of variables that enter in the first pass; the number doubles per pass.
_FIRST, _ENTER = 16, 12

# A variable enters if the reduced cost is below minus the first value, and stays in the set if below the second.
_HELPS, _NEAR = 1e-7, 1e-3

_PASSES = 12
_HELD = 1e-7


def relaxation_of(program: Program) -> Relaxation:
    """Choose the relaxation class for a program."""
    if program.plain.any():
        return NarrowRelaxation(program) if (~program.plain).sum() > FEW else SmallerRelaxation(program)
    return WorkingSet(program) if len(program.switched) > FEW else Relaxation(program)


class WorkingSet(Relaxation):
    """The relaxations of one program, each solved on few of the variables; starts from the last working set."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        n = len(program.q)
        self._always = np.ones(n, dtype=bool)
        self._always[program.switched] = False
        self._hot = np.zeros(n, dtype=bool)
        cheap = program.switched[np.argsort(self._free_q[program.switched], kind="stable")]
        self._hot[cheap[:_FIRST]] = True

    def solve(self, states: States, accuracy: float = ROUGH) -> RelaxationResult:
        """See ``Relaxation.solve``."""
        program, j = self.program, self.program.switched
        on, free = np.zeros(len(program.q), dtype=bool), np.zeros(len(program.q), dtype=bool)
        on[j[states == ON]], free[j[states == FREE]] = True, True
        b = program.b - program.H @ (states == ON)
        working = self._always | on | (self._hot & free)
        for passed in range(_PASSES):
            answer = self._solve_on(np.flatnonzero(working), on, b, accuracy)
            if answer.outcome is Outcome.TROUBLE:
                return super().solve(states, accuracy)
            slope = answer.multipliers @ self._free_A
            if answer.outcome is Outcome.SOLVED:
                slope += self._free_q
            outside = np.flatnonzero(free & ~working & (slope < -_HELPS))
            if not len(outside):
                self._remember(answer, working & free, slope)
                return answer
            working[outside[np.argsort(slope[outside], kind="stable")[: _ENTER << passed]]] = True
        return super().solve(states, accuracy)

    def _remember(
        self, answer: RelaxationResult, inside: np.ndarray[tuple[int], np.dtype[np.bool_]], slope: Vector
    ) -> None:
        self._hot = inside & ((answer.x > _HELD) | (slope < _NEAR))

    def _solve_on(
        self, columns: np.ndarray[tuple[int], np.dtype[np.intp]], on: np.ndarray, b: Vector, accuracy: float
    ) -> RelaxationResult:
        """Solve on some variables, with cones that are small for them."""
        program, before = self.program, self._before
        here = on[columns]
        A, q, lower = self._free_A[:, columns], self._free_q[columns], program.lower[columns]
        A[:, here], q[here] = program.A[:, columns[here]], program.q[columns[here]]
        floor = np.zeros(len(program.q))
        floor[program.switched] = program.floor
        lower = np.where(here, floor[columns], lower)
        cones = small_cones(A, b, program.cone_rows)
        box = lower, program.upper[columns]
        A, b = np.vstack([A[:before], cones.A]), np.concatenate([b[:before], cones.b])
        solution = self._clarabel(A, b, box, q, accuracy, cones.sizes)
        x = np.zeros(len(program.q))
        x[columns] = solution.x
        z = np.array(solution.z)
        y = np.zeros(len(program.b))
        y[:before] = z[:before]
        cones.lift(z[before + 2 * len(columns) :], y)
        return RelaxationResult(self.outcome_of(solution), x, valid(program, y))
