"""What a search answers: a point, a bound, and the leaves of the tree that prove it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON, Bound, lagrangian_bound, valid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program


class Status(Enum):
    """What the search can say."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A part of the search space with the multipliers that close it.

    Attributes:
        states: The part: switches that are FREE take both values, shape (s,).
        multipliers: What bounds it; None for a part that was never looked at.
        infeasible: Whether the multipliers prove that nothing is in it.
    """

    states: States
    multipliers: Vector | None
    infeasible: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """What risk the part is about: any, unless a leaf says otherwise."""
        return -math.inf, math.inf

    def bound(self, program: Program) -> Bound:
        """Recompute what the multipliers prove of the part; infinite where they prove that nothing is in it."""
        s = len(self.states)
        if self.multipliers is not None:
            y = valid(program, self.multipliers)
            found = lagrangian_bound(program, self.states, y, costs=not self.infeasible)
            if self.infeasible and found.value > 0:
                return Bound(math.inf, np.full(s, math.inf), np.full(s, math.inf))
            if not self.infeasible and math.isfinite(found.value):
                return found
        return Bound(-math.inf, np.full(s, -math.inf), np.full(s, -math.inf))


def proven(program: Program, leaf: Leaf) -> float:
    """Recompute a leaf's bound; what is not a number proves nothing."""
    value = leaf.bound(program).value
    return -math.inf if math.isnan(value) else value


def on_bounds(program: Program, leaves: Sequence[Leaf]) -> Vector:
    """Bound a program with one switch on, for each switch in turn, shape (s,), from leaves that cover everything."""
    least = np.full(len(program.switched), math.inf)
    for leaf in leaves:
        bound = leaf.bound(program)
        on = np.where(leaf.states == FREE, bound.on, np.where(leaf.states == ON, bound.value, math.inf))
        np.minimum(least, np.where(np.isnan(on), -math.inf, on), out=least)
    return least


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The answer of a search.

    Attributes:
        status: OPTIMAL: the gap is closed. STOPPED: a limit came first. UNDECIDED: numerical trouble left
            parts of the tree without a bound that closes them.
        x: The best point found, shape (n,), or None.
        states: Its switches, shape (s,), or None.
        value: Its objective; infinity without one.
        bound: No feasible point is below it.
        nodes: Relaxations that were solved as nodes of the tree.
        leaves: The proof.
        points: Feasible points found on the way with their switches, best first; where a search keeps them.
    """

    status: Status
    x: Vector | None
    states: States | None
    value: float
    bound: float
    nodes: int
    leaves: tuple[Leaf, ...]
    points: tuple[tuple[Vector, States], ...] = ()

    @property
    def gap(self) -> float:
        """Relative gap: what the incumbent could at most be improved by, as a share of its size."""
        return relative_gap(self.value, self.bound)


def relative_gap(value: float, bound: float) -> float:
    """Say how far *value* is from *bound*, as a share of its size; infinite without an incumbent."""
    if not math.isfinite(value):
        return math.inf
    return max(0.0, value - bound) / scale_of(value)


def scale_of(value: float) -> float:
    """Size that gaps are relative to: of the value, or a hundredth where the value is near zero."""
    return max(abs(value), 0.01)
