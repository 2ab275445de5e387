"""One node of the decomposed branch and bound: some switches off or on, and the bounds proven so far."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON
from portfolio.conic.large.decomposition.proof_by_prices import Decomposed
from portfolio.conic.large.decomposition.restricted_master import SHARE

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.pricing import PricingRound
    from portfolio.conic.large.decomposition.proof_by_prices import Fixing
    from portfolio.conic.large.decomposition.split import Flags, Split
    from portfolio.conic.solution import Leaf


@dataclass(slots=True, eq=False)
class BranchNode:
    """A node of the branch and bound: a part of the search space.

    Attributes:
        states: The states of the switches: most are free.
        off: Switches that are off in the node: set off, or ruled out by switches that are on.
        y: Prices to start with.
        best: The prices with the best bound.
        fixings: Switches that are off in every solution that could improve the incumbent, with their proofs.
        fixed: Flags of all switches that are off or fixed off.
        fixed_bound: Lower bound on the cost of a point with a fixed switch on.
        tree: Leaves over the remaining switches.
        tree_bound: The bound that these leaves prove.
    """

    states: States
    off: Flags
    y: Vector
    best: PricingRound | None = None
    fixings: tuple[Fixing, ...] = ()
    fixed: Flags = field(init=False)
    fixed_bound: float = math.inf
    tree: tuple[Leaf, ...] = ()
    tree_bound: float = -math.inf

    def __post_init__(self) -> None:
        """Begin with only the switches in *off* fixed."""
        self.fixed = self.off.copy()

    @property
    def dual_bound(self) -> float:
        """Bound that the best prices prove."""
        return self.best.bound if self.best else -math.inf

    @property
    def bound(self) -> float:
        """Best proven bound."""
        return max(self.dual_bound, min(self.fixed_bound, self.tree_bound))

    def keep(self, pricing_round: PricingRound) -> None:
        """Keep the prices with the best bound."""
        if pricing_round.bound > self.dual_bound or self.best is None:
            self.best = pricing_round

    def leaf(self) -> Decomposed:
        """Make the leaf that proves the node's bound."""
        dual_prices = () if self.best is None else (self.best.dual_prices,)
        return Decomposed(self.states, None, dual_prices=dual_prices, fixings=self.fixings, tree=self.tree)

    def split_on(self, switch: int, split: Split, y: Vector) -> list[BranchNode]:
        """Split into two nodes, with the switch on and with the switch off.

        The dual bound of this node holds for both.
        """
        nodes = []
        for state in (ON, OFF):
            states = self.states.copy()
            states[switch] = state
            nodes.append(BranchNode(states, self.off | split.banned(states), y, self.best))
        return nodes


def undecided(split: Split, node: BranchNode, activity: Vector) -> int | None:
    """Find the switch to branch on: a switch that a mix has partly on; None if no switch is partly on.

    Prefer the most held switch of a row that this switch and another switch of the mix would violate together: with the
    first on, the others are off.
    """
    program = split.program
    best, worst = None, SHARE
    free = (node.states == FREE) & ~node.off
    for row in split.counting.tolist():
        members = np.flatnonzero(program.H[row])
        if len(members) < 2:  # noqa: PLR2004 - a conflict needs two switches
            continue
        first, second = map(int, members[np.argsort(-activity[members], kind="stable")[:2]])
        tied = program.H[row, first] + program.H[row, second] > program.b[row] * (1 + 1e-6)
        if tied and activity[second] > worst and free[first]:
            best, worst = first, float(activity[second])
    if best is not None:
        return best
    half = np.where(free, np.minimum(activity, 1 - activity), 0.0)
    i = int(np.argmax(half))
    return i if half[i] > SHARE else None
