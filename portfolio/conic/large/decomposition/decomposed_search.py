"""Minimise a program block by block: price, find incumbents, fix, finish.

Prices bound the whole program. Good portfolios use the supports of the columns, and a tree over these few switches
finds the best of them. The prices prove some switches too expensive: these are fixed off. The plain tree over the
remaining switches closes the gap that prices leave.

Deterministic: the result depends on time only through *stop*.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, replace
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic import search
from portfolio.conic.bound import FREE, ON
from portfolio.conic.large.decomposition.branch_node import BranchNode, undecided
from portfolio.conic.large.decomposition.pricing import FIRST_NODES, MOST_NODES, Pricer
from portfolio.conic.large.decomposition.proof_by_prices import Apart, Fixing
from portfolio.conic.large.decomposition.sharing import groups_of, unshared
from portfolio.conic.large.decomposition.split import Split, separable
from portfolio.conic.limits import USUAL, Limits
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.restriction import Restriction, kept_by
from portfolio.conic.solution import Solution, claimed, scale_of, status_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.restricted_master import Mix
    from portfolio.conic.large.decomposition.split import Flags
    from portfolio.conic.program import Program

# Greatest number of pricing rounds; 5 to 10 are usual.
_ROUNDS = 60

# Tolerance of the blocks, and of the prices, as shares of the requested gap.
_BLOCKS_SHARE, _PRICES_SHARE = 0.02, 0.1

# Number of rounds after which an unchanged mix, with rows bought out, counts as final.
_STALLS = 2

# Node limits of a tree that only looks for an incumbent: during pricing, and once the prices are found.
_GLANCE, _LOOK = 3, 60

# Greatest slack for the blocks when fixing, as a share of the whole objective.
_SLACK = 0.01

# Node limit of each block when fixing.
_FIX_NODES = 500

# The plain tree tries nodes with at most this many undecided switches, for this many nodes, before a split.
_SMALL, _TRY = 32, 60

# Slack of the blocks in the first bound on sharing, as a share of the cost of sharing: this bound need not be tight.
_ENOUGH = 0.5

# Claim the bound lower by this share.
_HAIR = 1e-11


def minimise(program: Program, limits: Limits = USUAL) -> Solution:
    """Minimise *program* to a proven relative gap, as ``search.minimise`` does."""
    if not separable(program):
        return search.minimise(program, limits)
    split = Split(program)
    groups = groups_of(program)
    if groups and (apart := Split(program, groups)).reduced_costs(np.zeros(len(program.b))).sharing > 0:
        return _apart(apart, limits)
    decomposition = _Decomposition(split, limits)
    return decomposition.run(decomposition.root())


def _apart(split: Split, limits: Limits) -> Solution:
    """Minimise without sharing first; then prove that sharing gives no better point, or find a better point."""
    sharing = _Decomposition(split, limits)
    root = sharing.root()
    slack = -_ENOUGH * split.reduced_costs(root.y).sharing / len(split.blocks)
    pricing_round = sharing.pricer.price(root.y, slack=slack, states=root.states, node_limit=FIRST_NODES)
    if pricing_round is not None:
        root.keep(pricing_round)
    alone = minimise(
        unshared(split.program, split.groups),
        replace(limits, on_progress=lambda value, bound: sharing.report(value, min(bound, root.bound))),
    )
    sharing.outside = alone.bound
    if alone.states is not None:
        sharing.search_among(alone.states == ON, 0, start=alone.states, regardless=True)
    sharing.pricer.nodes += alone.nodes
    rest = sharing.run(root)
    bound = min(alone.bound, rest.bound)
    leaf = Apart(root.states, None, groups=split.groups, alone=alone.leaves, shared=rest.leaves)
    status = status_of(rest.value, bound, limits.gap, stopped=True)
    return replace(rest, bound=bound, status=status, leaves=(leaf,))


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    x: Vector
    states: States
    value: float


class _Decomposition:
    def __init__(self, split: Split, limits: Limits) -> None:
        self.limits, self.stop, self.gap = limits, limits.stop, limits.gap
        self.reported_value = math.inf
        self.bound = -math.inf  # global bound, as last reported
        # Bounds on the points not searched here, and on all nodes but the current node.
        self.outside = self.rest = math.inf
        self.split, self.program = split, split.program
        self.pricer = Pricer(split, limits.stop)
        self.incumbent: _Point | None = None
        self.tried: set[bytes] = set()
        if limits.start is not None:
            self.search_among(limits.start == ON, _GLANCE, regardless=True)

    @property
    def value(self) -> float:
        return self.incumbent.value if self.incumbent else math.inf

    @property
    def cut(self) -> float:
        """Bound at which a node is closed: no point in the node can improve the incumbent enough."""
        return self.value - self.gap * scale_of(self.value) * 0.999 if self.incumbent else math.inf

    def closed(self, node: BranchNode) -> bool:
        return node.bound >= self.cut

    def tolerance(self, node: BranchNode) -> float:
        """Requested gap, in the objective's unit."""
        return self.gap * scale_of(self.value if self.incumbent else node.bound if node.best else 0.0)

    def root(self) -> BranchNode:
        """Make the node that contains the whole search space."""
        free = np.full(len(self.program.switched), FREE, dtype=np.int8)
        return BranchNode(free, np.zeros(len(free), dtype=bool), np.zeros(len(self.program.b)))

    def run(self, root: BranchNode) -> Solution:
        """Search node by node, the node with the least bound first."""
        heap, closed, order = [(root.bound, 0, root)], [], count(1)
        self.rest = self.outside
        while heap:
            bound, _, node = heapq.heappop(heap)
            if bound >= self.cut or (bound > -math.inf and self.over()):
                closed.append(node)
                continue
            self.rest = min([self.outside, *(b for b, *_ in heap[:1]), *(other.bound for other in closed)])
            children = self.explore(node)
            if not children:
                closed.append(node)
            for child in children:
                heapq.heappush(heap, (child.bound, next(order), child))
        return self.finish(closed)

    def over(self) -> bool:
        return self.pricer.nodes >= self.limits.node_limit or self.stop()

    def explore(self, node: BranchNode) -> list[BranchNode]:
        """Bound a node, and split the node if the gap stays open."""
        mix = self.generate_columns(node)
        if self.closed(node) or self.over():
            return []
        if mix is not None:
            self.search_near_mix(node, mix, _LOOK)
        if self.closed(node) or self.over():
            return []
        switch = undecided(self.split, node, self.pricer.master.held(mix)) if mix is not None else None
        few = len(node.off) - int(node.off.sum()) <= _SMALL
        if switch is None or few:
            self.fix(node)
            if self.over():
                return []
            self.finish_by_tree(node, self.limits.node_limit if switch is None else _TRY)
        if self.closed(node) or switch is None or mix is None or self.over():
            return []
        return node.split_on(switch, self.split, mix.y)

    # Prices.

    def generate_columns(self, node: BranchNode) -> Mix | None:
        """Find prices by column generation, and look for incumbents near each mix."""
        y, mix, master, nodes, last = node.y, None, self.pricer.master, FIRST_NODES, math.inf
        stalls = 0
        for _ in range(_ROUNDS):
            slack = -_BLOCKS_SHARE * self.tolerance(node)
            pricing_round = self.pricer.price(y, slack=slack, states=node.states, node_limit=nodes)
            if pricing_round is None:
                return mix
            node.keep(pricing_round)
            self.report(self.value, node.bound)
            if self.closed(node) or self.stop():
                return mix
            mix = master.solve(states=node.states)
            if mix is None or self.stop():
                return mix
            self.search_near_mix(node, mix, _GLANCE)
            enough = _PRICES_SHARE * self.tolerance(node)
            converged = mix.value + pricing_round.sharing - node.bound <= enough or not pricing_round.fresh
            # Columns that do not improve the mix cannot improve the bound by more than the blocks' error.
            converged |= mix.bought <= FEASIBLE and last - mix.value <= 0.1 * enough and pricing_round.lost > enough
            stalled, last = last - mix.value <= 0.1 * enough, mix.value
            stalls = stalls + 1 if stalled else 0
            if self.closed(node):
                return mix
            if converged and pricing_round.lost > enough and nodes < MOST_NODES:
                nodes *= 8
                continue
            # An unchanged mix that buys out rows also ends the rounds, unless the rows can be kept at a higher price.
            converged |= stalls == _STALLS and mix.bought > FEASIBLE
            if converged and not self.raise_elastics_if_feasible(node, mix):
                return mix
            y = mix.y
            if stalled and node.best is not None and node.best.dual_prices.costs:
                # Many prices fit an unchanged mix: prices near the best so far are better than arbitrary prices
                # (Wentges 1997).
                y = 0.5 * (y + node.best.dual_prices.y)
        return mix

    def raise_elastics_if_feasible(self, node: BranchNode, mix: Mix) -> bool:
        """Raise the elastics if rows are bought out although they can be kept; return whether the rounds go on."""
        return mix.bought > FEASIBLE and self.has_feasible_mix(node) and self.pricer.master.raise_elastics(mix)

    def has_feasible_mix(self, node: BranchNode) -> bool:
        """Find a mix that keeps all joint rows, or prices that prove that no such mix exists."""
        for _ in range(_ROUNDS):
            mix = self.pricer.master.solve(costs=False, states=node.states)
            if mix is None or mix.bought <= FEASIBLE:
                return mix is not None
            pricing_round = self.pricer.price(mix.y, slack=0.0, costs=False, states=node.states)
            if pricing_round is None:
                return False
            node.keep(pricing_round)
            if self.closed(node) or not pricing_round.fresh or self.stop():
                return False
        return False

    # Incumbents.

    def search_near_mix(self, node: BranchNode, mix: Mix, nodes: int) -> None:
        """Look for an incumbent among the switches that the columns of a mix have on."""
        self.search_among((self.pricer.master.held(mix) > 0) & ~node.fixed, nodes)

    def search_among(
        self, support: Flags, nodes: int, *, start: States | None = None, regardless: bool = False
    ) -> None:
        """Look for an incumbent among the switches in *support*; *regardless*: search one node even out of time."""
        key = support.tobytes() + nodes.to_bytes(4, "big")
        if key in self.tried:
            return
        self.tried.add(key)
        restriction = Restriction(self.program, kept_by(self.program, ~support))
        if self.stop() and not regardless:
            return
        solution = search.minimise(
            restriction.program,
            Limits(
                gap=self.gap / 2,
                node_limit=nodes,
                stop=self.stop,
                start=None if start is None else start[restriction.kept.switches],
                on_progress=lambda value, _: self.report(value),
            ),
            cutoff=self.cut,
        )
        self.pricer.nodes += solution.nodes
        self.accept(restriction, solution)

    def report(self, value: float, bound: float = -math.inf) -> None:
        """Report progress to the caller.

        Args:
            value: The cost of a point. Points of a restricted program count, since they are points of the whole
                program.
            bound: The bound on the current node.
        """
        self.reported_value, self.bound = min(self.reported_value, value), max(self.bound, min(bound, self.rest))
        self.limits.on_progress(self.reported_value, self.bound)

    def accept(self, restriction: Restriction, solution: Solution) -> None:
        """Keep the point of a restricted search if the point is better than the incumbent and keeps all rows."""
        if solution.x is None or solution.states is None or solution.value >= self.value:
            return
        x, states = restriction.point(solution.x), restriction.states(solution.states)
        if violation(self.program, x, states) <= FEASIBLE:
            self.incumbent = _Point(x, states, self.program.value(x, states == ON))

    # Fixing.

    def fix(self, node: BranchNode) -> None:
        """Fix off, permanently, the switches that the best prices prove too expensive."""
        if node.best is None or not self.incumbent or not node.best.dual_prices.costs:
            return
        slack = min(max(self.cut - node.bound, 0.0) * 1.01, _SLACK * scale_of(self.value))
        pricing_round = self.pricer.price(
            node.best.dual_prices.y, slack=slack, states=node.states, node_limit=_FIX_NODES
        )
        if pricing_round is None or self.stop():
            return
        on = pricing_round.dual_prices.bound(self.split, trusted=True).on
        dear = np.flatnonzero((on >= self.cut) & ~node.fixed)
        node.fixed[dear] = True
        node.fixed_bound = min(node.fixed_bound, float(on[dear].min(initial=math.inf)))
        node.fixings += (Fixing(pricing_round.dual_prices, dear),)

    # Finish.

    def finish_by_tree(self, node: BranchNode, node_limit: int) -> None:
        """Search the rest of a node with the plain tree, up to *node_limit* nodes."""
        restriction = Restriction(self.program, kept_by(self.program, node.fixed))
        if self.stop():
            return
        solution = search.minimise(
            restriction.program,
            Limits(
                gap=self.gap,
                node_limit=max(min(node_limit, self.limits.node_limit - self.pricer.nodes), 1),
                stop=self.stop,
                on_progress=lambda value, bound: self.report(value, max(node.dual_bound, min(bound, node.fixed_bound))),
            ),
            cutoff=self.cut,
            root=np.where(node.states == ON, ON, FREE).astype(np.int8)[restriction.kept.switches],
        )
        self.pricer.nodes += solution.nodes
        self.accept(restriction, solution)
        if min(solution.bound, node.fixed_bound) <= node.dual_bound:
            return  # the dual prices in the proof already prove this bound
        node.tree = tuple(restriction.lift_leaf(leaf) for leaf in solution.leaves)
        # Lifted to the whole program's rows, multipliers may prove a slightly lower bound: claim that lower bound.
        node.tree_bound = min(solution.bound, node.leaf().rest(self.program, node.off))

    def finish(self, nodes: Sequence[BranchNode]) -> Solution:
        """Return the solution with its proof."""
        bound = min([self.value, *(node.bound for node in nodes)])
        self.rest = self.outside
        self.report(self.value, bound)
        bound = claimed(bound, _HAIR)
        x, states = (self.incumbent.x, self.incumbent.states) if self.incumbent else (None, None)
        points = ((self.incumbent.x, self.incumbent.states),) if self.incumbent else ()
        leaves = tuple(node.leaf() for node in nodes)
        status = status_of(self.value, bound, self.gap, stopped=True)
        return Solution(status, x, states, self.value, bound, self.pricer.nodes, leaves, points)
