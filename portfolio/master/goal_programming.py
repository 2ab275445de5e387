"""Serve goals one after the other: each goal as well as the rules and the earlier goals allow.

Lexicographic (preemptive) goal programming (Charnes & Cooper 1961; Ignizio, Goal Programming and Extensions, 1976),
with one goal per level. A goal that can be kept as asked is kept as asked. For any other goal of a pod the best figure
is found and proven, and the goal is then held at this figure less the tolerance. Any other goal to be no worse than the
separate pods is given up: the objective decides then. Every level is a convex mixed-integer program with a separate
proof.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Protocol

from portfolio.conic import proof
from portfolio.conic.dispatch import minimise
from portfolio.conic.earlier import Known
from portfolio.conic.limits import USUAL, Limits, ignore_progress
from portfolio.conic.solution import Status, relative_gap
from portfolio.errors import SolverError
from portfolio.market.measure import ROOM
from portfolio.master.statement.goal_rows import is_ratio
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.conic.bound import States
    from portfolio.conic.solution import Solution
    from portfolio.master.statement.correlations import Near
    from portfolio.master.statement.formulation import Formulation
    from portfolio.terms.goals import Goal

    OnProgress = Callable[[int, float], None]

# A gap that any portfolio satisfies: the first portfolio that keeps the rules ends the search.
ANY = 1e12

# The best figure of a goal that gives way is proven to a millionth.
AIM_GAP = 1e-6

# Number of portfolios that a session keeps for its next searches.
_PORTFOLIOS = 10

# Dinkelbach's method converges faster than linearly; steps that end at a better point are quick.
_RATIO_STEPS, _BEATEN = 40, 100.0


class Formulate(Protocol):
    """Make the program of one customer, with some goals kept and some rules left out."""

    def __call__(
        self,
        *,
        levels: Mapping[str, float] | None = None,
        without: Collection[str] = (),
        aim: tuple[Goal, float] | None = None,
        near: Near | None = None,
        weaker: bool = False,
    ) -> Formulation:
        """See ``Formulation``."""


@dataclass(slots=True)
class SearchSession:
    """A series of searches over one customer's programs: each starts from the last portfolio, and its proof is checked.

    Attributes:
        formulate: Makes the programs.
        stop: Called during a search; True ends the search with the incumbent.
        on_progress: Called as a search progresses, with the number of the search, from 1, and the relative gap; the
            gap is infinite without a portfolio.
        states: The switches of the last portfolio found.
        X: The holdings of the last portfolio found.
        case: The case of the last portfolio found.
        nodes: Number of nodes in all searches so far.
        leaves: Number of proven leaves in all search trees so far.
        searches: Number of searches so far, the current search included.
        most_nodes: Greatest number of nodes of all searches together; every search may open one.
        known: The multipliers of the last searches.
    """

    formulate: Formulate
    stop: Callable[[], bool]
    on_progress: OnProgress | None = None
    states: States | None = None
    X: Matrix | None = None
    case: Case | None = None
    nodes: int = 0
    leaves: int = 0
    searches: int = 0
    most_nodes: int = USUAL.node_limit
    known: Known = field(default_factory=Known)
    _portfolios: list[tuple[States, Matrix, Case]] = field(default_factory=list, init=False)

    def solve(
        self, form: Formulation, gap: float, *, node_limit: int = USUAL.node_limit, until: float = USUAL.until
    ) -> Solution:
        """Minimise a program of the session's case to a gap, or until the nodes' limit or a point below *until*.

        Raises:
            SolverError: If the proof of the result does not hold.
        """
        # A program without some rules may have other switches: the last portfolio is then no start.
        start = self.states if self.states is not None and len(self.states) == len(form.program.k) else None
        self.searches += 1
        on_progress = ignore_progress if self.on_progress is None else partial(_report, self.on_progress, self.searches)
        limits = Limits(
            gap=gap,
            node_limit=min(node_limit, max(self.most_nodes - self.nodes, 1)),
            stop=self.stop,
            start=start,
            known=self.known,
            until=until,
            on_progress=on_progress,
        )
        solution = minimise(form.program, limits)
        if faults := proof.faults(form.program, solution):
            message = f"the proof of the portfolio does not hold; report this with the request_id: {'; '.join(faults)}"
            raise SolverError(message)
        self.nodes += solution.nodes
        self.leaves += len(solution.leaves)
        if solution.states is not None:
            self.states, self.X, self.case = solution.states, form.weights(solution), form.case
            if not form.left_out:
                self._portfolios = [(self.states, self.X, self.case), *self._portfolios][:_PORTFOLIOS]
        return solution

    def feasible(self, levels: Mapping[str, float], without: Collection[str] = ()) -> Status:
        """Return whether rules and levels can be kept together: OPTIMAL, INFEASIBLE, or another status if unknown."""
        if not without and self._recall(levels):
            return Status.OPTIMAL
        return self.solve(self.formulate(levels=levels, without=without), ANY).status

    def _recall(self, levels: Mapping[str, float]) -> bool:
        """Return to the last portfolio found that reaches all levels, if any: no search is needed to find another."""
        for states, X, case in self._portfolios:
            goals = {goal.name: goal for goal in case.goals}
            if all(goals[name].beats(level, case.delivered(goals[name], X)) for name, level in levels.items()):
                self.states, self.X, self.case = states, X, case
                return True
        return False

    def about(self, formulate: Formulate) -> SearchSession:
        """Make a session for the programs of *formulate*, with the same stop."""
        return SearchSession(formulate, self.stop)


def _report(on_progress: OnProgress, search: int, value: float, bound: float) -> None:
    on_progress(search, relative_gap(value, bound))


@dataclass(slots=True)
class Levels:
    """The figure at which each goal can be kept together with all earlier goals.

    Attributes:
        kept: The figures, by name of the goal; a goal that is given up has none.
        best: The best figure of each goal that cannot be met, where proven.
        proven: Whether all of these best figures are proven, and that each goal given up cannot be kept.
    """

    kept: dict[str, float] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    proven: bool = True


def with_room(levels: Mapping[str, float], goals: Sequence[Goal], room: float = ROOM) -> dict[str, float]:
    """Ease levels by the room that the solver needs: a goal set exactly at an optimum leaves no interior point."""
    named = {goal.name: goal for goal in goals}
    return {name: named[name].with_room(level, room) if name in named else level for name, level in levels.items()}


def serve(
    session: SearchSession,
    goals: Sequence[Goal],
    hopeless: Mapping[str, float],
    *,
    tolerance: float,
    contradictory: bool = False,
) -> Levels:
    """Find the level of every goal.

    When time ends the search, the remaining goals are held at the figures of the last portfolio found.

    Args:
        session: Solves the programs. The hard rules must be feasible.
        goals: The goals, in the order of service.
        hopeless: Best figures of goals that are known to be out of reach, by name.
        tolerance: How far below its best figure a goal that gives way is held, as a part of the figure.
        contradictory: Whether the goals are known to contradict each other.
    """
    levels, remaining = Levels(), list(goals)
    while remaining and not session.stop():
        most = next((i for i, goal in enumerate(remaining) if goal.name in hopeless), len(remaining))
        number, verdict = _how_many(session, goals, levels, remaining[:most], contradictory=contradictory)
        contradictory = False
        levels.kept |= {goal.name: goal.asked for goal in remaining[:number]}
        if number < len(remaining) and isinstance(remaining[number].figure, Row):
            levels.proven &= verdict is Status.INFEASIBLE
        elif number < len(remaining):
            _give_way(session, goals, levels, remaining[number], hopeless, tolerance)
        remaining = remaining[number + 1 :]
    if remaining:
        _hold_incumbent_figures(session, levels, remaining, tolerance)
    return levels


def levels_of_incumbent(session: SearchSession, goals: Sequence[Goal], tolerance: float) -> Levels:
    """Hold all goals at the figures of the last portfolio found."""
    levels = Levels()
    _hold_incumbent_figures(session, levels, goals, tolerance)
    return levels


def _hold_incumbent_figures(session: SearchSession, levels: Levels, goals: Sequence[Goal], tolerance: float) -> None:
    """Hold goals at the figures of the last portfolio: as asked where that portfolio meets the goal, else unproven."""
    if session.X is None or session.case is None:
        levels.proven = False
        return
    for goal in goals:
        figure = session.case.delivered(goal, session.X)
        levels.proven &= goal.met(figure)
        if goal.met(figure):
            levels.kept[goal.name] = goal.asked
        elif figure is not None and not isinstance(goal.figure, Row):
            levels.kept[goal.name] = goal.held(figure, tolerance)


def _how_many(
    session: SearchSession, goals: Sequence[Goal], levels: Levels, remaining: Sequence[Goal], *, contradictory: bool
) -> tuple[int, Status]:
    """Find by bisection how many of the next goals can be kept as asked, and the verdict on one goal more.

    Args:
        session: Solves the programs.
        goals: All goals.
        levels: The levels of the earlier goals.
        remaining: The next goals.
        contradictory: Whether all of the next goals are known to contradict each other.
    """

    def verdict(number: int) -> Status:
        levels_asked = {goal.name: goal.asked for goal in remaining[:number]}
        return session.feasible(with_room(levels.kept | levels_asked, goals))

    least, most = 0, len(remaining)
    last = Status.INFEASIBLE if contradictory else verdict(most)
    if last is Status.OPTIMAL:
        return most, Status.INFEASIBLE
    while most - least > 1:
        middle = (least + most) // 2
        if (now := verdict(middle)) is Status.OPTIMAL:
            least = middle
        else:
            most, last = middle, now
    return least, last


def _give_way(
    session: SearchSession,
    goals: Sequence[Goal],
    levels: Levels,
    goal: Goal,
    hopeless: Mapping[str, float],
    tolerance: float,
) -> None:
    """Find the best figure of a goal that cannot be kept, and hold the goal at that figure less the tolerance."""
    near = hopeless.get(goal.name, goal.asked)
    best, proven = best_figure(session, goal, with_room(levels.kept, goals), near=near)
    levels.proven &= proven
    if best is None:
        return
    if goal.can_be_kept(best):
        # The goal can be met after all, by a small margin: no shortfall.
        levels.kept[goal.name] = goal.asked
        return
    levels.best |= {goal.name: best} if proven else {}
    levels.kept[goal.name] = goal.held(best, tolerance)


def best_figure(
    session: SearchSession,
    goal: Goal,
    levels: Mapping[str, float],
    without: Collection[str] = (),
    *,
    near: float = 0.0,
    gap: float = AIM_GAP,
) -> tuple[float | None, bool]:
    """Find the best figure of one goal while other goals are kept. Return the figure, and whether the figure is proven.

    Dinkelbach's method (1967) finds a ratio: the best portfolio at the last ratio gives the next ratio, until the ratio
    no longer changes.

    Args:
        session: Solves the programs.
        goal: The goal.
        levels: Levels of other goals, by name.
        without: Rules to leave out.
        near: Start value for a ratio, near the best ratio on either side.
        gap: Relative gap of the proof.
    """
    last, best = max(near, 0.0), None
    if session.X is not None and session.case is not None:
        known = session.case.delivered(goal, session.X)
        last = last if known is None else max(known, 0.0)
    # A point that beats the ratio by more than this raises it at once: a tree around a low ratio proves little.
    enough = _BEATEN * gap
    for _ in range(_RATIO_STEPS):
        form = session.formulate(levels=levels, without=without, aim=(goal, last))
        ratio = is_ratio(form, goal)
        until = 1 - enough if ratio else USUAL.until
        solution = session.solve(form, gap, until=until)
        if solution.x is None:
            break
        best = form.case.delivered(goal, form.weights(solution))
        proven = solution.status is Status.OPTIMAL
        raised = solution.status is Status.STOPPED and solution.value < until and not session.stop()
        if best is None or not (proven or raised) or not ratio or abs(best - last) <= gap * max(1.0, abs(best)):
            return best, proven and best is not None
        last = max(best, 0.0)
    return best, False
