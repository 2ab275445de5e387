"""The result of stage 1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio import Vector
    from portfolio.market.measure import Figures, Measure
    from portfolio.published.frontier import FrontierPoint
    from portfolio.terms.mandate import Mandate


@dataclass(frozen=True, slots=True, eq=False)
class Sleeve:
    """A pod's portfolio.

    Attributes:
        mandate: The pod's mandate as used: for this market, and with the goals that the risk tolerance adds.
        share: The pod's share of the customer's capital.
        weights: Shares of the pod, shape (n,), sum 1; exactly zero for ETFs that are not held.
        figures: The expected figures of these weights.
        best_alone: For every goal, the best figure without any other goal.
        left_out: Tickers of the pod's universe that the market does not price, that are closed, or that the customer
            refuses.
        frontier: The point of the pod's efficient frontier that the risk tolerance asks for; None where the mandate is
            as it is.
    """

    mandate: Mandate
    share: float
    weights: Vector
    figures: Figures
    best_alone: Mapping[Measure, float]
    left_out: tuple[str, ...]
    frontier: FrontierPoint | None = None
