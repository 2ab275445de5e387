"""The figures of a sleeve that a target can ask for."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

# Relative tolerance for a met target: a hundredth of a basis point. Up to half of it is room for the solver: a target
# set exactly at an optimum leaves no interior point, and the solver finds no portfolio although there is one. The less
# room is enough, the nearer the portfolio is to the optimum.
MET_WITHIN = 1e-6
ROOM = MET_WITHIN / 2
ROOMS = (MET_WITHIN / 20, ROOM)
# The room that every level has. The figures of the separate pods are as accurate as their solver: a level short of the
# figure of a pod's own best by 1e-11 would rule this best out, and prove a worse portfolio to be the best.
HAIR = MET_WITHIN / 100
# A target beyond the best there is by at most this much can be kept: half of the room is left for the solver.
CAN_BE_KEPT = ROOM / 2


class Measure(StrEnum):
    """A figure of a sleeve that a goal can ask for."""

    VOLATILITY = "volatility"
    RETURN = "expected_return"
    YIELD = "grossed_up_yield"
    SHARPE = "sharpe_ratio"
    LIQUIDITY = "liquidity"

    @property
    def lower_is_better(self) -> bool:
        """Whether a target of this measure is an upper limit; targets of all other measures are lower limits."""
        return self is Measure.VOLATILITY

    def met(self, asked: float, delivered: float) -> bool:
        """Whether a figure meets a target of this measure."""
        return self._short(asked, delivered) <= MET_WITHIN * max(1.0, abs(asked))

    def can_be_kept(self, asked: float, best: float) -> bool:
        """Whether a target can be kept as asked, given the best figure: with room for the solver left."""
        return self._short(asked, best) <= CAN_BE_KEPT * max(1.0, abs(asked))

    def _short(self, asked: float, delivered: float) -> float:
        return delivered - asked if self.lower_is_better else asked - delivered

    def with_room(self, level: float, room: float) -> float:
        """Ease a level by the room that the solver needs; a figure within the room meets the target."""
        return level + (1 if self.lower_is_better else -1) * room * max(1.0, abs(level))

    def words(self, value: float) -> str:
        """Write a target of this measure in words, with the digits of the person who set it."""
        side = "at most" if self.lower_is_better else "at least"
        shown = self.show(value)
        if self is Measure.SHARPE and round(value, 2) != round(value, 4):
            shown = f"{value:.4f}".rstrip("0")
        return f"{self.label} {side} {shown}"

    @property
    def label(self) -> str:
        """The measure's name in a sentence or a table; whether a return is expected, only its market can say."""
        return {
            Measure.RETURN: "return a year",
            Measure.YIELD: "grossed-up yield",
            Measure.SHARPE: "Sharpe ratio",
        }.get(self, self.value)

    def show(self, value: float) -> str:
        """Write a figure of this measure; a Sharpe ratio has no more than two digits that mean anything."""
        if self is Measure.SHARPE:
            return f"{value:.2f}"
        return f"{value:.3f}" if self is Measure.LIQUIDITY else f"{value:.2%}"


@dataclass(frozen=True, slots=True)
class Figures:
    """What a sleeve or a portfolio is expected to do in a year, as fractions of its capital.

    Attributes:
        volatility: Standard deviation of the return.
        expected_return: Total return after the funds' fees, before tax, franking credits not included.
        grossed_up_yield: Cash distributions plus franking credits.
        sharpe_ratio: Expected return above cash, per unit of volatility (Sharpe 1994).
        liquidity: Weighted liquidity of the ETFs, 0 to 1.
    """

    volatility: float
    expected_return: float
    grossed_up_yield: float
    sharpe_ratio: float
    liquidity: float

    def of(self, measure: Measure) -> float:
        """Read one figure."""
        return float(getattr(self, measure.value))
