"""The cost of getting to a portfolio: one figure and its parts, the same wherever a report tells it. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized


@dataclass(frozen=True, slots=True)
class Cost:
    """Paid once, in AUD; the parts add up to the total, to the cent."""

    brokerage_aud: float
    spread_aud: float
    tax_aud: float
    total_aud: float

    @property
    def parts(self) -> tuple[float, float, float]:
        """Brokerage, half the spread, and tax on capital gains."""
        return self.brokerage_aud, self.spread_aud, self.tax_aud


def cost_of(event: MasterPortfolioOptimized) -> Cost:
    """State the cost of the suggestion: of the orders, or of buying the model portfolio."""
    if (trading := event.trading) is not None:
        return _cost(trading.brokerage_aud, trading.spread_aud, trading.gains.tax_aud)
    return _compared(event, "master")


def cost_of_separate_pods(event: MasterPortfolioOptimized) -> Cost:
    """State the cost of the separate pods, in fractions of units."""
    return _compared(event, "naive")


def _compared(event: MasterPortfolioOptimized, side: str) -> Cost:
    found = {row.metric: getattr(row, side) or 0.0 for row in event.comparison}
    return _cost(*(found.get(name, 0.0) for name in ("brokerage_aud", "spread_aud", "capital_gains_tax_aud")))


def _cost(brokerage: float, spread: float, tax: float) -> Cost:
    # Each part to the cent, as cash and tax are told elsewhere; the total is that of the cents.
    brokerage, spread, tax = round(brokerage, 2), round(spread, 2), round(tax, 2)
    return Cost(brokerage, spread, tax, round(brokerage + spread + tax, 2))
