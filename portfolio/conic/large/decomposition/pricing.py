"""Find prices of the joint rows by column generation.

Each round solves the blocks at some prices; their points become columns of the master, and the master's multipliers are
the next prices. Every round gives a bound on the whole program. The rounds end when no prices can improve the bound, or
when progress stalls.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON
from portfolio.conic.large.decomposition.blocks import block_solver
from portfolio.conic.large.decomposition.proof_by_prices import DualPrices
from portfolio.conic.large.decomposition.restricted_master import RestrictedMaster
from portfolio.conic.large.decomposition.split import with_floors
from portfolio.conic.limits import Limits
from portfolio.conic.solution import Leaf, proven

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.blocks import BlockSolver
    from portfolio.conic.large.decomposition.split import Flags, Split
    from portfolio.conic.program import Program

# First and greatest node limit of one block at one price. A block that reaches the limit gets a weaker bound, and the
# rounds go on. Early prices do not justify more nodes; the limit rises where the prices converge and open blocks keep
# the bound low.
FIRST_NODES, MOST_NODES = 300, 4_800

# Charge of a block for a switch that is off in a node: more than the switch is worth, and of the order of other costs.
FINE = 0.25

# Without an objective, prices below this share of the greatest price are noise.
_NOISE = 1e-6

# Number of points of a block that become columns in one round.
_COLUMNS = 3


@dataclass(frozen=True, slots=True, eq=False)
class PricingRound:
    """Results of one round of prices.

    Attributes:
        dual_prices: The prices and the blocks' trees.
        bound: The bound on the whole program.
        fresh: Number of new columns.
        lost: Loss of the bound from blocks that were not closed.
        sharing: The share of the bound that is the cost of sharing.
    """

    dual_prices: DualPrices
    bound: float
    fresh: int
    lost: float
    sharing: float


def _nothing(program: Program) -> Leaf:
    """Make the leaf that proves a minimum of zero for a block without costs."""
    return Leaf(np.full(len(program.switched), FREE, dtype=np.int8), np.zeros(len(program.b)))


class Pricer:
    """Solves all blocks at given prices, and keeps their points as columns."""

    def __init__(self, split: Split, stop: Callable[[], bool]) -> None:
        self.split, self.stop = split, stop
        self.solvers: dict[tuple[int, bytes], BlockSolver] = {}
        self.master = RestrictedMaster(split, stop)
        self.nodes = 0

    def solver(self, place: int, on: Flags | None) -> BlockSolver:
        """Return the solver of a block with some switches on; a new solver is expensive, so each is cached."""
        key = place, b"" if on is None or not on.any() else on.tobytes()
        if key not in self.solvers:
            program = self.split.blocks[place].program
            self.solvers[key] = block_solver(program if on is None else with_floors(program, on), self.stop)
        return self.solvers[key]

    def price(
        self, y: Vector, *, slack: float, costs: bool = True, states: States | None = None, node_limit: int = MOST_NODES
    ) -> PricingRound | None:
        """Solve every block at the prices *y*; None if *stop* ends the round before the last block.

        The leaves show all points within *slack* of a block's optimum.

        Args:
            y: Prices of the joint rows.
            slack: See ``search.minimise``.
            costs: Whether the objective counts.
            states: The states of the node; None for the whole space.
            node_limit: Greatest number of nodes of each block.
        """
        ban = None if states is None else np.where(self.split.banned(states), FINE, 0.0)
        reduced = self.split.reduced_costs(y, costs=costs, ban=ban)
        noise = _NOISE * max(abs(reduced.q).max(), abs(reduced.k).max(initial=0.0))
        limits = Limits(gap=0.0, node_limit=node_limit, stop=self.stop)
        trees: list[Sequence[Leaf]] = []
        bounds: list[float] = []
        fresh, lost = 0, 0.0
        for place, block in enumerate(self.split.blocks):
            if self.stop():
                return None
            solver = self.solver(place, None if states is None else states[block.switches] == ON)
            q, k = reduced.q[block.variables], reduced.k[block.switches]
            if not costs and max(abs(q).max(), abs(k).max(initial=0.0)) <= noise:
                # This block has no costs at these prices: every point costs zero.
                trees.append((_nothing(solver.program),))
                bounds.append(float(proven(replace(solver.program, q=q, k=k), trees[-1])[0][0]))
                continue
            solution = solver.minimise(q, k, limits, slack=slack)
            self.nodes += solution.nodes
            trees.append(solution.leaves)
            bounds.append(solution.bound)
            lost += solution.value - solution.bound if solution.value > solution.bound else 0.0
            fresh += sum(self.master.add(place, x, states) for x, states in solution.points[:_COLUMNS])
        total = math.inf if math.inf in bounds else reduced.constant + sum(bounds)
        if not costs:
            total = math.inf if total > 0 else -math.inf
        return PricingRound(DualPrices(y, tuple(trees), costs, FINE, states), total, fresh, lost, reduced.sharing)
