"""Compile all kernels before the first request, by solving a small block that uses every kernel."""

from __future__ import annotations

import numpy as np

from portfolio.conic.bound import OFF, ON
from portfolio.conic.large.perspective.block import BlockSearch, BlockSolve
from portfolio.conic.program import Builder


def compile_kernels() -> None:
    """Compile and cache the kernels, or load cached kernels."""
    build = Builder()
    u = [build.variable(upper=0.7, cost=-0.1 * j, block=0) for j in range(4)]
    switches = [build.switch(j, floor=0.2) for j in u]
    risk = build.variable(upper=2.0, cost=1.0, block=0)
    build.equal(dict.fromkeys(u, 1.0), 1.0)
    build.norm_at_most(np.eye(4), u, {risk: 1.0})
    build.at_most({}, 3.0, switches=dict.fromkeys(switches, 1.0))
    search = BlockSearch(build.build())
    for _ in range(2):  # the second run starts from the points of the first
        search.minimise()
    solve = BlockSolve(search, search.program, 1e-4, 0.0)
    solve.offer_plainly(solve.planted(), np.array([ON, ON, OFF, OFF], dtype=np.int8))
