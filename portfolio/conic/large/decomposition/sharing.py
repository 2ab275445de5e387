"""Split a program in which several blocks may own the same thing into the cases without and with shared ownership.

A *group* is a set of switches, one per block, that some joint row counts together: the owners of one thing. In the
first case at most one switch of each group is on: then joint variables that count the owners follow from the switches,
a floor on the owners together becomes a floor on each owner, and few rows remain that join the blocks. In the second
case two switches of some group are on, which has a cost.

Plain numpy: the check of a proof uses this module. The proofs hold for any groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import ROUNDING
from portfolio.conic.large.decomposition.split import CLEARLY
from portfolio.conic.program import JOINT, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.conic.large.decomposition.split import Flags, Indices


def groups_of(program: Program) -> tuple[Indices, ...]:
    """Find the groups: largest sets first, without common switches."""
    owner = program.blocks[program.switched]
    middle = slice(program.equalities, program.equalities + program.inequalities)
    counts = (program.H[middle] > 0).sum(axis=1)
    lifting = np.any(program.A[middle][:, program.blocks == JOINT] < 0, axis=1)
    groups, grouped = [], np.zeros(len(owner), dtype=bool)
    for row in np.argsort(-counts, kind="stable").tolist():
        members = np.flatnonzero(program.H[middle][row])
        if counts[row] < 2:  # noqa: PLR2004 - sharing needs two owners
            break
        if lifting[row] and not grouped[members].any() and len(np.unique(owner[members])) == len(members):
            groups.append(members)
            grouped[members] = True
    return tuple(groups)


def unshared(program: Program, groups: Sequence[Indices]) -> Program:
    """Restrict a program to points with at most one switch per group on; drop variables and rows then implied."""
    e, m = program.equalities, program.inequalities
    labels = np.arange(len(program.switched)) + len(groups)
    for number, group in enumerate(groups):
        labels[group] = number
    gone, least = _followers(program, labels)
    # A row that a follower helps to keep is dropped; in rows where a follower costs, the switches replace the follower.
    rows = np.flatnonzero((program.A[e : e + m, gone] >= 0).all(axis=1)) + e
    A, H = np.where(gone, 0.0, program.A[rows]), _with_followers(program, rows, least)
    floor = np.maximum(program.floor, _floors(program, labels, A, H, program.b[rows]))
    upper = program.upper[program.switched]
    never, floor = floor > upper * (1 + CLEARLY), np.minimum(floor, upper)
    binding = _most(program, labels, A, H, floor) > program.b[rows] + CLEARLY * program.size[rows]
    rules = np.concatenate([_members(groups, len(labels)), np.eye(len(labels))[never]])
    limits = np.repeat([1.0, 0.0], [len(groups), never.sum()])
    middle = slice(e, e + m)
    return replace(
        program,
        q=program.q[~gone],
        lower=program.lower[~gone],
        upper=program.upper[~gone],
        A=_instead(program.A, middle, A[binding], np.zeros((len(rules), len(gone))))[:, ~gone],
        H=_instead(program.H, middle, H[binding], rules),
        b=_instead(program.b, middle, program.b[rows][binding], limits),
        inequalities=int(binding.sum()) + len(rules),
        switched=(np.cumsum(~gone) - 1)[program.switched],
        floor=floor,
        k=program.k + program.q @ least,
        blocks=program.blocks[~gone],
    )


def _members(groups: Sequence[Indices], count: int) -> Matrix:
    """Make one row per group: a coefficient of one for each switch of the group."""
    rows = np.zeros((len(groups), count))
    for row, group in zip(rows, groups, strict=True):
        row[group] = 1.0
    return rows


def _instead(rows: Matrix, middle: slice, *others: Matrix) -> Matrix:
    """Replace the rows in the middle by other rows."""
    return np.concatenate([rows[: middle.start], *others, rows[middle.stop :]])


def _followers(program: Program, labels: Indices) -> tuple[Flags, Matrix]:
    """Find the joint variables that can be as small as the switches allow, and their least values, shape (n, s)."""
    e, m = program.equalities, program.inequalities
    A, H = program.A[e : e + m], program.H[e : e + m]
    gone: Flags = (program.blocks == JOINT) & (program.lower == 0) & (program.q >= 0)
    gone &= ~program.A[:e].any(axis=0) & ~program.A[e + m :].any(axis=0)
    least = np.zeros((len(program.q), H.shape[1]))
    lifting = np.flatnonzero((np.count_nonzero(A, axis=1) == 1) & (A <= 0).all(axis=1) & (program.b[e : e + m] == 0))
    variable = np.argmin(A[lifting], axis=1)
    np.maximum.at(least, variable, H[lifting] / -A[lifting, variable][:, None])
    # Rows bound the variable from below by each switch's term alone. Within a group at most one switch is on, so the
    # sum of the terms is as valid a bound. Across several groups the sum is not valid, so such a variable stays.
    several = np.where(least > 0, labels, -1).max(axis=1) > np.where(least > 0, labels, len(labels) * 2).min(axis=1)
    gone &= ~several
    while True:
        least[~gone] = 0.0
        helped = np.flatnonzero((A[:, gone] < 0).any(axis=1)) + e
        rest, on = np.where(gone, 0.0, program.A[helped]), _with_followers(program, helped, least)
        broken = _most(program, labels, rest, on, program.floor) > program.b[helped] + CLEARLY * program.size[helped]
        if not broken.any():
            return gone, least
        gone &= ~(program.A[helped[broken]] < 0).any(axis=0)


def _with_followers(program: Program, rows: Indices, least: Matrix) -> Matrix:
    """Replace followers by their switches: ``H + A least``; both tables are large and sparse."""
    H = program.H[rows]
    row, follower = np.nonzero(program.A[rows] * least.any(axis=1))
    v, owner = np.nonzero(least)
    first, last = np.searchsorted(v, follower), np.searchsorted(v, follower, side="right")
    for nth in range((last - first).max(initial=0)):
        there = first + nth < last
        r, i = row[there], owner[first[there] + nth]
        np.add.at(H, (r, i), program.A[rows[r], follower[there]] * least[follower[there], i])
    return H


def _floors(program: Program, labels: Indices, A: Matrix, H: Matrix, b: Vector) -> Vector:
    """Find the floor of each switch's variable when the switch is on and all others of its group are off."""
    j = program.switched
    floors = np.zeros(len(j))
    others = np.ones(len(program.q), dtype=bool)
    others[j] = False
    for row in np.flatnonzero((A <= 0).all(axis=1) & A[:, j].any(axis=1) & ~A[:, others].any(axis=1)):
        members = np.flatnonzero(A[row, j])
        if len(np.unique(labels[members])) == 1:
            floors[members] = np.maximum(floors[members], (H[row, members] - b[row]) / -A[row, j[members]])
    return floors * (1 - ROUNDING)


def _most(program: Program, labels: Indices, A: Matrix, H: Matrix, floor: Vector) -> Vector:
    """Bound the left sides of rows from above, with at most one switch of each group on."""
    j = program.switched
    others = np.ones(len(program.q), dtype=bool)
    others[j] = False
    each = np.maximum(np.maximum(A[:, j] * floor, A[:, j] * program.upper[j]) + H, 0.0)
    order = np.argsort(labels, kind="stable")
    _, first = np.unique(labels[order], return_index=True)
    rest = np.maximum(A[:, others] * program.lower[others], A[:, others] * program.upper[others])
    most: Vector = np.maximum.reduceat(each[:, order], first, axis=1).sum(axis=1) + rest.sum(axis=1)
    return most
