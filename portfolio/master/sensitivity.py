"""The marginal price of each goal: the gain of the objective if the goal is eased a little."""

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

# A holding this near to the limit counts as at the limit.
_AT_LIMIT = 1e-7


@dataclass(frozen=True, slots=True)
class ShadowPrice:
    """The marginal price of a goal, while each pod holds the same ETFs.

    Attributes:
        per_unit: Gain of the objective per unit of the goal's figure, for a very small change.
        one_percent: Gain of the objective if the goal is eased by a hundredth of the figure asked.
    """

    per_unit: float
    one_percent: float


def shadow_prices(
    formulate: Formulate, form: Formulation, solution: Solution, *, stop: Callable[[], bool] = lambda: False
) -> dict[str, ShadowPrice]:
    """Price the goals that are kept, by name.

    The price is a sensitivity at the support of the solution: each pod keeps the same ETFs and only the weights adapt,
    so a change of ETFs may gain more. Per unit, the price is the dual price of the goal's row times the change of the
    row when the goal is eased (Boyd & Vandenberghe, Convex Optimization, 5.6). For a goal held at the best figure, this
    price is steep and valid only for a very small change; so a second solve computes the gain of one percent. Numbers
    of ETFs cannot be eased a little and have no price. Once *stop* returns True, the remaining goals get no price.
    """
    if solution.states is None or stop():
        return {}
    answer = Relaxation(form.program, stop).solve_sharply(solution.states)
    if answer.outcome is not Outcome.SOLVED:
        return {}
    prices = {}
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
        prices[name] = ShadowPrice(price if price > _NOTHING else 0.0, gain)
    return prices


def _eased(formulate: Formulate, form: Formulation, name: str) -> Program:
    goal = next(goal for goal in form.goals if goal.name == name)
    step = 0.01 * abs(goal.asked) * (1 if goal.lower_is_better else -1)
    return formulate(levels={**form.levels, name: form.levels[name] + step}, near=form.near).program


def _per_unit(form: Formulation, solution: Solution, x: Vector, y: Vector) -> dict[str, float]:
    program = form.program
    # A cap on volatility that the pod's limits imply has no row and is never binding: the price is zero.
    prices = {g.name: 0.0 for g in form.goals if g.figure is Measure.VOLATILITY and g.name in form.levels}
    for name, lever in form.levers.items():
        row = program.cone_rows[lever.row].start if lever.cone else program.equalities + lever.row
        prices[name] = float(y[row]) * lever.room(x)
    largest = f"never_worse.{Row.LARGEST_POSITION}"
    if form.levels.get(largest) == form.largest:
        prices[largest] = _price_of_the_largest_position(form, solution, x, y)
    return prices


def _price_of_the_largest_position(form: Formulation, solution: Solution, x: Vector, y: Vector) -> float:
    """Add up the gains of the holdings at the limit; the limit is a bound on variables, or a row of a shared ETF."""
    assert solution.states is not None  # noqa: S101 - the caller checks this
    program = form.program
    slope = program.q + y @ program.A
    gain = 0.0
    for h in form.holdings:
        upper, share = float(program.upper[h.u]), form.sleeves[h.p].share
        # If the pod's own limit is equally low, easing the largest position has no gain.
        alone = abs(upper * share - form.largest) <= _AT_LIMIT < form.most_held(h.p, h.j) - upper
        limited = alone and x[h.u] >= upper - _AT_LIMIT
        if limited and solution.states[h.z] == ON:
            gain += max(0.0, -float(slope[h.u])) / share
    return gain + sum(float(y[program.equalities + row]) for row in form.shared_limits)
