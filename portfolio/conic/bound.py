"""Turn multipliers into bounds that hold for any multipliers.

Weak duality: for multipliers ``a >= 0`` of the inequalities, ``b`` of the equalities and ``(t, v)`` with ``|v| <= t``
of each cone, the Lagrangian's minimum over the box of the variables lies below every feasible value (Boyd &
Vandenberghe, Convex Optimization, 5.2 and 5.9). That minimum is a sum over variables, so the closed form is exact, for
converged multipliers or not, and also gives the effect of setting one more switch.

Plain numpy: this module never uses a solver's claims.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program

FREE, OFF, ON = -1, 0, 1

# Largest gain of a bound from rounding errors of double precision, relative to the terms of the sum: far above their
# 1e-16 each, far below any requested gap.
ROUNDING = 1e-12

States = np.ndarray[tuple[int], np.dtype[np.int8]]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A lower bound on a program with its switches in some states.

    Attributes:
        value: The bound.
        off: The bound with a free switch set off, for each switch, shape (s,).
        on: The bound with a free switch set on, for each switch, shape (s,).
    """

    value: float
    off: Vector
    on: Vector


def valid(program: Program, multipliers: Vector) -> Vector:
    """Make multipliers of a program's rows valid by the least change.

    Multipliers of inequalities must not be negative and are clipped; multipliers of a cone must be inside the cone: the
    first entry is lifted.
    """
    valid_multipliers: Vector = all_valid(program, multipliers[None, :])[0]
    return valid_multipliers


def all_valid(program: Program, multipliers: Matrix) -> Matrix:
    """Make many vectors of multipliers valid, one vector per row."""
    y = multipliers.copy()
    e, m = program.equalities, program.inequalities
    np.maximum(y[:, e : e + m], 0.0, out=y[:, e : e + m])
    for rows in program.cone_rows:
        v = y[:, rows]
        v[:, 0] = np.maximum(v[:, 0], np.sqrt((v[:, 1:] ** 2).sum(axis=1)) * (1 + ROUNDING))
    return y


def lagrangian_bound(program: Program, states: States, multipliers: Vector, *, costs: bool = True) -> Bound:
    """Minimise the Lagrangian over the box of the variables and the states of the switches.

    Args:
        program: The program.
        states: One of FREE, OFF, ON for each switch, shape (s,).
        multipliers: Valid multipliers of the program's rows, shape (r,).
        costs: Whether the objective counts. Without the objective, a positive value proves that the rows contradict
            each other (Farkas).
    """
    rest, on = lagrangian_terms(program, multipliers[None, :], costs=costs)
    value, part = add_up(rest, on, states[None, :])
    return Bound(float(value[0]), off=value[0] - part[0], on=value[0] - part[0] + on[0])


def lagrangian_terms(program: Program, multipliers: Matrix, *, costs: bool = True) -> tuple[Vector, Matrix]:
    """Split the Lagrangian's minimum into terms, for many vectors of multipliers, one vector per row.

    Returns:
        The term that does not depend on the switches, and the term of each switch when on.
    """
    y = multipliers
    return _terms(program, y @ program.A, y @ program.H, -(y @ program.b), abs(y) @ program.size, costs=costs)


def terms_of_rows(program: Program) -> tuple[Vector, Matrix]:
    """Split the minimum, without costs, at a multiplier of one for each linear row alone, or minus one if an equality.

    Returns:
        As ``lagrangian_terms``: first each linear row's terms, then those of each equality at minus one.
    """
    e, linear = program.equalities, program.equalities + program.inequalities
    A, H, b = (np.concatenate([table[:linear], -table[:e]]) for table in (program.A, program.H, program.b))
    size = np.concatenate([program.size[:linear], program.size[:e]])
    return _terms(program, A, H, -b, size, costs=False)


def _terms(
    program: Program, slope: Matrix, switch_costs: Matrix, constant: Vector, size: Vector, *, costs: bool
) -> tuple[Vector, Matrix]:
    j = program.switched
    if costs:
        slope = slope + program.q
        switch_costs = switch_costs + program.k
        constant = constant + program.offset
        size = size + program.cost_size
    ends = slope * program.lower, slope * program.upper
    whole = np.minimum(*ends)
    on = np.minimum(slope[:, j] * program.floor, ends[1][:, j]) + switch_costs
    whole[:, j] = 0.0
    return constant + whole.sum(axis=1) - ROUNDING * size, on


def add_up(rest: Vector, on: Matrix, states: npt.NDArray[np.int8]) -> tuple[Vector, Matrix]:
    """Sum the terms of a minimum at settings of the switches, one setting per row: values, and each switch's term."""
    part = np.where(states == FREE, np.minimum(on, 0.0), np.where(states == ON, on, 0.0))
    return rest + part.sum(axis=1), part
