"""Climb the ladder: synthetic instances from 15 to 400 ETFs, ours and SCIP's times side by side.

``python benchmarks/ladder.py [--seeds 10] [--sizes 15 60 120x16] [--quick] [--budget SECONDS] [--raw FILE]``

A *rung* is a number of ETFs and pods; a *cell* is a rung with one choice of covariance, ownership and never-worse
rows. Every run may take ``--limit`` seconds, SCIP's ``--scip-limit``. Since all of it together is hours, every
cell gets an equal share of what is left of the ``--budget``: it stops drawing seeds when that is used up
(never before the first), and the table says how many seeds there were. SCIP runs on the first ``--scip-seeds``
of them, and not on the rungs above one where it closed none.

Ours is the formulation and the solve; SCIP's is its own solving time. Stage 1, imports and compilation are not in
either. Every closed run of ours is checked in plain numpy after the clock has stopped, and no two answers may
contradict each other: ours at most SCIP's bound, SCIP's at most ours.

``--raw FILE`` appends each run to a file as soon as it is there, and does not repeat what the file has: an
interrupted measurement goes on where it was. ``--cache DIR`` keeps stage 1, which takes up to a minute at 400
ETFs; delete it when stage 1 changes.
"""

from __future__ import annotations

import argparse
import json
import math
import pickle
import statistics
import time
from dataclasses import asdict, dataclass
from functools import partial
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import scip_model
from ladder_instances import Covariance, Instance, formulation, pods_alone, terms
from measurements import table
from rich.console import Console
from rich.progress import Progress
from solver import minimise

from portfolio.conic import proof
from portfolio.conic.limits import Limits
from portfolio.conic.solution import Status
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution

GAP = 1e-4
# An incumbent counts as good within this of the final one.
GOOD = 0.01
# Two solvers' answers may differ by what their feasibility tolerances are worth in the objective.
NOISE = 1e-5

RUNGS = ("15", "30", "60", "120", "240", "400", "120x8", "120x16")
QUICK = ("15", "30")

# What to aim at, in seconds, for four pods: without and with the never-worse rows.
AIMS = {60: (0.05, 0.2), 120: (0.1, 0.3), 240: (0.25, 0.5), 400: (0.5, 1.2)}


@dataclass(frozen=True, slots=True)
class Cell:
    """A rung and a variant."""

    n: int
    pods: int
    covariance: Covariance
    duplicates: Duplicates
    never_worse: bool
    tight: bool

    @property
    def variant(self) -> tuple[object, ...]:
        """What stays the same from rung to rung."""
        return self.covariance, self.duplicates, self.never_worse

    @property
    def aim(self) -> str:
        """The median to aim at."""
        return _seconds(AIMS[self.n][self.never_worse]) if self.pods == 4 and self.n in AIMS else ""  # noqa: PLR2004

    def __str__(self) -> str:
        """Name the cell, for the progress and the file of runs."""
        rows = "never worse" if self.never_worse else "no joint rows"
        tight = ", tight" if self.tight else ""
        return f"{self.n} ETFs, {self.pods} pods, {self.covariance}, {self.duplicates}, {rows}{tight}"


@dataclass(frozen=True, slots=True)
class Run:
    """One solve.

    Attributes:
        status: How it ended.
        seconds: How long that took.
        value: The best objective found, higher is better; None without one.
        bound: No portfolio has a higher one; None if nothing is known.
        good_s: When an incumbent within GOOD of the final one was found; None where the solver does not say.
        faults: What is wrong with its proof.
    """

    status: Literal["proven", "infeasible", "open"]
    seconds: float
    value: float | None
    bound: float | None
    good_s: float | None = None
    faults: tuple[str, ...] = ()

    @property
    def gap(self) -> float:
        """Relative gap at the end."""
        if self.value is None or self.bound is None:
            return 0.0 if self.status == "infeasible" else math.inf
        return max(0.0, self.bound - self.value) / max(abs(self.value), 0.01)


