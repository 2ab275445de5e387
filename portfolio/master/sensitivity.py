"""What the last unit of a goal costs: what the objective would gain if the goal were eased a little."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.conic.bound import ON
from portfolio.conic.relaxation import Outcome, Relaxation
from portfolio.market.measure import Measure
from portfolio.terms.goals import Row

if TYPE_CHECKING:
    from collections.abc import Callable

    from portfolio import Vector
    from portfolio.conic.program import Program
    from portfolio.conic.solution import Solution
    from portfolio.master.goal_programming import Formulate
    from portfolio.master.statement.formulation import Formulation

# Prices below this are the solver's noise.
_NOTHING = 1e-6

# A holding this near to its limit is at it.
_AT_LIMIT = 1e-7


@dataclass(frozen=True, slots=True)
class Price:
    """What a goal costs at the margin, while each pod holds the same ETFs.

    Attributes:
        per_unit: Gain of the objective per unit of the goal's figure, for a very small change.
        one_percent: Gain of the objective if the goal is eased by a hundredth of what was asked.
    """

    per_unit: float
    one_percent: float


def prices(
    formulate: Formulate, form: Formulation, solution: Solution, *, stop: Callable[[], bool] = lambda: False
) -> dict[str, Price]:
    """Price the goals that are kept, by name.

    A sensitivity at the support of the solution: which ETF each pod holds stays as it is, and only the
    weights adapt, so that a change of ETFs may gain more. Per unit, it is the multiplier of the goal's
    row times what easing the goal does to the row (Boyd & Vandenberghe, Convex Optimization, 5.6). At a
    goal that is held at the best there is, that is steep and soon gone; so the gain of a hundredth is
    solved for. Numbers of ETFs cannot be eased a little and have no price; where *stop* is true, those that are left
    have none either.
    """
    if solution.states is None or stop():
        return {}
    answer = Relaxation(form.program, stop).solve_sharply(solution.states)
    if answer.outcome is not Outcome.SOLVED:
        return {}
    found = {}
    for name, price in _per_unit(form, solution, answer.x, answer.multipliers).items():
        gain = 0.0
        if price > _NOTHING:
            if stop():
                break
            eased = _eased(formulate, form, name)
            again = Relaxation(eased, stop).solve_sharply(solution.states)
            if again.outcome is not Outcome.SOLVED:
                continue
            on = solution.states == ON
            gain = max(0.0, form.program.value(answer.x, on) - eased.value(again.x, on))
        found[name] = Price(price if price > _NOTHING else 0.0, gain)
    return found


def _eased(formulate: Formulate, form: Formulation, name: str) -> Program:
    goal = next(goal for goal in form.goals if goal.name == name)
    step = 0.01 * abs(goal.asked) * (1 if goal.lower_is_better else -1)
    return formulate(levels={**form.levels, name: form.levels[name] + step}, near=form.near).program


def _per_unit(form: Formulation, solution: Solution, x: Vector, y: Vector) -> dict[str, float]:
    program = form.program
    # A cap on volatility that nothing within the limits could reach has no row, and binds nothing.
    found = {g.name: 0.0 for g in form.goals if g.figure is Measure.VOLATILITY and g.name in form.levels}
    for name, lever in form.levers.items():
        row = program.cone_rows[lever.row].start if lever.cone else program.equalities + lever.row
        found[name] = float(y[row]) * lever.room(x)
    largest = f"never_worse.{Row.LARGEST_POSITION}"
    if form.levels.get(largest) == form.largest:
        found[largest] = _price_of_the_largest_position(form, solution, x, y)
    return found


def _price_of_the_largest_position(form: Formulation, solution: Solution, x: Vector, y: Vector) -> float:
    """Add up what the holdings at the limit would gain: it is a bound on variables, or a row of a shared ETF."""
    assert solution.states is not None  # noqa: S101 - the caller looked
    program = form.program
    slope = program.q + y @ program.A
    gain = 0.0
    for h in form.holdings:
        upper, share = float(program.upper[h.u]), form.sleeves[h.p].share
        # Where the pod's own limit is as low, nothing is gained from this one's being eased.
        alone = abs(upper * share - form.largest) <= _AT_LIMIT < form.own_limit(h.p, h.j) - upper
        limited = alone and x[h.u] >= upper - _AT_LIMIT
        if limited and solution.states[h.z] == ON:
            gain += max(0.0, -float(slope[h.u])) / share
    return gain + sum(float(y[program.equalities + row]) for row in form.shared_limits)
