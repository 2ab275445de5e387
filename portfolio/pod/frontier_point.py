"""Put a pod on its efficient frontier, at the point that the customer's risk tolerance asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.measure import Measure
from portfolio.published.frontier import FrontierPoint
from portfolio.terms.mandate import Objective

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio.market.measure import Figures
    from portfolio.terms.mandate import Mandate

# The tolerance at which a mandate is as it is.
AS_IT_IS = 0.5

# In the whole, a sleeve may have this many times the volatility that the tolerance allows the pod alone: coordination
# moves ETFs between pods, and needs room for it.
_IN_THE_WHOLE = 1.15


def moves(mandate: Mandate, risk_tolerance: float) -> bool:
    """Return whether a tolerance moves a pod: more risk means nothing to a pod that wants the least of it."""
    if mandate.objective is Objective.MIN_VOLATILITY:
        return risk_tolerance < AS_IT_IS
    return risk_tolerance != AS_IT_IS


def point(risk_tolerance: float, least: float, best: Figures, greatest: float) -> FrontierPoint:
    """Compute the point between the objective's optimum and an end of the frontier.

    Args:
        risk_tolerance: 0 to 1, not one half.
        least: The least volatility within the pod's limits.
        best: The figures of the objective's optimum.
        greatest: The greatest expected return within the limits.
    """
    part = 2 * risk_tolerance
    volatility = expected_return = None
    if risk_tolerance < AS_IT_IS:
        volatility = least + part * max(best.volatility - least, 0.0)
    else:
        expected_return = best.expected_return + (part - 1) * max(greatest - best.expected_return, 0.0)
    return FrontierPoint(
        risk_tolerance, least, best.volatility, best.expected_return, greatest, volatility, expected_return
    )


def goals_alone(goals: Mapping[Measure, float], to: FrontierPoint) -> dict[Measure, float]:
    """Add the point to a pod's goals, for stage 1."""
    return _with(goals, to, 1.0)


def goals_in_the_whole(goals: Mapping[Measure, float], to: FrontierPoint) -> dict[Measure, float]:
    """Add the point to a pod's goals, for stage 2."""
    return _with(goals, to, _IN_THE_WHOLE)


def _with(goals: Mapping[Measure, float], to: FrontierPoint, times: float) -> dict[Measure, float]:
    targets = dict(goals)
    if to.volatility is not None:
        cap = times * to.volatility
        targets[Measure.VOLATILITY] = min(cap, targets.get(Measure.VOLATILITY, cap))
    if to.expected_return is not None:
        targets[Measure.RETURN] = max(to.expected_return, targets.get(Measure.RETURN, to.expected_return))
    return targets
