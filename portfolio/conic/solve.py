"""Minimise a cone program with the engine that fits: one tree over the whole program, or block by block.

With few switches one tree closes sooner than prices are found; with many switches one tree never closes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.conic import search
from portfolio.conic.large import solve as large

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio.conic.bound import States
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution


def minimise(
    program: Program,
    *,
    gap: float = 1e-4,
    node_limit: int = 100_000,
    stop: Callable[[], bool] = lambda: False,
    start: States | None = None,
    watch: Callable[[float, float], None] | None = None,
) -> Solution:
    """Minimise *program* to a proven relative *gap*.

    Args:
        program: The program to minimise.
        gap: Relative gap at which an incumbent counts as optimal.
        node_limit: Greatest number of nodes of all trees.
        stop: Called before every node; true ends the search with the results so far.
        start: A setting of the switches that may be feasible, such as that of a similar program.
        watch: Called during the search with the cost of the best point so far (infinite without a point) and the bound.
    """
    blocks = large.blocks_of(program)
    if blocks is None:
        return search.minimise(program, gap=gap, node_limit=node_limit, stop=stop, start=start, watch=watch)
    return large.minimise(program, gap=gap, node_limit=node_limit, stop=stop, start=start, watch=watch, split=blocks)
