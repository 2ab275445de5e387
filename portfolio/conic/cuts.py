"""Bounds known so far, as functions of the switches: Benders cuts (Geoffrion, Generalized Benders Decomposition, 1972).

Any multipliers bound every part of the tree, not only the part whose relaxation they came from: the bound is a constant
and a term of each switch. So multipliers of relaxations, of points and of earlier proofs close other parts, and set
switches in them, without a solver. A cut with costs bounds the objective; a cut without costs proves a part empty
(Farkas).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON, lagrangian_terms, terms_of_rows
from portfolio.conic.earlier import Carried

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

    Indices = npt.NDArray[np.intp]

# Number of terms of the cuts that are kept, without those of single rows: older cuts make room for newer ones.
_TERMS = 10_000

# Without costs, a bound above this part of the terms of its sum is positive, in whichever order the check adds them.
_POSITIVE = 1e-14


class Closed:
    """A part of the tree that a cut closes: the part, the multipliers, and the bound, infinite for an empty part."""

    __slots__ = ("bound", "multipliers", "states")

    def __init__(self, states: States, multipliers: Vector, bound: float) -> None:
        self.states, self.multipliers, self.bound = states, multipliers, bound


class Cuts:
    """The cuts of one program: at first those of each linear row alone."""

    def __init__(self, program: Program) -> None:
        self._program = program
        linear = program.equalities + program.inequalities
        rest, on = terms_of_rows(program)
        able = np.flatnonzero(rest + np.maximum(on, 0.0).sum(axis=1) > 0)
        # The row of each of these cuts, and the multiplier: an equality has a second one, minus one.
        self._row, self._sign = np.where(able < linear, able, able - linear), np.where(able < linear, 1.0, -1.0)
        self._single, self._most = len(able), max(_TERMS // max(len(program.switched), 1), 1)
        size = self._single + self._most
        self._rest, self._costs, self._positive = np.zeros(size), np.zeros(size, dtype=bool), np.zeros(size)
        # The terms of the switches when on, the least term of each, and the most that the state of a switch changes.
        self._on, self._free = np.zeros((size, on.shape[1])), np.zeros((size, on.shape[1]))
        self._most_changed = np.zeros(size)
        self._put(slice(len(able)), rest[able], on[able])
        self._positive[: len(able)] = _POSITIVE * (1 + program.size[self._row])
        self._multipliers: list[Vector] = [np.zeros(0)] * self._most
        self._learned, self._count = 0, len(able)

    def add(self, multipliers: Vector, *, costs: bool) -> None:
        """Add a cut from valid multipliers of the program's rows."""
        rest, on = lagrangian_terms(self._program, multipliers[None, :], costs=costs)
        self.extend(Carried(multipliers[None, :], np.array([costs]), rest, on))

    def extend(self, carried: Carried) -> None:
        """Add the cuts of multipliers whose terms are known."""
        some = np.flatnonzero(np.isfinite(carried.rest) & np.isfinite(carried.on).all(axis=1))[-self._most :]
        numbers = (self._learned + np.arange(len(some))) % self._most
        places = self._single + numbers
        self._learned += len(some)
        self._put(places, carried.rest[some], carried.on[some])
        self._costs[places] = carried.costs[some]
        y = carried.multipliers[some]
        self._positive[places] = _POSITIVE * (1 + abs(y) @ self._program.size)
        for number, multipliers in zip(numbers.tolist(), y, strict=True):
            self._multipliers[number] = multipliers
        self._count = self._single + min(self._learned, self._most)

    def _put(self, places: slice | Indices, rest: Vector, on: Matrix) -> None:
        self._rest[places], self._on[places], self._free[places] = rest, on, np.minimum(on, 0.0)
        self._most_changed[places] = abs(on).max(axis=1, initial=0.0)

    def closes(self, states: States, cut: float) -> bool:
        """Return whether some cut proves that a part is empty or has no point below *cut*."""
        return bool((self._values(states) >= self._thresholds(cut)).any())

    def propagate(self, states: States, cut: float) -> Iterator[Closed]:
        """Set, in place, each switch of a part whose other state some cut closes, and yield the closed states.

        The last yield is the part itself where some cut closes it: *states* are then the same object.
        """
        closes_from = self._thresholds(cut)
        while True:
            value = self._values(states)
            if (closed := value >= closes_from).any():
                yield self._closed(states, np.flatnonzero(closed), value[closed])
                return
            # Only these cuts can close a state of one switch.
            near = np.flatnonzero(value + self._most_changed[: self._count] >= closes_from)
            off = value[near, None] - np.where(states == FREE, self._free[near], 0.0)
            on = off + self._on[near]
            worse_off, worse_on = off >= closes_from[near, None], on >= closes_from[near, None]
            either = np.flatnonzero((states == FREE) & (worse_off | worse_on).any(axis=0))
            if not len(either):
                return
            for i in either:
                worse, bounds, state = (worse_off, off, OFF) if worse_off[:, i].any() else (worse_on, on, ON)
                side = states.copy()
                side[i] = state
                yield self._closed(side, near[worse[:, i]], bounds[worse[:, i], i])
                states[i] = ON + OFF - state

    def _values(self, states: States) -> Vector:
        """Sum the terms of each cut."""
        count = self._count
        sums: Vector = self._rest[:count] + self._free[:count] @ (states == FREE) + self._on[:count] @ (states == ON)
        return sums

    def _thresholds(self, cut: float) -> Vector:
        """Return the least value with which each cut closes a part: without costs, a value that is surely positive."""
        return np.where(self._costs[: self._count], cut, self._positive[: self._count])

    def _closed(self, states: States, cuts: Indices, bounds: Vector) -> Closed:
        """Close a part by the cut that proves most: an empty part, or else the highest bound."""
        best = int(np.argmax(np.where(self._costs[cuts], bounds, np.inf)))
        cut = int(cuts[best])
        return Closed(states, self._multipliers_of(cut), float(bounds[best]) if self._costs[cut] else np.inf)

    def _multipliers_of(self, cut: int) -> Vector:
        if cut >= self._single:
            return self._multipliers[cut - self._single]
        y = np.zeros(len(self._program.b))
        y[self._row[cut]] = self._sign[cut]
        return y
