"""Solve relaxations with yes-or-no switches on a working set of the few switches that can improve them.

Of hundreds of ETFs that the customer does not own, a relaxation buys a handful. The solver gets a restriction of the
program: all yes-or-no switches, and a working set of the others, which grows while reduced costs show switches that
would improve the solution (column generation, as in ``working_set``). Multipliers are lifted to all rows, so bounds
are as good as those of the whole relaxation, and as valid.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON, valid
from portfolio.conic.relaxation import ROUGH, Outcome, Relaxation, RelaxationResult
from portfolio.conic.restriction import Restriction, kept_by
from portfolio.conic.smaller import SmallerRelaxation

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.restriction import Flags

# Size of the first working set, and number of switches that enter in the first pass; the number doubles per pass.
_FIRST, _ENTER = 16, 12

# A switch enters if the reduced cost is below minus this value.
_HELPS = 1e-7


class NarrowRelaxation(Relaxation):
    """The relaxations of one program; the working set grows from relaxation to relaxation."""

    def __init__(self, program: Program) -> None:
        super().__init__(program)
        self._out: Flags = ~program.plain
        cheap = np.flatnonzero(self._out)[np.argsort(self._free_q[program.switched[self._out]], kind="stable")]
        self._enlarge(cheap[:_FIRST])

    def solve_sharply(self, states: States) -> RelaxationResult:
        """See ``Relaxation.solve_sharply``."""
        return self._solve_on_growing_set(states, lambda small, kept: small.solve_sharply(kept))

    def solve(self, states: States, accuracy: float = ROUGH) -> RelaxationResult:
        """See ``Relaxation.solve``."""
        return self._solve_on_growing_set(states, lambda small, kept: small.solve(kept, accuracy))

    def _solve_on_growing_set(
        self, states: States, solve: Callable[[Relaxation, States], RelaxationResult]
    ) -> RelaxationResult:
        """Solve on the working set until no switch outside would improve the solution."""
        self._enlarge(np.flatnonzero(self._out & (states == ON)))
        enter = _ENTER
        while True:
            part = self._part
            answer = solve(self._small, states[part.kept.switches])
            y = part.lift(answer.multipliers)
            outside = np.flatnonzero(self._out & (states == FREE))
            slope = y @ self._free_A[:, self.program.switched[outside]]
            if answer.outcome is not Outcome.INFEASIBLE:
                slope += self._free_q[self.program.switched[outside]]
            if not (slope < -_HELPS).any():
                return RelaxationResult(answer.outcome, part.point(answer.x), valid(self.program, y))
            best = np.argsort(slope, kind="stable")[:enter]
            self._enlarge(outside[best[slope[best] < -_HELPS]])
            enter *= 2

    def _enlarge(self, switches: np.ndarray[tuple[int], np.dtype[np.intp]]) -> None:
        """Add switches to the working set."""
        if len(switches):
            self._out[switches] = False
            self._part = Restriction(self.program, kept_by(self.program, self._out))
            self._small = SmallerRelaxation(self._part.program)
