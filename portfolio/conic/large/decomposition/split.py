"""Split a program into its blocks and the rows that join them.

Plain numpy: the check of a proof uses this module.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF, ON, ROUNDING
from portfolio.conic.program import JOINT, Program

if TYPE_CHECKING:
    import numpy.typing as npt

    from portfolio import Matrix, Vector
    from portfolio.conic.bound import States

    Indices = npt.NDArray[np.intp]
    Flags = npt.NDArray[np.bool_]


# A violation counts only above this share of the row's size.
CLEARLY = 1e-9


@dataclass(frozen=True, slots=True, eq=False)
class Block:
    """One block: its place in the whole program, and its own program.

    Attributes:
        variables: Indices of the block's variables in the whole program.
        switches: Indices of the block's switches.
        rows: Indices of the block's rows.
        program: The block alone, at its own costs and without a constant.
    """

    variables: Indices
    switches: Indices
    rows: Indices
    program: Program


@dataclass(frozen=True, slots=True, eq=False)
class ReducedCosts:
    """Costs of all variables and switches once the joint rows have prices.

    Attributes:
        q: Costs of the variables, shape (n,).
        k: Costs of the switches, shape (s,).
        constant: Contribution of the joint rows' right-hand sides, of the joint variables at their best, and of
            rounding.
        sharing: The share of the constant that is the least cost of two switches of a group being on.
    """

    q: Vector
    k: Vector
    constant: float
    sharing: float = 0.0


def separable(program: Program) -> bool:
    """Return whether decomposition can help: there are several blocks, and every switch belongs to a block."""
    several = len(np.unique(program.blocks[program.blocks != JOINT])) > 1
    return several and not (program.blocks[program.switched] == JOINT).any()


class Split:
    """A program, block by block.

    Attributes:
        program: The whole program.
        groups: Groups of switches, where the split covers only points with two switches of some group on; see
            ``sharing``. Otherwise empty.
        blocks: The blocks.
        joint: Flags of the rows that join the blocks, shape (r,).
        joint_variables: Variables that belong to no block.
    """

    def __init__(self, program: Program, groups: tuple[Indices, ...] = ()) -> None:
        self.program, self.groups = program, groups
        owner = program.blocks[program.switched]
        names = np.unique(program.blocks[program.blocks != JOINT])
        self.joint_variables: Indices = np.flatnonzero(program.blocks == JOINT)
        named = _named(program, owner, names)
        for rows in program.cone_rows:
            named[:, rows] = np.any(named[:, rows], axis=1, keepdims=True)
        # The last line of the table stands for the joint variables.
        alone: Flags = named[:-1].sum(axis=0) == np.where(named[-1], -1, 1)
        self.joint = ~alone
        self.blocks = [
            _block(
                program,
                np.flatnonzero(program.blocks == name),
                np.flatnonzero(owner == name),
                np.flatnonzero(mine & alone),
            )
            for name, mine in zip(names, named[:-1], strict=True)
        ]

    @cached_property
    def joint_rows(self) -> Indices:
        """Indices of the joint rows."""
        return np.flatnonzero(self.joint)

    def reduced_costs(self, y: Vector, *, costs: bool = True, ban: Vector | None = None) -> ReducedCosts:
        """Put prices on the joint rows; prices on other rows are ignored.

        Args:
            y: Valid multipliers of the rows, shape (r,).
            costs: Whether the objective counts; see ``bound.lagrangian_bound``.
            ban: Charge per switch that is off in the node; no point of the node pays this charge.
        """
        program, rows, own = self.program, self.joint_rows, self.joint_variables
        active = rows[y[rows] != 0]
        price = y[active]
        q, k = price @ program.A[active], price @ program.H[active]
        constant, size = -float(price @ program.b[active]), float(abs(price) @ program.size[active])
        if costs:
            q, k = q + program.q, k + program.k
            constant += program.offset
            size += abs(program.offset)
        if ban is not None:
            k = k + ban
        ends = np.minimum(q[own] * program.lower[own], q[own] * program.upper[own])
        size += float(abs(ends).sum())
        extra = self._sharing(q, ban) if self.groups else 0.0
        return ReducedCosts(q, k, constant + float(ends.sum()) - ROUNDING * size + extra * (1 - ROUNDING), extra)

    def _sharing(self, q: Vector, ban: Vector | None) -> float:
        """Return the least cost of two switches of some group being on; infinite where that is impossible."""
        group, variables, low = self._lifts
        lower, upper = self.program.lower[variables], self.program.upper[variables]
        q = q[variables]
        dearer = np.minimum(q * low, q * upper) - np.minimum(q * lower, q * upper)
        costs = np.bincount(group, dearer, minlength=len(self.groups))
        if ban is not None:
            costs[[int((ban[members] <= 0).sum()) < 2 for members in self.groups]] = np.inf  # noqa: PLR2004
        return float(costs.min())

    @cached_property
    def _lifts(self) -> tuple[Indices, Indices, Vector]:
        """Find the joint variables that two switches of a group lift: group, variable, and lifted lower bound."""
        program, lifts = self.program, dict[tuple[int, int], float]()
        labels = np.full(len(program.switched), -1)
        for number, members in enumerate(self.groups):
            labels[members] = number
        own = program.blocks == JOINT
        rows = self.joint_rows[(np.count_nonzero(program.H[self.joint_rows], axis=1) > 1)]
        for r in rows.tolist():
            a, members = program.A[r], np.flatnonzero(program.H[r])
            group = int(labels[members[0]])
            if group < 0 or not np.isin(self.groups[group], members).all():
                continue
            least = np.minimum(a * program.lower, a * program.upper)
            excess = float(np.sort(program.H[r, self.groups[group]])[:2].sum()) - program.b[r] + float(least.sum())
            for v in np.flatnonzero((a < 0) & own).tolist():
                low = min((excess - least[v]) / -a[v], float(program.upper[v]))
                if low > max(float(program.lower[v]), lifts.get((group, v), -np.inf)):
                    lifts[group, v] = low
        where = np.array(list(lifts), dtype=np.intp).reshape(-1, 2)
        return where[:, 0], where[:, 1], np.array(list(lifts.values()))

    def banned(self, states: States) -> Flags:
        """Find the switches that are off in a node: set off, or ruled out by rows on pairs."""
        program, on = self.program, states == ON
        off: Flags = states == OFF
        if on.any():
            # Remaining right-hand side of each counting row with these switches on; coefficients are nonnegative.
            H = self._counts
            slack = program.b[self.counting] - H @ on + CLEARLY * program.size[self.counting]
            off |= (slack[:, None] < H).any(axis=0) & ~on
        return off

    @cached_property
    def counting(self) -> Indices:
        """Indices of the joint inequalities on switches alone."""
        program, e = self.program, self.program.equalities
        joint = self.joint_rows
        joint = joint[(joint >= e) & (joint < e + program.inequalities)]
        return joint[program.H[joint].any(axis=1) & ~program.A[joint].any(axis=1)]

    @cached_property
    def _counts(self) -> Matrix:
        """Coefficients of these rows."""
        return self.program.H[self.counting]

    def block_at(self, block: Block, reduced: ReducedCosts, states: States | None = None) -> Program:
        """Make a block's program at the *reduced* costs, within a node."""
        own = block.program if states is None else with_floors(block.program, states[block.switches] == ON)
        return replace(own, q=reduced.q[block.variables], k=reduced.k[block.switches])


