"""Solve one block at changing prices, by whatever solver fits it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

import numpy as np

from portfolio.conic.bound import OFF, ON
from portfolio.conic.perspective.errors import NotABlockError
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.relaxation import Outcome
from portfolio.conic.search import minimise
from portfolio.conic.solution import proven
from portfolio.conic.working_set import relaxation_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


# Blocks of so few switches are closed by the plain tree before the compiled one is set up.
_FEW = 4

# Nodes after which a search has failed.
_NODES, _PLAIN_NODES = 5_000, 200

# How many leaves of an open search are looked at again.
_MISSED = 4

_SAME = 1e-7


class BlockSolver(Protocol):
    """Solves one program again and again, each time at other costs."""

    program: Program

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """Minimise at the costs *q* and *k*; *slack* is that of ``search.minimise``, at a gap of zero."""


class PlainBlockSolver:
    """The plain tree, for blocks of any shape."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        priced = replace(self.program, q=q, k=k)
        return minimise(priced, gap=0.0, slack=slack, node_limit=node_limit, stop=stop)


class PerspectiveBlockSolver:
    """The compiled search, for blocks with one budget and one risk."""

    def __init__(self, program: Program) -> None:
        self.program = program
        # Loads numba and the machine code: only where a large program comes.
        from portfolio.conic.perspective.block import BlockSearch  # noqa: PLC0415

        self.search = BlockSearch(program)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        return self.search.minimise(q, k, gap=0.0, slack=slack, node_limit=node_limit, stop=stop)


class EitherBlockSolver:
    """The compiled search, and the plain tree should that fail."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.plain, self.perspective = PlainBlockSolver(program), PerspectiveBlockSolver(program)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        found = self.perspective.minimise(q, k, slack=slack, node_limit=min(_NODES, node_limit), stop=stop)
        if _closed(found, slack) or stop():
            return found
        found = _with_missed_points(replace(self.program, q=q, k=k), found, stop)
        if math.isfinite(found.value) or stop():
            return found
        # (Its first node takes as long as a large relaxation.)
        other = self.plain.minimise(q, k, slack=slack, node_limit=min(_PLAIN_NODES, node_limit), stop=stop)
        better = other if other.bound >= found.bound else found
        return replace(better, points=other.points + found.points)


def _with_missed_points(program: Program, found: Solution, stop: Callable[[], bool]) -> Solution:
    """Solve the supports of the leaves that keep a search open: its own solver may have missed their points."""
    relaxation = relaxation_of(program)
    worst = np.argsort(proven(program, found.leaves)[0], kind="stable")[:_MISSED]
    leaves = [found.leaves[i] for i in worst.tolist()]
    points, value, best = list(found.points), found.value, (found.x, found.states)
    for leaf in leaves:
        if stop():
            break
        support = np.where(leaf.states == ON, ON, OFF).astype(np.int8)
        exact = relaxation.solve_sharply(support)
        if exact.outcome is Outcome.SOLVED and violation(program, exact.x, support) <= FEASIBLE:
            points.append((exact.x, support))
            if program.value(exact.x, support == ON) < value:
                value, best = program.value(exact.x, support == ON), (exact.x, support)
    points.sort(key=lambda point: program.value(point[0], point[1] == ON))
    return replace(found, x=best[0], states=best[1], value=value, points=tuple(points))


def _closed(solution: Solution, slack: float) -> bool:
    """Whether the leaves tell all that is within the slack, or that there is nothing."""
    return solution.bound == math.inf or solution.bound >= solution.value + min(slack, 0.0) - _SAME


def block_solver(program: Program) -> BlockSolver:
    """Choose the solver that fits a block."""
    if len(program.switched) <= _FEW:
        return PlainBlockSolver(program)
    try:
        return EitherBlockSolver(program)
    except NotABlockError:
        return PlainBlockSolver(program)
