"""The point of a pod's efficient frontier that a customer's risk tolerance asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """The point of a pod's efficient frontier at which a customer's risk tolerance puts the pod.

    A tolerance of one half asks for no point: the mandate is then as it is.

    Attributes:
        risk_tolerance: The customer's, 0 to 1.
        least_volatility: The least volatility within the pod's limits, per year.
        objective_volatility: The volatility of the best portfolio under the mandate as it is.
        objective_return: The expected return of that portfolio, per year.
        greatest_return: The greatest expected return within the pod's limits and its cap on volatility.
        volatility: Below one half: the most volatility of the pod alone; in the whole it is 1.15 times that.
        expected_return: Above one half: the least expected return, of the pod alone and in the whole.
    """

    risk_tolerance: float
    least_volatility: float
    objective_volatility: float
    objective_return: float
    greatest_return: float
    volatility: float | None = None
    expected_return: float | None = None
