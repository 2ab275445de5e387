"""Bounds known so far, as functions of the switches: Benders cuts (Geoffrion, Generalized Benders Decomposition, 1972).

Any multipliers bound every part of the tree, not only the part whose relaxation they came from: the bound is a constant
and a term of each switch. So multipliers of relaxations, of points and of earlier proofs close other parts, and set
switches in them, without a solver. A cut with costs bounds the objective; a cut without costs proves a part empty
(Farkas).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON, add_up, lagrangian_terms, terms_of_rows
from portfolio.conic.earlier import Carried

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program

    Flags = npt.NDArray[np.bool_]

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
        e, m = program.equalities, program.inequalities
        rest, on = terms_of_rows(program)
        able = np.flatnonzero(rest + np.maximum(on, 0.0).sum(axis=1) > 0)
        self._single, self._most = len(able), max(_TERMS // max(len(program.switched), 1), 1)
        size = self._single + self._most
        self._rest, self._on, self._costs = np.zeros(size), np.zeros((size, on.shape[1])), np.zeros(size, dtype=bool)
        self._rest[: len(able)], self._on[: len(able)] = rest[able], on[able]
        self._positive = np.zeros(size)
        self._positive[: len(able)] = _POSITIVE * (1 + program.size[np.where(able < e + m, able, able - e - m)])
        each = np.zeros((len(able), len(program.b)))
        each[np.arange(len(able)), np.where(able < e + m, able, able - e - m)] = np.where(able < e + m, 1.0, -1.0)
        self._multipliers: list[Vector] = [*each, *(each[:0] for _ in range(self._most))]
        self._learned, self._count = 0, len(able)

    def add(self, multipliers: Vector, *, costs: bool) -> None:
        """Add a cut from valid multipliers of the program's rows."""
        rest, on = lagrangian_terms(self._program, multipliers[None, :], costs=costs)
        self.extend(Carried(multipliers[None, :], np.array([costs]), rest, on))

    def extend(self, carried: Carried) -> None:
        """Add the cuts of multipliers whose terms are known."""
        some = np.flatnonzero(np.isfinite(carried.rest) & np.isfinite(carried.on).all(axis=1))[-self._most :]
        places = self._single + (self._learned + np.arange(len(some))) % self._most
        self._learned += len(some)
        self._rest[places], self._on[places] = carried.rest[some], carried.on[some]
        self._costs[places] = carried.costs[some]
        y = carried.multipliers[some]
        self._positive[places] = _POSITIVE * (1 + abs(y) @ self._program.size)
        for place, multipliers in zip(places.tolist(), y, strict=True):
            self._multipliers[place] = multipliers
        self._count = self._single + min(self._learned, self._most)

    def closes(self, states: States, cut: float) -> bool:
        """Return whether some cut proves that a part is empty or has no point below *cut*."""
        count = self._count
        value, _ = add_up(self._rest[:count], self._on[:count], states[None, :])
        return bool((value >= self._thresholds(cut)).any())

    def propagate(self, states: States, cut: float) -> Iterator[Closed]:
        """Set, in place, each switch of a part whose other state some cut closes, and yield the closed states.

        The last yield is the part itself where some cut closes it: *states* are then the same object.
        """
        closes_from, count = self._thresholds(cut), self._count
        while True:
            value, part = add_up(self._rest[:count], self._on[:count], states[None, :])
            if (closed := value >= closes_from).any():
                yield self._closed(states, value, closed)
                return
            free = states == FREE
            off = value[:, None] - part
            on = off + self._on[:count]
            worse_off, worse_on = off >= closes_from[:, None], on >= closes_from[:, None]
            either = np.flatnonzero(free & (worse_off | worse_on).any(axis=0))
            if not len(either):
                return
            for i in either:
                worse, bounds, state = (worse_off, off, OFF) if worse_off[:, i].any() else (worse_on, on, ON)
                side = states.copy()
                side[i] = state
                yield self._closed(side, bounds[:, i], worse[:, i])
                states[i] = ON + OFF - state

    def _thresholds(self, cut: float) -> Vector:
        """Return the least value with which each cut closes a part: without costs, a value that is surely positive."""
        return np.where(self._costs[: self._count], cut, self._positive[: self._count])

    def _closed(self, states: States, value: Vector, closed: Flags) -> Closed:
        """Close a part by the cut that proves most: an empty part, or else the highest bound."""
        best = int(np.argmax(np.where(closed, np.where(self._costs[: self._count], value, np.inf), -np.inf)))
        return Closed(states, self._multipliers[best], float(value[best]) if self._costs[best] else np.inf)
