"""Solve relaxations on the part that their switches leave open.

Plain variables and rows depend on yes-or-no switches; a switch that is off or on removes the variables and rows that
depend on it (``reduction``). Reduced programs also have an interior where the whole program has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import valid
from portfolio.conic.reduction import Layout
from portfolio.conic.relaxation import ROUGH, Csc, Outcome, Relaxation, RelaxationResult

if TYPE_CHECKING:
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program


class SmallerRelaxation(Relaxation):
    """The relaxations of one program, each reduced before it is solved."""

    def __init__(self, program: Program) -> None:
        super().__init__(program, scaled=True)
        self._layout = Layout(program, self._free_A, self._free_q)

    def solve_sharply(self, states: States) -> RelaxationResult:
        """See ``Relaxation.solve_sharply``; if the reduced program ends in trouble, solve the whole program too."""
        answer = super().solve_sharply(states)
        return answer if answer.outcome is not Outcome.TROUBLE else Relaxation(self.program).solve_sharply(states)

    def solve(self, states: States, accuracy: float = ROUGH) -> RelaxationResult:
        """See ``Relaxation.solve``."""
        layout, reduced = self._layout, self._layout.reduce(states)
        shape = len(reduced.b), len(reduced.q)
        A = Csc(reduced.data.tolist(), reduced.indices.tolist(), reduced.indptr.tolist(), shape)
        sizes = (reduced.equalities, reduced.inequalities, self.program.cones)
        solution = self._run(A, reduced.b, reduced.q, accuracy, sizes)
        outcome = self.outcome_of(solution)
        y = layout.multipliers(reduced, np.array(solution.z), costs=outcome is not Outcome.INFEASIBLE)
        return RelaxationResult(outcome, layout.point(reduced, np.array(solution.x)), valid(self.program, y))
