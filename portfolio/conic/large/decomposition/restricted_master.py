"""The restricted master program over the blocks' columns: its multipliers are the next prices.

Dantzig-Wolfe decomposition (Dantzig & Wolfe 1960) with a cone among the joint rows: convex combinations of each block's
points ("columns"), and the joint variables, keep the joint rows. The program can buy out each of these rows at a price,
the row's elastic, so that the program is always feasible and multipliers stay bounded. An inequality becomes active
only once some combination violates that row.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import FREE, ON
from portfolio.conic.limits import never
from portfolio.conic.program import JOINT, Program
from portfolio.conic.proof import FEASIBLE
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.conic.small_cones import small_cones

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States
    from portfolio.conic.large.decomposition.split import Block, Flags, Indices, Split

# A share of the mix below this is noise of the solver.
SHARE = 1e-3

# A column that no mix has used for this many rounds is idle, until a block finds the column again.
_IDLE = 10

# First price at which a row can be bought out. Start low: prices far above the optimal prices make pods keep columns
# that are in no good solution.
_ELASTIC = 0.3

# Rows that a mix still buys out at this price contradict each other.
_HOPELESS = 1e3

# Greatest amount of a row that can be bought out; rows are of order one.
_MOST = 100.0

# Greatest number of passes; each pass solves a small program and activates the rows that its combination violates.
_PASSES = 12


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """A feasible point of one block.

    Attributes:
        block: The block's index.
        x: The variables of the point.
        states: The switches of the point.
        cost: The cost at the program's own costs.
        activity: The point's contribution to the joint rows.
    """

    block: int
    x: Vector
    states: States
    cost: float
    activity: Vector


@dataclass(frozen=True, slots=True, eq=False)
class Mix:
    """The best combination of columns.

    Attributes:
        y: Multipliers of all rows of the whole program; zero for all rows but joint rows.
        value: The cost, including the cost of rows bought out.
        rows: Amount bought out of each joint row.
        shares: Share of each column.
    """

    y: Vector
    value: float
    rows: Vector
    shares: Vector

    @property
    def bought(self) -> float:
        """Greatest amount bought out of any row."""
        return float(self.rows.max(initial=0.0))


class RestrictedMaster:
    """Columns, and the program over their combinations."""

    def __init__(self, split: Split, stop: Callable[[], bool] = never) -> None:
        self.split, self.stop = split, stop
        program, rows, own = split.program, split.joint_rows, split.joint_variables
        self.columns: list[Column] = []
        self._known: dict[bytes, int] = {}
        self._idle_for: list[int] = []
        self._own = program.A[np.ix_(rows, own)]
        self._b = program.b[rows]
        e, m = program.equalities, program.inequalities
        self._equal = np.flatnonzero(rows < e)
        self._at_most = (rows >= e) & (rows < e + m)
        place = {int(row): i for i, row in enumerate(rows)}
        self._cones = [
            slice(place[c.start], place[c.start] + c.stop - c.start) for c in program.cone_rows if c.start in place
        ]
        self.elastic = np.full(len(rows), _ELASTIC)
        self.active = np.zeros(len(rows), dtype=bool)
        # The joint variables at their values without any row, and the rows that force them up.
        self._idle = np.where(program.q[own] >= 0, program.lower[own], program.upper[own])
        self._lifts = np.nonzero((self._own < 0) & self._at_most[:, None])

    def add(self, place: int, x: Vector, states: States) -> bool:
        """Add a point of a block as a column; return False if the column is already known and active."""
        key = bytes([place]) + states.tobytes() + np.round(x, 6).tobytes()
        if key in self._known:
            return self._reactivate(self._known[key])
        self._known[key] = len(self.columns)
        self._idle_for.append(0)
        block = self.split.blocks[place]
        self.columns.append(
            Column(place, x, states, block.program.value(x, states == ON), self._activity(block, x, states))
        )
        return True

    def _activity(self, block: Block, x: Vector, states: States) -> Vector:
        """Compute a point's contribution to the joint rows from its few nonzero entries."""
        program, rows, support = self.split.program, self.split.joint_rows, np.flatnonzero(x)
        activity = program.A[:, block.variables[support]][rows] @ x[support]
        return np.asarray(activity + program.H[:, block.switches[states == ON]][rows].sum(axis=1))

    def solve(self, *, costs: bool = True, states: States | None = None) -> Mix | None:
        """Find the best combination; None if the solver is in trouble, or has to stop.

        Args:
            costs: Whether columns have costs. Without costs, the program minimises the amount bought out.
            states: A part: columns outside the part are excluded.
        """
        available = np.arange(len(self.columns))
        if states is not None and (states != FREE).any():
            off, on = self.split.banned(states), states == ON
            own = [(off[block.switches], on[block.switches]) for block in self.split.blocks]
            available = np.flatnonzero(
                [not np.where(c.states == ON, own[c.block][0], own[c.block][1]).any() for c in self.columns]
            )
        if costs:
            available = available[np.array(self._idle_for)[available] < _IDLE]
        if not len(available):
            return None
        columns = [self.columns[i] for i in available]
        mix = None
        for _ in range(_PASSES):
            mix, broken = self._solve(columns, costs=costs)
            if mix is None or not broken.any():
                break
            self.active |= broken
        if mix is None:
            return None
        shares = np.zeros(len(self.columns))
        shares[available] = mix.shares
        for i, share in zip(available.tolist(), mix.shares.tolist(), strict=True):
            self._idle_for[i] = 0 if share > SHARE else self._idle_for[i] + 1
        return replace(mix, shares=shares)

    def _reactivate(self, column: int) -> bool:
        """Reactivate a column that was dropped for being idle. Return False if the column was still active."""
        slept = self._idle_for[column] >= _IDLE
        self._idle_for[column] = 0
        return slept

    def held(self, mix: Mix) -> Vector:
        """Return the share of each switch that a mix has on, shape (s,)."""
        z = np.zeros(len(self.split.program.switched))
        for column, share in zip(self.columns, mix.shares.tolist(), strict=False):
            if share > SHARE:
                z[self.split.blocks[column.block].switches] += share * (column.states == ON)
        return z

    def raise_elastics(self, mix: Mix) -> bool:
        """Multiply by ten the price of the rows that a mix buys out; return False once the price exceeds the limit."""
        self.elastic[mix.rows > FEASIBLE] *= 10
        return bool(self.elastic.max() <= _HOPELESS)

    def _solve(self, columns: Sequence[Column], *, costs: bool) -> tuple[Mix | None, Flags]:
        split, program = self.split, self.split.program
        C, own = len(columns), split.joint_variables
        activity = np.array([column.activity for column in columns]).T
        rows = np.flatnonzero(self.active)
        named = np.flatnonzero(self._own[self._taking_part()].any(axis=0))
        small, back = self._program(columns, activity, rows, named, costs=costs)
        if self.stop():
            return None, np.zeros(len(self._b), dtype=bool)
        answer = Relaxation(small, self.stop).solve_sharply(np.zeros(0, dtype=np.int8))
        nothing = np.zeros(len(self._b), dtype=bool)
        if answer.outcome is not Outcome.SOLVED:
            return None, nothing
        shares = np.maximum(answer.x[:C], 0.0)
        column_activity = activity @ shares
        joint = self._idle.copy()
        present = np.zeros(len(own), dtype=bool)
        present[named] = True
        needed = (column_activity - self._b)[self._lifts[0]] / -self._own[self._lifts]
        lifted = joint.copy()
        np.maximum.at(lifted, self._lifts[1], needed)
        joint = np.clip(lifted, program.lower[own], program.upper[own])
        joint[named] = answer.x[C : C + len(named)]
        row_slack = self._b - column_activity - self._own @ joint
        broken = self._at_most & ~self.active & (row_slack < -FEASIBLE)
        # Activate the rows that lift a costly joint variable: without a multiplier on such a row, the lift would seem
        # free.
        dear = (joint > self._idle + FEASIBLE) & (program.q[own] > 0) & ~present & costs
        lifting = dear[self._lifts[1]] & (needed > self._idle[self._lifts[1]] + FEASIBLE)
        broken[self._lifts[0][lifting]] = True
        broken &= ~self.active
        y = np.zeros(len(program.b))
        y[split.joint_rows] = back(answer.multipliers)
        slack = answer.x[C + len(named) :]
        E, m = len(self._equal), len(rows)
        elastics = np.zeros(len(self._b))
        elastics[self._equal] = slack[:E] + slack[E : 2 * E]
        elastics[rows] = slack[2 * E : 2 * E + m]
        elastics[[cone.start for cone in self._cones]] = slack[2 * E + m :]
        idle = float(program.q[own] @ np.where(present, 0.0, self._idle))
        return Mix(y, program.offset + idle + small.value(answer.x, np.zeros(0)), elastics, shares), broken

    def _taking_part(self) -> Flags:
        part = self.active.copy()
        part[self._equal] = True
        for cone in self._cones:
            part[cone] = True
        return part

    def _program(
        self, columns: Sequence[Column], activity: Matrix, rows: Indices, named: Indices, *, costs: bool
    ) -> tuple[Program, Callable[[Vector], Vector]]:
        """Build the program over combinations of columns, and a function that maps multipliers to the joint rows."""
        program, own = self.split.program, self.split.joint_variables[named]
        E, m, K = len(self._equal), len(rows), len(self._cones)
        # A block without columns yet is left out.
        blocks, place = np.unique([column.block for column in columns], return_inverse=True)
        P = len(blocks)
        C = activity.shape[1]
        N = C + len(named)
        n = N + 2 * E + m + K
        linear = np.concatenate([self._equal, rows])
        A = np.zeros((E + P + m, n))
        # The rows that sum shares to one stand between the equalities and the inequalities.
        at = np.concatenate([np.arange(E), np.arange(E + P, E + P + m)])
        A[at, :C], A[at, C:N] = activity[linear], self._own[np.ix_(linear, named)]
        A[E + place, np.arange(C)] = 1.0
        # Equalities can be bought out on either side.
        A[at, np.concatenate([np.arange(N, N + E), np.arange(N + 2 * E, n - K)])] = np.repeat([1.0, -1.0], [E, m])
        A[np.arange(E), N + E + np.arange(E)] = -1.0
        cones = small_cones(np.hstack([activity, self._own[:, named]]), self._b, self._cones)
        heads = np.cumsum([0, *cones.sizes])[:K]
        turned = np.zeros((len(cones.b), n))
        turned[:, :N] = cones.A
        turned[heads, np.arange(n - K, n)] = -1.0
        price = np.concatenate(
            [np.tile(self.elastic[self._equal], 2), self.elastic[rows], self.elastic[[c.start for c in self._cones]]]
        )
        cost = np.concatenate([[column.cost for column in columns], program.q[own]])
        small = Program(
            q=np.concatenate([cost, price]) if costs else np.concatenate([np.zeros(len(cost)), np.ones(len(price))]),
            lower=np.concatenate([np.zeros(C), program.lower[own], np.zeros(n - N)]),
            upper=np.concatenate([np.ones(C), program.upper[own], np.full(n - N, _MOST)]),
            A=np.vstack([A, turned]),
            H=np.zeros((len(A) + len(turned), 0)),
            b=np.concatenate([self._b[self._equal], np.ones(P), self._b[rows], cones.b]),
            equalities=E + P,
            inequalities=m,
            cones=cones.sizes,
            switched=np.zeros(0, dtype=np.intp),
            floor=np.zeros(0),
            k=np.zeros(0),
            offset=0.0,
            blocks=np.full(n, JOINT),
        )

        def back(multipliers: Vector) -> Vector:
            y = np.zeros(len(self._b))
            y[self._equal], y[rows] = multipliers[:E], multipliers[E + P : E + P + m]
            cones.lift(multipliers[E + P + m :], y)
            return y

        return small, back
