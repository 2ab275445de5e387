"""How long after its limit a search answers: the largest overrun of many limits on instances that take longer."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from ladder_instances import Covariance, formulation, instance
from solver import minimise

from portfolio.conic.limits import Limits
from portfolio.conic.solution import Status
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from portfolio.conic.program import Program

# Sizes, ownership, never-worse rows and seed of instances that are not closed at once.
CASES = (
    (60, Duplicates.FORBID, True, 3),
    (120, Duplicates.PENALISE, True, 0),
    (240, Duplicates.FORBID, False, 0),
    (240, Duplicates.PENALISE, True, 1),
)

LIMITS_S = (0.005, 0.02, 0.05, 0.08, 0.12, 0.2, 0.3, 0.5, 0.8, 1.3, 2.0)


def measure() -> list[tuple[str, str, str]]:
    """Overrun of each case: the median and the largest."""
    rows = []
    for n, duplicates, never_worse, seed in CASES:
        program = formulation(instance(n, 4, seed, Covariance.FACTOR, duplicates), never_worse=never_worse).program
        overruns = sorted(overrun(program, limit) for limit in LIMITS_S)
        rows.append(
            (
                f"{n} ETFs, 4 pods, {duplicates}{', never worse' if never_worse else ''}",
                f"{overruns[len(overruns) // 2] * 1e3:.0f} ms, at most {overruns[-1] * 1e3:.0f} ms",
                "at most 50 ms",
            )
        )
    return rows


def overrun(program: Program, limit_s: float) -> float:
    """Seconds after the limit; zero if the search was done before."""
    began = time.perf_counter()
    solution = minimise(program, Limits(stop=lambda: time.perf_counter() - began > limit_s))
    seconds = time.perf_counter() - began
    return max(0.0, seconds - limit_s) if solution.status is Status.STOPPED else 0.0
