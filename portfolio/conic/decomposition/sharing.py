"""Programs in which several blocks may have the same thing: apart from what none of them shares.

A *group* is a set of switches, one a block, that some joint row counts together: the owners of one thing. Either at
most one of each group is on: then joint variables that count the owners follow from the switches, floors that owners
have together are each one's own, and few rows are left that join the blocks. Or two of some group are on: that costs.

Plain numpy: the check of a proof uses it. What it proves holds for any groups.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.decomposition.split import CLEARLY
from portfolio.conic.program import JOINT, Program

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix, Vector
    from portfolio.conic.decomposition.split import Flags, Indices

# What sums in another order may differ by: implied floors are this much lower.
_HAIR = 1e-12


def groups_of(program: Program) -> tuple[Indices, ...]:
    """Find the groups: largest sets first, none with a switch of another."""
    owner = program.blocks[program.switched]
    middle = slice(program.equalities, program.equalities + program.inequalities)
    counts = (program.H[middle] > 0).sum(axis=1)
    lifting = (program.A[middle][:, program.blocks == JOINT] < 0).any(axis=1)
    found, taken = [], np.zeros(len(owner), dtype=bool)
    for row in np.argsort(-counts, kind="stable"):
        members = np.flatnonzero(program.H[middle][row])
        if counts[row] < 2:  # noqa: PLR2004 - it takes two to share
            break
        if lifting[row] and not taken[members].any() and len(np.unique(owner[members])) == len(members):
            found.append(members)
            taken[members] = True
    return tuple(found)


def unshared(program: Program, groups: Sequence[Indices]) -> Program:
    """Make a program of all points with at most one switch of each group on, without what then follows by itself."""
    middle = slice(program.equalities, program.equalities + program.inequalities)
    labels = np.arange(len(program.switched)) + len(groups)
    for number, group in enumerate(groups):
        labels[group] = number
    gone, least = _followers(program, labels)
    kept = np.flatnonzero((program.A[middle][:, gone] >= 0).all(axis=1)) + middle.start
    H, A, b = _with_followers(program, kept, least), program.A[kept], program.b[kept]
    A[:, gone] = 0.0
    floor = np.maximum(program.floor, _floors(program, labels, A, H, b))
    upper = program.upper[program.switched]
    never = floor > upper * (1 + CLEARLY)
    floor = np.minimum(floor, upper)
    binding = _most(program, labels, A, H, floor) > b + CLEARLY * program.size[kept]
    rules = np.zeros((len(groups), len(labels)))
    for number, group in enumerate(groups):
        rules[number, group] = 1.0
    rules = np.vstack([rules, np.eye(len(labels))[never]])
    left = ~gone
    place = np.cumsum(left) - 1
    first, last = slice(0, middle.start), slice(middle.stop, None)
    nothing = np.zeros((len(rules), len(program.q)))
    return replace(
        program,
        q=program.q[left],
        lower=program.lower[left],
        upper=program.upper[left],
        A=np.vstack([program.A[first], A[binding], nothing, program.A[last]])[:, left],
        H=np.vstack([program.H[first], H[binding], rules, program.H[last]]),
        b=np.concatenate([program.b[first], b[binding], np.repeat([1.0, 0.0], [len(groups), never.sum()]), program.b[last]]),
        inequalities=int(binding.sum()) + len(rules),
        switched=place[program.switched],
        floor=floor,
        k=program.k + program.q @ least,
        blocks=program.blocks[left],
    )


def _followers(program: Program, labels: Indices) -> tuple[Flags, Matrix]:
    """Find the joint variables that can be as small as the switches let them; and how small, shape (n, s)."""
    e, m = program.equalities, program.inequalities
    A, H = program.A[e : e + m], program.H[e : e + m]
    gone = (program.blocks == JOINT) & (program.lower == 0) & (program.q >= 0)
    gone &= ~program.A[:e].any(axis=0) & ~program.A[e + m :].any(axis=0)
    least = np.zeros((len(program.q), H.shape[1]))
    lifting = np.flatnonzero((np.count_nonzero(A, axis=1) == 1) & (program.b[e : e + m] == 0))
    for row in lifting.tolist():
        v = int(np.flatnonzero(A[row])[0])
        if gone[v] and A[row, v] < 0:
            least[v] = np.maximum(least[v], H[row] / -A[row, v])
    first = np.where(least > 0, labels, len(labels) + len(labels)).min(axis=1)
    gone &= (np.where(least > 0, labels, -1).max(axis=1) <= first)
    while True:
        least[~gone] = 0.0
        helping = np.flatnonzero((A[:, gone] < 0).any(axis=1)) + e
        rest = program.A[helping]
        rest[:, gone] = 0.0
        most = _most(program, labels, rest, _with_followers(program, helping, least), program.floor)
        broken = helping[most > program.b[helping] + CLEARLY * program.size[helping]]
        if not len(broken):
            return gone, least
        gone &= ~(program.A[broken] < 0).any(axis=0)


def _with_followers(program: Program, rows: Indices, least: Matrix) -> Matrix:
    """Make rows on the switches, the followers being as small as they can be: ``H + A least``, of few entries each."""
    H = program.H[rows]
    v, i = np.nonzero(least)
    first, last = np.searchsorted(v, np.arange(len(least))), np.searchsorted(v, np.arange(len(least)), side="right")
    row, follower = np.nonzero(program.A[rows] * (last > first))
    times = (last - first)[follower]
    entry = np.arange(times.sum()) + np.repeat(first[follower] - np.cumsum(times) + times, times)
    np.add.at(H, (np.repeat(row, times), i[entry]), np.repeat(program.A[rows[row], follower], times) * least[v[entry], i[entry]])
    return H


def _floors(program: Program, labels: Indices, A: Matrix, H: Matrix, b: Vector) -> Vector:
    """Find what each switch that is on asks of its variable, where all others of its group are off."""
    j = program.switched
    floors = np.zeros(len(j))
    others = np.ones(len(program.q), dtype=bool)
    others[j] = False
    for row in np.flatnonzero((A[:, j] < 0).any(axis=1) & (A <= 0).all(axis=1) & ~A[:, others].any(axis=1)):
        members = np.flatnonzero(A[row, j])
        if len(np.unique(labels[members])) == 1:
            floors[members] = np.maximum(floors[members], (H[row, members] - b[row]) / -A[row, j[members]])
    return floors * (1 - _HAIR)


def _most(program: Program, labels: Indices, A: Matrix, H: Matrix, floor: Vector) -> Vector:
    """Bound the left sides of rows, at most one switch of each group being on."""
    j = program.switched
    others = np.ones(len(program.q), dtype=bool)
    others[j] = False
    each = np.maximum(np.maximum(A[:, j] * floor, A[:, j] * program.upper[j]) + H, 0.0)
    order = np.argsort(labels, kind="stable")
    _, first = np.unique(labels[order], return_index=True)
    rest = np.maximum(A[:, others] * program.lower[others], A[:, others] * program.upper[others])
    most: Vector = np.maximum.reduceat(each[:, order], first, axis=1).sum(axis=1) + rest.sum(axis=1)
    return most
