"""The amounts of money that a customer wants."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.terms.in_cash import InCash

# No goal is later than this.
MOST_YEARS = 100.0
# Where neither the request nor its market states one: the middle of the Reserve Bank of Australia's target.
ASSUMED_INFLATION = 0.025


class InflationFrom(StrEnum):
    """The source of the inflation."""

    REQUEST = "request"
    MARKET = "market"
    ASSUMED = "assumed"


@dataclass(frozen=True, slots=True)
class Target:
    """An amount of money that a customer wants at a time: a money goal.

    Attributes:
        goal_id: The adviser's own key for the goal, short and stable.
        name: The purpose of the money.
        pod: The pod that is to provide the money; None for the pod that needs the least capital.
        target_amount_aud: The amount that is wanted, AUD.
        years: Years from now until the money is wanted.
        priority: 1 is the most important goal, and is funded first.
        wanted_probability: The wanted chance of reaching the amount, as a fraction.
        in_todays_money: Whether the amount and the contributions are in today's money, and grow with inflation.
        contribution_aud_per_month: The customer's payment at the end of every month until then, AUD.
    """

    goal_id: str
    name: str
    pod: str | None
    target_amount_aud: float
    years: float
    priority: int = 1
    wanted_probability: float = 0.75
    in_todays_money: bool = True
    contribution_aud_per_month: float = 0.0


@dataclass(frozen=True, slots=True)
class Plans:
    """The purposes of the capital.

    Attributes:
        targets: The money goals.
        inflation: Inflation per year, as a fraction.
        inflation_from: Source of the inflation.
        shares: The pods' shares where the request gives shares; None where they follow from the money goals.
        surplus_pod: The pod for capital that no goal needs; None for the pod of the longest goal.
        in_cash: The pods in cash; ``shares`` has none of them and sums to one.
    """

    targets: tuple[Target, ...] = ()
    inflation: float = ASSUMED_INFLATION
    inflation_from: InflationFrom = InflationFrom.ASSUMED
    shares: Mapping[str, float] | None = None
    surplus_pod: str | None = None
    in_cash: tuple[InCash, ...] = ()

    def leaving_in_cash(self, pods: Sequence[InCash]) -> Plans:
        """Copy the plans with pods in cash: the other pods have what those leave, in proportion."""
        if not pods:
            return self
        names = {one.mandate.pod for one in pods}
        if self.shares is None:
            return replace(self, in_cash=tuple(pods))
        stay = {pod: share for pod, share in self.shares.items() if pod not in names}
        total = math.fsum(stay.values())
        return replace(
            self,
            shares={pod: share / total for pod, share in stay.items()},
            in_cash=tuple(replace(one, share=self.shares.get(one.mandate.pod, 0.0)) for one in pods),
        )
