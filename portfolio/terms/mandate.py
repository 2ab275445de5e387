"""What a pod is for: its objective, its goals and what it may buy. Data, not code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from portfolio.errors import DataError
from portfolio.market.measure import Measure


class Objective(StrEnum):
    """What a pod makes as good as it can."""

    MIN_VOLATILITY = "min_volatility"
    MAX_INCOME = "max_income"
    MAX_SHARPE = "max_sharpe"
    MAX_RETURN = "max_return"

    @property
    def measure(self) -> Measure:
        """The figure it is about."""
        return _MEASURES[self]


_MEASURES = {
    Objective.MIN_VOLATILITY: Measure.VOLATILITY,
    Objective.MAX_INCOME: Measure.YIELD,
    Objective.MAX_SHARPE: Measure.SHARPE,
    Objective.MAX_RETURN: Measure.RETURN,
}


@dataclass(frozen=True, slots=True)
class Mandate:
    """A pod's terms.

    Attributes:
        pod: Its name.
        purpose: What it is for, in a customer's words.
        objective: What it makes as good as it can.
        goals: What must be reached: a cap on volatility, a floor for every other measure.
        universe: Tickers it may buy.
        max_position: Largest share of the pod in one ETF.
        min_effective_holdings: Least inverse Herfindahl index ``1 / sum(u^2)`` of the pod alone.
        correlation_targets: Upper targets for the correlation with other pods; reported.
    """

    pod: str
    purpose: str
    objective: Objective
    goals: Mapping[Measure, float]
    universe: tuple[str, ...]
    max_position: float
    min_effective_holdings: float
    correlation_targets: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse what no portfolio could mean."""
        if not self.universe or len(set(self.universe)) != len(self.universe):
            told = ", ".join(self.universe) or "none"
            message = f"the universe of {self.pod} must name at least one ETF, and each once; it names {told}"
            raise DataError(message)
        if not all(math.isfinite(asked) for asked in self.goals.values()):
            told = ", ".join(f"{measure.label} {asked}" for measure, asked in self.goals.items())
            message = f"the goals of {self.pod} must be finite numbers; they are {told}"
            raise DataError(message)
        if not 0 < self.max_position <= 1:
            message = f"max_position of {self.pod} is {self.max_position}; it must be above 0 and at most 1"
            raise DataError(message)
        if not 1 <= self.min_effective_holdings <= len(self.universe):
            message = (
                f"min_effective_holdings of {self.pod} is {self.min_effective_holdings};"
                f" it must be from 1 to the {len(self.universe)} ETFs of its universe"
            )
            raise DataError(message)

    def __hash__(self) -> int:
        """Hash what distinguishes mandates in practice; equality compares everything."""
        return hash((self.pod, self.objective, self.universe, frozenset(self.goals.items())))

    def scaled(self, risk_tolerance: float) -> Mandate:
        """Fit the cap on volatility to the customer: it is multiplied by ``0.5 + risk_tolerance``.

        Half the cap for a tolerance of 0, the mandate's own at 0.5, one and a half times it at 1.
        """
        goals = dict(self.goals)
        if Measure.VOLATILITY in goals:
            goals[Measure.VOLATILITY] *= 0.5 + risk_tolerance
        return replace(self, goals=goals)
