"""Find prices of the joint rows by column generation.

The blocks are solved at some prices; their points become columns of the master, whose multipliers
are the next prices. Every round gives a bound on the whole; the rounds end when no price could give
a better one, or soon would.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON
from portfolio.conic.large.decomposition.blocks import block_solver
from portfolio.conic.large.decomposition.certificate import Pricing
from portfolio.conic.large.decomposition.master import Master
from portfolio.conic.large.decomposition.split import with_floors
from portfolio.conic.solution import Leaf, proven

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.blocks import BlockSolver
    from portfolio.conic.large.decomposition.split import Flags, Split
    from portfolio.conic.program import Program

# Nodes of one block at one price, at first and at most: a block that takes more is bounded less well, and the rounds
# go on. Early prices are not worth more; it is raised where they settle and blocks are what keeps the bound low.
FIRST_NODES, MOST_NODES = 300, 4_800

# What a block is charged for a switch that is off in a part: more than it is worth, and of the order of other costs.
FINE = 0.25

# Prices below this share of the greatest are noise where nothing has a cost.
_NOISE = 1e-6

# How many points of a block become columns in one round.
_COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class Priced:
    """What one round of prices proves.

    Attributes:
        pricing: The prices and the blocks' trees.
        bound: On the whole.
        fresh: How many columns it found that were new.
        lost: How much lower the bound is for blocks that were not closed.
        sharing: How much of it is what sharing costs.
    """

    pricing: Pricing
    bound: float
    fresh: int
    lost: float
    sharing: float


def _nothing(program: Program) -> Leaf:
    """Make the leaf that says that a block of no costs costs nothing."""
    return Leaf(np.full(len(program.switched), FREE, dtype=np.int8), np.zeros(len(program.b)))


class Pricer:
    """Solves all blocks at a price, and keeps their points."""

    def __init__(self, split: Split, stop: Callable[[], bool]) -> None:
        self.split, self.stop = split, stop
        self.solvers: dict[tuple[int, bytes], BlockSolver] = {}
        self.master = Master(split, stop)
        self.nodes = 0

    def solver(self, place: int, on: Flags | None) -> BlockSolver:
        """Find the solver of a block, some of whose switches are on; making one is dear, so it is kept."""
        key = place, b"" if on is None or not on.any() else on.tobytes()
        if key not in self.solvers:
            program = self.split.blocks[place].program
            self.solvers[key] = block_solver(program if on is None else with_floors(program, on), self.stop)
        return self.solvers[key]

    def price(
        self, y: Vector, *, slack: float, costs: bool = True, states: States | None = None, node_limit: int = MOST_NODES
    ) -> Priced | None:
        """Solve every block at the prices *y*; None if it has to stop before the last of them.

        Leaves tell what is within *slack* of a block's optimum.

        Args:
            y: Prices of the joint rows.
            slack: See ``search.minimise``.
            costs: Whether the objective counts.
            states: The part that is priced; None for everything.
            node_limit: Bound on the nodes of each block.
        """
        ban = None if states is None else np.where(self.split.banned(states), FINE, 0.0)
        prices = self.split.priced(y, costs=costs, ban=ban)
        noise = _NOISE * max(abs(prices.q).max(), abs(prices.k).max(initial=0.0))
        trees: list[Sequence[Leaf]] = []
        bounds: list[float] = []
        fresh, lost = 0, 0.0
        for place, block in enumerate(self.split.blocks):
            if self.stop():
                return None
            solver = self.solver(place, None if states is None else states[block.switches] == ON)
            q, k = prices.q[block.variables], prices.k[block.switches]
            if not costs and max(abs(q).max(), abs(k).max(initial=0.0)) <= noise:
                # Nothing is asked of this block: it costs nothing, wherever it is.
                trees.append((_nothing(solver.program),))
                bounds.append(float(proven(replace(solver.program, q=q, k=k), trees[-1])[0][0]))
                continue
            solution = solver.minimise(q, k, slack=slack, node_limit=node_limit, stop=self.stop)
            self.nodes += solution.nodes
            trees.append(solution.leaves)
            bounds.append(solution.bound)
            lost += solution.value - solution.bound if solution.value > solution.bound else 0.0
            fresh += sum(self.master.add(place, x, states) for x, states in solution.points[:_COLUMNS])
        total = math.inf if math.inf in bounds else prices.constant + sum(bounds)
        if not costs:
            total = math.inf if total > 0 else -math.inf
        return Priced(Pricing(y, tuple(trees), costs, FINE, states), total, fresh, lost, prices.sharing)
