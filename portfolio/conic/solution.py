"""What a search answers: a point, a bound, and the leaves of the tree that prove it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Protocol

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


class Part(Protocol):
    """A part of the search space that can say what is proven about it."""

    @property
    def states(self) -> States:
        """The part: switches that are FREE take both values, shape (s,)."""

    def bound(self, program: Program) -> Bound:
        """Compute, in plain numpy and whatever the part says of itself, what is proven."""


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

    def bound(self, program: Program) -> Bound:
        """Compute what the multipliers prove; nothing at all is minus infinity."""
        if self.multipliers is None:
            return _everywhere(-math.inf, self.states)
        y = valid(program, self.multipliers)
        if self.infeasible:
            contradicted = lagrangian_bound(program, self.states, y, costs=False).value > 0
            return _everywhere(math.inf if contradicted else -math.inf, self.states)
        bound = lagrangian_bound(program, self.states, y)
        return bound if math.isfinite(bound.value) else _everywhere(-math.inf, self.states)


def _everywhere(value: float, states: States) -> Bound:
    return Bound(value, np.full(len(states), value), np.full(len(states), value))


def on_bounds(program: Program, leaves: Sequence[Part]) -> Vector:
    """Bound a program with one switch on, for each switch in turn, shape (s,), from leaves that cover everything."""
    least = np.full(len(program.switched), math.inf)
    for leaf in leaves:
        bound = leaf.bound(program)
        on = np.where(leaf.states == FREE, bound.on, np.where(leaf.states == ON, bound.value, math.inf))
        np.minimum(least, on, out=least)
    return least


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """A feasible point.

    Attributes:
        x: The variables, shape (n,).
        states: The switches, all set, shape (s,).
        value: Its objective.
    """

    x: Vector
    states: States
    value: float


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
        points: Feasible points that were met, best first; a bounded number.
    """

    status: Status
    x: Vector | None
    states: States | None
    value: float
    bound: float
    nodes: int
    leaves: tuple[Part, ...]
    points: tuple[Point, ...] = ()

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