Runs = dict[Cell, list[tuple[Run, Run | None]]]


def main() -> None:
    """Measure the ladder; print it, and write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_options(parser)
    parser.add_argument("--write", type=Path, help="write the table into this Markdown file")
    options = parser.parse_args()
    text = measure(options)
    print(text)
    if options.write:
        options.write.write_text(text + "\n", encoding="utf-8")


def add_options(parser: argparse._ActionsContainer) -> None:
    """Say what can be chosen."""
    parser.add_argument("--quick", action="store_true", help=f"rungs {', '.join(QUICK)}, two seeds, 10 s a run")
    parser.add_argument("--sizes", nargs="+", metavar="N[xPODS]", help=f"rungs, of {', '.join(RUNGS)} or others")
    parser.add_argument("--seeds", type=int, default=10, help="seeds a cell (10)")
    parser.add_argument("--limit", type=float, default=60.0, help="seconds for a run of ours (60)")
    parser.add_argument("--scip-limit", type=float, default=60.0, help="seconds for a run of SCIP's (60)")
    parser.add_argument("--scip-seeds", type=int, default=1, help="seeds a cell that SCIP runs on, too (1)")
    parser.add_argument("--budget", type=float, default=7200.0, help="seconds for everything (7200)")
    parser.add_argument("--covariances", nargs="+", type=Covariance, choices=list(Covariance), default=list(Covariance))
    parser.add_argument("--ownership", nargs="+", type=Duplicates, choices=list(Duplicates), default=list(Duplicates))
    parser.add_argument("--never-worse", choices=["with", "without", "both"], default="both")
    parser.add_argument("--tight", action="store_true", help="the reference customer's limits on positions")
    parser.add_argument("--raw", type=Path, help="append the runs to this file; do not repeat those it has")
    parser.add_argument("--cache", type=Path, help="keep stage 1 in this folder")


def measure(options: argparse.Namespace) -> str:
    """Run the cells within the budget; the section's Markdown."""
    if options.quick:
        quick = {"seeds": 2, "limit": 10.0, "scip_limit": 10.0, "sizes": options.sizes or QUICK}
        options = argparse.Namespace(**(vars(options) | quick))
    began = time.monotonic()
    cells, known, runs = list(_cells(options)), _read(options.raw), Runs()
    _warm_up()
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("", total=len(cells) * options.seeds)
        for i, cell in enumerate(cells):
            left = began + options.budget - time.monotonic()
            share = time.monotonic() + left / (len(cells) - i)
            runs[cell] = []
            for seed in range(options.seeds if left > 0 else 0):
                progress.update(task, completed=i * options.seeds + seed, description=f"{cell}, seed {seed}")
                if seed and time.monotonic() > share:
                    break
                with_scip = seed < options.scip_seeds and _has_a_chance(cell, runs)
                runs[cell].append(_both(cell, seed, options, known, with_scip=with_scip))
        progress.update(task, completed=len(cells) * options.seeds, description="done")
    return render(runs, options)


def _cells(options: argparse.Namespace) -> Iterable[Cell]:
    rows = {"with": [True], "without": [False], "both": [False, True]}[options.never_worse]
    for size in options.sizes or RUNGS:
        n, _, pods = size.partition("x")
        for covariance, duplicates, never_worse in product(options.covariances, options.ownership, rows):
            yield Cell(int(n), int(pods or 4), covariance, duplicates, never_worse, options.tight)


def _warm_up() -> None:
    """Solve something once, so that nothing that happens once is measured."""
    made = _instance(Cell(15, 4, Covariance.FACTOR, Duplicates.FORBID, never_worse=True, tight=False), 0, None)
    _ours(made, never_worse=True, limit_s=60.0)
    _scip(made, never_worse=True, limit_s=1.0)


def _has_a_chance(cell: Cell, runs: Runs) -> bool:
    """Whether SCIP closed anything of this variant on the last rung that it tried."""
    tried = [[s for _, s in done if s] for other, done in runs.items() if other.variant == cell.variant]
    before = [done for done in tried if done]
    return not before or any(run.status != "open" for run in before[-1])


