"""Hand the proofs of one search on to the next search of a similar program.

Multipliers bound any program that has the rows that they weigh. Rows are matched by their keys, and every bound is
computed again for the program at hand, so no claim depends on the match.

This module never calls a solver.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON, add_up, all_valid, lagrangian_terms
from portfolio.conic.solution import shared

if TYPE_CHECKING:
    from collections.abc import Hashable, Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Leaf

    Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """Multipliers of an earlier program, as those of the program at hand, with the terms of their bounds.

    Attributes:
        multipliers: Valid multipliers of the program's rows, shape (k, r).
        costs: Flags of those that bound the objective; the others prove parts empty.
        rest: The constant of each bound; see ``lagrangian_terms``.
        on: The terms of the switches.
    """

    multipliers: Matrix
    costs: Flags
    rest: Vector
    on: Matrix


def _keys(program: Program) -> Sequence[Hashable]:
    """Return the keys of the rows; without keys, the numbers of the rows."""
    return program.keys or range(len(program.b))


# Number of vectors of multipliers that a session keeps for its next programs.
_KEPT = 200


class Known:
    """Multipliers of several programs, row by row under the keys of the rows.

    Args:
        most: Number of vectors of multipliers that are kept: the newest.
    """

    def __init__(self, most: int = _KEPT) -> None:
        self._most = most
        self._places: dict[Hashable, int] = {}
        self._y, self._costs = np.zeros((0, 0)), np.zeros(0, dtype=bool)
        self._aims: list[Hashable | None] = []

    def copy(self) -> Known:
        """Copy: later knowledge of the copy is not known here."""
        twin = Known(self._most)
        twin._places, twin._aims = dict(self._places), list(self._aims)
        twin._y, twin._costs = self._y, self._costs
        return twin

    def add(self, program: Program, learned: Sequence[tuple[Vector, bool]]) -> None:
        """Add multipliers of a program, each with a flag: whether they bound the objective or prove a part empty."""
        if not learned:
            return
        learned = learned[-self._most :]
        places = [self._places.setdefault(key, len(self._places)) for key in _keys(program)]
        before = max(len(self._y) - (self._most - len(learned)), 0)
        y = np.zeros((len(self._y) - before + len(learned), len(self._places)))
        y[: -len(learned), : self._y.shape[1]] = self._y[before:]
        y[-len(learned) :, places] = [multipliers for multipliers, _ in learned]
        self._y = y
        self._costs = np.append(self._costs[before:], [costs for _, costs in learned])
        self._aims = self._aims[before:] + [program.aim if costs else None for _, costs in learned]

    def carried_to(self, program: Program) -> Carried:
        """Carry the multipliers over to the rows of *program* that have the same keys.

        Multipliers that proved parts empty may do so again. Where a row of the program stands for the earlier
        objective, multipliers of that objective's bound contradict the row.
        """
        y, costs = np.zeros((len(self._y), len(program.b))), self._costs.copy()
        both = [(row, self._places[key]) for row, key in enumerate(_keys(program)) if key in self._places]
        rows, places = np.array(both, dtype=np.intp).reshape(-1, 2).T
        y[:, rows] = self._y[:, places]
        for aim in set(self._aims) - {None}:
            if aim in program.keys:
                one = [i for i, each in enumerate(self._aims) if each == aim]
                y[one, program.keys.index(aim)], costs[one] = 1.0, False
        y = all_valid(program, y)
        rest, on = np.zeros(len(y)), np.zeros((len(y), len(program.switched)))
        for some, counted in ((costs, True), (~costs, False)):
            if some.any():
                rest[some], on[some] = lagrangian_terms(program, y[some], costs=counted)
        return Carried(y, costs, rest, on)


@dataclass(frozen=True, eq=False)
class Earlier:
    """The proof of an earlier search.

    Attributes:
        program: The earlier program.
        leaves: The leaves of its tree.
    """

    program: Program
    leaves: Sequence[Leaf]

    @cached_property
    def _known(self) -> tuple[Known, list[int]]:
        """The multipliers of the leaves, each once, and the number of each leaf's; all leaves must have some."""
        distinct, which = shared([(id(leaf.multipliers), leaf.infeasible) for leaf in self.leaves])
        given = [self.leaves[i] for i in distinct]
        known = Known(len(given))
        known.add(
            self.program, [(leaf.multipliers, not leaf.infeasible) for leaf in given if leaf.multipliers is not None]
        )
        return known, which

    def holds(self, program: Program, bound: float) -> bool:
        """Return whether the same multipliers prove that no point of *program* is below *bound*."""
        if not self._fits(program):
            return False
        carried, which = self._carried(program)
        value, _ = add_up(carried.rest[which], carried.on[which], np.array([leaf.states for leaf in self.leaves]))
        return bool((value >= np.where(carried.costs[which], bound, np.nextafter(0.0, 1.0))).all())

    def settled(self, program: Program, bound: float) -> States:
        """Return the state of each switch that is the same in all points of *program* below *bound*; FREE elsewhere."""
        states: States = np.full(len(program.switched), FREE, dtype=np.int8)
        if not self._fits(program):
            return states
        carried, which = self._carried(program)
        leaves = np.array([leaf.states for leaf in self.leaves])
        value, part = add_up(carried.rest[which], carried.on[which], leaves)
        off = np.nan_to_num(value[:, None] - part, nan=-np.inf)
        on = off + carried.on[which]
        # A contradiction closes a part at any bound.
        costs = carried.costs[which][:, None]
        off, on = (np.where(costs, table, np.where(table > 0, np.inf, -np.inf)) for table in (off, on))
        # A leaf has no points with the other state of a switch that it sets.
        off[leaves == ON], on[leaves == OFF] = np.inf, np.inf
        states[on.min(axis=0) >= bound] = OFF
        states[off.min(axis=0) >= bound] = ON
        return states

    def _fits(self, program: Program) -> bool:
        """Return whether the program has as many switches, and every part of the proof has multipliers."""
        same = len(program.switched) == len(self.program.switched)
        return same and all(leaf.multipliers is not None for leaf in self.leaves)

    def _carried(self, program: Program) -> tuple[Carried, list[int]]:
        known, which = self._known
        return known.carried_to(program), which
