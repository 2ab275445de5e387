"""The amounts of money that a customer wants, and the chance of each, as a final event states them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from portfolio.terms.mandate import Mandate
from portfolio.terms.targets import InflationFrom


@dataclass(frozen=True, slots=True)
class UnusedPod:
    """A pod that answered and takes no part, since too little capital is left for this pod.

    Attributes:
        mandate: The pod's terms.
        naive_weights: Holdings of the pod alone, by ticker, as shares of the pod.
    """

    mandate: Mandate
    naive_weights: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Funding:
    """How the capital was divided over the pods and their money goals.

    Attributes:
        by: Source of the pods' shares: the money goals, or the request's pod_weights.
        inflation: Inflation per year, as a fraction.
        inflation_from: Source of the inflation: the request, its market, or an assumption where neither states a
            figure.
        surplus_pod: The request's pod for capital that no goal needs; None where the request names no pod, and the pod
            of the longest goal gets this capital.
        surplus_aud: Capital of a pod beyond the capital of its goals, AUD, by pod.
        unused: The pods that answered and take no part, by pod.
        rounds: Number of times that the shares were settled and the pods coordinated; None in a final event of an
            earlier version.
        misplaced_aud: Largest capital that a goal of a pod that takes part lacks as ordered, while other pods hold at
            least as much for goals of lower priority or for no goal, AUD; 0 where no goal does; None where the
            request's pod_weights decide.
        unsettled_aud: Capital that would change pods, were the shares settled once more from the needs as ordered, AUD;
            None where the request's pod_weights decide.
        tolerance_aud: Capital that counts as none, AUD: settling ends there. ``misplaced_aud`` is more where whole
            units, the number of rounds or the time do not allow less; None where the request's pod_weights decide.
    """

    by: Literal["goals", "pod_weights"]
    inflation: float
    inflation_from: InflationFrom
    surplus_pod: str | None
    surplus_aud: Mapping[str, float]
    unused: Mapping[str, UnusedPod]
    rounds: int | None = None
    misplaced_aud: float | None = None
    unsettled_aud: float | None = None
    tolerance_aud: float | None = None


@dataclass(frozen=True, slots=True)
class MoneyGoal:
    """An amount of money that the customer wants, the capital for this goal, and the chance of the amount.

    After fees and tax on income, before tax on a final sale, distributions reinvested. Amounts are in today's money
    where the goal is.

    Attributes:
        goal_id: The adviser's own key for the goal.
        name: The purpose of the money.
        pod: The pod that provides the money.
        pod_chosen: Whether the system chose the pod, since the request names none.
        target_amount_aud: The amount that is wanted, AUD.
        years: Years from now until the money is wanted.
        priority: 1 is the most important goal, and is funded first.
        wanted_probability: The wanted chance of reaching the amount, as a fraction.
        in_todays_money: Whether amount and contributions are in today's money, and grow with inflation.
        contribution_aud_per_month: The customer's payment at the end of every month until then, AUD.
        amount_then_aud: The amount that is wanted, AUD, in money of that day.
        needed_aud: Least capital with which the pod alone would reach the amount with the wanted chance, AUD.
        capital_aud: Capital for the goal, before the cost of the trades, AUD.
        expected_return: Expected return of the pod's holdings, per year.
        median_aud: Median of the final value of capital and contributions, AUD: half of the cases end above, half
            below.
        probability: Chance of at least the wanted amount, with ``after_costs_aud`` invested as ordered.
        probability_today: The same chance before the orders: with ``capital_today_aud`` invested as the whole account
            is today; None without an account.
        probability_if_lower: The same chance as ``probability``, with returns lower by one percentage point per year.
        probability_if_higher: The same chance as ``probability``, with returns higher by one percentage point per year.
        more_today_aud: Further capital that would raise the chance to the wanted chance, AUD; 0 where the chance is
            high enough.
        more_per_month_aud: Further contribution per month that would do the same, AUD; None where no full month is
            left.
        years_later: Further years until the goal reaches the wanted chance, while contributions go on; None where 100
            years are not enough.
        needed_today_aud: Least capital, invested as the whole account is today, that would reach the amount with the
            wanted chance, AUD; None without an account.
        capital_today_aud: Part of today's account for this goal, AUD: the goals get ``needed_today_aud`` by priority
            from the whole account, or from their pod's part of it where the request gives pod_weights; None without an
            account.
        needed_as_ordered_aud: Least capital, before the cost of the trades, with which the pod as ordered reaches the
            amount with the wanted chance, AUD: the goals get this by priority.
        after_costs_aud: The part of ``capital_aud`` that brokerage, spread and tax of the trades leave, AUD.
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
    needed_as_ordered_aud: float | None = None
    after_costs_aud: float | None = None
