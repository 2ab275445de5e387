"""Serve goals one after the other: each as well as the rules and the goals before it allow.

Lexicographic (preemptive) goal programming (Charnes & Cooper 1961; Ignizio, Goal Programming and
Extensions, 1976), with one goal a level. A goal that can be kept as asked, is; one that cannot has its
smallest shortfall found and proven, and is then held there. Every level is a convex mixed-integer
program with a proof of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from portfolio.conic import proof
from portfolio.conic.solution import Status, relative_gap
from portfolio.conic.solve import minimise
from portfolio.errors import SolverError
from portfolio.master.statement.goal_rows import is_ratio
from portfolio.terms.goals import HELD_WITHIN

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from portfolio import Matrix
    from portfolio.conic.bound import States
    from portfolio.conic.solution import Solution
    from portfolio.master.statement.correlations import Near
    from portfolio.master.statement.formulation import Formulation
    from portfolio.terms.goals import Goal

    Watch = Callable[[int, float], None]

# A gap no search can miss: the first portfolio that keeps the rules ends it.
ANY = 1e12

# The best figure of a goal that gives way is proven to a millionth.
AIM_GAP = 1e-6

# Dinkelbach's method converges faster than linearly: three or four steps are usual.
_RATIO_STEPS = 20


class Formulate(Protocol):
    """Make the program of one customer, with some goals kept and some rules left out."""

    def __call__(
        self,
        *,
        levels: Mapping[str, float] | None = None,
        without: Collection[str] = (),
        aim: tuple[Goal, float] | None = None,
        near: Near | None = None,
    ) -> Formulation:
        """See ``Formulation``."""


@dataclass(slots=True)
class Solver:
    """Solves the programs of one customer, checks each proof, and starts each where the last one ended.

    Attributes:
        formulate: Makes the programs.
        stop: Asked while searching; true ends the search with what it has.
        watch: Told, as a search gets on, which it is, from 1, and its relative gap; infinite without a portfolio.
        states: The switches of the last portfolio that was found.
        X: Its holdings.
        nodes: Nodes of all searches so far.
        leaves: Parts of the search spaces that were proven.
        searches: How many there were so far, with the one in hand.
    """

    formulate: Formulate
    stop: Callable[[], bool]
    watch: Watch | None = None
    states: States | None = None
    X: Matrix | None = None
    nodes: int = 0
    leaves: int = 0
    searches: int = 0

    def solve(self, form: Formulation, gap: float) -> Solution:
        """Minimise a program.

        Raises:
            SolverError: If the search claims what it has not proven.
        """
        # Without some rules a program has other switches: what was found for one says nothing of the other.
        start = self.states if self.states is not None and len(self.states) == len(form.program.k) else None
        self.searches += 1
        watch = None if self.watch is None else partial(_tell, self.watch, self.searches)
        solution = minimise(form.program, gap=gap, stop=self.stop, start=start, watch=watch)
        if faults := proof.faults(form.program, solution):
            message = f"the proof of the portfolio does not hold; report this with the request_id: {'; '.join(faults)}"
            raise SolverError(message)
        self.nodes += solution.nodes
        self.leaves += len(solution.leaves)
        if solution.states is not None:
            self.states, self.X = solution.states, form.weights(solution)
        return solution

    def feasible(self, levels: Mapping[str, float], without: Collection[str] = ()) -> Status:
        """Say whether rules and levels can be kept together: OPTIMAL, INFEASIBLE, or not known."""
        return self.solve(self.formulate(levels=levels, without=without), ANY).status

    def about(self, formulate: Formulate) -> Solver:
        """Make a solver of other programs."""
        return Solver(formulate, self.stop)


def _tell(watch: Watch, search: int, value: float, bound: float) -> None:
    watch(search, relative_gap(value, bound))


@dataclass(slots=True)
class Levels:
    """At which figure each goal can be kept, together with all before it.

    Attributes:
        kept: The figures, by name.
        best: Of goals that cannot be met: the best figure, as far as it was proven.
        proven: Whether every one of those was.
    """

    kept: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    proven: bool = True

    def with_room(self, goals: Sequence[Goal], room: float) -> dict[str, float]:
        """Hold what gives way a little further from its best than usual."""
        held = {g.name: g.eased(self.best[g.name], room) for g in goals if g.name in self.best and not g.counts}
        return self.kept | held


def serve(
    solver: Solver, goals: Sequence[Goal], hopeless: Mapping[str, float], *, contradictory: bool = False
) -> Levels:
    """Find the level of every goal.

    When time ends the search, the goals that are left are kept as well as by the last portfolio found.

    Args:
        solver: Solves the programs; the hard rules can be kept.
        goals: In the order in which they are to be served.
        hopeless: Goals that are known to be out of reach, by name, and the best that they could be.
        contradictory: Whether it is known that not all goals can be kept together.
    """
    levels, left = Levels(), list(goals)
    while left and not solver.stop():
        number = _how_many(solver, levels.kept, left, hopeless, contradictory=contradictory)
        contradictory = False
        levels.kept |= {goal.name: goal.asked for goal in left[:number]}
        if number < len(left):
            _give_way(solver, levels, left[number], hopeless.get(left[number].name, left[number].asked))
        left = left[number + 1 :]
    if left:
        _keep_as_found(solver, levels, left)
    return levels


def _keep_as_found(solver: Solver, levels: Levels, goals: Sequence[Goal]) -> None:
    """Keep goals as well as the last portfolio does: as asked if that does, else unproven."""
    if solver.X is None:
        levels.proven = False
        return
    form = solver.formulate()
    for goal in goals:
        found = form.case.delivered(goal, solver.X)
        levels.proven &= goal.met(found)
        if found is not None:
            levels.kept[goal.name] = goal.asked if goal.met(found) else goal.eased(found, HELD_WITHIN)


def _how_many(
    solver: Solver, kept: Mapping[str, float], goals: Sequence[Goal], hopeless: Collection[str], *, contradictory: bool
) -> int:
    """Find how many of the next goals can be kept as asked."""

    def possible(number: int) -> bool:
        asked = {goal.name: goal.asked for goal in goals[:number]}
        return solver.feasible({**kept, **asked}) is Status.OPTIMAL

    most = next((i for i, goal in enumerate(goals) if goal.name in hopeless), len(goals))
    if not contradictory and possible(most):
        return most
    least = 0
    while most - least > 1:
        middle = (least + most) // 2
        least, most = (middle, most) if possible(middle) else (least, middle)
    return least


def _give_way(solver: Solver, levels: Levels, goal: Goal, near: float) -> None:
    """Find the best figure of a goal that cannot be kept, and hold it there."""
    best, proven = best_figure(solver, goal, levels.kept, near=near)
    levels.proven &= proven
    if best is None:
        return
    if goal.met(best):
        # It can be met, but only just: nothing is short.
        levels.kept[goal.name] = goal.asked
        return
    levels.best |= {goal.name: best} if proven else {}
    levels.kept[goal.name] = best if goal.counts else goal.eased(best, HELD_WITHIN)


def best_figure(
    solver: Solver,
    goal: Goal,
    kept: Mapping[str, float],
    without: Collection[str] = (),
    *,
    near: float = 0.0,
    gap: float = AIM_GAP,
) -> tuple[float | None, bool]:
    """Find the best figure of one goal while others are kept; and whether it is proven.

    A ratio is found by Dinkelbach's method (1967): what is best at the last ratio has the next, until
    that is the same.

    Args:
        solver: Solves the programs.
        goal: The goal.
        kept: Levels of other goals, by name.
        without: Rules to leave out.
        near: For a ratio: one that may be near the best, below or above it.
        gap: Relative gap to which the best is proven.
    """
    last, best = max(near, 0.0), None
    for _ in range(_RATIO_STEPS):
        form = solver.formulate(levels=kept, without=without, aim=(goal, last))
        solution = solver.solve(form, gap)
        if solution.x is None:
            break
        best = form.case.delivered(goal, form.weights(solution))
        proven = solution.status is Status.OPTIMAL
        if best is None or not proven or not is_ratio(form, goal) or abs(best - last) <= gap * max(1.0, abs(best)):
            return best, proven and best is not None
        last = max(best, 0.0)
    return best, False
