"""Tiny cone programs in the letters of ``portfolio.conic``, with arithmetic of their own.

Nothing here calls the product but ``program``, which states a toy row by row with its builder.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING

import cvxpy as cp
import numpy as np

from portfolio.conic.program import Builder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program


@dataclass
class Toy:
    """min q.x + k.z + offset; G x + H z <= h; E x = f; |M x| <= row.x + limit; the first variables are switched."""

    q: Vector
    lower: Vector
    upper: Vector
    G: Matrix
    H: Matrix
    h: Vector
    E: Matrix
    f: Vector
    cones: list[tuple[Matrix, Vector, float]]
    floor: Vector
    k: Vector
    offset: float = 0.0

    @property
    def switches(self) -> int:
        return len(self.floor)

    def program(self) -> Program:
        build = Builder(offset=self.offset)
        x = [
            build.variable(lower=low, upper=up, cost=cost)
            for low, up, cost in zip(self.lower.tolist(), self.upper.tolist(), self.q.tolist(), strict=True)
        ]
        for j, (floor, cost) in enumerate(zip(self.floor.tolist(), self.k.tolist(), strict=True)):
            build.switch(x[j], floor=floor, cost=cost)
        for row, switches, limit in zip(self.G, self.H, self.h.tolist(), strict=True):
            build.at_most(dict(enumerate(row.tolist())), limit, switches=dict(enumerate(switches.tolist())))
        for row, value in zip(self.E, self.f.tolist(), strict=True):
            build.equal(dict(enumerate(row.tolist())), value)
        for M, row, limit in self.cones:
            build.norm_at_most(M, x, dict(enumerate(row.tolist())), limit)
        return build.build()

    def value(self, x: Vector, z: Vector) -> float:
        return float(self.q @ x + self.k @ z + self.offset)

    def violation(self, x: Vector, z: Vector) -> float:
        off = [0.0, *(self.G @ x + self.H @ z - self.h), *abs(self.E @ x - self.f), *(self.lower - x)]
        off += [*(x - self.upper)]
        off += [float(np.linalg.norm(M @ x) - row @ x - limit) for M, row, limit in self.cones]
        for i, on in enumerate(z):
            off.append(self.floor[i] - x[i] if on else abs(x[i]))
        return float(max(off))

    def settings(self) -> Iterator[Vector]:
        for z in product((0.0, 1.0), repeat=self.switches):
            yield np.array(z)

    def best(self) -> float:
        """Enumerate all settings of the switches; infinity if none is feasible."""
        x, z = cp.Variable(len(self.q)), cp.Parameter(self.switches, nonneg=True)
        s = self.switches
        low, up = cp.Parameter(len(self.q)), cp.Parameter(len(self.q))
        rows = [x >= low, x <= up]
        if len(self.h):
            rows.append(self.G @ x + self.H @ z <= self.h)
        if len(self.f):
            rows.append(self.E @ x == self.f)
        rows += [cp.norm(M @ x) <= row @ x + limit for M, row, limit in self.cones]
        problem = cp.Problem(cp.Minimize(self.q @ x + self.k @ z + self.offset), rows)
        found = np.inf
        for setting in self.settings():
            z.value = setting
            low.value = np.concatenate([self.floor * setting, self.lower[s:]])
            up.value = np.concatenate([self.upper[:s] * setting, self.upper[s:]])
            if (low.value > up.value).any():
                continue
            problem.solve(solver=cp.CLARABEL)
            if problem.status in ("optimal", "optimal_inaccurate"):
                found = min(found, float(problem.value))
        return found

    def bound(self, states: list[int], a: Vector, b: Vector, cones: list[Vector]) -> float:
        """Minimise the Lagrangian over boxes and switches, one variable at a time, in plain loops.

        *states* are -1, 0 or 1. *cones* are pairs (t, v) with |v| <= t, t first.
        """
        total = self.offset - float(a @ self.h) - float(b @ self.f)
        slope = self.q + a @ self.G + b @ self.E
        for (M, row, limit), y in zip(self.cones, cones, strict=True):
            slope = slope - y[0] * row - y[1:] @ M
            total -= y[0] * limit
        price = self.k + a @ self.H
        for j in range(len(self.q)):
            if j >= self.switches:
                total += min(slope[j] * self.lower[j], slope[j] * self.upper[j])
                continue
            on = price[j] + min(slope[j] * self.floor[j], slope[j] * self.upper[j])
            total += {0: 0.0, 1: on, -1: min(0.0, on)}[states[j]]
        return float(total)


def portfolio_toy(rng: np.random.Generator, *, switches: int, hard: bool = False) -> Toy:
    """Make a small portfolio-like program: budget, a cap on risk, a limit on the count, maybe infeasible.

    The last variable is the risk. *hard* asks for so much return that some instances have no solution.
    """
    s = switches
    M = np.hstack([np.tril(rng.normal(size=(s, s)) * 0.4 + np.eye(s)), np.zeros((s, 1))])
    gain = rng.uniform(0, 1, s)
    pair = np.zeros((1, s))
    pair[0, :2] = 1.0
    return Toy(
        q=np.concatenate([-gain, [rng.uniform(0, 1)]]),
        lower=np.zeros(s + 1),
        upper=np.concatenate([rng.uniform(0.4, 0.9, s), [10.0]]),
        G=np.vstack([np.append(-gain, 0.0), np.zeros(s + 1), np.zeros(s + 1)]),
        H=np.vstack([np.zeros(s), np.ones(s), pair]),
        h=np.array([-gain.max() * (rng.uniform(0.7, 1.0) if hard else 0.3), float(rng.integers(2, s)), 1.0]),
        E=np.append(np.ones(s), 0.0)[None, :],
        f=np.array([1.0]),
        cones=[(M, np.eye(s + 1)[s], 0.0)],
        floor=rng.uniform(0.05, 0.35, s),
        k=rng.uniform(0, 0.2, s) * rng.integers(0, 2, s),
        offset=float(rng.normal()),
    )


def random_toy(rng: np.random.Generator) -> tuple[Toy, Vector, Vector]:
    """Make a program with rows of every kind around a random point, which is feasible; returns both."""
    s, n, m, e = int(rng.integers(1, 5)), 0, int(rng.integers(0, 4)), int(rng.integers(0, 3))
    n = s + int(rng.integers(1, 4))
    lower, upper = np.zeros(n), rng.uniform(0.5, 3.0, n)
    lower[s:] = rng.uniform(-2.0, 0.4, n - s)
    floor = rng.uniform(0, 0.5, s)
    z = rng.integers(0, 2, s).astype(float)
    x = rng.uniform(lower, upper)
    x[:s] = z * rng.uniform(floor, upper[:s])
    G, H, E = rng.normal(size=(m, n)), rng.uniform(0, 1, (m, s)) * rng.integers(0, 2, (m, s)), rng.normal(size=(e, n))
    cones = []
    for _ in range(int(rng.integers(0, 3))):
        M, row = rng.normal(size=(int(rng.integers(1, 4)), n)), rng.normal(size=n)
        cones.append((M, row, float(np.linalg.norm(M @ x) - row @ x + rng.uniform(0, 0.5))))
    return (
        Toy(
            q=rng.normal(size=n),
            lower=lower,
            upper=upper,
            G=G,
            H=H,
            h=G @ x + H @ z + rng.uniform(0, 0.5, m),
            E=E,
            f=E @ x,
            cones=cones,
            floor=floor,
            k=rng.uniform(0, 1, s),
            offset=float(rng.normal()),
        ),
        x,
        z,
    )
