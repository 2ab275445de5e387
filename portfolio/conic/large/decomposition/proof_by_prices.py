"""The proof of a decomposition: prices with the blocks' trees, and a tree over the remaining switches.

A point with a fixed switch on costs at least the blocks' bounds with that switch on. A point with all fixed switches
off is in the tree. Plain numpy recomputes both bounds from multipliers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

import numpy as np

from portfolio.conic.bound import FREE, ON, Bound, valid
from portfolio.conic.cover import covered
from portfolio.conic.large.decomposition.sharing import unshared
from portfolio.conic.large.decomposition.split import Split
from portfolio.conic.restriction import columns, kept_by
from portfolio.conic.solution import Leaf, nothing_proven, proven

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.split import Flags, Indices
    from portfolio.conic.program import Program


@dataclass(frozen=True, slots=True, eq=False)
class DualPrices:
    """Prices of the joint rows, and the blocks' own trees at these prices.

    Attributes:
        y: The prices, shape (r,).
        trees: For each block, leaves that cover the switches of the block.
        costs: Whether the objective counts: without the objective, a positive bound proves infeasibility.
        fine: Charge of the blocks per switch that is off in the node.
        states: The states of the node that the prices cover; None for the whole space.
    """

    y: Vector
    trees: tuple[Sequence[Leaf], ...]
    costs: bool = True
    fine: float = 0.0
    states: States | None = None

    def bound(self, split: Split, *, trusted: bool = False) -> Bound:
        """Add up the blocks' bounds; ``on`` has the sum with one switch on.

        Args:
            split: The program.
            trusted: Skip the check that the trees cover all settings: for the search that has just made them.
        """
        ban = None if self.states is None else np.where(split.banned(self.states), max(self.fine, 0.0), 0.0)
        reduced = split.reduced_costs(valid(split.program, self.y), costs=self.costs, ban=ban)
        block_bounds = [
            tree_bounds(split.block_at(block, reduced, self.states), tree, trusted=trusted)
            for block, tree in zip(split.blocks, self.trees, strict=True)
        ]
        return self.add_up(split, reduced.constant, block_bounds)

    def add_up(self, split: Split, constant: float, block_bounds: Sequence[tuple[float, Vector]]) -> Bound:
        """Sum the blocks' bounds: the total, and for each switch the total with that switch on."""
        least = [value for value, _ in block_bounds]
        total = self._proven(_sum(constant, least))
        on = np.full(len(split.program.switched), math.inf)
        for place, (block, (_, own)) in enumerate(zip(split.blocks, block_bounds, strict=True)):
            rest = _sum(constant, least[:place] + least[place + 1 :])
            on[block.switches] = [self._proven(_sum(rest, [value])) for value in own.tolist()]
        return Bound(total, np.full(len(on), total), on)

    def _proven(self, value: float) -> float:
        if self.costs:
            return value
        return math.inf if value > 0 else -math.inf


def _sum(constant: float, values: Sequence[float]) -> float:
    """Add bounds; one block without a feasible point makes the whole program infeasible."""
    return math.inf if math.inf in (constant, *values) else constant + sum(values)


def tree_bounds(program: Program, tree: Sequence[Leaf], *, trusted: bool = False) -> tuple[float, Vector]:
    """Bound a program by leaves, and with each switch on; minus infinity where the leaves do not cover all settings."""
    if not trusted and not covered(program, tree):
        return -math.inf, np.full(len(program.switched), -math.inf)
    values, on = proven(program, tree)
    return float(values.min()), on


@dataclass(frozen=True, slots=True, eq=False)
class Fixing:
    """Switches that are off in every solution that could improve the incumbent.

    Attributes:
        dual_prices: The prices that prove this.
        off: Indices of the switches in the whole program.
    """

    dual_prices: DualPrices
    off: Indices


@dataclass(frozen=True, slots=True, eq=False)
class Decomposed(Leaf):
    """A node bounded by prices, or by fixed switches and a tree over the remaining switches.

    The bounds use the switches that are off in the leaf's states, and the switches that rows on switches alone rule out
    beside those that are on.

    Attributes:
        dual_prices: Prices whose bounds hold for the whole node.
        fixings: Switches fixed off, with the prices that prove each fixing.
        tree: Leaves over the remaining switches, in order; their multipliers are those of all rows.
    """

    dual_prices: tuple[DualPrices, ...] = ()
    fixings: tuple[Fixing, ...] = ()
    tree: tuple[Leaf, ...] = ()

    @classmethod
    def bounds_of(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Compute the better of both bounds, for each leaf."""
        values, on = nothing_proven(program, len(leaves))
        split = Split(program)
        for i, leaf in enumerate(leaves):
            values[i] = on[i] = leaf.best(split)
        return values, on

    def best(self, split: Split) -> float:
        """Compute the better of both bounds."""
        off = split.banned(self.states)
        values = [self._holds(pricing).bound(split).value for pricing in self.dual_prices]
        if self.tree:
            values.append(min(self._fixed(split), self.rest(split.program, off)))
        return max(values, default=-math.inf)

    def _holds(self, dual_prices: DualPrices) -> DualPrices:
        """Return *dual_prices* if they cover this node; otherwise drop their trees, since they prove no bound here."""
        if dual_prices.states is None or ((dual_prices.states == FREE) | (dual_prices.states == self.states)).all():
            return dual_prices
        return replace(dual_prices, trees=tuple(() for _ in dual_prices.trees))

    def _fixed(self, split: Split) -> float:
        fixings = [(self._holds(fixing.dual_prices), fixing.off) for fixing in self.fixings if len(fixing.off)]
        return min((float(pricing.bound(split).on[off].min()) for pricing, off in fixings), default=math.inf)

    def rest(self, program: Program, off: Flags) -> float:
        """Recompute the bound that the tree proves for the whole program with the switches in *off* fixed off."""
        off = off.copy()
        for fixing in self.fixings:
            off[fixing.off] = True
        rest = columns(program, kept_by(program, off))
        if not covered(rest, self.tree, (self.states == ON)[~off]):
            return -math.inf
        return float(proven(rest, self.tree)[0].min())


@dataclass(frozen=True, slots=True, eq=False)
class Apart(Leaf):
    """A program bounded twice: for points without a group that has two switches on, and for points with such a group.

    Attributes:
        groups: The groups.
        alone: Leaves of the program without sharing, which cover the switches of that program.
        shared: Decomposed leaves that bound the points with sharing; their parts cover the whole space.
    """

    groups: tuple[Indices, ...] = ()
    alone: Sequence[Leaf] = ()
    shared: Sequence[Leaf] = ()

    @classmethod
    def bounds_of(cls, program: Program, leaves: Sequence[Self]) -> tuple[Vector, Matrix]:
        """Compute the lesser of both bounds, for each leaf."""
        values, on = nothing_proven(program, len(leaves))
        for i, leaf in enumerate(leaves):
            values[i] = on[i] = leaf.least(program)
        return values, on

    def least(self, program: Program) -> float:
        """Compute the lesser of both bounds."""
        if not covered(program, self.shared):
            return -math.inf
        split = Split(program, self.groups)
        alone, _ = tree_bounds(unshared(program, self.groups), self.alone)
        return min(alone, *(leaf.best(split) if isinstance(leaf, Decomposed) else -math.inf for leaf in self.shared))
