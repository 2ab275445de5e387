"""Stage 2: one portfolio for all pods, proven optimal, or the reason why there is none."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.conic import proof
from portfolio.conic.search import minimise
from portfolio.conic.solution import Status
from portfolio.errors import SolverError, UnreachableGoalError
from portfolio.figures import figures
from portfolio.formulation import Formulation
from portfolio.mandate import Measure

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from portfolio import Matrix
    from portfolio.conic.solution import Solution
    from portfolio.market import Market
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve

GAP = 1e-4

_NO_ANSWER = {
    Status.STOPPED: "the search was stopped before it found a portfolio; allow it more time (deadline_s)",
    Status.UNDECIDED: "the solver had numerical trouble and found no portfolio; ease a rule that leaves little room",
}

# A gap no search can miss: the first portfolio that keeps the rules ends it.
_ANY = 1e12

# A Sharpe ratio counts as found when a step of Dinkelbach's method gains less than this.
_RATIO_FOUND = 1e-4
_RATIO_STEPS = 20
_AIM_GAP = 1e-6


@dataclass(frozen=True, slots=True)
class Certificate:
    """What is proven about a master portfolio.

    Attributes:
        objective: Its objective; higher is better.
        bound: No portfolio that keeps the rules has a higher one.
        gap: ``(bound - objective) / max(|objective|, 0.01)``.
        target_gap: The gap at which the search may end.
        restricted: Requirements that are not convex, for which stronger ones stood in: the bound holds for
            portfolios that keep these, not for all that keep the rule.
        certified: Whether the gap is within its target, and nothing was restricted.
        nodes: Nodes of the branch and bound.
        leaves: Parts of the search space, each with its own proof, all checked again.
    """

    objective: float
    bound: float
    gap: float
    target_gap: float
    restricted: tuple[str, ...]
    certified: bool
    nodes: int
    leaves: int


@dataclass(frozen=True, slots=True)
class Conflict:
    """One of the requirements that cannot be kept together.

    Attributes:
        requirement: Its name, such as ``max_etfs`` or ``gamma.sharpe_ratio``.
        words: What it asks.
        asked: For a goal: the figure asked.
        best_alone: For a goal: the best the pod could do with this goal alone.
        best_together: For a goal: the best there is while all other requirements are kept or, where even that
            is too much, the others of this set; None if not proven.
    """

    requirement: str
    words: str
    asked: float | None = None
    best_alone: float | None = None
    best_together: float | None = None


class ConflictError(UnreachableGoalError):
    """No portfolio keeps all rules and goals.

    Attributes:
        conflicts: Requirements that contradict each other; without any one of them the rest agree, unless
            time ended the search for a smaller set.
    """

    def __init__(self, conflicts: Sequence[Conflict], *, complete: bool) -> None:
        said = "; ".join(_say(conflict) for conflict in conflicts)
        advice = "Ease one of them" if complete else "Time ended the search for a smaller set: ease several of them"
        super().__init__(f"No portfolio keeps all of these together: {said}. {advice}")
        self.conflicts = tuple(conflicts)


def optimise_master(
    market: Market,
    sleeves: Sequence[Sleeve],
    terms: Terms,
    *,
    gap: float = GAP,
    stop: Callable[[], bool] = lambda: False,
) -> tuple[Matrix, Certificate]:
    """Find the best portfolio for all pods together.

    Returns:
        The holdings, shape (pods, n), sum 1, exactly zero where nothing is held; and the proof.

    Raises:
        ConflictError: If no portfolio keeps all rules and goals; names those that conflict.
        SolverError: If *stop* ended the search before it found any portfolio, or its proof fails.
    """
    formulation = Formulation(market, sleeves, terms)
    solution = minimise(formulation.program, gap=gap, stop=stop)
    if faults := proof.faults(formulation.program, solution):
        message = f"the proof of the master portfolio does not hold: {'; '.join(faults)}"
        raise SolverError(message)
    if solution.status is Status.INFEASIBLE:
        conflicts, complete = _conflicts(market, sleeves, terms, stop)
        raise ConflictError(conflicts, complete=complete)
    if solution.x is None:
        raise SolverError(_NO_ANSWER[solution.status])
    return formulation.holdings(solution), Certificate(
        objective=-solution.value,
        bound=-solution.bound,
        gap=solution.gap,
        target_gap=gap,
        restricted=formulation.restricted,
        certified=solution.status is Status.OPTIMAL and not formulation.restricted,
        nodes=solution.nodes,
        leaves=len(solution.leaves),
    )


def _conflicts(
    market: Market, sleeves: Sequence[Sleeve], terms: Terms, stop: Callable[[], bool]
) -> tuple[list[Conflict], bool]:
    """Find a minimal set of contradicting requirements with a deletion filter.

    Each requirement in turn is left out; if the rest is proven to contradict itself still, it stays
    out (Chinneck & Dravnieks 1991). What is left at the end cannot spare a single member, unless
    *stop* ended the filter early, which is the second thing returned: then the set is contradictory,
    but may be larger than need be.
    """

    def solve(without: Sequence[str]) -> Solution:
        return minimise(Formulation(market, sleeves, terms, without=without).program, gap=_ANY, stop=stop)

    def best_together(p: int, measure: Measure, without: Sequence[str]) -> float | None:
        """Find the best figure for one goal; None if nothing is proven.

        A Sharpe ratio is found by Dinkelbach's method: beat the last one until nothing beats it.
        """
        last = -math.inf
        for _ in range(_RATIO_STEPS):
            aim = (p, measure, max(last, 0.0))
            formulation = Formulation(market, sleeves, terms, without=without, aim=aim)
            solution = minimise(formulation.program, gap=_AIM_GAP, stop=stop)
            if solution.status is not Status.OPTIMAL:
                return None
            best = figures(market, formulation.holdings(solution)[p] / sleeves[p].share).of(measure)
            if measure is not Measure.SHARPE or best - last < _RATIO_FOUND:
                return best
            last = best
        return None

    requirements = Formulation(market, sleeves, terms).requirements
    out: list[str] = []
    # Goals stay longest: a person would rather hear of a goal than of a yardstick.
    for name in sorted(requirements, key=lambda name: (not name.startswith("never_worse"), name)):
        if solve([*out, name]).status is Status.INFEASIBLE:
            out.append(name)
    complete = not stop()
    kept = [name for name in requirements if name not in out]
    goals = {f"{s.mandate.pod}.{m.value}": (p, m) for p, s in enumerate(sleeves) for m in s.mandate.goals}
    found = []
    for name in kept:
        if name not in goals:
            found.append(Conflict(name, requirements[name]))
            continue
        p, measure = goals[name]
        found.append(
            Conflict(
                name,
                requirements[name],
                asked=sleeves[p].mandate.goals[measure],
                best_alone=sleeves[p].best_alone.get(measure),
                best_together=next(
                    (
                        best
                        for without in ([name], [*out, name])
                        if (best := best_together(p, measure, without)) is not None
                    ),
                    None,
                ),
            )
        )
    return found, complete


def _say(conflict: Conflict) -> str:
    if conflict.best_together is None:
        return conflict.words
    measure = Measure(conflict.requirement.split(".")[1])
    return f"{conflict.words} (the best there is: {measure.show(conflict.best_together)})"
