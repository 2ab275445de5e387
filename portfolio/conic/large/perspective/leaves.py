"""The proof of a compiled search: the bound at once, the leaves on request.

Most callers need only the bound and the points of a tree, and a stopped search has no time to make tens of thousands of
leaves that may never be read.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF, ON, ROUNDING
from portfolio.conic.large.perspective import tree
from portfolio.conic.large.perspective.block_objective import SECANT, VARIANCE
from portfolio.conic.large.perspective.leaf import PerspectiveLeaf
from portfolio.conic.large.perspective.shape import ABSENT
from portfolio.conic.relaxation import Outcome
from portfolio.conic.solution import proven

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.block_objective import BlockObjective
    from portfolio.conic.large.perspective.prepared import PreparedBlock
    from portfolio.conic.large.perspective.tree import Pool, Table
    from portfolio.conic.program import Program
    from portfolio.conic.relaxation import RelaxationResult
    from portfolio.conic.solution import Leaf

    Indices = npt.NDArray[np.int64]
    Flags = npt.NDArray[np.bool_]

# Deduct this share of the summed terms from a bound: twice the deduction of the proof's check.
_HAIR = 2 * ROUNDING
# Clip bounds at minus this value.
_FAR = 1e30


@dataclass(frozen=True, slots=True, eq=False)
class TreeProof:
    """The proof in the arrays of a finished search.

    Attributes:
        search: The block, and the units of its search.
        program: The minimised program.
        goal: The program's objective in the search's units.
        pool: The tree.
        answers: The plain solver's answers for the supports that the kernels left to that solver.
        offset: The program's objective where the search's objective is zero.
        scale: Value of one unit of the search's objective in the program's objective.
        worth: Value of one unit of the search's multipliers in the program's units.
    """

    search: PreparedBlock
    program: Program
    goal: BlockObjective
    pool: Pool
    answers: Mapping[bytes, RelaxationResult]
    offset: float
    scale: float
    worth: float

    def least(self) -> float:
        """Return the bound that all leaves prove together; each record counts at its claimed bound.

        Does not make the leaves.
        """
        nodes, proofs, bounds = self.records()
        supports = list(self.solved_supports().values())
        least = float(self.own(bounds, proofs).min(initial=math.inf)) if len(nodes) else math.inf
        return min(least, float(proven(self.program, supports)[0].min(initial=math.inf)))

    def own(self, values: Vector, proofs: Indices) -> Vector:
        """Convert bounds of the search to bounds of the program, less the rounding error of sums in another order."""
        search, y = self.search, self.pool.y[proofs]
        cap = y[:, search.cap] if search.cap != ABSENT else np.zeros(len(y))
        terms = abs(y).sum(axis=1) + 4.0 * (1.0 + cap) * (1.0 + search.shift)
        finite = np.clip(values, -_FAR, self.goal.ceiling)
        less = finite - _HAIR * (1.0 + abs(finite) + (2.0 + float(search.block.upper.sum())) * terms)
        if self.goal.mode == VARIANCE:
            less = np.sqrt(np.maximum(less, 0.0))
        own: Vector = np.where(values >= self.goal.ceiling, math.inf, self.offset + self.scale * less)
        own[values == -math.inf] = -math.inf
        return own

    def records(self) -> tuple[Indices, Indices, Vector]:
        """List the fixings, closed nodes and open nodes that records bound: node, record and bound of each."""
        pool = self.pool
        fixes, heap = int(pool.numbers[tree.FIXES]), pool.heap[: int(pool.numbers[tree.HEAP])]
        closed = pool.leaf_node[: int(pool.numbers[tree.LEAVES])][self.closed_by_record()]
        nodes = np.concatenate([closed, heap])
        return (
            np.concatenate([pool.fix_node[:fixes], nodes]),
            np.concatenate([pool.fix_proof[:fixes], pool.proof[nodes]]),
            np.concatenate([pool.fix_bound[:fixes], pool.bound[nodes]]),
        )

    def closed_by_record(self) -> Flags:
        """Return which closed nodes their records bound: nodes that violate no row and have no solved support."""
        pool = self.pool
        last = int(pool.numbers[tree.LEAVES])
        flags: Flags = pool.leaf_kind[:last] != tree.FORBIDDEN
        for k in np.flatnonzero(pool.leaf_kind[:last] == tree.SUPPORT_SOLVED).tolist():
            flags[k] = pool.states[pool.leaf_node[k]].tobytes() not in self.answers
        return flags

    def leaves(self) -> tuple[Leaf, ...]:
        """Make the leaves of the proof."""
        pool = self.pool
        forbidden = pool.leaf_node[: int(pool.numbers[tree.LEAVES])][
            pool.leaf_kind[: int(pool.numbers[tree.LEAVES])] == tree.FORBIDDEN
        ]
        return (
            *self.recorded(),
            *self.solved_supports().values(),
            *(self.forbidden(node, pool.states[node]) for node in forbidden.tolist()),
        )

    def recorded(self) -> Iterator[Leaf]:
        """Make the leaves that records bound."""
        nodes, proofs, bounds = self.records()
        states = self.pool.states[nodes]
        self.fix(states)
        distinct, which = np.unique(proofs, return_inverse=True)
        # Leaves share multipliers and points by identity: the check of a proof computes each only once.
        multipliers, points = list(self.multipliers(distinct)), list(self.pool.u[distinct] * self.search.shape.total)
        thetas = self.thetas(nodes, proofs).tolist()
        for place, (node, record) in enumerate(zip(nodes.tolist(), which.tolist(), strict=True)):
            if bounds[place] == -math.inf:
                yield PerspectiveLeaf(states[place], None)
            elif self.search.shape.risk == ABSENT:
                yield PerspectiveLeaf(states[place], multipliers[record])
            else:
                yield PerspectiveLeaf(
                    states[place],
                    multipliers[record],
                    splitting=self.search.splitting,
                    theta=thetas[place],
                    point=points[record],
                    risks=self.interval(node),
                    variance=self.goal.mode == VARIANCE,
                )

    def fix(self, states: Table) -> None:
        """Set, in place, the switches in *states* for the fixings, which come first.

        The leaf of a fixing has the node's earlier fixings applied, and its own switch in the state that the fixing
        rules out.
        """
        pool, node = self.pool, -1
        fixes = range(int(pool.numbers[tree.FIXES]))
        for fix, i, state in zip(fixes, pool.fix_switch.tolist(), pool.fix_state.tolist(), strict=False):
            if pool.fix_node[fix] != node:
                node, now = pool.fix_node[fix], states[fix].copy()
            states[fix] = now
            states[fix, i] = ON if state == OFF else OFF
            now[i] = state

    def multipliers(self, proofs: Indices) -> Matrix:
        """Convert the search's multipliers to those of the program's rows; each row of the result is one record."""
        program, search, shape = self.program, self.search, self.search.shape
        y = self.pool.y[proofs] * self.worth
        out = np.zeros((len(y), len(program.b)))
        out[:, shape.budget] = y[:, 0] / program.b[shape.budget]
        for place, row in enumerate(search.rows, start=1):
            out[:, row.row] = y[:, place] / row.scale
        kappa = y[:, [r for r in (search.paid, search.capped) if r != ABSENT]].sum(axis=1)
        if shape.count != ABSENT:
            # The row h.z <= count is -count + h.z <= 0 up to its scale.
            scale = -float(program.A[shape.counting, shape.count])
            out[:, shape.counting] = kappa / scale
            if shape.count_cap != ABSENT:
                cap = np.maximum(kappa - float(program.q[shape.count]), 0.0)
                out[:, shape.count_cap] = cap / float(program.A[shape.count_cap, shape.count])
        elif shape.counting != ABSENT:
            out[:, shape.counting] = kappa
        return out

    def thetas(self, nodes: Indices, proofs: Indices) -> Vector:
        """Compute the variance's multiplier for each leaf: see ``block_objective.costs_on``."""
        pool, goal, y = self.pool, self.goal, self.pool.y[proofs]
        theta = np.full(len(nodes), goal.risk if self.goal.mode == VARIANCE else 0.0)
        if self.goal.mode == SECANT:
            theta = (goal.risk + y @ goal.alpha) / (pool.low[nodes] + pool.high[nodes])
        if goal.cap != ABSENT:
            theta += y[:, goal.cap]
        thetas: Vector = theta * self.worth / self.search.unit**2
        return thetas

    def forbidden(self, node: int, states: States) -> Leaf:
        """Prove by the most violated row on switches that the node's switches cannot all be on."""
        program, alone = self.program, self.search.shape.alone
        used = program.H[list(alone)] @ (states == ON) - program.b[list(alone)]
        multipliers = np.zeros(len(program.b))
        multipliers[alone[int(np.argmax(used))]] = 1.0
        return self.on_interval(node, PerspectiveLeaf(states, multipliers, infeasible=True))

    def solved_supports(self) -> dict[int, PerspectiveLeaf]:
        """Bound each node with only one support by the multipliers of the plain solver."""
        pool = self.pool
        last = int(pool.numbers[tree.LEAVES])
        leaves = {}
        for node in pool.leaf_node[:last][pool.leaf_kind[:last] == tree.SUPPORT_SOLVED].tolist():
            states = pool.states[node]
            if (answer := self.answers.get(states.tobytes())) is not None:
                infeasible = answer.outcome is Outcome.INFEASIBLE
                leaves[node] = self.on_interval(node, PerspectiveLeaf(states, answer.multipliers, infeasible))
        return leaves

    def on_interval(self, node: int, leaf: PerspectiveLeaf) -> PerspectiveLeaf:
        """Return *leaf* with the node's interval of the risk."""
        if self.search.shape.risk == ABSENT:
            return leaf
        return replace(leaf, risks=self.interval(node))

    def interval(self, node: int) -> tuple[float, float]:
        """Return the interval of a node's risk in the program's units.

        The greatest end is the program's own number to the last digit.
        """
        low, high, unit = float(self.pool.low[node]), float(self.pool.high[node]), self.search.unit
        return (low * unit, self.search.shape.high if high == self.goal.high else high * unit)
