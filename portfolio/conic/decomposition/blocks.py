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


# Nodes of the plain tree that say whether it suits a block, and how often it is asked in vain.
_GLANCE = 1

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
    """A glance with the plain tree, which closes a block without a price on risk at once; else the compiled search."""

    def __init__(self, program: Program) -> None:
        self.plain, self.perspective = PlainBlockSolver(program), PerspectiveBlockSolver(program)
        self.patience = _GLANCE

    def minimise(self, q: Vector, k: Vector, *, slack: float, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """See ``BlockSolver``."""
        if self.patience:
            glance = self.plain.minimise(q, k, slack=slack, node_limit=_GLANCE, stop=stop)
            if glance.bound >= glance.value + min(slack, 0.0) - _SAME or math.isinf(glance.bound):
                return glance
            self.patience -= 1
        return self.perspective.minimise(q, k, slack=slack, node_limit=node_limit, stop=stop)


def block_solver(program: Program) -> BlockSolver:
    """Choose the solver that fits a block."""
    try:
        return EitherBlockSolver(program)
    except NotABlockError:
        return PlainBlockSolver(program)
