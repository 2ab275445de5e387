"""Measure from how many switches the engines for large programs close sooner than one plain tree.

``python benchmarks/threshold.py [--seeds 3] [--limit 2] [--sizes 15 20 30 45 60 90 120]``

Both solve the same instances of the ladder (four pods, factor covariance, never-worse rows) in one run. Seconds are of
the processor, so that other work on the machine counts little; formulation, imports and compilation are not in them.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from ladder_instances import Covariance, formulation, instance
from measurements import table

from portfolio.conic import search
from portfolio.conic.large import engines as large
from portfolio.conic.large.perspective.kernels import compile_kernels
from portfolio.conic.limits import Limits
from portfolio.conic.solution import Status
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution

ENGINES: tuple[Callable[[Program, Limits], Solution], ...] = (search.minimise, large.minimise)
HEADER = ("ETFs", "switches", "shared ETFs", "plain tree: closed", "median, worst", "blocks: closed", "median, worst")


def main() -> None:
    """Measure, and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", nargs="+", type=int, default=[15, 20, 30, 45, 60, 90, 120], help="numbers of ETFs")
    parser.add_argument("--seeds", type=int, default=3, help="instances of each size")
    parser.add_argument("--limit", type=float, default=2.0, help="most seconds of the processor for one solve")
    options = parser.parse_args()
    compile_kernels()
    rows = []
    for n in options.sizes:
        for duplicates in (Duplicates.FORBID, Duplicates.PENALISE):
            rows.append(row(n, duplicates, options.seeds, options.limit))
            print(*rows[-1], flush=True)
    print(table(HEADER, rows))


def row(n: int, duplicates: Duplicates, seeds: int, limit_s: float) -> tuple[str, ...]:
    """Solve the instances of one size with both engines."""
    made = [instance(n, 4, seed, Covariance.FACTOR, duplicates) for seed in range(seeds)]
    programs = [formulation(one, never_worse=True).program for one in made]
    switches = sorted({len(program.switched) for program in programs})
    told = [cells([solve(engine, program, limit_s) for program in programs]) for engine in ENGINES]
    return (str(n), "-".join(map(str, switches)), duplicates.value, *told[0], *told[1])


def solve(engine: Callable[[Program, Limits], Solution], program: Program, limit_s: float) -> tuple[float, bool]:
    """Solve once: how long that took, and whether it was closed."""
    ends = time.process_time() + limit_s
    began = time.process_time()
    solution = engine(program, Limits(stop=partial(over, ends)))
    return time.process_time() - began, solution.status in (Status.OPTIMAL, Status.INFEASIBLE)


def over(ends: float) -> bool:
    """Tell whether the time is up."""
    return time.process_time() > ends


def cells(runs: Sequence[tuple[float, bool]]) -> tuple[str, str]:
    """Write how many were closed, and the median and the worst time."""
    seconds = [taken for taken, _ in runs]
    return f"{sum(closed for _, closed in runs)} of {len(runs)}", (
        f"{statistics.median(seconds) * 1e3:.0f}, {max(seconds) * 1e3:.0f} ms"
    )


if __name__ == "__main__":
    main()
