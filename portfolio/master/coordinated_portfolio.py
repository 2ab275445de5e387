"""Stage 2: one portfolio for all pods, proven optimal, or the reason why no portfolio exists."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import partial
from itertools import takewhile
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.earlier import Earlier, Known
from portfolio.conic.solution import Leaf, Status, relative_gap
from portfolio.errors import DataError, SolverError, UnreachableGoalError
from portfolio.market.measure import HAIR, ROOM, ROOMS, Measure
from portfolio.master.conflict import explain_goals, explain_rules
from portfolio.master.goal_programming import (
    ANY,
    Levels,
    SearchSession,
    best_figure,
    levels_of_incumbent,
    serve,
    with_room,
)
from portfolio.master.sensitivity import ShadowPrice, shadow_prices
from portfolio.master.statement.correlations import Near
from portfolio.master.statement.formulation import Formulation
from portfolio.master.statement.goal_rows import needs_stronger_row
from portfolio.master.statement.objective import objective, objective_terms
from portfolio.published.certificate import Certificate
from portfolio.terms.goals import Row, strange_names
from portfolio.terms.rules import Explain, OnUnreachable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.conic.bound import States
    from portfolio.conic.solution import Solution
    from portfolio.master.goal_programming import OnProgress
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.goals import Goal
    from portfolio.terms.rules import Terms

GAP = 1e-4

_NO_ANSWER = {
    Status.STOPPED: "the search was stopped before it found a portfolio: allow it more time (deadline_s)",
    Status.UNDECIDED: "the solver had numerical trouble and found no portfolio: ease a rule that leaves little room",
    Status.INFEASIBLE: "the solver lost a portfolio that it had found: report this with the request_id",
}

_CONTRADICTION = "no portfolio keeps all of the rules: ease a rule"

# Gap of the best figure of a goal that is met: information only, so a looser gap than that of a goal that gives way.
_MET_GAP = 1e-4

# With at most this many switches, one tree closes within a second or two.
_MANY = 100

_SHARPE_RATIO = f"never_worse.{Row.SHARPE_RATIO}"

# The convex-concave procedure ends when a step gains less than this, or after this number of steps.
_STEP_GAIN, _STEPS = 1e-4, 10


@dataclass(frozen=True, slots=True, eq=False)
class CoordinatedPortfolio:
    """A coordinated portfolio.

    Attributes:
        X: The holdings, shape (pods, n), sum 1, exactly zero for ETFs that are not held.
        goals: All goals, in the order of service.
        held: By goal: the figure at which the search held the goal; none for goals given up and for correlations.
        levels: The same as the program has them: with room, more where the solver needed it. The bound is that of all
            portfolios that keep these levels.
        best_together: By goal: the best figure while the rules and the earlier goals are kept, where proven.
        prices: By goal: the marginal price, the gain of the objective if the goal is eased (``sensitivity``).
        rules: The hard rules of the program, by name, in words.
        switches: The switches of the program at the holdings.
        certificate: The proof.
        proof: The tree of the search for the portfolio, for similar programs; None where that took more than a tree.
        known: The multipliers of the searches, for similar programs.
    """

    X: Matrix
    goals: Sequence[Goal]
    held: Mapping[str, float]
    levels: Mapping[str, float]
    best_together: Mapping[str, float]
    prices: Mapping[str, ShadowPrice]
    rules: Mapping[str, str]
    switches: States
    certificate: Certificate = field(repr=False)
    proof: Earlier | None = field(default=None, repr=False)
    known: Known = field(default_factory=Known, repr=False)


def optimise_all_pods(
    case: Case,
    *,
    gap: float = GAP,
    stop: Callable[[], bool] = lambda: False,
    on_progress: OnProgress | None = None,
    explain: bool = True,
    known: Known | None = None,
) -> CoordinatedPortfolio:
    """Find the best portfolio for all pods together.

    Args:
        case: The customer's case.
        gap: Relative gap at which the search may end.
        stop: Called during a search; True ends the search with the incumbent.
        on_progress: Called as a search progresses, with the number of the search, from 1, and the relative gap; the
            gap is infinite without a portfolio.
        explain: Whether to search for the rules that conflict, where no portfolio keeps all of them.
        known: Multipliers of a similar case.

    Raises:
        ConflictError: If no portfolio keeps all rules (or goals, if goals must not give way). The error names the
            rules and goals that conflict.
        UnreachableGoalError: The same, where the rules are not to be explained.
        DataError: If a priority or a limit names a goal that does not exist.
        SolverError: If *stop* ended the search before the first portfolio, or a proof fails.
    """
    session = SearchSession(partial(Formulation, case), stop, on_progress, known=known or Known())
    form, solution, levels = find(session, case, gap, explain=explain)
    return _finish(session, form, solution, levels, gap)


def find(session: SearchSession, case: Case, gap: float, *, explain: bool) -> tuple[Formulation, Solution, Levels]:
    """Find the best portfolio that keeps the rules and, in order, the goals; limits on correlations are left out.

    Returns:
        The program, its solution with a point, and the levels at which the goals are kept.

    Raises:
        As ``optimise_all_pods``.
    """
    sleeves, terms = case.sleeves, case.terms
    refuse_strangers(case.goals, sleeves, terms)
    convex = [goal for goal in case.goals if goal.figure is not None]
    # A pod's best figure alone assumes a start from cash: with the customer's holdings the pod may do better.
    hopeless = _hopeless(convex, sleeves) if terms.owned is None else {}
    levels = Levels({goal.name: goal.asked for goal in convex})
    rules = None
    if terms.owned is not None:  # without trades, no search is long, and no rule is a target
        form = session.formulate()
        if case.targets is not None and session.states is None:
            # A budget of nothing leaves hardly any other portfolio than one of these: time may end the search before.
            known = case.targets.start
            session.states = form.untraded(case.targets.today) if known is None else known
        rules = _keep_rules(session) if _is_long(form) or case.targets is not None else None
    contradictory = rules is not None and rules[1].status is Status.INFEASIBLE
    result = None if hopeless or contradictory else _solve_at(session, levels.kept, convex, gap)
    if rules is not None and result is not None and _ended_without(result[1], session, terms):
        levels = levels_of_incumbent(session, convex, terms.target_tolerance)
        result = rules
    elif result is None or (result[1].x is None and result[1].status is not Status.STOPPED):
        if contradictory or (rules is None and session.feasible({}) is Status.INFEASIBLE):
            raise explain_rules(session, case) if explain else UnreachableGoalError(_CONTRADICTION)
        undecided = result is not None and result[1].status is Status.UNDECIDED
        if terms.on_unreachable is OnUnreachable.FAIL:
            if not explain:
                raise UnreachableGoalError(_CONTRADICTION)
            raise SolverError(_NO_ANSWER[Status.UNDECIDED]) if undecided else explain_goals(session, sleeves)
        contradictory = result is not None and not undecided
        levels = serve(session, convex, hopeless, tolerance=terms.target_tolerance, contradictory=contradictory)
        result = _solve_at(session, levels.kept, convex, gap)
    form, solution = result
    if solution.x is None:
        raise SolverError(_NO_ANSWER[solution.status])
    return form, solution, levels


def _is_long(form: Formulation) -> bool:
    """Return whether time may end the search for a portfolio that meets all goals: one tree over many switches."""
    return form.trades is not None and len(form.program.switched) > _MANY


def _keep_rules(session: SearchSession) -> tuple[Formulation, Solution]:
    """Find, in a dozen nodes, a portfolio that keeps the rules alone: the answer if time ends the next search."""
    form = session.formulate(levels={})
    return form, session.solve(form, ANY)


def _ended_without(solution: Solution, session: SearchSession, terms: Terms) -> bool:
    """Return whether time ended the search for all goals without a portfolio, goals may give way, and one is known."""
    known = solution.x is None and session.X is not None
    return known and terms.on_unreachable is OnUnreachable.RELAX and session.stop()


def _solve_at(
    session: SearchSession, levels: Mapping[str, float], goals: Sequence[Goal], gap: float
) -> tuple[Formulation, Solution]:
    """Maximise the objective at the levels. Where the solver finds no portfolio or bound, try again with more room."""
    form = session.formulate(levels=with_room(levels, goals, HAIR))
    solution = session.solve(form, gap)
    # A contradiction is proven, though perhaps of figures that differ by rounding: the most room decides.
    for room in (ROOM,) if solution.status is Status.INFEASIBLE else ROOMS:
        if solution.status in (Status.OPTIMAL, Status.STOPPED) or session.stop():
            break
        roomy = session.formulate(levels=with_room(levels, goals, room))
        again = session.solve(roomy, gap)
        if again.x is not None or solution.x is None:
            form, solution = roomy, again
    return form, solution


def _finish(
    session: SearchSession, form: Formulation, solution: Solution, levels: Levels, gap: float
) -> CoordinatedPortfolio:
    """Impose the limits on correlations, if the terms ask for them, and certify the result."""
    form, solution, wide = _of_all(session, form, solution, levels, gap)
    bound, proven, levels_used = solution.bound, solution.status is Status.OPTIMAL, form.levels
    tree = Earlier(form.program, solution.leaves) if all(type(leaf) is Leaf for leaf in solution.leaves) else None
    form, solution, limited = limit_correlations(session, form, solution, gap)
    states = solution.states
    assert states is not None  # noqa: S101 - the caller has a portfolio
    value = _value(form, solution)
    # Two solves of the same optimum differ in their last digits.
    bound = min(bound if wide is None else wide, value)
    restricted = tuple(form.restricted) if wide is None else ()
    # Time may have ended the searches at a portfolio of the rules alone that meets this goal: the weaker claim, too.
    if wide is None and not restricted and _SHARPE_RATIO in levels.kept and needs_stronger_row(form):
        restricted = (_SHARPE_RATIO,)
    certified = proven and levels.proven and not restricted and relative_gap(value, bound) <= gap
    # Correlations above their limits are not certified: a portfolio nearer to the limits may exist.
    certified = certified and all(goal.met(_figure(goal, form, solution)) for goal in form.goals if not goal.figure)
    certificate = Certificate(
        objective=-value,
        bound=-bound,
        gap=relative_gap(value, bound),
        target_gap=gap,
        restricted=(*restricted, *limited),
        levels_proven=levels.proven,
        certified=certified,
        nodes=0,
        leaves=0,
    )
    best = dict(levels.best)
    if form.terms.explain is Explain.ALL:
        best |= _best_of_the_met(session, form, solution, levels)
    return CoordinatedPortfolio(
        X=form.weights(solution),
        goals=form.goals,
        held=levels.kept,
        levels=levels_used,
        best_together=best,
        rules=form.rules,
        switches=states,
        prices=shadow_prices(session.formulate, form, solution, stop=session.stop),
        certificate=replace(certificate, nodes=session.nodes, leaves=session.leaves),
        proof=tree,
        known=session.known,
    )


def _of_all(
    session: SearchSession, form: Formulation, solution: Solution, levels: Levels, gap: float
) -> tuple[Formulation, Solution, float | None]:
    """Bound the objective of all portfolios, also of those that a stronger row excludes, and look among these.

    A weaker row in its place gives the bound. Where its best portfolio keeps the goal, that is the answer; else the
    tangent moves to the last portfolio, again and again, which makes no step worse (the convex-concave procedure).

    Returns:
        The program and the solution of the best portfolio that was found, and the bound: None where there is no
        stronger row, where time ends the search without a bound, and where a goal gave way that is served after the
        stronger row, which may be the reason.
    """
    if not form.restricted:
        return form, solution, None
    after = [goal for goal in takewhile(lambda goal: goal.name != _SHARPE_RATIO, reversed(form.goals)) if goal.figure]
    if any(levels.kept.get(goal.name) != goal.asked for goal in after):
        return form, solution, None
    weaker = session.formulate(levels=form.levels, weaker=True)
    widest = session.solve(weaker, gap)
    if not np.isfinite(widest.bound):
        return form, solution, None
    ratio, case = next(goal for goal in form.goals if goal.name == _SHARPE_RATIO), form.case
    X = form.weights(solution)
    if widest.x is not None and ratio.beats(form.levels[ratio.name], case.delivered(ratio, weaker.weights(widest))):
        X = weaker.weights(widest)
    for _ in takewhile(lambda _: not session.stop(), range(_STEPS)):
        if relative_gap(solution.value, widest.bound) <= gap:
            break
        before = case.touched
        case.touch(X.sum(axis=0))
        nearer = session.formulate(levels=form.levels)
        step = session.solve(nearer, gap)
        if step.x is None or step.value > solution.value - _STEP_GAIN * abs(solution.value):
            case.touch(before)
            break
        form, solution, X = nearer, step, nearer.weights(step)
    session.states, session.X = solution.states, form.weights(solution)
    return form, solution, widest.bound


def _value(form: Formulation, solution: Solution) -> float:
    """Return the objective of the holdings, to be minimised, from its definition.

    A point is exact to a billionth of the capital, or to less where the solver has little room. This may be a millionth
    of the cost of buying the separate pods' portfolio.
    """
    return -objective(form.terms, objective_terms(form.case, form.weights(solution)))


def _figure(goal: Goal, form: Formulation, solution: Solution) -> float | None:
    return form.case.delivered(goal, form.weights(solution))


def _best_of_the_met(session: SearchSession, form: Formulation, solution: Solution, levels: Levels) -> dict[str, float]:
    """Find the best figure of each goal that is met, while the earlier goals are kept."""
    best_figures: dict[str, float] = {}
    before: dict[str, float] = {}
    for goal in form.goals:
        if goal.name not in levels.kept or session.stop():
            continue
        if goal.name not in levels.best:
            now = _figure(goal, form, solution) or 0.0
            best, proven = best_figure(session, goal, before, near=now, gap=_MET_GAP)
            if best is not None and proven:
                best_figures[goal.name] = best
        before[goal.name] = levels.kept[goal.name]
    return best_figures


def limit_correlations(
    session: SearchSession, form: Formulation, solution: Solution, gap: float
) -> tuple[Formulation, Solution, tuple[str, ...]]:
    """Bring the correlations within their limits, or as near as the convex-concave procedure gets.

    First minimise the sum of the excess over the limits, then maximise the objective; repeat each a few times around
    the last point (``correlations``). Every step keeps all rules and goals.

    Returns:
        The program and the solution from which to read the portfolio, and the names of the limits imposed.
    """
    limits = [goal for goal in form.goals if goal.figure is None]
    X, levels = form.weights(solution), dict(form.levels)

    def excess(X: Matrix) -> dict[str, float]:
        figures = {goal.name: form.case.delivered(goal, X) or 0.0 for goal in limits}
        return {goal.name: max(goal.asked, figures[goal.name]) for goal in limits}

    def too_much(X: Matrix) -> float:
        return sum(level - goal.asked for goal, level in zip(limits, excess(X).values(), strict=True))

    levels_asked = {goal.name: goal.asked for goal in limits}
    if too_much(X) <= 0:
        return form, solution, ()
    best = None
    for _ in takewhile(lambda _: not session.stop(), range(_STEPS)):
        elastic = session.formulate(levels=levels | levels_asked, near=Near(X, elastic=True))
        step = session.solve(elastic, gap)
        if step.x is None or too_much(now := elastic.weights(step)) > too_much(X) - _STEP_GAIN:
            break
        X = now
    for _ in takewhile(lambda _: not session.stop(), range(_STEPS)):
        caps = {name: level + _STEP_GAIN * _STEP_GAIN for name, level in excess(X).items()}
        near = session.formulate(levels=levels | caps, near=Near(X))
        step = session.solve(near, gap)
        if step.x is None or (best is not None and step.value > best[1].value - _STEP_GAIN):
            break
        best, X = (near, step), near.weights(step)
    if best is None:
        return form, solution, tuple(levels_asked)
    return *best, tuple(levels_asked)


def _hopeless(goals: Sequence[Goal], sleeves: Sequence[Sleeve]) -> dict[str, float]:
    """Find the goals that a pod cannot meet even alone and without other goals. Return their best figures, by name."""
    alone = {sleeve.mandate.pod: sleeve.best_alone for sleeve in sleeves}
    best = {g.name: alone[g.pods[0]].get(g.figure, g.asked) for g in goals if isinstance(g.figure, Measure)}
    return {goal.name: best[goal.name] for goal in goals if goal.name in best and not goal.can_be_kept(best[goal.name])}


def refuse_strangers(goals: Sequence[Goal], sleeves: Sequence[Sleeve], terms: Terms) -> None:
    """Refuse priorities of unknown goals and limits of unknown pairs: a typing error must not pass.

    Raises:
        DataError: If there is one.
    """
    names = [goal.name for goal in goals if goal.figure is not None]
    pods = [sleeve.mandate.pod for sleeve in sleeves]
    for fault in strange_names(terms.priorities, terms.correlation_limits, goals=names, pods=pods):
        raise DataError(fault)
