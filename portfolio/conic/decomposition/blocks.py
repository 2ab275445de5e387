"""Solve one block at changing prices, by whatever solver fits it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from portfolio.conic.perspective.block import BlockSearch
from portfolio.conic.perspective.errors import NotABlockError
from portfolio.conic.search import minimise

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


# Blocks of so few switches are closed by the plain tree before the compiled one is set up.
_FEW = 8

# Nodes after which a search has failed.
_NODES, _PLAIN_NODES = 5_000, 200

_SAME = 1e-7


class BlockSolver(Protocol):
    """Solves one program again and again, each time at other costs."""

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
        self.search = BlockSearch(program)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        return self.search.minimise(q, k, gap=0.0, slack=slack, node_limit=node_limit, stop=stop)


class EitherBlockSolver:
    """The compiled search, and the plain tree should that fail."""

    def __init__(self, program: Program) -> None:
        self.plain, self.perspective = PlainBlockSolver(program), PerspectiveBlockSolver(program)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        found = self.perspective.minimise(q, k, slack=slack, node_limit=min(_NODES, node_limit), stop=stop)
        if _closed(found, slack) or stop():
            return found
        other = self.plain.minimise(q, k, slack=slack, node_limit=min(_PLAIN_NODES, node_limit), stop=stop)
        better, worse = (other, found) if other.bound >= found.bound else (found, other)
        return replace(better, points=better.points + worse.points)


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
