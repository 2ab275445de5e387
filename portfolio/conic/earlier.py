"""Hand the proof of one search on to the next search of a similar program.

The leaves of a tree cover every setting of the switches. Multipliers that closed a leaf of an earlier program often
close the same part of the next program, too: where both have the rows that the multipliers weigh. Rows are matched by
their keys, and every bound is computed again for the program at hand, so no claim depends on the match.

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
    from collections.abc import Mapping, Sequence

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Leaf

    Flags = npt.NDArray[np.bool_]
    States2D = npt.NDArray[np.int8]


# An earlier proof is used if it closes more than this share of all settings, and leaves at most this many parts.
_MOST_OF_IT, _FEW = 0.5, 8


@dataclass(frozen=True, eq=False)
class Earlier:
    """The proof of an earlier search.

    Attributes:
        program: The earlier program, with as many switches as the program at hand.
        leaves: The leaves of its tree.
    """

    program: Program
    leaves: Sequence[Leaf]

    @cached_property
    def bounded(self) -> tuple[States2D, list[int], Matrix, Flags]:
        """The leaves with multipliers, and these multipliers, each once.

        Returns:
            The states of the leaves, shape (l, s); the number of each leaf's multipliers; the multipliers, shape
            (k, r); flags of those that prove parts empty, shape (k,).
        """
        leaves = [leaf for leaf in self.leaves if leaf.multipliers is not None]
        distinct, which = shared([(id(leaf.multipliers), leaf.infeasible) for leaf in leaves])
        states = np.array([leaf.states for leaf in leaves]).reshape(len(leaves), len(self.program.switched))
        y = np.array([leaves[i].multipliers for i in distinct]).reshape(len(distinct), len(self.program.b))
        return states, which, y, np.array([leaves[i].infeasible for i in distinct], dtype=bool)

    @property
    def unbounded(self) -> list[States]:
        """The parts that the earlier search left without multipliers."""
        return [leaf.states for leaf in self.leaves if leaf.multipliers is None]

    def carried_to(self, program: Program) -> Carried:
        """Carry the multipliers over to the rows of *program* that have the same keys.

        Multipliers that proved parts empty are then without costs. Where a row of the program stands for the earlier
        objective, multipliers of that objective's bound contradict the row.
        """
        _, _, given, farkas = self.bounded
        y, farkas = np.zeros((len(given), len(program.b))), farkas.copy()
        if program.keys == self.program.keys:
            y[:] = given
        else:
            place = {key: row for row, key in enumerate(self.program.keys)}
            both = [(row, place[key]) for row, key in enumerate(program.keys) if key in place]
            rows, before = np.array(both, dtype=np.intp).reshape(-1, 2).T
            y[:, rows] = given[:, before]
        if self.program.aim is not None and self.program.aim in program.keys:
            y[~farkas, program.keys.index(self.program.aim)] = 1.0
            farkas[:] = True
        y = all_valid(program, y)
        rest, on = np.zeros(len(y)), np.zeros((len(y), len(program.switched)))
        for some, costs in ((farkas, False), (~farkas, True)):
            if some.any():
                rest[some], on[some] = lagrangian_terms(program, y[some], costs=costs)
        return Carried(self, list(y), farkas, rest, on)

    def holds(self, program: Program, bound: float) -> bool:
        """Return whether the same multipliers prove that no point of *program* is below *bound*."""
        same = len(program.switched) == len(self.program.switched)
        return same and not self.carried_to(program).divided(bound)[1]

    def settled(self, program: Program, bound: float) -> States:
        """Return the state of each switch that is the same in all points of *program* below *bound*; FREE elsewhere."""
        states: States = np.full(len(program.switched), FREE, dtype=np.int8)
        if len(states) != len(self.program.switched) or self.unbounded:
            return states
        leaves, which, _, _ = self.bounded
        carried = self.carried_to(program)
        value, part = add_up(carried.rest[which], carried.on[which], leaves)
        off = np.nan_to_num(value[:, None] - part, nan=-np.inf)
        on = off + carried.on[which]
        # A contradiction closes a part at any bound.
        farkas = carried.farkas[which][:, None]
        off, on = (np.where(farkas, np.where(table > 0, np.inf, -np.inf), table) for table in (off, on))
        # A leaf has no points with the other state of a switch that it sets.
        off[leaves == ON], on[leaves == OFF] = np.inf, np.inf
        states[on.min(axis=0) >= bound] = OFF
        states[off.min(axis=0) >= bound] = ON
        return states


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of the search space: its switches, the multipliers that bound it, and that bound."""

    states: States
    multipliers: Vector | None
    bound: float
    infeasible: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Carried:
    """The multipliers of an earlier proof, as those of the program at hand.

    Attributes:
        proof: The earlier proof.
        multipliers: Valid multipliers of the program's rows.
        farkas: Flags of multipliers that may contradict the rows, without costs.
        rest: The constant of each bound; see ``lagrangian_terms``.
        on: The terms of the switches.
    """

    proof: Earlier
    multipliers: list[Vector]
    farkas: Flags
    rest: Vector
    on: Matrix

    def divided(self, cut: float) -> tuple[list[Part], list[Part]]:
        """Bound the parts of the earlier proof: those that its multipliers close at *cut*, and the others."""
        states, which, _, _ = self.proof.bounded
        bounds = add_up(self.rest[which], self.on[which], states)[0]
        bounds = np.where(np.isnan(bounds), -np.inf, bounds)
        closed: list[Part] = []
        others = [Part(each, None, -np.inf) for each in self.proof.unbounded]
        for each, kind, bound, farkas in zip(states, which, bounds.tolist(), self.farkas[which].tolist(), strict=True):
            empty = farkas and bound > 0
            value = np.inf if empty else -np.inf if farkas else bound
            (closed if empty or value >= cut else others).append(
                Part(each, self.multipliers[kind], value, infeasible=empty)
            )
        return closed, others


