"""Best-first branch and bound over the switches of a cone program.

Every bound is a Lagrangian bound (``bound``), so the bound holds even where the solver stopped early. Every incumbent
is a full setting of the switches, solved again with high accuracy. The search keeps the leaves of the tree with their
multipliers: the leaves are the proof, and ``proof`` checks them without any solver.

Deterministic: the same program gives the same answer, unless the time limit stops the search.
"""

from __future__ import annotations

import heapq
import math
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON, lagrangian_bound
from portfolio.conic.cuts import Cuts
from portfolio.conic.limits import USUAL
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.relaxation import Outcome, Relaxation, RelaxationResult
from portfolio.conic.solution import Leaf, Solution, Status, claimed, proven, scale_of, status_of
from portfolio.conic.working_set import relaxation_of

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.limits import Limits
    from portfolio.conic.program import Program

# A variable of a relaxation counts as zero below this share of its upper bound. The threshold guides the search and
# never affects a proof.
_NOTHING = 1e-4

# Claim the bound lower by this share: multipliers of 1e4 on rows of 1e2, as trades have, lose some 1e-12 to the order
# of a sum.
_HAIR = 1e-10


@dataclass(order=True, slots=True)
class _Node:
    bound: float
    order: int
    states: States = field(compare=False)
    multipliers: Vector | None = field(compare=False)


# Number of feasible points that a search keeps.
_POINTS = 20


def minimise(
    program: Program,
    limits: Limits = USUAL,
    *,
    slack: float = 0.0,
    cutoff: float = math.inf,
    root: States | None = None,
) -> Solution:
    """Minimise *program* to a proven relative gap, or as far as *limits* allow.

    Args:
        program: The program to minimise.
        limits: The gap, the limits, the start, and the function to call at each node and each new incumbent.
        slack: Close parts only where their bound is this much above the bound that the gap requires, so that the leaves
            show every point within the slack of the optimum; below zero, an absolute gap.
        cutoff: Also close parts whose bound is at least this value: the caller knows a point that is as good. Where the
            search finds no better point, the answer has a bound and no point.
        root: The part to search, instead of the whole space.
    """
    search = _BranchAndBound(program, limits, slack, cutoff)
    if limits.start is not None and not search.cuts.closes(limits.start, search.cut):
        search.try_support(limits.start)
    return search.run(root)


