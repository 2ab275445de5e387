"""Solve the public single-portfolio instances: ``python benchmarks/public_instances.py --data DIR``.

Mean-variance with a minimum buy-in: minimise x'Qx, sum x = 1, mu'x >= rho, x_i = 0 or l_i <= x_i <= u_i, at most k
assets. DIR holds ``orlib/port*.txt`` (OR-Library, Chang, Meade, Beasley & Sharaiha 2000) and
``mean_variance/*.{txt,rho,bds,mat}`` (Frangioni & Gentile's pard instances); every file of these families that is
there is solved. A solve is one core's, compilation excluded, and its proof is checked afterwards.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

# One solve, one core: before numpy starts a thread for each.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import minimize

from portfolio.conic import proof
from portfolio.conic.large.perspective.block import BlockSearch
from portfolio.conic.large.perspective.kernels import compile_kernels
from portfolio.conic.limits import Limits
from portfolio.conic.program import Builder

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio import Matrix, Vector
    from portfolio.conic.program import Program

GAP = 1e-4
MOST_ASSETS = 10
# The OR-Library has no limits of its own: 1 % of buy-in, and a return 30 % of the way from that of the portfolio of the
# least variance to the greatest.
BUY_IN, AMBITION = 0.01, 0.3

# Optimal values or best known ones, with at most 10 assets (OR-Library), without a limit (pard).
PUBLISHED = {
    ("port1", MOST_ASSETS): 7.535769e-4,
    ("port2", MOST_ASSETS): 1.8676483e-4,
    ("port4", MOST_ASSETS): 1.9624254e-4,
    ("pard200_a", 0): 185.999197,
    ("pard200_b", 0): 207.088097,
    ("pard200_c", 0): 203.799928,
    ("pard200_d", 0): 201.799460,
}


@dataclass(frozen=True)
class Instance:
    """An instance: min x'Qx, mu'x >= rho, each x zero or between its limits."""

    name: str
    mu: Vector
    Q: Matrix
    rho: float
    low: Vector
    high: Vector

    def program(self, most: int) -> Program:
        """State it with at most *most* assets (0: any number); its objective is the root of the variance."""
        n, build = len(self.mu), Builder()
        x = [build.variable(upper=upper, block=0) for upper in self.high.tolist()]
        switches = [build.switch(j, floor=floor) for j, floor in zip(x, self.low.tolist(), strict=True)]
        risk = build.variable(upper=float(np.sqrt(np.diag(self.Q).max())), cost=1.0, block=0)
        values, vectors = np.linalg.eigh(self.Q)
        build.norm_at_most((vectors * np.sqrt(np.maximum(values, 0.0))).T, x, {risk: 1.0})
        build.equal(dict.fromkeys(x, 1.0), 1.0)
        build.at_least(dict(zip(x, self.mu.tolist(), strict=True)), self.rho)
        if 0 < most < n:
            build.at_most({}, float(most), switches=dict.fromkeys(switches, 1.0))
        return build.build()


def orlib(path: Path) -> Instance:
    """Read ``mean standard_deviation`` rows, then ``i j correlation``."""
    numbers = np.array(path.read_text(encoding="ascii").split(), dtype=float)
    n = int(numbers[0])
    mu, deviation = numbers[1 : 1 + 2 * n].reshape(n, 2).T
    correlation = np.zeros((n, n))
    for i, j, rho in numbers[1 + 2 * n :].reshape(-1, 3):
        correlation[int(i) - 1, int(j) - 1] = correlation[int(j) - 1, int(i) - 1] = rho
    Q = correlation * np.outer(deviation, deviation)
    least = float(mu @ least_variance(Q))
    rho = least + AMBITION * (float(mu.max()) - least)
    return Instance(path.stem, mu, Q, rho, np.full(n, BUY_IN), np.ones(n))


def least_variance(Q: Matrix) -> Vector:
    """Find the long-only portfolio of the least variance."""
    n = len(Q)
    scaled = Q / np.diag(Q).mean()
    found = minimize(
        lambda x: x @ scaled @ x,
        np.full(n, 1 / n),
        jac=lambda x: 2 * scaled @ x,
        bounds=[(0, 1)] * n,
        constraints={"type": "eq", "fun": lambda x: x.sum() - 1, "jac": lambda _: np.ones(n)},
        method="SLSQP",
        options={"maxiter": 1000, "ftol": 1e-14},
    )
    return np.asarray(found.x)


def pard(path: Path) -> Instance:
    """Read the four files of an instance, of which *path* is the ``.mat``."""
    mu = np.array([line.split()[0] for line in path.with_suffix(".txt").read_text().splitlines()[1:] if line.strip()])
    n = len(mu)
    Q = np.array(path.read_text().split()[1:], dtype=float).reshape(n, n)
    rho = float(path.with_suffix(".rho").read_text().split()[0])
    limits = np.array(path.with_suffix(".bds").read_text().split(), dtype=float).reshape(n, 2)
    return Instance(path.stem, mu.astype(float), (Q + Q.T) / 2, rho, limits[:, 0], limits[:, 1])


def instances(data: Path) -> Iterator[tuple[Instance, int]]:
    """Every instance that is there, and at most how many assets."""
    for path in sorted(data.glob("orlib/port*.txt")):
        yield orlib(path), MOST_ASSETS
    for most in (MOST_ASSETS, 0):
        for path in sorted(data.glob("mean_variance/*.mat")):
            yield pard(path), most


def main() -> None:
    """Solve each instance once and print one table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="folder with orlib/ and mean_variance/")
    parser.add_argument("--seconds", type=float, default=60.0, help="limit for each instance")
    arguments = parser.parse_args()
    print(measure(arguments.data, arguments.seconds))


def measure(data: Path, seconds: float = 5.0) -> str:
    """Solve each instance once, in at most *seconds* each, and write one table."""
    if not any(instances(data)):
        sys.exit(f"no instances in {data}: need orlib/port*.txt or mean_variance/*.mat")
    compile_kernels()
    return "\n".join(
        [
            "| instance | n | k | value | gap | nodes | seconds | best known before | proof |",
            "|---|---|---|---|---|---|---|---|---|",
            *(row(instance, most, seconds) for instance, most in instances(data)),
        ]
    )


def row(instance: Instance, most: int, seconds: float) -> str:
    """Solve an instance and describe the answer; seconds include all preparation."""
    program = instance.program(most)
    started = time.perf_counter()
    # Half the gap on the root is the gap on the variance.
    limits = Limits(gap=GAP / 2, node_limit=1_000_000, stop=lambda: time.perf_counter() - started > seconds)
    solution = BlockSearch(program).minimise(limits=limits)
    elapsed = time.perf_counter() - started
    faults = proof.faults(program, solution)
    value, bound = solution.value**2, max(solution.bound, 0.0) ** 2
    published = PUBLISHED.get((instance.name, most))
    return (
        f"| {instance.name} | {len(instance.mu)} | {most or ''} | {value:.8g} | {(value - bound) / value:.1e} "
        f"| {solution.nodes} | {elapsed:.3f} | {published or ''} | {'; '.join(faults) or 'holds'} |"
    )


if __name__ == "__main__":
    main()
