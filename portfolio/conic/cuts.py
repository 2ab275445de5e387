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
        self._rest, self._on, self._costs = rest[able], on[able], np.zeros(len(able), dtype=bool)
        each = np.zeros((len(able), len(program.b)))
        each[np.arange(len(able)), np.where(able < e + m, able, able - e - m)] = np.where(able < e + m, 1.0, -1.0)
        self._multipliers = list(each)
        self._single, self._most = len(able), _TERMS // max(len(program.switched), 1)

    def add(self, multipliers: Vector, *, costs: bool) -> None:
        """Add a cut from valid multipliers of the program's rows."""
        rest, on = lagrangian_terms(self._program, multipliers[None, :], costs=costs)
        self.extend(Carried([multipliers], np.array([costs]), rest, on))

    def extend(self, carried: Carried) -> None:
        """Add the cuts of multipliers whose terms are known."""
        finite = np.isfinite(carried.rest) & np.isfinite(carried.on).all(axis=1)
        old = max(len(self._rest) - self._single + int(finite.sum()) - self._most, 0)
        kept = np.ones(len(self._rest), dtype=bool)
        kept[self._single : self._single + old] = False
        self._rest = np.concatenate([self._rest[kept], carried.rest[finite]])
        self._on = np.concatenate([self._on[kept], carried.on[finite]])
        self._costs = np.concatenate([self._costs[kept], carried.costs[finite]])
        self._multipliers = [y for y, keep in zip(self._multipliers, kept, strict=True) if keep]
        self._multipliers += [y for y, keep in zip(carried.multipliers, finite, strict=True) if keep]

    def closes(self, states: States, cut: float) -> bool:
        """Return whether some cut proves that a part is empty or has no point below *cut*."""
        value, _ = add_up(self._rest, self._on, states[None, :])
        return bool((value >= self._thresholds(cut)).any())

    def propagate(self, states: States, cut: float) -> Iterator[Closed]:
        """Set, in place, each switch of a part whose other state some cut closes, and yield what is closed.

        The last yield is the part itself where some cut closes it: *states* are then the same object.
        """
        closes_from = self._thresholds(cut)
        while True:
            value, part = add_up(self._rest, self._on, states[None, :])
            if (closed := value >= closes_from).any():
                yield self._closed(states, value, closed)
                return
            free = states == FREE
            off = value[:, None] - part
            on = off + self._on
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
        """Return the least value with which each cut closes a part: any positive value without costs."""
        return np.where(self._costs, cut, np.nextafter(0.0, 1.0))

    def _closed(self, states: States, value: Vector, closed: Flags) -> Closed:
        """Close a part by the cut that proves most: an empty part, or else the highest bound."""
        best = int(np.argmax(np.where(closed, np.where(self._costs, value, np.inf), -np.inf)))
        return Closed(states, self._multipliers[best], float(value[best]) if self._costs[best] else np.inf)
