"""The recipe: price, find incumbents, fix, finish.

Prices bound the whole; the columns' supports are where good portfolios are, and a tree over these
few switches finds the best of them; what the prices prove too dear is fixed off; the plain tree
over what is left closes the gap that prices leave.

Deterministic: nothing depends on time but *stop*.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic import search
from portfolio.conic.bound import ON
from portfolio.conic.decomposition.certificate import Decomposed, Fixing, everything
from portfolio.conic.decomposition.master import BROKEN
from portfolio.conic.decomposition.prices import Pricer
from portfolio.conic.decomposition.restriction import Restriction, kept_by
from portfolio.conic.decomposition.split import Split
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.solution import Leaf, Solution, Status, relative_gap, scale_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.decomposition.master import Mix
    from portfolio.conic.decomposition.prices import Priced
    from portfolio.conic.decomposition.split import Flags
    from portfolio.conic.program import Program

# Rounds of prices; 5 to 10 are usual.
_ROUNDS = 60

# The blocks are solved to this part of the gap that is asked for, the prices to that one.
_BLOCKS_SHARE, _PRICES_SHARE = 0.02, 0.1

# A column with less than this share of the mix is the solver's noise.
_SHARE = 1e-3

# Nodes of a tree that only looks for an incumbent: in passing, and once the prices are found.
_GLANCE, _LOOK = 3, 400

# The blocks are not asked for more than this beside their optimum, as a share of the whole's objective.
_SLACK = 0.01

# What sums in another order may differ by, relative to the bound.
_HAIR = 1e-11


def minimise(
    program: Program,
    *,
    gap: float = 1e-4,
    node_limit: int = 100_000,
    stop: Callable[[], bool] = lambda: False,
    start: States | None = None,
    on_incumbent: Callable[[float], None] | None = None,
) -> Solution:
    """Minimise *program* to a proven relative *gap*, as ``search.minimise`` does.

    Args:
        program: What to minimise.
        gap: Relative gap at which an incumbent counts as optimal.
        node_limit: Bound on the nodes of the trees.
        stop: Asked before every node; true ends the search with what it has.
        start: A setting of the switches that may be feasible, such as that of a similar program.
        on_incumbent: Told the cost of every point that is better than all before.
    """
    split = Split(program)
    if not split.separable:
        return search.minimise(
            program, gap=gap, node_limit=node_limit, stop=stop, start=start, on_incumbent=on_incumbent
        )
    decomposition = _Decomposition(split, gap, node_limit, stop, on_incumbent)
    if start is not None:
        decomposition.search_among(start == ON, _GLANCE)
    return decomposition.run()


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
        on_incumbent: Callable[[float], None] | None,
    ) -> None:
        self.on_incumbent, self.told = on_incumbent, math.inf
        self.split, self.program, self.gap = split, split.program, gap
        self.node_limit, self.stop = node_limit, stop
        self.pricer = Pricer(split, stop)
        self.best: Priced | None = None
        self.incumbent: _Point | None = None
        self.tried: set[bytes] = set()
        self.fixings: list[Fixing] = []
        self.fixed_bound = self.tree_bound = math.inf
        self.off = np.zeros(len(self.program.switched), dtype=bool)

    @property
    def value(self) -> float:
        return self.incumbent.value if self.incumbent else math.inf

    @property
    def bound(self) -> float:
        return self.best.bound if self.best else -math.inf

    @property
    def cut(self) -> float:
        """The bound at which nothing worth finding is left."""
        return self.value - self.gap * scale_of(self.value) * 0.999 if self.incumbent else math.inf

    @property
    def closed(self) -> bool:
        return self.bound >= self.cut

    @property
    def tolerance(self) -> float:
        """The gap that is asked for, in the objective's unit."""
        return self.gap * scale_of(self.value if self.incumbent else self.bound if self.best else 0.0)

    def run(self) -> Solution:
        mix = self.price()
        if not self.closed and not self.stop() and mix is not None:
            self.look(mix, _LOOK)
        if self.closed or self.stop():
            return self.finish(())
        self.fix()
        return self.finish(self.tree())

    # Price.

    def price(self) -> Mix | None:
        """Find prices; on the way, look for incumbents where the mixes are."""
        y, mix = np.zeros(len(self.program.b)), None
        for _ in range(_ROUNDS):
            priced = self.pricer.price(y, slack=-_BLOCKS_SHARE * self.tolerance)
            self.keep(priced)
            if self.closed or self.stop():
                return mix
            mix = self.pricer.master.solve()
            if mix is None:
                return None
            self.look(mix, _GLANCE)
            settled = mix.value - self.bound <= _PRICES_SHARE * self.tolerance or not priced.fresh
            if self.closed or (settled and not self.go_on(mix)):
                return mix
            y = mix.y
        return mix

    def keep(self, priced: Priced) -> None:
        """Keep the prices that prove most."""
        if priced.bound > self.bound or self.best is None:
            self.best = priced

    def go_on(self, mix: Mix) -> bool:
        """Say whether settled prices are too low: where rows are bought out, though they can be kept."""
        return mix.bought > BROKEN and self.agree() and self.pricer.master.raise_elastics()

    def agree(self) -> bool:
        """Find a mix that keeps all joint rows, or prices that prove that there is none."""
        for _ in range(_ROUNDS):
            mix = self.pricer.master.solve(costs=False)
            if mix is None or mix.bought <= BROKEN:
                return mix is not None
            priced = self.pricer.price(mix.y, slack=0.0, costs=False)
            self.keep(priced)
            if self.closed or not priced.fresh or self.stop():
                return False
        return False

    # Incumbents.

    def look(self, mix: Mix, nodes: int) -> None:
        """Look for an incumbent among what the columns of a mix hold."""
        held = np.zeros(len(self.program.switched), dtype=bool)
        for column, share in zip(self.pricer.master.columns, mix.shares.tolist(), strict=False):
            if share > _SHARE:
                held[self.split.blocks[column.block].switches[column.states == ON]] = True
        self.search_among(held & ~self.off, nodes)

    def search_among(self, held: Flags, nodes: int) -> None:
        key = held.tobytes() + nodes.to_bytes(4, "big")
        if key in self.tried:
            return
        self.tried.add(key)
        restriction = Restriction(self.program, kept_by(self.program, ~held))
        found = search.minimise(
            restriction.program,
            gap=self.gap / 2,
            cutoff=self.cut,
            node_limit=nodes,
            stop=self.stop,
            on_incumbent=self.tell,
        )
        self.pricer.nodes += found.nodes
        self.take(restriction, found)

    def tell(self, value: float) -> None:
        """Pass on the cost of a point that is better than all before; a restricted program's costs are the whole's."""
        if value < self.told:
            self.told = value
            if self.on_incumbent is not None:
                self.on_incumbent(value)

    def take(self, restriction: Restriction, found: Solution) -> None:
        """Keep what a restricted search found, if it is better and keeps all rows."""
        if found.x is None or found.states is None or found.value >= self.value:
            return
        x, states = restriction.point(found.x), restriction.states(found.states)
        if violation(self.program, x, states) <= FEASIBLE:
            self.incumbent = _Point(x, states, self.program.value(x, states == ON))

    # Fix.

    def fix(self) -> None:
        """Switch off for good what the last prices prove too dear."""
        if self.best is None or not self.incumbent:
            return
        most = _SLACK * scale_of(self.value)
        priced = self.pricer.price(self.best.pricing.y, slack=min(max(self.cut - self.bound, 0.0) * 1.01, most))
        on = self.pricer.with_each_on(priced.pricing).on
        dear = np.flatnonzero((on >= self.cut) & ~self.off)
        self.off[dear] = True
        self.fixed_bound = min(self.fixed_bound, float(on[dear].min(initial=math.inf)))
        self.fixings.append(Fixing(priced.pricing, dear))

    # Finish.

    def tree(self) -> tuple[Leaf, ...]:
        """Close what is left with the plain tree."""
        restriction = Restriction(self.program, kept_by(self.program, self.off))
        found = search.minimise(
            restriction.program,
            gap=self.gap,
            cutoff=self.cut,
            node_limit=max(self.node_limit - self.pricer.nodes, 1),
            stop=self.stop,
            on_incumbent=self.tell,
        )
        self.pricer.nodes += found.nodes
        self.tree_bound = found.bound
        self.take(restriction, found)
        return tuple(restriction.lift_leaf(leaf) for leaf in found.leaves if isinstance(leaf, Leaf))

    def finish(self, tree: tuple[Leaf, ...]) -> Solution:
        """Say what is known, with the proof."""
        pricings = () if self.best is None else (self.best.pricing,)
        leaf = Decomposed(everything(self.program), None, pricings=pricings, fixings=tuple(self.fixings), tree=tree)
        rest = min(self.fixed_bound, self.tree_bound) if tree else -math.inf
        bound = min(max(self.bound, rest), self.value)
        bound -= _HAIR * max(1.0, abs(bound)) if math.isfinite(bound) else 0.0
        if math.isinf(bound) and bound > 0:
            status = Status.INFEASIBLE
        elif relative_gap(self.value, bound) <= self.gap:
            status = Status.OPTIMAL
        else:
            status = Status.STOPPED
        x, states = (self.incumbent.x, self.incumbent.states) if self.incumbent else (None, None)
        points = ((self.incumbent.x, self.incumbent.states),) if self.incumbent else ()
        return Solution(status, x, states, self.value, bound, self.pricer.nodes, (leaf,), points)
