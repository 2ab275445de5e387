"""A pod's terms: its objective, its goals and its universe of ETFs. Data, not code."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.market.measure import Measure


class Objective(StrEnum):
    """The figure that a pod makes as good as possible."""

    MIN_VOLATILITY = "min_volatility"
    MAX_INCOME = "max_income"
    MAX_SHARPE = "max_sharpe"
    MAX_RETURN = "max_return"

    @property
    def measure(self) -> Measure:
        """The figure of the objective."""
        return _MEASURES[self]


_MEASURES = {
    Objective.MIN_VOLATILITY: Measure.VOLATILITY,
    Objective.MAX_INCOME: Measure.YIELD,
    Objective.MAX_SHARPE: Measure.SHARPE,
    Objective.MAX_RETURN: Measure.RETURN,
}


# The figures that may also be stated over the market's cash rate, and the ending that says so.
OVER_CASH = "_over_cash"
_OVER_CASH = (Measure.RETURN, Measure.YIELD)

# The figures that a target can name: the measure, and whether the target is stated over cash.
TARGETS: Mapping[str, tuple[Measure, bool]] = {
    **{measure.value: (measure, False) for measure in Measure},
    **{measure.value + OVER_CASH: (measure, True) for measure in _OVER_CASH},
}


def fault_of(name: str, asked: float) -> str | None:
    """Describe the fault of a target that no fund manager can intend, even if a computation would accept the target.

    Args:
        name: The figure, one of ``TARGETS``.
        asked: The figure asked.
    """
    measure, _ = TARGETS[name]
    if not math.isfinite(asked) or asked < 0 or (measure is Measure.VOLATILITY and asked == 0):
        least = "above" if measure is Measure.VOLATILITY else "at least"
        return f"{asked:g}; it must be {least} 0"
    if measure is not Measure.SHARPE and asked > 1:
        return f"{asked:g}, which is {asked:.0%}; write {asked:g} % as {asked / 100:g}"
    return None


@dataclass(frozen=True, slots=True)
class Mandate:
    """A pod's terms.

    Attributes:
        pod: Name of the pod.
        purpose: The purpose of the pod, in a customer's words.
        objective: The figure that the pod makes as good as possible.
        goals: Figures that the pod must reach: a cap on volatility, a floor for every other measure.
        universe: Tickers that the pod may buy.
        max_position: Largest share of the pod in one ETF.
        min_effective_holdings: Least inverse Herfindahl index ``1 / sum(u^2)`` of the pod alone.
        correlation_targets: Upper targets for the correlation with other pods; reported.
        over_cash: Goals for the return and the yield above the market's cash rate; each market adds its rate
            (``in_market``).
    """

    pod: str
    purpose: str
    objective: Objective
    goals: Mapping[Measure, float]
    universe: tuple[str, ...]
    max_position: float
    min_effective_holdings: float
    correlation_targets: Mapping[str, float] = field(default_factory=dict)
    over_cash: Mapping[Measure, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse terms that make no sense for any portfolio."""
        if not self.universe or len(set(self.universe)) != len(self.universe):
            told = ", ".join(self.universe) or "none"
            message = f"the universe of {self.pod} must name at least one ETF, and each once; it names {told}"
            raise DataError(message)
        stated = [*self.goals.items(), *self.over_cash.items()]
        if not all(math.isfinite(asked) for _, asked in stated):
            told = ", ".join(f"{measure.label} {asked}" for measure, asked in stated)
            message = f"the goals of {self.pod} must be finite numbers; they are {told}"
            raise DataError(message)
        if not 0 < self.max_position <= 1:
            percent = f": write {self.max_position:g} % as {self.max_position / 100:g}" if self.max_position > 1 else ""
            message = f"max_position of {self.pod} is {self.max_position}; it must be above 0 and at most 1{percent}"
            raise DataError(message)
        if not 1 <= self.min_effective_holdings <= len(self.universe):
            message = (
                f"min_effective_holdings of {self.pod} is {self.min_effective_holdings};"
                f" it must be from 1 to the {counted(len(self.universe), 'ETF')} of its universe"
            )
            raise DataError(message)

    def __hash__(self) -> int:
        """Hash the fields that distinguish mandates in practice; equality compares all fields."""
        return hash((self.pod, self.objective, self.universe, frozenset(self.goals.items())))

    def in_market(self, risk_free: float) -> Mandate:
        """Resolve the goals that are stated over cash, at the market's cash rate; a resolved mandate stays the same."""
        return replace(self, goals={**self.goals, **{m: risk_free + above for m, above in self.over_cash.items()}})

    def with_targets(self, targets: Mapping[str, float]) -> Mandate:
        """Replace goals by a customer's targets, by name of the figure (``TARGETS``)."""
        goals, over_cash = dict(self.goals), dict(self.over_cash)
        for name, asked in targets.items():
            measure, above = TARGETS[name]
            goals.pop(measure, None)
            over_cash.pop(measure, None)
            (over_cash if above else goals)[measure] = asked
        return replace(self, goals=goals, over_cash=over_cash)
