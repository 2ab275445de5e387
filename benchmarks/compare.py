"""Compare two commits side by side in one run: ``make compare A=main B=HEAD [RUNS=7]``.

Each commit gets a working tree of its own, and both run in turn with the benchmarks of this folder, so that a change of
the machine's load meets both. The figures are the medians of each commit, and of the differences within a pair, with
the interval in which the median difference lies with 95 % (binomial order statistics; the whole range below six pairs).
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from measurements import machine, table
from usage import CHILD

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

_HERE = Path(__file__).resolve().parent
HEADER = ("CPU time per request", "A", "B", "B - A", "95 % of the difference")
_CONFIDENCE = 0.95


def main() -> None:
    """Compare what was asked for, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("a", help="a commit, or . for this working tree")
    parser.add_argument("b", help="a commit, or . for this working tree")
    parser.add_argument("--runs", type=int, default=7, help="pairs of runs")
    parser.add_argument("--requests", type=int, default=400)
    parser.add_argument("--in-flight", type=int, default=100)
    options = parser.parse_args()
    size = ["--requests", str(options.requests), "--in-flight", str(options.in_flight)]
    with checked_out(options.a) as a, checked_out(options.b) as b:
        pairs: list[tuple[dict[str, float], dict[str, float]]] = []
        for number in range(options.runs):
            # Which of the two goes first changes, so that an order has no advantage.
            first, second = (a, b) if number % 2 == 0 else (b, a)
            one, other = run(first, size), run(second, size)
            pairs.append((one, other) if number % 2 == 0 else (other, one))
            print(f"pair {number + 1} of {options.runs} done", file=sys.stderr)
    print(f"{machine()} A: {options.a}, B: {options.b}, {options.runs} pairs of {options.requests} requests.\n")
    print(table(HEADER, rows(pairs)))


@contextmanager
def checked_out(commit: str) -> Iterator[Path]:
    """Check *commit* out into a folder of its own while the block lasts."""
    if commit == ".":
        yield _HERE.parent
        return
    git = ["git", "-C", str(_HERE.parent), "worktree"]
    with tempfile.TemporaryDirectory(prefix="podfolio-compare-") as folder:
        there = Path(folder) / "tree"
        subprocess.run([*git, "add", "--quiet", "--detach", str(there), commit], check=True)  # noqa: S603
        try:
            yield there
        finally:
            subprocess.run([*git, "remove", "--force", str(there)], check=True)  # noqa: S603


def run(tree: Path, size: Sequence[str]) -> dict[str, float]:
    """Run the benchmark of this folder once with the code in *tree*; the figures by name."""
    command = [sys.executable, str(_HERE / "processors.py"), "--json", *size]
    done = subprocess.run(  # noqa: S603
        command, cwd=tree, env={**os.environ, "PYTHONPATH": str(tree)}, stdout=subprocess.PIPE, check=True
    )
    return figures_of(json.loads(done.stdout))


def figures_of(found: dict[str, Any]) -> dict[str, float]:
    """Sum up what a run found: milliseconds, and requests per second."""
    ms = dict(found["ms"])
    agents = [name for name in ms if name.startswith("agents ") and not name.endswith(CHILD)]
    taken = {
        "coordinator": ms["coordinator"],
        "coordinator" + CHILD: ms["coordinator" + CHILD],
        "an agent": statistics.mean(ms[name] for name in agents),
        "an agent" + CHILD: statistics.mean(ms[name + CHILD] for name in agents),
        "nats-server": ms["nats-server"],
    }
    together = sum(value for name, value in ms.items() if not name.startswith("challenger"))
    return {**taken, "together": together, "requests a second": found["requests"] / found["seconds"]}


def rows(pairs: Sequence[tuple[dict[str, float], dict[str, float]]]) -> list[tuple[str, ...]]:
    """Write one row per figure."""
    written = []
    for name in pairs[0][0]:
        of_a, of_b = ([pair[which][name] for pair in pairs] for which in (0, 1))
        differences = [b - a for a, b in zip(of_a, of_b, strict=True)]
        low, high = interval(differences)
        unit = "" if name == "requests a second" else " ms"
        medians = (f"{statistics.median(of_a):.2f}{unit}", f"{statistics.median(of_b):.2f}{unit}")
        written.append((name, *medians, f"{statistics.median(differences):+.2f}{unit}", f"{low:+.2f} to {high:+.2f}"))
    return written


def interval(values: Sequence[float]) -> tuple[float, float]:
    """Bound the median of a distribution from a sample: two order statistics, as far inside as the confidence allows.

    Below six values even the range holds the median less often than with 95 %.
    """
    ordered, n = sorted(values), len(values)
    outside, k = 0.5**n, 0  # the probability that the median is below the value number k, counted from 0
    while k + 1 < n // 2 and 2 * (outside + math.comb(n, k + 1) * 0.5**n) <= 1 - _CONFIDENCE:
        k += 1
        outside += math.comb(n, k) * 0.5**n
    return ordered[k], ordered[n - 1 - k]


if __name__ == "__main__":
    main()
