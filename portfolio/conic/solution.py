"""What a search answers: a point, a bound, and the leaves of the tree that prove it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Self, overload

import numpy as np

from portfolio.conic.bound import FREE, ON, Bound, add_up, all_valid, lagrangian_terms

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import numpy.typing as npt

    from portfolio import Matrix, Vector
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
        values, on = self.bounds_of(program, [self])
        return Bound(float(values[0]), np.full(len(self.states), float(values[0])), on[0])

    @classmethod
    def bounds_of(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Do so for many leaves of this class at once, shape (l,), and with each free switch on, shape (l, s)."""
        values, on = nothing_proven(program, len(leaves))
        for costs in (True, False):
            own = [i for i, leaf in enumerate(leaves) if leaf.multipliers is not None and leaf.infeasible != costs]
            if not own:
                continue
            distinct, which = shared([(id(leaves[i].multipliers),) for i in own])
            y = all_valid(program, np.array([leaves[own[i]].multipliers for i in distinct]))
            rest, each = lagrangian_terms(program, y, costs=costs)
            values[own], on[own] = settled(rest[which], each[which], np.array([leaves[i].states for i in own]))
            if not costs:
                contradiction = values[own] > 0
                values[own] = np.where(contradiction, math.inf, -math.inf)
                on[own] = values[own][:, None]
        return values, on


class MadeLater(Sequence[Leaf]):
    """Leaves that are made when somebody looks at them first."""

    def __init__(self, make: Callable[[], tuple[Leaf, ...]]) -> None:
        self._make: Callable[[], tuple[Leaf, ...]] | None = make
        self._made: tuple[Leaf, ...] = ()

    @property
    def made(self) -> tuple[Leaf, ...]:
        """The leaves; what they are made from is then forgotten."""
        if self._make is not None:
            self._made, self._make = self._make(), None
        return self._made

    def __len__(self) -> int:
        """Count the leaves."""
        return len(self.made)

    def __iter__(self) -> Iterator[Leaf]:
        """Go through them."""
        return iter(self.made)

    @overload
    def __getitem__(self, place: int) -> Leaf: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Leaf, ...]: ...
    def __getitem__(self, place: int | slice) -> Leaf | tuple[Leaf, ...]:
        """Take one, or some."""
        return self.made[place]


def nothing_proven(program: Program, count: int) -> tuple[Vector, Matrix]:
    """Make the bounds of as many leaves that prove nothing."""
    return np.full(count, -math.inf), np.full((count, len(program.switched)), -math.inf)


def shared(keys: Sequence[tuple[object, ...]]) -> tuple[list[int], list[int]]:
    """Find what is distinct: the first place of each, and for each place which it is."""
    known: dict[tuple[object, ...], int] = {}
    which = [known.setdefault(key, len(known)) for key in keys]
    first: dict[int, int] = {}
    for place, number in enumerate(which):
        first.setdefault(number, place)
    return list(first.values()), which


def settled(rest: Vector, on: Matrix, states: npt.NDArray[np.int8]) -> tuple[Vector, Matrix]:
    """Add up terms of a minimum: the values, and those with each switch on; what is not finite proves nothing."""
    value, part = add_up(rest, on, states)
    each = value[:, None] - part + on
    broken = ~np.isfinite(value) | ~np.isfinite(each).all(axis=1)
    value[broken] = each[broken] = -math.inf
    return value, each


# How many leaves are bounded at once: enough to forget the loop around it, and little memory.
_AT_ONCE = 2048


def proven(program: Program, leaves: Sequence[Leaf]) -> tuple[Vector, Vector]:
    """Recompute what leaves prove, whatever they claim; what is not a number proves nothing.

    Returns:
        The bound of each leaf, shape (l,), and the least bound with each switch on, over the leaves where it is, or
        can be, on, shape (s,).
    """
    values, least = np.full(len(leaves), -math.inf), np.full(len(program.switched), math.inf)
    kinds: dict[type[Leaf], list[int]] = {}
    for i, leaf in enumerate(leaves):
        kinds.setdefault(type(leaf), []).append(i)
    for kind, own in kinds.items():
        for first in range(0, len(own), _AT_ONCE):
            part = own[first : first + _AT_ONCE]
            here = [leaves[i] for i in part]
            found, on = kind.bounds_of(program, here)
            found = np.where(np.isnan(found), -math.inf, found)
            states = np.array([leaf.states for leaf in here])
            each = np.where(states == FREE, on, np.where(states == ON, found[:, None], math.inf))
            np.minimum(least, np.where(np.isnan(each), -math.inf, each).min(axis=0), out=least)
            values[part] = found
    return values, least


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
    leaves: Sequence[Leaf]
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
