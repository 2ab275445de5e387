"""Small programs of several blocks, joined by rows of every kind; some have no solution."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.program import Builder

if TYPE_CHECKING:
    from portfolio.conic.program import Program


def block_toy(
    rng: np.random.Generator, *, blocks: int = 2, etfs: int = 6, cone: bool = True, penalise: bool = False
) -> Program:
    """Make blocks that each hold some of the same few ETFs, all of them or nearly.

    Each has a budget, a risk with a price and a floor on its gain. Joined by one owner an ETF, or a price on
    every further one; by a linear row; and, if *cone*, by a cap on the risk of the whole.
    """
    build = Builder(offset=float(rng.normal()))
    M = np.tril(rng.normal(size=(etfs, etfs)) * 0.4 + np.eye(etfs))
    gain, tax = rng.uniform(0, 1, etfs), rng.uniform(0, 1, etfs)
    held: list[tuple[int, int, int]] = []
    risks = []
    for p in range(blocks):
        mine = sorted(rng.choice(etfs, size=int(rng.integers(3, etfs)), replace=False).tolist())
        u = [build.variable(upper=float(rng.uniform(0.5, 1.0)), cost=-float(gain[j]), block=p) for j in mine]
        z = [build.switch(x, floor=float(rng.uniform(0.05, 0.3)), cost=0.1 * float(rng.uniform())) for x in u]
        risk = build.variable(upper=10.0, cost=float(rng.uniform(0, 1)), block=p)
        build.equal(dict.fromkeys(u, 1.0), 1.0)
        build.norm_at_most(M[:, mine], u, {risk: 1.0})
        build.at_least(dict(zip(u, gain[mine].tolist(), strict=True)), float(gain[mine].mean() * rng.uniform(0, 1)))
        held += zip(mine, u, z, strict=True)
        risks.append(risk)
    for j in range(etfs):
        owners = [(u, z) for i, u, z in held if i == j]
        if len(owners) > 1 and penalise:
            extra = build.variable(upper=len(owners) - 1.0, cost=float(rng.uniform(0, 0.3)))
            build.at_most({extra: -1.0}, 1.0, switches={z: 1.0 for _, z in owners})
            shared = build.variable(upper=1.0)
            for (_, first), (_, second) in combinations(owners, 2):
                build.at_most({shared: -1.0}, 1.0, switches={first: 1.0, second: 1.0})
        elif len(owners) > 1:
            build.at_most({}, 1.0, switches={z: 1.0 for _, z in owners})
    build.at_most({u: float(tax[j]) for j, u, _ in held}, float(blocks * tax.mean() * rng.uniform(0.6, 1.3)))
    if cone:
        whole = np.array([M[:, j] for j, _, _ in held]).T
        limit = float(rng.uniform(0.5, 1.1)) * blocks * float(np.linalg.norm(M, axis=0).mean())
        build.norm_at_most(whole, [u for _, u, _ in held], {u: 0.2 * float(gain[j]) for j, u, _ in held}, limit)
    return build.build()