def _both(
    cell: Cell, seed: int, options: argparse.Namespace, known: dict[str, Run], *, with_scip: bool
) -> tuple[Run, Run | None]:
    """Solve one instance with ours and, if asked, with SCIP; what is known already is not repeated."""
    ours, scip = (
        f"{cell}, seed {seed}, ours in {options.limit:g} s",
        f"{cell}, seed {seed}, SCIP in {options.scip_limit:g} s",
    )
    wanted: dict[str, Callable[..., Run]] = {ours: partial(_ours, limit_s=options.limit)}
    if with_scip:
        wanted[scip] = partial(_scip, limit_s=options.scip_limit)
    for name in wanted.keys() - known.keys():
        known[name] = wanted[name](_instance(cell, seed, options.cache), never_worse=cell.never_worse)
        if options.raw:
            with options.raw.open("a", encoding="utf-8") as file:
                file.write(json.dumps({"name": name, "run": asdict(known[name])}) + "\n")
    return known[ours], known[scip] if with_scip else None


def _read(raw: Path | None) -> dict[str, Run]:
    if raw is None or not raw.exists():
        return {}
    lines = [json.loads(line) for line in raw.read_text(encoding="utf-8").splitlines()]
    return {line["name"]: Run(**line["run"] | {"faults": tuple(line["run"]["faults"])}) for line in lines}


def _instance(cell: Cell, seed: int, cache: Path | None) -> Instance:
    """Make the instance, from a cache of stage 1 if there is one."""
    key = (cell.n, cell.pods, seed, cell.covariance)
    file = cache / f"{'-'.join(map(str, key))}{'-tight' * cell.tight}.pickle" if cache else None
    if file and file.exists():
        market, sleeves = pickle.loads(file.read_bytes())  # noqa: S301 - a file that this wrote
    else:
        market, sleeves = pods_alone(*key, tight=cell.tight)
    if file and not file.exists():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(pickle.dumps((market, sleeves)))
    return market, sleeves, terms(cell.pods, cell.duplicates)


def _ours(made: Instance, *, never_worse: bool, limit_s: float) -> Run:
    found: list[tuple[float, float]] = []
    began = time.perf_counter()

    def note(value: float, _: float) -> None:
        if value < min((cost for _, cost in found), default=math.inf):
            found.append((time.perf_counter() - began, value))

    program = formulation(made, never_worse=never_worse).program
    limits = Limits(gap=GAP, stop=lambda: time.perf_counter() - began > limit_s, on_progress=note)
    solution = minimise(program, limits)
    seconds = time.perf_counter() - began
    status = {Status.OPTIMAL: "proven", Status.INFEASIBLE: "infeasible"}.get(solution.status, "open")
    value, bound = (-x if math.isfinite(x) else None for x in (solution.value, solution.bound))
    good = None
    if value is not None:
        good = next((when for when, cost in found if -cost >= value - GOOD * abs(value)), None)
    return Run(status, seconds, value, bound, good, _faults(program, solution))


def _faults(program: Program, solution: Solution) -> tuple[str, ...]:
    """Check a closed proof; an open one claims little, and can have very many leaves."""
    if solution.status not in (Status.OPTIMAL, Status.INFEASIBLE):
        return ()
    return tuple(proof.faults(program, solution))


def _scip(made: Instance, *, never_worse: bool, limit_s: float) -> Run:
    answer = scip_model.solve(*made, never_worse=never_worse, gap=GAP, limit_s=limit_s)
    value, bound = (x if abs(x) < scip_model.INFINITE else None for x in (answer.value, answer.bound))
    return Run(answer.status, answer.solve_s, value, bound)


# The table.

HEADER = (
    "ETFs, pods",
    "covariance",
    "ownership",
    "never-worse rows",
    "proven / infeasible / open",
    "median",
    "worst",
    "aim",
    "within 1 %, median",
    "largest gap",
    "SCIP: proven / infeasible / open",
    "SCIP's median",
    "ours on the same seeds",
    "SCIP's largest gap",
)


