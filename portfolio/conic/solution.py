"""The answer of a search: a point, a bound, and the leaves of the tree that prove the bound."""

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
    """Outcome of a search."""

    OPTIMAL = "optimal"
    INFEASIBLE = "infeasible"
    STOPPED = "stopped"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, eq=False)
class Leaf:
    """A part of the search space with the multipliers that close the part.

    Attributes:
        states: The part: a switch that is FREE takes both values, shape (s,).
        multipliers: The multipliers that bound the part; None for a part that was never explored.
        infeasible: Whether the multipliers prove the part empty.
    """

    states: States
    multipliers: Vector | None
    infeasible: bool = False

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of the risk that the leaf covers: unbounded unless a subclass overrides this property."""
        return -math.inf, math.inf

    def bound(self, program: Program) -> Bound:
        """Recompute the bound that the multipliers prove for the part; infinite where they prove the part empty."""
        values, on = self.bounds_of(program, [self])
        return Bound(float(values[0]), np.full(len(self.states), float(values[0])), on[0])

    @classmethod
    def bounds_of(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Recompute the bounds of many leaves of this class, shape (l,), and with each free switch on, shape (l, s)."""
        values, on = nothing_proven(program, len(leaves))
        for costs in (True, False):
            own = [i for i, leaf in enumerate(leaves) if leaf.multipliers is not None and leaf.infeasible != costs]
            if not own:
                continue
            distinct, which = shared([(id(leaves[i].multipliers),) for i in own])
            y = all_valid(program, np.array([leaves[own[i]].multipliers for i in distinct]))
            rest, each = lagrangian_terms(program, y, costs=costs)
            values[own], on[own] = sum_terms(rest[which], each[which], np.array([leaves[i].states for i in own]))
            if not costs:
                contradiction = values[own] > 0
                values[own] = np.where(contradiction, math.inf, -math.inf)
                on[own] = values[own][:, None]
        return values, on


class LazyLeaves(Sequence[Leaf]):
    """Leaves that are made at first access."""

    def __init__(self, make: Callable[[], tuple[Leaf, ...]]) -> None:
        self._make: Callable[[], tuple[Leaf, ...]] | None = make
        self._leaves: tuple[Leaf, ...] = ()

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """Return the leaves. The first call makes them and releases the source data."""
        if self._make is not None:
            self._leaves, self._make = self._make(), None
        return self._leaves

    def __len__(self) -> int:
        """Count the leaves."""
        return len(self.leaves)

    def __iter__(self) -> Iterator[Leaf]:
        """Iterate over the leaves."""
        return iter(self.leaves)

    @overload
    def __getitem__(self, place: int) -> Leaf: ...
    @overload
    def __getitem__(self, place: slice) -> tuple[Leaf, ...]: ...
    def __getitem__(self, place: int | slice) -> Leaf | tuple[Leaf, ...]:
        """Return one leaf, or a slice of leaves."""
        return self.leaves[place]


def nothing_proven(program: Program, count: int) -> tuple[Vector, Matrix]:
    """Return bounds of minus infinity for *count* leaves."""
    return np.full(count, -math.inf), np.full((count, len(program.switched)), -math.inf)


def shared(keys: Sequence[tuple[object, ...]]) -> tuple[list[int], list[int]]:
    """Deduplicate *keys*: return the first place of each distinct key, and for each place the number of its key."""
    numbers: dict[tuple[object, ...], int] = {}
    which = [numbers.setdefault(key, len(numbers)) for key in keys]
    first: dict[int, int] = {}
    for place, number in enumerate(which):
        first.setdefault(number, place)
    return list(first.values()), which


def sum_terms(rest: Vector, on: Matrix, states: npt.NDArray[np.int8]) -> tuple[Vector, Matrix]:
    """Sum terms of a minimum: the values, and those with each switch on; a sum that is not finite becomes -infinity."""
    value, part = add_up(rest, on, states)
    each = value[:, None] - part + on
    broken = ~np.isfinite(value) | ~np.isfinite(each).all(axis=1)
    value[broken] = each[broken] = -math.inf
    return value, each


# Number of leaves bounded at once: large enough that the loop costs little, small enough to save memory.
_AT_ONCE = 2048


def proven(program: Program, leaves: Sequence[Leaf]) -> tuple[Vector, Vector]:
    """Recompute the bounds of *leaves*, without trust in any claim.

    A bound that is not a number becomes minus infinity.

    Returns:
        The bound of each leaf, shape (l,), and for each switch the least bound with that switch on, over the leaves
        where the switch is on or free, shape (s,).
    """
    values, least = np.full(len(leaves), -math.inf), np.full(len(program.switched), math.inf)
    kinds: dict[type[Leaf], list[int]] = {}
    for i, leaf in enumerate(leaves):
        kinds.setdefault(type(leaf), []).append(i)
    for kind, own in kinds.items():
        for first in range(0, len(own), _AT_ONCE):
            part = own[first : first + _AT_ONCE]
            here = [leaves[i] for i in part]
            bounds, on = kind.bounds_of(program, here)
            bounds = np.where(np.isnan(bounds), -math.inf, bounds)
            states = np.array([leaf.states for leaf in here])
            each = np.where(states == FREE, on, np.where(states == ON, bounds[:, None], math.inf))
            np.minimum(least, np.where(np.isnan(each), -math.inf, each).min(axis=0), out=least)
            values[part] = bounds
    return values, least


@dataclass(frozen=True, slots=True, eq=False)
class Solution:
    """The answer of a search.

    Attributes:
        status: OPTIMAL: the gap is closed. STOPPED: a limit came first. UNDECIDED: numerical trouble left parts of the
            tree without a bound that closes them.
        x: The best point found, shape (n,), or None.
        states: The switches of that point, shape (s,), or None.
        value: The objective of that point; infinity without a point.
        bound: Lower bound on the objective of every feasible point.
        nodes: Number of relaxations that were solved as nodes of the tree.
        leaves: The proof.
        points: Feasible points found during the search with their switches, best first; only where a search keeps them.
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
        """Relative gap: the largest possible improvement of the incumbent, as a share of its size."""
        return relative_gap(self.value, self.bound)


def relative_gap(value: float, bound: float) -> float:
    """Return the distance from *value* to *bound* as a share of the size of *value*; infinite without an incumbent."""
    if not math.isfinite(value):
        return math.inf
    return max(0.0, value - bound) / scale_of(value)


def status_of(value: float, bound: float, gap: float, *, stopped: bool) -> Status:
    """Return the status of a search; *stopped* says whether a limit, not numerical trouble, left the gap open."""
    if math.isinf(bound) and bound > 0:
        return Status.INFEASIBLE
    if relative_gap(value, bound) <= gap:
        return Status.OPTIMAL
    return Status.STOPPED if stopped else Status.UNDECIDED


def claimed(bound: float, hair: float) -> float:
    """Return less than a proven bound, by the share *hair*: sums in another order differ in their last digits."""
    return bound - hair * max(1.0, abs(bound)) if math.isfinite(bound) else bound


def scale_of(value: float) -> float:
    """Return the size that gaps are relative to: the absolute value, but at least 0.01."""
    return max(abs(value), 0.01)