class _BranchAndBound:
    def __init__(self, program: Program, limits: Limits, slack: float, cutoff: float) -> None:
        self.program, self.limits = program, limits
        self.gap, self.slack, self.cutoff = limits.gap, slack, cutoff
        self.value = math.inf
        self.x: Vector | None = None
        self.states: States | None = None
        self.nodes = 0
        self.bound = -math.inf  # as of the last node
        self.closed_bound = math.inf
        self.leaves: list[Leaf] = []
        self.open: list[_Node] = []
        self.order = count(0, -1)  # of equal bounds, the newest part comes first
        self.tried: set[bytes] = set()
        self.points: list[tuple[float, Vector, States]] = []
        self.learned: list[tuple[Vector, bool]] = []

    @cached_property
    def relaxation(self) -> Relaxation:
        """The relaxations of the program."""
        return relaxation_of(self.program)

    @cached_property
    def cuts(self) -> Cuts:
        """The bounds known so far: from each linear row alone, from earlier proofs, and from each relaxation solved."""
        cuts = Cuts(self.program)
        if self.limits.known is not None:
            cuts.extend(self.limits.known.carried_to(self.program))
        return cuts

    @cached_property
    def on_switches(self) -> tuple[Matrix, Vector]:
        """The rows that constrain a support for any variables."""
        return _rows_on_switches(self.program)

    @property
    def cut(self) -> float:
        """Bound at which a part of the tree is closed: the part has no point that improves the incumbent enough."""
        if not math.isfinite(self.value):
            return self.cutoff
        return min(self.cutoff, self.value - self.gap * scale_of(self.value) * 0.999 + self.slack)

    def run(self, root: States | None = None) -> Solution:
        """Search until the tree is closed or a limit is reached."""
        self.begin(np.full(len(self.program.switched), FREE, dtype=np.int8) if root is None else root.copy())
        while self.open and self.open[0].bound < self.cut and not self.over():
            self.expand(self.next())
            self.bound = self.proven()
            self.report()
        return self.finish()

    def begin(self, root: States) -> None:
        """Open the root, unless the cuts close it, with the bound of the variables alone.

        That bound is enough to end a search for any point where one is known.
        """
        nothing = np.zeros(len(self.program.b))
        bound = lagrangian_bound(self.program, root, nothing).value
        if bound >= self.cut or self.propagate(root):
            self.push(root, nothing, bound)

    def over(self) -> bool:
        """Return whether a limit is reached; a tree of one node is searched even if the time is up."""
        if self.value < self.limits.until or self.nodes >= self.limits.node_limit:
            return True
        return self.nodes > 0 and self.limits.stop()

    def finish(self) -> Solution:
        """Turn the open nodes into leaves and return the solution."""
        self.leaves.extend(Leaf(node.states, node.multipliers) for node in self.open)
        bound, leaves = claimed(self.proven(), _HAIR), tuple(self.leaves)
        status = status_of(self.value, bound, self.gap, stopped=bool(self.open))
        if status in (Status.STOPPED, Status.UNDECIDED):
            # The multipliers of numerical trouble are huge: their sums differ by more than a hair from order to order.
            bound = min(bound, float(proven(self.program, leaves)[0].min(initial=math.inf)))
        points = tuple((x, on) for _, x, on in sorted(self.points, key=lambda found: found[0])[:_POINTS])
        if self.limits.known is not None:
            self.limits.known.add(self.program, self.learned)
        return Solution(status, self.x, self.states, self.value, bound, self.nodes, leaves, points)

    def next(self) -> _Node:
        """Take the next node from the heap: the node with the least bound; before the first point, the newest node.

        Setting one switch after another leads to a point; the least bound leads from one undecided part to another.
        """
        if math.isfinite(min(self.value, self.cutoff)):
            return heapq.heappop(self.open)
        newest = min(self.open, key=lambda node: node.order)
        self.open.remove(newest)
        heapq.heapify(self.open)
        return newest

    def proven(self) -> float:
        """Return the global bound: the least of the closed bounds, the open bounds and the best value."""
        return min(self.value, self.closed_bound, self.open[0].bound if self.open else math.inf)

    def report(self) -> None:
        """Report the best value and the bound to the caller."""
        self.limits.on_progress(self.value, self.bound)

    def push(self, states: States, multipliers: Vector | None, bound: float) -> None:
        """Put a part of the tree on the heap."""
        heapq.heappush(self.open, _Node(bound, next(self.order), states, multipliers))

    def close(self, states: States, multipliers: Vector | None, bound: float, *, infeasible: bool = False) -> None:
        """Close a part of the tree for good."""
        self.leaves.append(Leaf(states, multipliers, infeasible))
        if not infeasible:
            self.closed_bound = min(self.closed_bound, bound)

    def expand(self, node: _Node) -> None:
        """Bound a node, look for an incumbent near the node's point, set switches by the cuts, and branch."""
        self.nodes += 1
        if not self.propagate(node.states):
            return
        decided = bool((node.states != FREE).all())
        answer = (self.relaxation.solve_sharply if decided else self.relaxation.solve)(node.states)
        self.learn(answer)
        if answer.outcome is Outcome.INFEASIBLE and self.cuts.closes(node.states, math.inf):
            self.propagate(node.states)
            return
        self.look_for_incumbent(node.states, answer)
        bound, multipliers = self.best_bound(node, answer)
        if decided:
            # All switches are set. Either the bound is the optimum of this setting, an incumbent; or the solver had
            # numerical trouble, and the bound leaves the gap open.
            self.close(node.states, multipliers, bound)
            return
        states = node.states.copy()
        if self.propagate(states):
            self.branch(states, multipliers, bound, answer.x)

    def learn(self, answer: RelaxationResult) -> None:
        """Add the cut of a relaxation's multipliers."""
        costs = answer.outcome is not Outcome.INFEASIBLE
        self.cuts.add(answer.multipliers, costs=costs)
        self.learned.append((answer.multipliers, costs))

    def propagate(self, states: States) -> bool:
        """Set, in place, each switch that a cut restricts to one state; return False if the part is closed."""
        for part in self.cuts.propagate(states, self.cut):
            self.close(part.states, part.multipliers, part.bound, infeasible=math.isinf(part.bound))
            if part.states is states:
                return False
        return True

    def best_bound(self, node: _Node, answer: RelaxationResult) -> tuple[float, Vector | None]:
        """Bound the node by its own multipliers, or by the parent's where the parent's prove more."""
        bound = lagrangian_bound(self.program, node.states, answer.multipliers).value
        bound = bound if math.isfinite(bound) else -math.inf
        if node.multipliers is None or bound >= node.bound:
            return bound, answer.multipliers
        return lagrangian_bound(self.program, node.states, node.multipliers).value, node.multipliers

    def branch(self, states: States, multipliers: Vector | None, bound: float, x: Vector) -> None:
        """Branch on the least decided switch."""
        free = np.flatnonzero(states == FREE)
        if not len(free):
            self.push(states, multipliers, bound)
            return
        i = free[np.argmax(self.undecided(x)[free])]
        for state in (OFF, ON):
            child = states.copy()
            child[i] = state
            self.push(child, multipliers, bound)

    def undecided(self, x: Vector) -> Vector:
        """Score the switches: highest where a relaxation holds a small positive amount.

        A small holding costs a relaxation almost nothing but costs a portfolio a whole position, so both children get
        far better bounds. Where plain variables follow yes-or-no switches, one half is least decided. ``docs/adr/0003``
        and ``0012`` have the node counts of other scores.
        """
        z = x[self.program.switched] / self.program.upper[self.program.switched]
        undecided = (z > _NOTHING) & (z < 1 - _NOTHING)
        score = (1 - z) * np.clip(z, 0, 1) ** (1.0 if self.program.plain.any() else 0.15)
        return np.where(undecided, score * self.program.urgency, 0.0)

    def look_for_incumbent(self, states: States, answer: RelaxationResult) -> None:
        """Round the point to a full setting of the switches and solve that setting."""
        if answer.outcome is not Outcome.SOLVED:
            return
        support = self.round(states, answer.x)
        if support.tobytes() not in self.tried and not self.cuts.closes(support, min(self.value, self.cutoff)):
            self.try_support(support)

    def try_support(self, support: States) -> None:
        """Solve the program with all switches fixed as in *support*, and keep the point if it is the best so far."""
        self.tried.add(support.tobytes())
        exact = self.relaxation.solve_sharply(support)
        self.learn(exact)
        if exact.outcome is Outcome.SOLVED and violation(self.program, exact.x, support) <= FEASIBLE:
            value = self.program.value(exact.x, support == ON)
            self.points.append((value, exact.x, support))
            if value < self.value:
                self.value, self.x, self.states = value, exact.x, support
                self.report()

    def round(self, states: States, x: Vector) -> States:
        """Switch on the variables that the point holds, largest share first, as far as the rows on switches allow."""
        z = x[self.program.switched] / self.program.upper[self.program.switched]
        z = np.where(states == ON, 2.0, np.where(states == OFF, 0.0, z))
        support = np.full(len(z), OFF, dtype=np.int8)
        counts, most = self.on_switches
        held = z > _NOTHING
        if (counts[:, held].sum(axis=1) <= most + 1e-9).all():
            support[held] = ON
            return support
        used = np.zeros(len(most))
        for i in np.argsort(-z, kind="stable"):
            if z[i] <= _NOTHING:
                break
            if (used + counts[:, i] <= most + 1e-9).all():
                support[i] = ON
                used += counts[:, i]
        return support


def _rows_on_switches(program: Program) -> tuple[Matrix, Vector]:
    """Collect the rows that constrain a support for any variables: rows on switches alone, and on counts of switches.

    Returns:
        The rows, shape (rows, switches), and their limits: ``counts @ on <= limits``.
    """
    linear = slice(program.equalities, program.equalities + program.inequalities)
    A, H, b = program.A[linear], program.H[linear], program.b[linear]
    some = H.any(axis=1)
    # In ``switches <= count`` the count replaces the switches in rows on counts alone; of several such rows, take the
    # first.
    counting = np.flatnonzero(some & ((A != 0).sum(axis=1) == 1) & (A == -1).any(axis=1) & (b == 0))
    counts, first = np.unique(A[counting].argmin(axis=1), return_index=True)
    counting = counting[first]
    others = np.ones(A.shape[1], dtype=bool)
    others[counts] = False
    on_counts = ~some & A.any(axis=1) & (A >= 0).all(axis=1) & ~A[:, others].any(axis=1)
    alone = some & ~A.any(axis=1)
    return np.vstack([H[alone], A[on_counts][:, counts] @ H[counting]]), np.concatenate([b[alone], b[on_counts]])