def render(runs: Runs, options: argparse.Namespace) -> str:
    """Write the section."""
    limits = ", with the reference customer's limits on positions" if options.tight else ""
    words = (
        f"To a gap of {GAP:g}, one core, at most {options.limit:g} s a run ({options.scip_limit:g} s for SCIP) and"
        f" {options.seeds} seeds a cell; fewer where the budget of {options.budget:g} s for everything ended first.\n"
        f"SCIP ran on the first {options.scip_seeds} of the seeds, and not above a rung where it closed none."
        f" A run that was stopped counts with its time. Instances: `benchmarks/ladder_instances.py`{limits}."
    )
    return "\n\n".join(
        [words, table(HEADER, [_row(cell, done) for cell, done in runs.items()]), _verdict(runs, options)]
    )


def _row(cell: Cell, done: Sequence[tuple[Run, Run | None]]) -> tuple[str, ...]:
    ours, pairs = [run for run, _ in done], [(run, scip) for run, scip in done if scip]
    theirs, good = [scip for _, scip in pairs], [run.good_s for run in ours if run.good_s is not None]
    return (
        f"{cell.n}, {cell.pods}",
        cell.covariance,
        cell.duplicates,
        "with" if cell.never_worse else "without",
        _counts(ours),
        _median(ours),
        _seconds(max(run.seconds for run in ours)) if ours else "",
        cell.aim,
        _seconds(statistics.median(good)) if good else "",
        _largest_gap(ours),
        _counts(theirs),
        _median(theirs),
        _median([run for run, _ in pairs]),
        _largest_gap(theirs),
    )


def _counts(runs: Sequence[Run]) -> str:
    if not runs:
        return "not run"
    return " / ".join(str(sum(run.status == status for run in runs)) for status in ("proven", "infeasible", "open"))


def _median(runs: Sequence[Run]) -> str:
    return _seconds(statistics.median(run.seconds for run in runs)) if runs else ""


def _largest_gap(runs: Sequence[Run]) -> str:
    gaps = [run.gap for run in runs if run.status == "open"]
    if not gaps:
        return ""
    return f"{max(gaps):.2%}" if math.isfinite(max(gaps)) else "no portfolio"


def _seconds(seconds: float) -> str:
    return f"{seconds * 1e3:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def _verdict(runs: Runs, options: argparse.Namespace) -> str:
    """Say whether the answers agree and the proofs hold."""
    every = [(cell, seed, *pair) for cell, done in runs.items() for seed, pair in enumerate(done)]
    compared = [(cell, seed, ours, scip) for cell, seed, ours, scip in every if scip]
    wrong = [
        f"- {cell}, seed {seed}: {ours}, SCIP {scip}" for cell, seed, ours, scip in compared if _contradict(ours, scip)
    ]
    wrong += [f"- {cell}, seed {seed}: {'; '.join(ours.faults)}" for cell, seed, ours, _ in every if ours.faults]
    closed = sum(ours.status != "open" for _, _, ours, _ in every)
    words = (
        f"{closed} of {len(every)} runs closed, each proof checked again in plain numpy;"
        f" {len(compared)} answers compared with SCIP's."
    )
    late = max((run.seconds - options.limit for _, _, run, _ in every), default=-1.0)
    if late > 0:
        words += f" The latest of those that were stopped ended {late * 1e3:.0f} ms after its limit."
    return "\n".join([words, *([f"{len(wrong)} are wrong:", "", *wrong] if wrong else ["None is wrong."])])


def _contradict(ours: Run, scip: Run) -> bool:
    """Whether one found more than the other says there is."""
    return _beyond(ours, scip) or _beyond(scip, ours)


def _beyond(one: Run, other: Run) -> bool:
    if one.value is None:
        return False
    if other.status == "infeasible":
        return True
    return other.bound is not None and one.value > other.bound + NOISE


if __name__ == "__main__":
    main()
