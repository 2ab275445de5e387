"""Minimise one block for many cost vectors: prepare once, search in compiled code, prove in plain numpy."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, OFF, ON
from portfolio.conic.large.perspective import tree
from portfolio.conic.large.perspective.block_objective import NONE, SECANT, VARIANCE, BlockObjective
from portfolio.conic.large.perspective.expand import explore
from portfolio.conic.large.perspective.leaf import ceiling
from portfolio.conic.large.perspective.leaves import TreeProof
from portfolio.conic.large.perspective.not_a_block import NotABlockError
from portfolio.conic.large.perspective.phases import LINE
from portfolio.conic.large.perspective.pool import grown, new_pool, trimmed
from portfolio.conic.large.perspective.prepared import PreparedBlock
from portfolio.conic.large.perspective.shape import ABSENT
from portfolio.conic.limits import USUAL, never
from portfolio.conic.proof import FEASIBLE, violation
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.conic.solution import LazyLeaves, Solution, status_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.perspective.tree import Pool
    from portfolio.conic.limits import Limits
    from portfolio.conic.program import Program
    from portfolio.conic.relaxation import RelaxationResult

# Work between two calls of *stop*: nodes times the number of switches, and steps times the number of pairs; both take
# milliseconds.
_CHUNK, _EFFORT = 600, 4_000_000
POINTS = 24
# Number of open nodes, least bounds first, that offer their supports to the plain solver at the end.
_AGAIN = 4


class BlockSearch(PreparedBlock):
    """Search of one block; keeps the data that all solves share, and a warm start from the last solve.

    Args:
        program: A block; see ``shape``.
        stop: Called during preparation; true ends the preparation early, with a weaker split of the variance.

    Raises:
        NotABlockError: If the program is not a block.
    """

    def __init__(self, program: Program, stop: Callable[[], bool] = never) -> None:
        super().__init__(program, stop)
        self.warm: tuple[Vector, Vector, np.ndarray[tuple[int], np.dtype[np.int8]]] | None = None
        self.supports: list[States] = []
        self.steps = 0

    def minimise(
        self,
        q: Vector | None = None,
        k: Vector | None = None,
        offset: float | None = None,
        *,
        limits: Limits = USUAL,
        slack: float = 0.0,
    ) -> Solution:
        """Minimise the block to a proven relative gap, or as far as *limits* allow.

        Args:
            q: Costs of the variables instead of the program's.
            k: Costs of the switches instead of the program's.
            offset: Constant instead of the program's.
            limits: The gap and the limits; a block needs no start, and reports no progress.
            slack: If not zero, close leaves only where their bound is at least the incumbent plus this amount, so that
                the leaves show every point within the slack of the optimum.

        Raises:
            NotABlockError: If the costs reward risk.
        """
        program = self.program
        changed = replace(
            program,
            q=program.q if q is None else q,
            k=program.k if k is None else k,
            offset=program.offset if offset is None else offset,
        )
        return BlockSolve(self, changed, limits.gap, slack).run(limits.node_limit, limits.stop)


class BlockSolve:
    """One solve of a block: the costs in the search's units, the tree, and the conversion of results."""

    def __init__(self, search: BlockSearch, program: Program, gap: float, slack: float) -> None:
        self.search, self.program, self.gap, self.slack = search, program, gap, slack
        shape, unit = search.shape, search.unit
        j = program.switched
        linear = program.q[j] * shape.total
        risk = float(program.q[shape.risk]) * unit if shape.risk != ABSENT else 0.0
        count = float(program.q[shape.count]) if shape.count != ABSENT else 0.0
        if risk < 0:
            raise NotABlockError("the costs reward risk")
        self.constant = program.offset + count * (shape.least if count >= 0 else shape.most)
        pure = risk > 0 and not linear.any() and not program.k.any() and count == 0 and not search.alpha.any()
        self.mode = VARIANCE if pure else SECANT if risk > 0 or search.alpha.any() else NONE
        # The unit of the objective: its largest cost.
        spread = float(np.ptp(linear))
        self.worth = max(risk, spread, float(abs(program.k).max()), abs(count), 1e-9 * float(abs(linear).max()), 1e-12)
        most = search.block.most.copy()
        if search.paid != ABSENT:
            most[search.paid] = max(count, 0.0) / self.worth
        self.block = search.block._replace(most=most)
        q, k = linear / self.worth, program.k / self.worth
        high = shape.high / unit
        # Upper bound on the cost of every feasible point. The proof's check computes the same bound, so add a small
        # margin.
        self.offset = self.constant
        self.scale = risk if self.mode == VARIANCE else self.worth
        self.seen = 0
        self.relaxation: Relaxation | None = None
        self.answers: dict[bytes, RelaxationResult] = {}
        most_expensive = (ceiling(program) - self.offset) / self.scale
        if self.mode == VARIANCE:
            most_expensive *= max(most_expensive, 0.0)
        limit = most_expensive + 1e-6 * (1 + abs(most_expensive))
        self.goal = BlockObjective(
            q=q,
            k=k,
            risk=1.0 if self.mode == VARIANCE else risk / self.worth,
            mode=self.mode,
            alpha=search.alpha,
            cap=search.cap,
            rhs=search.rhs,
            low=0.0,
            high=high,
            most=shape.most,
            H=program.H[list(shape.alone)],
            limits=program.b[list(shape.alone)],
            ceiling=limit,
        )

    def run(self, node_limit: int, stop: Callable[[], bool]) -> Solution:
        """Search until the tree is closed, the node limit is reached or *stop* returns true."""
        search = self.search
        pool = self.planted()
        n, m = len(self.goal.q), len(self.goal.rhs)
        for support in search.supports:
            if stop():
                break
            pool_u, pool_y, phase = np.full(n, 1 / n), np.zeros(m), np.full(n, LINE, dtype=np.int8)
            tree.offer(self.block, self.goal, pool, support, pool_u, pool_y, phase, 1.0)
        done = False
        while not done and pool.numbers[tree.EXPANDED] < node_limit and not stop():
            budget = min(max(1, _CHUNK // n), node_limit - int(pool.numbers[tree.EXPANDED]))
            pool = grown(pool, budget)
            done = bool(explore(self.block, self.goal, pool, budget, max(20, _EFFORT // n**2)))
            self.solve_supports_plainly(pool)
        if not done:
            self.look_again(pool, stop)
        search.warm = pool.last_u[0].copy(), pool.last_y[0].copy(), pool.phase[0].copy()
        search.steps = int(pool.numbers[tree.STEPS])
        return self.finish(pool)

    def planted(self) -> Pool:
        """Make a tree with only the root node."""
        search, goal = self.search, self.goal
        n, m = len(goal.q), len(goal.rhs)
        pool: Pool = new_pool(n, m, 128, POINTS)
        pool.values[:] = 0.0
        pool.values[tree.BEST] = math.inf
        pool.values[tree.CUT] = goal.ceiling + self.slack / self.scale * (0 if self.mode == VARIANCE else 1)
        pool.values[tree.GAP], pool.values[tree.SLACK] = self.gap, self.slack
        pool.values[tree.OFFSET], pool.values[tree.UNIT] = self.offset, self.scale
        pool.states[0], pool.u[0], pool.y[0] = FREE, 0.0, 0.0
        pool.low[0], pool.high[0], pool.bound[0] = goal.low, goal.high, -math.inf
        if search.warm is None:
            pool.last_u[0], pool.last_y[0], pool.phase[0] = 1 / n, 0.0, LINE
        else:
            pool.last_u[0], pool.last_y[0], pool.phase[0] = search.warm
            pool.last_y[0] = np.minimum(pool.last_y[0], self.block.most)
        tree.push(pool, 0)
        pool.numbers[tree.NODES] = 1
        return pool

    def solve_supports_plainly(self, pool: Pool) -> None:
        """Solve the supports again with the plain solver, for their proof, and for points that the kernels missed."""
        last = int(pool.numbers[tree.LEAVES])
        for k in range(self.seen, last):
            if pool.leaf_kind[k] == tree.SUPPORT_SOLVED:
                support = pool.states[int(pool.leaf_node[k])].copy()
                self.plainly(support)
                if not math.isfinite(pool.leaf_bound[k]):
                    self.offer_plainly(pool, support)
        self.seen = last

    def look_again(self, pool: Pool, stop: Callable[[], bool]) -> None:
        """Offer supports of the open nodes with the least bounds to the plain solver: kernels may miss points."""
        heap = pool.heap[: int(pool.numbers[tree.HEAP])]
        for node in heap[np.argsort(pool.bound[heap], kind="stable")[:_AGAIN]].tolist():
            if stop() or pool.bound[node] >= pool.values[tree.CUT]:
                return
            support = np.where(pool.states[node] == ON, ON, OFF).astype(np.int8)
            self.offer_plainly(pool, support)

    def offer_plainly(self, pool: Pool, support: States) -> None:
        """Solve a support with the plain solver, and keep the point."""
        answer = self.plainly(support)
        if answer.outcome is Outcome.SOLVED and violation(self.program, answer.x, support) <= FEASIBLE:
            u = answer.x[self.program.switched] / self.search.shape.total
            tree.keep(self.goal, pool, support, u, self.inward(self.program.value(answer.x, support == ON)))

    def plainly(self, states: States) -> RelaxationResult:
        """Solve a support with the plain solver, once: nodes on other intervals of the risk use the same answer."""
        key = states.tobytes()
        if key not in self.answers:
            if self.relaxation is None:
                self.relaxation = Relaxation(self.program)
            self.answers[key] = self.relaxation.solve_sharply(states)
        return self.answers[key]

    def inward(self, value: float) -> float:
        """Convert an objective of the program to one of the search."""
        value = (value - self.offset) / self.scale
        return value * max(value, 0.0) if self.mode == VARIANCE else value

    def finish(self, pool: Pool) -> Solution:
        """Return the solution; the leaves are made at first access."""
        points = self.points(pool)
        self.search.supports = [states for _, states in points[:POINTS]]
        x, states = points[0] if points else (None, None)
        value = self.program.value(x, states == ON) if x is not None and states is not None else math.inf
        worth = self.search.unit**2 if self.mode == VARIANCE else self.worth
        proof = TreeProof(
            self.search, self.program, self.goal, trimmed(pool), self.answers, self.offset, self.scale, worth
        )
        bound = min(value, proof.least())
        status = status_of(value, bound, self.gap, stopped=bool(pool.numbers[tree.HEAP]))
        nodes = int(pool.numbers[tree.EXPANDED])
        return Solution(status, x, states, value, bound, nodes, LazyLeaves(proof.leaves), tuple(points))

    def points(self, pool: Pool) -> list[tuple[Vector, States]]:
        """Return the feasible points found, best first."""
        points = []
        for place in range(int(pool.numbers[tree.POINTS])):
            support = pool.supports[place].astype(np.int8)
            x = self.point(pool.points[place], support)
            if violation(self.program, x, support) > FEASIBLE:
                answer = self.plainly(support)
                x = answer.x
                if answer.outcome is not Outcome.SOLVED or violation(self.program, x, support) > FEASIBLE:
                    continue
            points.append((self.program.value(x, support == ON), place, x, support))
        points.sort(key=lambda point: point[:2])
        return [(x, support) for _, _, x, support in points]

    def point(self, u: Vector, support: States) -> Vector:
        """Convert weights to a point of the program."""
        program, shape = self.program, self.search.shape
        x = np.zeros(len(program.q))
        on = program.switched[support == ON]
        x[on] = np.clip(u[support == ON] * shape.total, program.floor[support == ON], program.upper[on])
        if shape.risk != ABSENT:
            x[shape.risk] = float(np.linalg.norm(shape.M @ x[program.switched]))
        if shape.count != ABSENT:
            count = float(shape.h @ (support == ON))
            x[shape.count] = shape.most if program.q[shape.count] < 0 else max(shape.least, count)
        return x