def parts_of(earlier: Sequence[Carried], cut: float) -> list[Part] | None:
    """Divide the search space into parts that earlier multipliers close, and a few others.

    None where no earlier proof closes most of the space: then a tree from the root has fewer nodes.

    Args:
        earlier: The proofs of similar programs: the one that closes most is used.
        cut: The bound from which a part is closed.
    """
    best, most = None, _MOST_OF_IT
    for proof in earlier:
        closed, others = proof.divided(cut)
        if not others:
            return closed
        share = 1 - sum(0.5 ** np.count_nonzero(part.states != FREE) for part in others)
        if share > most and len(others := _merged(others)) <= _FEW:
            best, most = closed + others, share
    return best


def _merged(parts: list[Part]) -> list[Part]:
    """Merge parts that differ in one switch alone, on here and off there: together they leave this switch free."""
    by_states = {part.states.tobytes(): part for part in parts}
    waiting = list(by_states.values())
    while waiting:
        part = waiting.pop()
        if (sibling := _sibling(part, by_states)) is None:
            continue
        states, best = part.states.copy(), max(part, sibling, key=lambda one: one.bound)
        states[part.states != sibling.states] = FREE
        del by_states[part.states.tobytes()], by_states[sibling.states.tobytes()]
        merged = by_states[states.tobytes()] = Part(states, best.multipliers, -np.inf)
        waiting = [one for one in waiting if one is not sibling] + [merged]
    return list(by_states.values())


def _sibling(part: Part, others: Mapping[bytes, Part]) -> Part | None:
    """Find a part with the other state of one switch, and the same states of all others."""
    flipped = part.states.copy()
    for i in np.flatnonzero(part.states != FREE):
        flipped[i] = ON + OFF - part.states[i]
        if (other := others.get(flipped.tobytes())) is not None:
            return other
        flipped[i] = part.states[i]
    return None
