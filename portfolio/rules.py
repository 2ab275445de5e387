"""The rules a master portfolio keeps, and what it is judged by."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from portfolio.errors import DataError


class Duplicates(StrEnum):
    """Whether two pods may hold the same ETF."""

    FORBID = "forbid"
    PENALISE = "penalise"


@dataclass(frozen=True, slots=True)
class Preferences:
    """Weights of the four terms of the objective, each term without unit."""

    pod_score: float = 0.60
    duplication: float = 0.20
    trading_cost: float = 0.10
    tax_efficiency: float = 0.10

    def __post_init__(self) -> None:
        """Refuse a weight that would turn a term around."""
        if min(self.pod_score, self.duplication, self.trading_cost, self.tax_efficiency) < 0 or self.pod_score <= 0:
            message = "preferences must not be negative, and pod_score must be above 0"
            raise DataError(message)


@dataclass(frozen=True, slots=True)
class Rules:
    """Hard rules of the whole portfolio.

    Attributes:
        max_etfs: Most ETFs held.
        min_weight: Least share of the capital in an ETF that is held.
        max_weight: Largest share of the capital in one ETF.
        duplicates: Whether an ETF may have more than one owner.
        min_correlation_distance: Two ETFs nearer than this, by ``sqrt((1 - rho) / 2)``, are not both held.
        never_buy: Tickers that no pod may hold.
    """

    max_etfs: int = 12
    min_weight: float = 0.02
    max_weight: float = 0.30
    duplicates: Duplicates = Duplicates.FORBID
    min_correlation_distance: float = 0.0
    never_buy: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        """Refuse what no portfolio could keep."""
        if self.max_etfs < 1:
            message = f"max_etfs is {self.max_etfs}; it must be at least 1"
            raise DataError(message)
        if not 0 < self.min_weight <= self.max_weight <= 1:
            message = f"weights must have 0 < min_weight ({self.min_weight}) <= max_weight ({self.max_weight}) <= 1"
            raise DataError(message)
        if not 0 <= self.min_correlation_distance <= 1:
            message = f"min_correlation_distance is {self.min_correlation_distance}; it must be from 0 to 1"
            raise DataError(message)


@dataclass(frozen=True, slots=True)
class Terms:
    """Everything a customer's request sets, apart from how the capital is split.

    Attributes:
        total_capital_aud: Capital to invest.
        marginal_tax_rate: Tax on income, levies included, as a fraction.
        brokerage_aud: Cost of one order.
        rules: Hard rules.
        preferences: What the objective weighs.
    """

    total_capital_aud: float
    marginal_tax_rate: float = 0.32
    brokerage_aud: float = 10.0
    rules: Rules = field(default_factory=Rules)
    preferences: Preferences = field(default_factory=Preferences)
