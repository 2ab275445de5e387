"""Find prices of the joint rows by column generation.

The blocks are solved at some prices; their points become columns of the master, whose multipliers
are the next prices. Every round gives a bound on the whole; the rounds end when no price could give
a better one, or soon would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.conic.decomposition.blocks import block_solver
from portfolio.conic.decomposition.certificate import Pricing
from portfolio.conic.decomposition.master import Master

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.bound import Bound
    from portfolio.conic.decomposition.split import Split

# Nodes of one block at one price: a block that takes more is bounded less well, and the rounds go on.
_NODES = 20_000

# How many points of a block become columns in one round.
_COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """What one round of prices proves.

    Attributes:
        pricing: The prices and the blocks' trees.
        bound: On the whole.
        fresh: How many columns it found that were new.
    """

    pricing: Pricing
    bound: float
    fresh: int


class Pricer:
    """Solves all blocks at a price, and keeps their points."""

    def __init__(self, split: Split, stop: Callable[[], bool]) -> None:
        self.split, self.stop = split, stop
        self.solvers = [block_solver(block.program) for block in split.blocks]
        self.master = Master(split)
        self.nodes = 0

    def price(self, y: Vector, *, slack: float, costs: bool = True) -> Priced:
        """Solve every block at the prices *y*; leaves tell what is within *slack* of a block's optimum."""
        prices = self.split.priced(y, costs=costs)
        trees, bounds, fresh = [], [], 0
        for place, (block, solver) in enumerate(zip(self.split.blocks, self.solvers, strict=True)):
            q, k = prices.q[block.variables], prices.k[block.switches]
            solution = solver.minimise(q, k, slack=slack, node_limit=_NODES, stop=self.stop)
            self.nodes += solution.nodes
            trees.append(solution.leaves)
            bounds.append(solution.bound)
            fresh += sum(self.master.add(place, x, states) for x, states in solution.points[:_COLUMNS])
        total = math.inf if math.inf in bounds else prices.constant + sum(bounds)
        if not costs:
            total = math.inf if total > 0 else -math.inf
        return Priced(Pricing(y, tuple(trees), costs), total, fresh)

    def with_each_on(self, pricing: Pricing) -> Bound:
        """Compute what the whole costs at least with each switch on."""
        return pricing.bound(self.split)
