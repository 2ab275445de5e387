"""The customer's money goals: the capital set aside for each, and the chance of reaching each amount.

Goals-based investing measures risk by the probability of reaching an amount (Das, Markowitz, Scheid & Statman,
"Portfolio Optimization with Mental Accounts", JFQA 45(2), 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.inventory import cash_floor
from portfolio.funding.allotment import by_priority
from portfolio.funding.chance import (
    aim_of,
    chance,
    missing_months,
    missing_per_month_aud,
    needed_aud,
    quantile_aud,
)
from portfolio.funding.growth import growth_of
from portfolio.market.snapshot import named
from portfolio.published.money_goals import Funding, MoneyGoal, UnusedPod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.case.shares import Settled
    from portfolio.funding.allotment import Claim
    from portfolio.funding.growth import Growth
    from portfolio.market.snapshot import Market
    from portfolio.published.trading import Trading
    from portfolio.terms.targets import Plans

# Returns are tried this much lower and higher, per year.
_POINT = 0.01


def funding(plans: Plans, settled: Settled, market: Market) -> Funding | None:
    """State how the capital was divided; None where nothing says what it is for."""
    if not plans.targets:
        return None
    return Funding(
        by="goals" if plans.shares is None else "pod_weights",
        inflation=plans.inflation,
        inflation_from=plans.inflation_from,
        surplus_pod=plans.surplus_pod,
        surplus_aud=settled.allotment.surplus_aud,
        unused={s.mandate.pod: UnusedPod(s.mandate, named(market, s.weights)) for s in settled.unused},
    )


def money_goals(
    plans: Plans, settled: Settled, case: Case, X: Matrix, trading: Trading | None
) -> tuple[MoneyGoal, ...]:
    """Compute the chance of each goal: with what its pod holds after the orders, and with what is owned today.

    Args:
        plans: The money goals.
        settled: What each goal gets.
        case: The customer's case.
        X: Holdings, shape (pods, n), as shares of the capital.
        trading: The orders in whole units, if there are any: then the pods hold what these leave.
    """
    market, rate = case.market, case.terms.marginal_tax_rate
    # A pod that takes no part would hold what it holds alone.
    growths = dict(settled.growths)
    for sleeve, row in zip(case.sleeves, X, strict=True):
        pod = sleeve.mandate.pod
        held = _in_units(market, trading.pods.get(pod, {})) if trading else row
        w = held if held.sum() > 0 else row
        growths[pod] = growth_of(market, w / w.sum(), rate)
    today = _today(plans, settled.claims, case)
    return tuple(
        _money_goal(claim, capital, growths[claim.pod], today.get(claim.target.goal_id), plans.inflation)
        for claim, capital in zip(settled.claims, settled.allotment.goals_aud, strict=True)
    )


@dataclass(frozen=True, slots=True)
class _Today:
    """What the account as it is does for a goal: the capital that it needs there and gets, and its chance."""

    needed_aud: float
    capital_aud: float
    probability: float


def _today(plans: Plans, claims: Sequence[Claim], case: Case) -> dict[str, _Today]:
    """Fund the goals by the same order from what is owned today, by ``goal_id``; nothing without an account.

    Nothing here may depend on the pods: today, no part of the account is theirs.
    """
    owned = case.terms.owned
    if case.stock is None or owned is None:
        return {}
    capital, w = case.stock.today
    growth = growth_of(case.market, w, case.terms.marginal_tax_rate, cash_rate=case.terms.cash_rate)
    aims = [aim_of(claim.target, plans.inflation) for claim in claims]
    needs = [needed_aud(aim, growth, claim.target.wanted_probability) for claim, aim in zip(claims, aims, strict=True)]
    mine = [replace(claim, needed_aud=need) for claim, need in zip(claims, needs, strict=True)]
    got, _ = by_priority(capital * (1 - cash_floor(owned, case.terms.rules, capital)), mine)
    return {
        claim.target.goal_id: _Today(claim.needed_aud, aud, chance(aim, aud, growth))
        for claim, aim, aud in zip(mine, aims, got, strict=True)
    }


def chances_alone(plans: Plans, settled: Settled) -> dict[str, float]:
    """Compute the chance of each goal, by ``goal_id``, with what its pod holds alone."""
    return {
        claim.target.goal_id: chance(aim_of(claim.target, plans.inflation), capital, settled.growths[claim.pod])
        for claim, capital in zip(settled.claims, settled.allotment.goals_aud, strict=True)
    }


def _in_units(market: Market, held_aud: Mapping[str, float]) -> Matrix:
    w = np.zeros(len(market.etfs))
    w[market.positions(held_aud)] = list(held_aud.values())
    return w


def _money_goal(claim: Claim, capital: float, growth: Growth, today: _Today | None, inflation: float) -> MoneyGoal:
    target, aim = claim.target, aim_of(claim.target, inflation)
    wanted, reached = target.wanted_probability, chance(aim, capital, growth)
    months = missing_months(aim, capital, growth, wanted)
    return MoneyGoal(
        goal_id=target.goal_id,
        name=target.name,
        pod=claim.pod,
        pod_chosen=target.pod is None,
        target_amount_aud=target.target_amount_aud,
        years=target.years,
        priority=target.priority,
        wanted_probability=wanted,
        in_todays_money=target.in_todays_money,
        contribution_aud_per_month=target.contribution_aud_per_month,
        amount_then_aud=target.target_amount_aud * (1 + aim.inflation) ** target.years,
        needed_aud=claim.needed_aud,
        capital_aud=capital,
        expected_return=growth.mean,
        median_aud=quantile_aud(aim, capital, growth, 0.5),
        probability=reached,
        probability_today=None if today is None else today.probability,
        needed_today_aud=None if today is None else today.needed_aud,
        capital_today_aud=None if today is None else today.capital_aud,
        probability_if_lower=chance(aim, capital, growth.shifted(-_POINT)),
        probability_if_higher=chance(aim, capital, growth.shifted(_POINT)),
        more_today_aud=max(needed_aud(aim, growth, wanted) - capital, 0.0),
        more_per_month_aud=missing_per_month_aud(aim, capital, growth, wanted),
        years_later=None if months is None else months / 12,
    )
