"""The amounts of money that a customer wants, and the chance of each, as a final event states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio.terms.mandate import Mandate
from portfolio.terms.targets import InflationFrom


@dataclass(frozen=True, slots=True)
class UnusedPod:
    """A pod that answered and takes no part, since too little is left for it.

    Attributes:
        mandate: Its terms.
        naive_weights: What it would hold alone, as shares of the pod.
    """

    mandate: Mandate
    naive_weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Funding:
    """How the capital was divided over the pods and their money goals.

    Attributes:
        by: What the pods' shares follow from: the money goals, or the request's pod_weights.
        inflation: Per year, as a fraction.
        inflation_from: Who states it: the request, its market, or neither.
        surplus_pod: The pod for what no goal needs, if the request names one; else it is that of the longest goal.
        surplus_aud: Capital of a pod beyond that of its goals, by pod.
        unused: The pods that answered and take no part.
    """

    by: Literal["goals", "pod_weights"]
    inflation: float
    inflation_from: InflationFrom
    surplus_pod: str | None
    surplus_aud: Mapping[str, float]
    unused: Mapping[str, UnusedPod]


@dataclass(frozen=True, slots=True)
class MoneyGoal:
    """An amount of money that is wanted, what is set aside for it, and the chance that it is reached.

    After fees and tax on income, before tax on a final sale, distributions reinvested. Amounts are in today's money
    where the goal is.

    Attributes:
        goal_id: The customer's own name for it.
        name: What it is for.
        pod: The pod that is to provide it.
        pod_chosen: Whether the pod was chosen here, since the request names none.
        target_amount_aud: How much is wanted.
        years: In how many years.
        priority: 1 is the most important: it is funded first.
        wanted_probability: The chance with which it is to be reached.
        in_todays_money: Whether amount and contributions are in today's money, and grow with inflation.
        contribution_aud_per_month: What is added at the end of every month until then.
        amount_then_aud: What is wanted, in money of its day.
        needed_aud: The least capital with which the pod alone would reach it with the chance wanted.
        capital_aud: What is set aside for it, before the cost of the trades.
        expected_return: A year, of what its pod holds.
        median_aud: What becomes of capital and contributions: in half of the cases more, in half less.
        probability: That it becomes at least what is wanted.
        probability_today: The same with all that is owned today as it is, and its capital; None without an account.
        probability_if_lower: The same, if returns are one percentage point a year lower.
        probability_if_higher: And higher.
        more_today_aud: Further capital that would bring the chance to the one wanted; 0 where it is reached.
        more_per_month_aud: Further contributions that would; None where no full month is left.
        years_later: How much later it would be reached with the chance wanted, contributions going on; None where it is
            not within 100 years.
        needed_today_aud: The least capital with which what is owned today, as it is, would reach it with the chance
            wanted; None without an account.
        capital_today_aud: What would be set aside for it of what is owned today, by the same order of the goals.
    """

    goal_id: str
    name: str
    pod: str
    pod_chosen: bool
    target_amount_aud: float
    years: float
    priority: int
    wanted_probability: float
    in_todays_money: bool
    contribution_aud_per_month: float
    amount_then_aud: float
    needed_aud: float
    capital_aud: float
    expected_return: float
    median_aud: float
    probability: float
    probability_today: float | None
    probability_if_lower: float
    probability_if_higher: float
    more_today_aud: float
    more_per_month_aud: float | None
    years_later: float | None
    needed_today_aud: float | None = None
    capital_today_aud: float | None = None
