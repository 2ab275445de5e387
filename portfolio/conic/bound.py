"""Turn multipliers into bounds that hold whatever the multipliers are worth.

Weak duality: for multipliers ``a >= 0`` of the inequalities, ``b`` of the equalities and ``(t, v)``
with ``|v| <= t`` of each cone, the Lagrangian's minimum over the box of the variables lies below
every feasible value (Boyd & Vandenberghe, Convex Optimization, 5.2 and 5.9). That minimum is a
sum over variables, so it is exact in closed form, converged multipliers or not, and says at once
what setting one more switch would do to it.

Plain numpy: what a solver claims is not needed here, and never used.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.program import Program

FREE, OFF, ON = -1, 0, 1

# What a bound may have gained by rounding errors of double precision, relative to the terms that
# it sums: far above their 1e-16 apiece, far below any gap that is asked for.
_ROUNDING = 1e-12

States = np.ndarray[tuple[int], np.dtype[np.int8]]


@dataclass(frozen=True, slots=True, eq=False)
class Multipliers:
    """Multipliers of a program's rows, made valid.

    Attributes:
        a: Of the inequalities, not negative, shape (m,).
        b: Of the equalities, shape (e,).
        cones: Of each cone, shape (r,), inside the cone.
    """

    a: Vector
    b: Vector
    cones: tuple[Vector, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Bound:
    """A lower bound on a program with its switches in some states.

    Attributes:
        value: The bound.
        off: What the bound becomes if a free switch is set off, shape (s,).
        on: What it becomes if a free switch is set on, shape (s,).
    """

    value: float
    off: Vector
    on: Vector


def valid(a: Vector, b: Vector, cones: tuple[Vector, ...]) -> Multipliers:
    """Make multipliers valid by the least change: clip the negative ones, lift the cones' first entries."""
    lifted = []
    for cone in cones:
        v = cone.copy()
        v[0] = max(v[0], float(np.sqrt(v[1:] @ v[1:])) * (1 + _ROUNDING))
        lifted.append(v)
    return Multipliers(np.maximum(a, 0.0), b, tuple(lifted))


def lagrangian_bound(program: Program, states: States, multipliers: Multipliers, *, costs: bool = True) -> Bound:
    """Minimise the Lagrangian over the box of the variables and the states of the switches.

    Args:
        program: The program.
        states: One of FREE, OFF, ON for each switch, shape (s,).
        multipliers: Of its rows.
        costs: Whether the objective counts. Without it a positive value proves that the rows
            contradict each other (Farkas).
    """
    m = multipliers
    slope = m.a @ program.G + m.b @ program.E
    price = m.a @ program.H
    constant = -float(m.a @ program.h) - float(m.b @ program.f)
    if costs:
        constant += program.offset
        slope = slope + program.q
        price = price + program.k
    size = abs(constant)
    for (B, d), v in zip(program.cones, m.cones, strict=True):
        slope = slope - v @ B
        step = float(v @ d)
        constant -= step
        size += abs(step)
    j = program.switched
    whole = np.minimum(slope * program.lower, slope * program.upper)
    on = np.minimum(slope[j] * program.floor, slope[j] * program.upper[j]) + price
    free = np.minimum(0.0, on)
    part = np.where(states == FREE, free, np.where(states == ON, on, 0.0))
    whole[j] = part
    size += float(np.abs(slope * program.upper).sum() + np.abs(price).sum())
    value = constant + float(whole.sum()) - _ROUNDING * size
    return Bound(value, off=value - part, on=value - part + on)