def with_floors(program: Program, on: Flags) -> Program:
    """Add rows that hold each switched-on variable at its floor: last of the inequalities, each ``-u <= -floor``."""
    if not on.any():
        return program
    at = program.equalities + program.inequalities
    rows = np.zeros((int(on.sum()), len(program.q)))
    rows[np.arange(len(rows)), program.switched[on]] = -1.0
    return replace(
        program,
        A=np.insert(program.A, at, rows, axis=0),
        H=np.insert(program.H, at, np.zeros((len(rows), len(on))), axis=0),
        b=np.insert(program.b, at, -program.floor[on]),
        inequalities=program.inequalities + len(rows),
    )


def _named(program: Program, owner: Indices, names: Indices) -> Flags:
    """Return which rows name variables or switches of each block, and, in the last line, joint variables."""
    named = np.zeros((len(names) + 1, len(program.b)), dtype=bool)
    for table, blocks in ((program.A, program.blocks), (program.H, owner)):
        rows, columns = np.nonzero(table != 0)
        line = np.where(blocks == JOINT, len(names), np.searchsorted(names, blocks))
        named[line[columns], rows] = True
    return named


def _block(program: Program, variables: Indices, switches: Indices, rows: Indices) -> Block:
    e, m = program.equalities, program.inequalities
    place = np.full(len(program.q), -1)
    place[variables] = np.arange(len(variables))
    mine = set(rows.tolist())
    return Block(
        variables,
        switches,
        rows,
        Program(
            q=program.q[variables],
            lower=program.lower[variables],
            upper=program.upper[variables],
            A=program.A[rows][:, variables],
            H=program.H[rows][:, switches],
            b=program.b[rows],
            equalities=int((rows < e).sum()),
            inequalities=int(((rows >= e) & (rows < e + m)).sum()),
            cones=tuple(cone.stop - cone.start for cone in program.cone_rows if cone.start in mine),
            switched=place[program.switched[switches]],
            floor=program.floor[switches],
            k=program.k[switches],
            offset=0.0,
            blocks=program.blocks[variables],
        ),
    )
