"""Random blocks as the product's pods make them, and their optimum by plain means."""

from __future__ import annotations

from itertools import product
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import OFF, ON
from portfolio.conic.program import Builder
from portfolio.conic.relaxation import Outcome, Relaxation

if TYPE_CHECKING:
    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program

OBJECTIVES = ("variance", "volatility", "sharpe", "yield")


def covariance(rng: np.random.Generator, n: int) -> Matrix:
    """Three factors and what is specific, in volatilities of 5-25 %."""
    B = rng.normal(size=(n, 3)) * 0.08 + np.array([0.12, 0.0, 0.0])
    return B @ B.T + np.diag(rng.uniform(0.02, 0.1, n) ** 2)


def random_block(seed: int, *, n: int, objective: str, hard: bool = False) -> Program:  # noqa: C901, PLR0912 - one case a kind of row
    """Make a block: budget, floors, caps, a goal on a figure, and with luck caps, a Sharpe goal, prices, counts."""
    rng = np.random.default_rng(seed)
    build = Builder(offset=float(rng.normal()))
    S = covariance(rng, n)
    unit = float(np.sqrt(np.diag(S).mean())) * 0.7
    upper, floor = rng.uniform(0.3, 0.6), rng.uniform(0.02, 0.15)
    mu, figure = rng.uniform(0.02, 0.12, n), rng.uniform(0, 1, n)
    u = [build.variable(upper=upper, block=0) for _ in range(n)]
    z = [build.switch(j, floor=floor) for j in u]
    build.equal(dict.fromkeys(u, 1.0), 1.0)
    L = np.linalg.cholesky(S)
    risk = build.variable(upper=float(np.linalg.norm(L, axis=1).max()) / unit, block=0)
    build.norm_at_most(L.T / unit, u, {risk: 1.0})
    if objective != "yield":
        build.cost({risk: float(rng.uniform(0.1, 0.4))})
    if objective in ("volatility", "sharpe"):
        build.cost(dict(zip(u, (rng.normal(size=n) * 0.05).tolist(), strict=True)))
    if objective == "sharpe":
        build.cost(dict(zip(u, (-mu * rng.uniform(1, 4)).tolist(), strict=True)))
    if objective == "yield":
        build.cost(dict(zip(u, (-figure).tolist(), strict=True)))
    if objective != "variance" and rng.integers(2):
        build.at_most({risk: float(rng.uniform(0.5, 1.5)), **dict(zip(u, (-mu * 10).tolist(), strict=True))}, 0.3)
    if objective == "yield" or rng.integers(2):
        build.at_most({risk: 1.0}, float(rng.uniform(0.6, 1.0 if hard else 1.4)))
    most = np.sort(mu)[::-1][:3].mean()
    build.at_least(
        dict(zip(u, (mu / mu.max()).tolist(), strict=True)), most * rng.uniform(0.5, 1.1 if hard else 0.9) / mu.max()
    )
    if rng.integers(2):
        count = build.variable(lower=float(np.ceil(1 / upper)), upper=float(n), block=0)
        build.at_most({count: -1.0}, 0.0, switches=dict.fromkeys(z, 1.0))
        if rng.integers(2):
            build.at_most({count: 1.0}, float(np.ceil(1 / upper) + rng.integers(0, 3)))
        if objective != "variance":
            build.cost({count: float(rng.uniform(0, 0.02))})
    elif rng.integers(2):
        build.at_most({}, float(np.ceil(1 / upper) + rng.integers(0, 3)), switches=dict.fromkeys(z, 1.0))
    if rng.integers(3) == 0:
        build.at_most({}, 1.0, switches={z[0]: 1.0, z[1]: 1.0})
    if rng.integers(4) == 0:
        build.at_most({}, 0.0, switches={z[2]: 1.0})
    program = build.build()
    if objective in ("volatility", "sharpe"):
        program.k[:] = rng.uniform(0, 0.03, n) * rng.integers(0, 2, n)
    return program


def enumerated(program: Program) -> tuple[float, Vector]:
    """Solve every setting of the switches: the optimum, and the optimum with each switch on."""
    relaxation, s = Relaxation(program), len(program.switched)
    best, on = np.inf, np.full(s, np.inf)
    for setting in product((OFF, ON), repeat=s):
        states = np.array(setting, dtype=np.int8)
        held = states == ON
        if program.upper[program.switched][held].sum() < 1 - 1e-9 or program.floor[held].sum() > 1 + 1e-9:
            continue
        answer = relaxation.solve_sharply(states)
        if answer.outcome is not Outcome.SOLVED:
            continue
        value = program.value(answer.x, held)
        best = min(best, value)
        on[held] = np.minimum(on[held], value)
    return best, on
