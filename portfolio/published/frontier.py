"""The point of a pod's efficient frontier that a customer's risk tolerance asks for."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """The point of a pod's efficient frontier that a customer's risk tolerance selects.

    A tolerance of one half selects no point: the mandate then applies unchanged.

    Attributes:
        risk_tolerance: The customer's risk tolerance, 0 to 1.
        least_volatility: The least volatility within the pod's limits, per year.
        objective_volatility: The volatility of the best portfolio under the unchanged mandate, per year.
        objective_return: The expected return of that portfolio, per year.
        greatest_return: The greatest expected return within the pod's limits and its cap on volatility.
        volatility: Cap on the volatility of the pod alone, per year; the cap in the coordinated portfolio is 1.15 times
            as high; None where the tolerance is above one half.
        expected_return: Floor for the expected return of the pod, alone and in the coordinated portfolio, per year;
            None where the tolerance is below one half.
    """

    risk_tolerance: float
    least_volatility: float
    objective_volatility: float
    objective_return: float
    greatest_return: float
    volatility: float | None = None
    expected_return: float | None = None
