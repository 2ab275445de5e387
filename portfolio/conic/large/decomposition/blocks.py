"""Solve one block at changing prices, with the solver that fits the block."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING, Protocol

from portfolio.conic.large.perspective.not_a_block import NotABlockError
from portfolio.conic.search import minimise

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.limits import Limits
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


# The plain tree solves blocks of at most this many switches: set-up of the compiled search would take longer.
_TINY = 4

# Node limits of the compiled search and of the plain tree; a search without a result by then has failed.
_NODES, _PLAIN_NODES = 5_000, 200


class BlockSolver(Protocol):
    """Solver of one program at many different costs."""

    program: Program

    def minimise(self, q: Vector, k: Vector, limits: Limits, *, slack: float) -> Solution:
        """Minimise at the costs *q* and *k*; *slack* is that of ``search.minimise``."""


class PlainBlockSolver:
    """Solver by the plain tree, for blocks of any shape."""

    def __init__(self, program: Program) -> None:
        self.program = program

    def minimise(self, q: Vector, k: Vector, limits: Limits, *, slack: float) -> Solution:
        """See ``BlockSolver``."""
        repriced = replace(self.program, q=q, k=k)
        return minimise(repriced, limits, slack=slack)


class PerspectiveBlockSolver:
    """Solver by the compiled search, for blocks with one budget and one risk."""

    def __init__(self, program: Program, stop: Callable[[], bool]) -> None:
        self.program = program
        # The import loads numba and the machine code, so import only when a large program comes.
        from portfolio.conic.large.perspective.block import BlockSearch  # noqa: PLC0415

        self.search = BlockSearch(program, stop)

    def minimise(self, q: Vector, k: Vector, limits: Limits, *, slack: float) -> Solution:
        """See ``BlockSolver``."""
        return self.search.minimise(q, k, limits=limits, slack=slack)


class EitherBlockSolver:
    """Solver by the compiled search, with the plain tree as the fallback."""

    def __init__(self, program: Program, stop: Callable[[], bool]) -> None:
        self.program = program
        self.plain, self.perspective = PlainBlockSolver(program), PerspectiveBlockSolver(program, stop)

    def minimise(self, q: Vector, k: Vector, limits: Limits, *, slack: float) -> Solution:
        """See ``BlockSolver``."""
        solution = self.perspective.minimise(q, k, _at_most(_NODES, limits), slack=slack)
        if math.isfinite(solution.value) or solution.bound == math.inf or limits.stop():
            return solution
        # (The first node of the plain tree takes as long as a large relaxation.)
        other = self.plain.minimise(q, k, _at_most(_PLAIN_NODES, limits), slack=slack)
        better = other if other.bound >= solution.bound else solution
        return replace(better, points=other.points + solution.points)


def _at_most(nodes: int, limits: Limits) -> Limits:
    return replace(limits, node_limit=min(nodes, limits.node_limit))


def block_solver(program: Program, stop: Callable[[], bool]) -> BlockSolver:
    """Choose the solver that fits a block; *stop* is called during set-up."""
    if len(program.switched) <= _TINY:
        return PlainBlockSolver(program)
    try:
        return EitherBlockSolver(program, stop)
    except NotABlockError:
        return PlainBlockSolver(program)
