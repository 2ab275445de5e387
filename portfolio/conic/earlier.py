"""Hand the proof of one search on to the next search of a similar program.

The leaves of a tree cover every setting of the switches. Multipliers that closed a leaf of an earlier program often
close the same part of the next program, too: where both have the rows that the multipliers weigh. Rows are matched by
their keys, and every bound is computed again for the program at hand, so no claim depends on the match.

This module never calls a solver.
"""

from __future__ import annotations

from dataclasses import dataclass
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


# An earlier proof is used if it closes more than this share of all settings, and leaves at most this many parts.
_MOST_OF_IT, _FEW = 0.5, 8


@dataclass(frozen=True, slots=True, eq=False)
class Earlier:
    """The proof of an earlier search.

    Attributes:
        program: The earlier program, with as many switches as the program at hand.
        leaves: The leaves of its tree.
    """

    program: Program
    leaves: Sequence[Leaf]

    def holds(self, program: Program, bound: float) -> bool:
        """Return whether the same multipliers prove that no point of *program* is below *bound*."""
        same = len(program.switched) == len(self.program.switched)
        return same and not _divided(program, self, bound)[1]

    def settled(self, program: Program, bound: float) -> States:
        """Return the state of each switch that is the same in all points of *program* below *bound*; FREE elsewhere."""
        states: States = np.full(len(program.switched), FREE, dtype=np.int8)
        if len(states) != len(self.program.switched) or any(leaf.multipliers is None for leaf in self.leaves):
            return states
        y, farkas = _carried(program, self, self.leaves)
        leaves = np.array([leaf.states for leaf in self.leaves])
        off, on = np.full(leaves.shape, np.inf), np.full(leaves.shape, np.inf)
        for costs, some in ((True, ~farkas), (False, farkas)):
            rest, each = lagrangian_terms(program, y[some], costs=costs)
            value, part = add_up(rest, each, leaves[some])
            without = np.nan_to_num(value[:, None] - part, nan=-np.inf)
            # A contradiction closes a part at any bound.
            off[some], on[some] = (
                (table if costs else np.where(table > 0, np.inf, -np.inf)) for table in (without, without + each)
            )
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


def parts_of(program: Program, earlier: Sequence[Earlier], cut: float) -> list[Part] | None:
    """Divide the search space into parts that earlier multipliers close, and a few others.

    None where no earlier proof closes most of the space: then a tree from the root has fewer nodes.

    Args:
        program: The program at hand.
        earlier: The proofs of similar programs: the one that closes most is used.
        cut: The bound from which a part is closed.
    """
    best, most = None, _MOST_OF_IT
    for proof in earlier:
        closed, others = _divided(program, proof, cut)
        if not others:
            return closed
        share = 1 - sum(0.5 ** np.count_nonzero(part.states != FREE) for part in others)
        if share > most and len(others := _merged(others)) <= _FEW:
            best, most = closed + others, share
    return best


def _divided(program: Program, earlier: Earlier, cut: float) -> tuple[list[Part], list[Part]]:
    """Bound the parts of an earlier proof: those that its multipliers close, and the others."""
    leaves = [leaf for leaf in earlier.leaves if leaf.multipliers is not None]
    closed: list[Part] = []
    others = [Part(leaf.states, None, -np.inf) for leaf in earlier.leaves if leaf.multipliers is None]
    if not leaves:
        return closed, others
    distinct, which = shared([(id(leaf.multipliers), leaf.infeasible) for leaf in leaves])
    y, farkas = _carried(program, earlier, [leaves[i] for i in distinct])
    states = np.array([leaf.states for leaf in leaves])
    kinds = np.array(which)

    def values(multipliers: Matrix, some: Flags, *, costs: bool) -> Vector:
        """Bound the parts of some vectors of multipliers; minus infinity for the others."""
        rest, on = np.zeros(len(some)), np.zeros((len(some), states.shape[1]))
        rest[some], on[some] = lagrangian_terms(program, multipliers[some], costs=costs)
        bounds = np.where(some[kinds], add_up(rest[kinds], on[kinds], states)[0], -np.inf)
        return np.where(np.isnan(bounds), -np.inf, bounds)

    empty = values(y, farkas, costs=False) > 0
    bounds = values(y, ~farkas, costs=True)
    for i, (leaf, kind) in enumerate(zip(leaves, which, strict=True)):
        part = Part(leaf.states, y[kind], np.inf if empty[i] else float(bounds[i]), infeasible=bool(empty[i]))
        (closed if part.infeasible or part.bound >= cut else others).append(part)
    return closed, others


def _carried(program: Program, earlier: Earlier, leaves: Sequence[Leaf]) -> tuple[Matrix, Flags]:
    """Carry multipliers over to the rows of the same keys; flag those that may contradict the rows, without costs.

    Where a row of the program stands for the earlier objective, multipliers of that objective's bound contradict it.
    """
    given = np.array([leaf.multipliers for leaf in leaves])
    farkas = np.array([leaf.infeasible for leaf in leaves])
    y = np.zeros((len(leaves), len(program.b)))
    if program.keys == earlier.program.keys:
        y[:] = given
    else:
        place = {key: row for row, key in enumerate(earlier.program.keys)}
        both = [(row, place[key]) for row, key in enumerate(program.keys) if key in place]
        rows, before = np.array(both, dtype=np.intp).reshape(-1, 2).T
        y[:, rows] = given[:, before]
    if earlier.program.aim is not None and earlier.program.aim in program.keys:
        y[~farkas, program.keys.index(earlier.program.aim)] = 1.0
        farkas[:] = True
    return all_valid(program, y), farkas


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
