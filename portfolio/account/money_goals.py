"""The customer's money goals: the capital held for each, and the chance of reaching each amount."""

from __future__ import annotations

from math import exp, log, log1p, sqrt
from statistics import NormalDist
from typing import TYPE_CHECKING

from portfolio.published.money_goals import MoneyGoal
from portfolio.terms.targets import Target, present_value, present_values

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.published.account import PodAccount

# Log of the largest growth per year that counts as possible: elevenfold.
_MOST_GROWTH = log(11)
# An amount this near to the amount wanted, relatively, counts as that amount.
_SAME_AMOUNT = 1e-9


def money_goals(
    targets: Sequence[Target], pods: Mapping[str, PodAccount], capital_aud: float, risk_free: float
) -> tuple[MoneyGoal, ...]:
    """Compute the capital that the portfolio holds for each money goal, and the expected result.

    Goals-based investing measures risk by the probability of reaching an amount (Das, Markowitz, Scheid & Statman,
    "Portfolio Optimization with Mental Accounts", JFQA 45(2), 2010).
    """
    present = present_values(targets, risk_free)
    held = {pod: capital_aud * sum(account.weights.values()) for pod, account in pods.items()}
    return tuple(
        _money_goal(target, value, held.get(target.pod, 0.0) * value / present[target.pod], pods.get(target.pod))
        for target in targets
        for value in (present_value(target, risk_free),)
    )


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
    """Compute the probability of reaching the amount; a year's growth is lognormal, with the mean and volatility."""
    variance = log1p((volatility / (1 + mean)) ** 2)
    if capital <= 0 or target.years * variance == 0:
        return float(capital * (1 + mean) ** target.years >= target.target_amount_aud * (1 - _SAME_AMOUNT))
    drift = log1p(mean) - variance / 2
    beyond = target.years * drift - log(target.target_amount_aud / capital)
    # scipy's normal distribution would add 24 MiB to every process.
    return NormalDist().cdf(beyond / sqrt(target.years * variance))
