"""What the customer wants money for: how the capital is split for it, and what may become of it."""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.account.describe import PodAccount

# Needing more a year than this is the same as needing a miracle: elevenfold.
_MOST_GROWTH = log(11)
# An amount this near to what is wanted is it.
_SAME_AMOUNT = 1e-9


@dataclass(frozen=True, slots=True)
class Target:
    """An amount of money that a customer wants a pod to provide.

    Attributes:
        goal_id: The customer's own name for it, short and stable.
        name: What it is for.
        pod: The pod that is to provide it.
        target_amount_aud: How much.
        years: In how many years.
        priority: 1 is the most important.
    """

    goal_id: str
    name: str
    pod: str
    target_amount_aud: float
    years: float
    priority: int = 1


@dataclass(frozen=True, slots=True)
class MoneyGoal:
    """An amount of money that is wanted, and what the portfolio holds for it.

    Before tax, distributions reinvested, nothing paid in or taken out meanwhile.

    Attributes:
        goal_id: The customer's own name for it.
        name: What it is for.
        pod: The pod that is to provide it.
        target_amount_aud: How much is wanted.
        years: In how many years.
        priority: 1 is the most important.
        present_value_aud: What it would take today if it earned no more than cash.
        capital_aud: What the pod holds for it: its holdings, in proportion to the present values of its goals.
        required_return: A year, to make the one of the other; None where no return would (no capital, no time, or
            more than 1,000 %).
        expected_return: A year, of the pod's holdings; None without holdings.
        expected_amount_aud: What the capital becomes on average.
        probability: That it becomes at least what is wanted, if the years' returns are independent and lognormal with
            the pod's expected return and volatility.
    """

    goal_id: str
    name: str
    pod: str
    target_amount_aud: float
    years: float
    priority: int
    present_value_aud: float
    capital_aud: float
    required_return: float | None
    expected_return: float | None
    expected_amount_aud: float
    probability: float


def shares_from_targets(targets: Sequence[Target], risk_free: float) -> dict[str, float]:
    """Split the capital in proportion to the present values of the pods' targets.

    ``share[p] = PV[p] / sum(PV)`` with ``PV[p] = sum(amount / (1 + risk_free) ** years)`` over the
    targets of pod *p*: what each pod would need today if it earned no more than cash.
    """
    present = _present_values(targets, risk_free)
    total = sum(present.values())
    return {pod: value / total for pod, value in present.items()}


def money_goals(
    targets: Sequence[Target], pods: Mapping[str, PodAccount], capital_aud: float, risk_free: float
) -> tuple[MoneyGoal, ...]:
    """Say what the portfolio holds for each target, and what may become of it.

    The chance of reaching an amount is what goals-based investing measures risk by (Das, Markowitz, Scheid & Statman,
    "Portfolio Optimization with Mental Accounts", JFQA 45(2), 2010).
    """
    present = _present_values(targets, risk_free)
    held = {pod: capital_aud * sum(account.weights.values()) for pod, account in pods.items()}
    return tuple(
        _money_goal(target, value, held.get(target.pod, 0.0) * value / present[target.pod], pods.get(target.pod))
        for target in targets
        for value in (_present_value(target, risk_free),)
    )


def _present_value(target: Target, risk_free: float) -> float:
    discount: float = (1 + risk_free) ** target.years
    return target.target_amount_aud / discount


def _present_values(targets: Sequence[Target], risk_free: float) -> dict[str, float]:
    present: dict[str, float] = {}
    for target in targets:
        present[target.pod] = present.get(target.pod, 0.0) + _present_value(target, risk_free)
    return present


def _money_goal(target: Target, present_value: float, capital: float, pod: PodAccount | None) -> MoneyGoal:
    mean, volatility = (pod.figures.expected_return, pod.figures.volatility) if pod else (0.0, 0.0)
    expected = capital * (1 + mean) ** target.years
    return MoneyGoal(
        goal_id=target.goal_id,
        name=target.name,
        pod=target.pod,
        target_amount_aud=target.target_amount_aud,
        years=target.years,
        priority=target.priority,
        present_value_aud=present_value,
        capital_aud=capital,
        required_return=_required_return(capital, target),
        expected_return=mean if pod else None,
        expected_amount_aud=expected,
        probability=_probability(capital, target, mean, volatility),
    )


def _required_return(capital: float, target: Target) -> float | None:
    if capital <= 0 or target.years == 0:
        return None
    growth = log(target.target_amount_aud / capital) / target.years
    return exp(growth) - 1 if growth <= _MOST_GROWTH else None


def _probability(capital: float, target: Target, mean: float, volatility: float) -> float:
    """Take the logarithm of a year's return as normal, with the moments that the return has."""
    variance = log1p((volatility / (1 + mean)) ** 2)
    if capital <= 0 or target.years * variance == 0:
        return float(capital * (1 + mean) ** target.years >= target.target_amount_aud * (1 - _SAME_AMOUNT))
    drift = log1p(mean) - variance / 2
    beyond = target.years * drift - log(target.target_amount_aud / capital)
    # scipy's would add 24 MiB to every process.
    return NormalDist().cdf(beyond / sqrt(target.years * variance))
