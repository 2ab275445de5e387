"""Check, without any solver, that a search proved its claims.

The leaves of the tree must cover every setting of the switches, and the Lagrangian bound of each leaf, recomputed from
the leaf's multipliers, must not lie below the claimed bound. Then no feasible point is better than the bound, wherever
the multipliers come from.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import ON
from portfolio.conic.cover import covered
from portfolio.conic.solution import proven

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution

# Largest violation of the program's scaled rows, of order one, at a point that counts as feasible.
FEASIBLE = 1e-7


def faults(program: Program, solution: Solution) -> list[str]:
    """Return the faults of a solution's proof; an empty list if the proof holds."""
    messages = []
    if not covered(program, solution.leaves):
        messages.append("the leaves of the search do not cover every setting of the switches")
    found_bound = float(proven(program, solution.leaves)[0].min(initial=np.inf))
    if not found_bound >= min(solution.bound, solution.value):
        messages.append(f"the leaves prove {found_bound:.9g}, not the bound {solution.bound:.9g} that is claimed")
    if solution.x is not None and solution.states is not None:
        off = violation(program, solution.x, solution.states)
        if not off <= FEASIBLE:
            messages.append(f"the solution breaks a row by {off:.2g}")
        value = program.value(solution.x, solution.states == ON)
        if not abs(value - solution.value) <= FEASIBLE * max(1.0, abs(value)):
            messages.append(f"the solution's objective is {value:.9g}, not {solution.value:.9g}")
    return messages


def violation(program: Program, x: Vector, states: States) -> float:
    """Return the largest violation of a row or bound at a point; zero if the point satisfies all of them."""
    slack = program.b - program.A @ x - program.H @ (states == ON)
    e, m, j = program.equalities, program.inequalities, program.switched
    off = [
        np.zeros(1),
        abs(slack[:e]),
        -slack[e : e + m],
        program.lower - x,
        x - program.upper,
        np.where(states == ON, program.floor - x[j], abs(x[j])),
        *(np.sqrt((slack[rows][1:] ** 2).sum(keepdims=True)) - slack[rows][0] for rows in program.cone_rows),
    ]
    return float(np.concatenate(off).max())
