"""Minimise a cone program by what suits it: one tree over everything, or block by block.

A tree of few switches is closed sooner than prices are found; of many it never is.
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
        program: What to minimise.
        gap: Relative gap at which an incumbent counts as optimal.
        node_limit: Bound on the nodes of all trees.
        stop: Asked before every node; true ends the search with what it has.
        start: A setting of the switches that may be feasible, such as that of a similar program.
        watch: Told, as it gets on, the cost of the best point so far (infinite without one) and the bound.
    """
    blocks = large.blocks_of(program)
    if blocks is None:
        return search.minimise(program, gap=gap, node_limit=node_limit, stop=stop, start=start, watch=watch)
    return large.minimise(program, gap=gap, node_limit=node_limit, stop=stop, start=start, watch=watch, split=blocks)
