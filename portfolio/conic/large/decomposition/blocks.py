"""Solve one block at changing prices, by whatever solver fits it."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from portfolio.conic.large.perspective.errors import NotABlockError
from portfolio.conic.search import minimise

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


# Blocks of so few switches are closed by the plain tree before the compiled one is set up.
_FEW = 4

# Nodes after which a search has failed.
_NODES, _PLAIN_NODES = 5_000, 200


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

    def __init__(self, program: Program, stop: Callable[[], bool]) -> None:
        self.program = program
        # Loads numba and the machine code: only where a large program comes.
        from portfolio.conic.large.perspective.block import BlockSearch  # noqa: PLC0415

        self.search = BlockSearch(program, stop)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        return self.search.minimise(q, k, gap=0.0, slack=slack, node_limit=node_limit, stop=stop)


class EitherBlockSolver:
    """The compiled search, and the plain tree should that fail."""

    def __init__(self, program: Program, stop: Callable[[], bool]) -> None:
        self.program = program
        self.plain, self.perspective = PlainBlockSolver(program), PerspectiveBlockSolver(program, stop)

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        found = self.perspective.minimise(q, k, slack=slack, node_limit=min(_NODES, node_limit), stop=stop)
        if math.isfinite(found.value) or found.bound == math.inf or stop():
            return found
        # (Its first node takes as long as a large relaxation.)
        other = self.plain.minimise(q, k, slack=slack, node_limit=min(_PLAIN_NODES, node_limit), stop=stop)
        better = other if other.bound >= found.bound else found
        return replace(better, points=other.points + found.points)


def block_solver(program: Program, stop: Callable[[], bool]) -> BlockSolver:
    """Choose the solver that fits a block; *stop* is asked while it is made."""
    if len(program.switched) <= _FEW:
        return PlainBlockSolver(program)
    try:
        return EitherBlockSolver(program, stop)
    except NotABlockError:
        return PlainBlockSolver(program)
