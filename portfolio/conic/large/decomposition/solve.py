"""The recipe: price, find incumbents, fix, finish.

Prices bound the whole; the columns' supports are where good portfolios are, and a tree over these
few switches finds the best of them; what the prices prove too dear is fixed off; the plain tree
over what is left closes the gap that prices leave.

Deterministic: nothing depends on time but *stop*.
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
from portfolio.conic.large.decomposition.certificate import Apart, Fixing
from portfolio.conic.large.decomposition.master import BROKEN
from portfolio.conic.large.decomposition.part import Part, undecided
from portfolio.conic.large.decomposition.prices import FIRST_NODES, MOST_NODES, Pricer
from portfolio.conic.large.decomposition.restriction import Restriction, kept_by
from portfolio.conic.large.decomposition.sharing import groups_of, unshared
from portfolio.conic.large.decomposition.split import Split
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.solution import Solution, Status, relative_gap, scale_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.master import Mix
    from portfolio.conic.large.decomposition.split import Flags
    from portfolio.conic.program import Program

# Rounds of prices; 5 to 10 are usual.
_ROUNDS = 60

# The blocks are solved to this part of the gap that is asked for, the prices to that one.
_BLOCKS_SHARE, _PRICES_SHARE = 0.02, 0.1

# A mix that has stayed for so many rounds, with rows bought out, will stay.
_STALLS = 2

# Nodes of a tree that only looks for an incumbent: in passing, and once the prices are found.
_GLANCE, _LOOK = 3, 60

# The blocks are not asked for more than this beside their optimum, as a share of the whole's objective.
_SLACK = 0.01

# Nodes of each block when fixing.
_FIX_NODES = 500

# Parts of so few switches are tried by the plain tree, with so many nodes, before they are split.
_FEW, _TRY = 32, 60

# The first look at what sharing could bring need not be close: blocks may lose this part of what sharing costs.
_ENOUGH = 0.5

# What sums in another order may differ by, relative to the bound.
_HAIR = 1e-11


def minimise(  # noqa: PLR0913 - one argument a choice
    program: Program,
    *,
    gap: float = 1e-4,
    node_limit: int = 100_000,
    stop: Callable[[], bool] = lambda: False,
    start: States | None = None,
    watch: Callable[[float, float], None] | None = None,
    split: Split | None = None,
) -> Solution:
    """Minimise *program* to a proven relative *gap*, as ``search.minimise`` does.

    Args:
        program: What to minimise.
        gap: Relative gap at which an incumbent counts as optimal.
        node_limit: Bound on the nodes of the trees.
        stop: Asked before every node; true ends the search with what it has.
        start: A setting of the switches that may be feasible, such as that of a similar program.
        watch: Told, as it gets on, the cost of the best point so far (infinite without one) and the bound.
        split: The program taken apart, if that is known.
    """
    split = split or Split(program)
    if not split.separable:
        return search.minimise(program, gap=gap, node_limit=node_limit, stop=stop, start=start, watch=watch)
    groups = groups_of(program)
    if groups and (apart := Split(program, groups)).priced(np.zeros(len(program.b))).sharing > 0:
        return _apart(apart, gap, node_limit, stop, start, watch)
    decomposition = _Decomposition(split, gap, node_limit, stop, watch)
    if start is not None:
        decomposition.search_among(start == ON, _GLANCE, regardless=True)
    return decomposition.run(decomposition.root())


def _apart(
    split: Split,
    gap: float,
    node_limit: int,
    stop: Callable[[], bool],
    start: States | None,
    watch: Callable[[float, float], None] | None,
) -> Solution:
    """Minimise without sharing first; then show that with sharing nothing is better, or find it."""
    sharing = _Decomposition(split, gap, node_limit, stop, watch)
    if start is not None:
        sharing.search_among(start == ON, _GLANCE, regardless=True)
    root = sharing.root()
    slack = -_ENOUGH * split.priced(root.y).sharing / len(split.blocks)
    priced = sharing.pricer.price(root.y, slack=slack, states=root.states, node_limit=FIRST_NODES)
    if priced is not None:
        root.keep(priced)
    alone = minimise(
        unshared(split.program, split.groups),
        gap=gap,
        node_limit=node_limit,
        stop=stop,
        start=start,
        watch=lambda value, bound: sharing.tell(value, min(bound, root.bound)),
    )
    sharing.outside = alone.bound
    if alone.states is not None:
        sharing.search_among(alone.states == ON, 0, start=alone.states, regardless=True)
    sharing.pricer.nodes += alone.nodes
    rest = sharing.run(root)
    bound = min(alone.bound, rest.bound)
    leaf = Apart(root.states, None, groups=split.groups, alone=alone.leaves, shared=rest.leaves)
    return replace(rest, bound=bound, status=_status(rest.value, bound, gap), leaves=(leaf,))


def _status(value: float, bound: float, gap: float) -> Status:
    """Say what a value and a bound amount to."""
    if math.isinf(bound) and bound > 0:
        return Status.INFEASIBLE
    return Status.OPTIMAL if relative_gap(value, bound) <= gap else Status.STOPPED


@dataclass(frozen=True, slots=True, eq=False)
class _Point:
    x: Vector
    states: States
    value: float


class _Decomposition:
    def __init__(
        self,
        split: Split,
        gap: float,
        node_limit: int,
        stop: Callable[[], bool],
        watch: Callable[[float, float], None] | None,
    ) -> None:
        self.watch, self.told = watch, math.inf
        self.bound = -math.inf  # of everything, as told last
        # Of what is not searched here, and of all but the part in hand.
        self.outside = self.rest = math.inf
        self.split, self.program, self.gap = split, split.program, gap
        self.node_limit, self.stop = node_limit, stop
        self.pricer = Pricer(split, stop)
        self.incumbent: _Point | None = None
        self.tried: set[bytes] = set()

    @property
    def value(self) -> float:
        return self.incumbent.value if self.incumbent else math.inf

    @property
    def cut(self) -> float:
        """The bound at which nothing worth finding is left."""
        return self.value - self.gap * scale_of(self.value) * 0.999 if self.incumbent else math.inf

    def closed(self, part: Part) -> bool:
        return part.bound >= self.cut

    def tolerance(self, part: Part) -> float:
        """The gap that is asked for, in the objective's unit."""
        return self.gap * scale_of(self.value if self.incumbent else part.bound if part.best else 0.0)

    def root(self) -> Part:
        """Make the part that is everything."""
        free = np.full(len(self.program.switched), FREE, dtype=np.int8)
        return Part(free, np.zeros(len(free), dtype=bool), np.zeros(len(self.program.b)))

    def run(self, root: Part) -> Solution:
        """Search part by part, the one with the least bound first."""
        left, done, order = [(root.bound, 0, root)], [], count(1)
        self.rest = self.outside
        while left:
            bound, _, part = heapq.heappop(left)
            if bound >= self.cut or (bound > -math.inf and self.over()):
                done.append(part)
                continue
            self.rest = min([self.outside, *(b for b, *_ in left[:1]), *(other.bound for other in done)])
            children = self.explore(part)
            if not children:
                done.append(part)
            for child in children:
                heapq.heappush(left, (child.bound, next(order), child))
        return self.finish(done)

    def over(self) -> bool:
        return self.pricer.nodes >= self.node_limit or self.stop()

    def explore(self, part: Part) -> list[Part]:
        """Bound a part; split it where that leaves much."""
        mix = self.price(part)
        if self.closed(part) or self.over():
            return []
        if mix is not None:
            self.look(part, mix, _LOOK)
        if self.closed(part) or self.over():
            return []
        switch = undecided(self.split, part, self.pricer.master.held(mix)) if mix is not None else None
        few = len(part.off) - int(part.off.sum()) <= _FEW
        if switch is None or few:
            self.fix(part)
            if self.over():
                return []
            self.finish_by_tree(part, self.node_limit if switch is None else _TRY)
        if self.closed(part) or switch is None or mix is None or self.over():
            return []
        return part.split_on(switch, self.split, mix.y)

    # Price.

    def price(self, part: Part) -> Mix | None:
        """Find prices; on the way, look for incumbents where the mixes are."""
        y, mix, master, nodes, last = part.y, None, self.pricer.master, FIRST_NODES, math.inf
        stalls = 0
        for _ in range(_ROUNDS):
            slack = -_BLOCKS_SHARE * self.tolerance(part)
            priced = self.pricer.price(y, slack=slack, states=part.states, node_limit=nodes)
            if priced is None:
                return mix
            part.keep(priced)
            self.tell(self.value, part.bound)
            if self.closed(part) or self.stop():
                return mix
            mix = master.solve(states=part.states)
            if mix is None or self.stop():
                return mix
            self.look(part, mix, _GLANCE)
            enough = _PRICES_SHARE * self.tolerance(part)
            settled = mix.value + priced.sharing - part.bound <= enough or not priced.fresh
            # Columns that do not make the mix better will not make the bound better by more than the blocks' noise.
            settled |= mix.bought <= BROKEN and last - mix.value <= 0.1 * enough and priced.lost > enough
            stalled, last = last - mix.value <= 0.1 * enough, mix.value
            stalls = stalls + 1 if stalled else 0
            if self.closed(part):
                return mix
            if settled and priced.lost > enough and nodes < MOST_NODES:
                nodes *= 8
                continue
            # What is bought out is what holds a mix that stays: can it be kept?
            settled |= stalls == _STALLS and mix.bought > BROKEN
            if settled and not self.go_on(part, mix):
                return mix
            y = mix.y
            if stalled and part.best is not None and part.best.pricing.costs:
                # Many prices fit a mix that stays: those near the best so far are better than any (Wentges 1997).
                y = 0.5 * (y + part.best.pricing.y)
        return mix

    def go_on(self, part: Part, mix: Mix) -> bool:
        """Say whether settled prices are too low: where rows are bought out, though they can be kept."""
        return mix.bought > BROKEN and self.agree(part) and self.pricer.master.raise_elastics(mix)

    def agree(self, part: Part) -> bool:
        """Find a mix that keeps all joint rows, or prices that prove that there is none."""
        for _ in range(_ROUNDS):
            mix = self.pricer.master.solve(costs=False, states=part.states)
            if mix is None or mix.bought <= BROKEN:
                return mix is not None
            priced = self.pricer.price(mix.y, slack=0.0, costs=False, states=part.states)
            if priced is None:
                return False
            part.keep(priced)
            if self.closed(part) or not priced.fresh or self.stop():
                return False
        return False

    # Incumbents.

    def look(self, part: Part, mix: Mix, nodes: int) -> None:
        """Look for an incumbent among what the columns of a mix hold."""
        self.search_among((self.pricer.master.held(mix) > 0) & ~part.fixed, nodes)

    def search_among(self, held: Flags, nodes: int, *, start: States | None = None, regardless: bool = False) -> None:
        """Look for an incumbent among what is *held*; *regardless* of the time that is left, for one node."""
        key = held.tobytes() + nodes.to_bytes(4, "big")
        if key in self.tried:
            return
        self.tried.add(key)
        restriction = Restriction(self.program, kept_by(self.program, ~held))
        if self.stop() and not regardless:
            return
        found = search.minimise(
            restriction.program,
            gap=self.gap / 2,
            cutoff=self.cut,
            node_limit=nodes,
            stop=self.stop,
            start=None if start is None else start[restriction.kept.switches],
            watch=lambda value, _: self.tell(value),
        )
        self.pricer.nodes += found.nodes
        self.take(restriction, found)

    def tell(self, value: float, bound: float = -math.inf) -> None:
        """Tell whoever watches how far it is.

        Args:
            value: The cost of a point, perhaps of a restricted program: they are the whole's.
            bound: What bounds the part in hand.
        """
        self.told, self.bound = min(self.told, value), max(self.bound, min(bound, self.rest))
        if self.watch is not None:
            self.watch(self.told, self.bound)

    def take(self, restriction: Restriction, found: Solution) -> None:
        """Keep what a restricted search found, if it is better and keeps all rows."""
        if found.x is None or found.states is None or found.value >= self.value:
            return
        x, states = restriction.point(found.x), restriction.states(found.states)
        if violation(self.program, x, states) <= FEASIBLE:
            self.incumbent = _Point(x, states, self.program.value(x, states == ON))

    # Fix.

    def fix(self, part: Part) -> None:
        """Switch off for good what the last prices prove too dear."""
        if part.best is None or not self.incumbent or not part.best.pricing.costs:
            return
        slack = min(max(self.cut - part.bound, 0.0) * 1.01, _SLACK * scale_of(self.value))
        priced = self.pricer.price(part.best.pricing.y, slack=slack, states=part.states, node_limit=_FIX_NODES)
        if priced is None or self.stop():
            return
        on = priced.pricing.bound(self.split, trusted=True).on
        dear = np.flatnonzero((on >= self.cut) & ~part.fixed)
        part.fixed[dear] = True
        part.fixed_bound = min(part.fixed_bound, float(on[dear].min(initial=math.inf)))
        part.fixings += (Fixing(priced.pricing, dear),)

    # Finish.

    def finish_by_tree(self, part: Part, node_limit: int) -> None:
        """Close what is left of a part with the plain tree, or try."""
        restriction = Restriction(self.program, kept_by(self.program, part.fixed))
        if self.stop():
            return
        found = search.minimise(
            restriction.program,
            gap=self.gap,
            cutoff=self.cut,
            node_limit=max(min(node_limit, self.node_limit - self.pricer.nodes), 1),
            stop=self.stop,
            root=np.where(part.states == ON, ON, FREE).astype(np.int8)[restriction.kept.switches],
            watch=lambda value, bound: self.tell(value, max(part.priced, min(bound, part.fixed_bound))),
        )
        self.pricer.nodes += found.nodes
        self.take(restriction, found)
        if min(found.bound, part.fixed_bound) <= part.priced:
            return  # prices prove as much, and are in the proof already
        part.tree = tuple(restriction.lift_leaf(leaf) for leaf in found.leaves)
        # Lifted to the whole program's rows, multipliers may prove a little less: that is what is claimed.
        part.tree_bound = min(found.bound, part.leaf().rest(self.program, part.off))

    def finish(self, parts: Sequence[Part]) -> Solution:
        """Say what is known, with the proof."""
        bound = min([self.value, *(part.bound for part in parts)])
        self.rest = self.outside
        self.tell(self.value, bound)
        bound -= _HAIR * max(1.0, abs(bound)) if math.isfinite(bound) else 0.0
        x, states = (self.incumbent.x, self.incumbent.states) if self.incumbent else (None, None)
        points = ((self.incumbent.x, self.incumbent.states),) if self.incumbent else ()
        leaves = tuple(part.leaf() for part in parts)
        status = _status(self.value, bound, self.gap)
        return Solution(status, x, states, self.value, bound, self.pricer.nodes, leaves, points)
