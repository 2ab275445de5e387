"""The customer's money goals: the capital set aside for each, and the chance of reaching each amount.

Goals-based investing measures risk by the probability of reaching an amount (Das, Markowitz, Scheid & Statman,
"Portfolio Optimization with Mental Accounts", JFQA 45(2), 2010).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from portfolio.account.settling import as_coordinated, fund
from portfolio.case.delivered import Delivered, before_the_orders, delivered, part_left
from portfolio.case.shares import as_delivered
from portfolio.funding.allotment import divide, in_one_purse, misplaced, moved
from portfolio.funding.chance import (
    aim_of,
    chance,
    missing_months,
    missing_per_month_aud,
    needed_aud,
    quantile_aud,
)
from portfolio.market.snapshot import named
from portfolio.published.money_goals import Funding, MoneyGoal, UnusedPod

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Vector
    from portfolio.account.settling import Round
    from portfolio.case.case import Case
    from portfolio.case.shares import Settled
    from portfolio.funding.allotment import Claim
    from portfolio.funding.growth import Growth
    from portfolio.market.snapshot import Market
    from portfolio.published.trading import Trading
    from portfolio.terms.targets import Plans

# Returns are tried this much lower and higher, per year.
_POINT = 0.01


@dataclass(frozen=True, slots=True)
class Today:
    """The money goals, funded from the account as it is: by the same order, but in one purse.

    Which pod keeps a unit is a matter of the orders, so that until then each goal's money is invested as the whole is.

    Attributes:
        as_it_is: All pods, each invested as the account is.
        settled: The capital of each goal.
    """

    as_it_is: Delivered
    settled: Settled

    @classmethod
    def of(cls, plans: Plans, settled: Settled, growth: Growth) -> Today:
        """Fund the goals from an account with this *growth*; what a request gives a pod stays that pod's."""
        as_it_is = Delivered(dict.fromkeys(settled.growths, growth))
        claims = as_delivered(settled.alone, as_it_is, settled.growths, plans.inflation)
        if plans.shares is not None:
            allotment = divide(settled.to_invest_aud, claims, plans.shares)
        else:
            pods = settled.allotment.shares
            allotment = in_one_purse(settled.to_invest_aud, claims, pods, plans.surplus_pod)
        return cls(as_it_is, replace(settled, claims=claims, allotment=allotment))


@dataclass(frozen=True, slots=True)
class Funded:
    """The money goals, funded from the pods' shares by their needs as ordered.

    Attributes:
        plans: The money goals as asked.
        settled: The shares and the capital of each goal.
        ordered: The pods after the orders; the account of today where there are no orders.
        today: The goals funded from the account of today; None without an account.
        separate: The pods alone.
        unsettled_aud: Capital that would change pods, were the shares settled anew from these needs.
        tolerance_aud: Capital that counts as none.
        rounds: Number of rounds that settled the shares.
    """

    plans: Plans
    settled: Settled
    ordered: Delivered
    today: Today | None
    separate: Delivered
    unsettled_aud: float
    tolerance_aud: float
    rounds: int

    @classmethod
    def of(cls, plans: Plans, last: Round, trading: Trading | None) -> Funded:
        """Fund the goals: from the orders in whole units, if there are any."""
        case, X = last.case, last.master.X
        ordered, today, left = as_coordinated(case, last.master), None, 1.0
        if trading is not None:
            X = np.array([_in_units(case, trading.pods.get(s.mandate.pod, {})) for s in case.sleeves])
            ordered = delivered(
                case, X, fees_aud=trading.brokerage_aud + trading.spread_aud, tax_aud=trading.gains.tax_aud
            )
            today = Today.of(plans, last.settled, before_the_orders(case))
            left = part_left(case, trading.naive.cost_aud)
        stays = today if trading is not None and not trading.orders else None
        again = last.settle_again(stays.as_it_is if stays else ordered)
        return cls(
            plans=plans,
            settled=stays.settled if stays else fund(last.settled, again),
            ordered=stays.as_it_is if stays else ordered,
            today=today,
            separate=Delivered(last.settled.growths, left),
            unsettled_aud=moved(last.settled.allotment.shares, again.allotment.shares) * last.settled.to_invest_aud,
            tolerance_aud=last.tolerance_aud,
            rounds=last.rounds,
        )

    def funding(self, market: Market) -> Funding | None:
        """State how the capital was divided; None where nothing says what it is for."""
        plans, settled = self.plans, self.settled
        if not plans.targets:
            return None
        by_goals = plans.shares is None
        short = misplaced(settled.claims, settled.allotment)
        return Funding(
            by="goals" if by_goals else "pod_weights",
            inflation=plans.inflation,
            inflation_from=plans.inflation_from,
            surplus_pod=plans.surplus_pod,
            surplus_aud=settled.allotment.surplus_aud,
            unused={s.mandate.pod: UnusedPod(s.mandate, named(market, s.weights)) for s in settled.unused},
            rounds=self.rounds,
            misplaced_aud=max(short.values(), default=0.0) if by_goals else None,
            unsettled_aud=self.unsettled_aud if by_goals else None,
            tolerance_aud=self.tolerance_aud if by_goals else None,
        )

    def goals(self) -> tuple[MoneyGoal, ...]:
        """Compute the chance of each goal: after the orders, and as the account is today."""
        each = zip(self.settled.alone, self.settled.claims, self._goals_aud, self._of_today(), strict=True)
        return tuple(self._goal(*one) for one in each)

    def chances_alone(self) -> dict[str, float]:
        """Compute the chance of each goal, by ``goal_id``, with what its pod holds alone."""
        return {
            claim.target.goal_id: self._chance(self.separate, claim, aud)
            for claim, aud in zip(self.settled.claims, self._goals_aud, strict=True)
        }

    @property
    def _goals_aud(self) -> Sequence[float]:
        return self.settled.allotment.goals_aud

    def _of_today(self) -> Sequence[tuple[Claim, float] | None]:
        """List what each goal needs and gets today; None without an account."""
        if self.today is None:
            return [None] * len(self.settled.claims)
        settled = self.today.settled
        return list(zip(settled.claims, settled.allotment.goals_aud, strict=True))

    def _chance(self, pods: Delivered, claim: Claim, aud: float) -> float:
        return chance(aim_of(claim.target, self.plans.inflation), aud * pods.left, self._growth(pods, claim))

    def _growth(self, pods: Delivered, claim: Claim) -> Growth:
        """Find how the goal's pod grows; a pod that takes no part would grow as it does alone."""
        return {**self.settled.growths, **pods.growths}[claim.pod]

    def _goal(self, alone: Claim, claim: Claim, capital_aud: float, today: tuple[Claim, float] | None) -> MoneyGoal:
        target, aim = claim.target, aim_of(claim.target, self.plans.inflation)
        growth, left_aud = self._growth(self.ordered, claim), capital_aud * self.ordered.left
        wanted, reached = target.wanted_probability, chance(aim, left_aud, growth)
        months = missing_months(aim, left_aud, growth, wanted)
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
            needed_aud=alone.needed_aud,
            needed_as_ordered_aud=claim.needed_aud,
            capital_aud=capital_aud,
            after_costs_aud=left_aud,
            expected_return=growth.mean,
            median_aud=quantile_aud(aim, left_aud, growth, 0.5),
            probability=reached,
            probability_today=self._chance(self.today.as_it_is, *today) if self.today and today else None,
            needed_today_aud=today[0].needed_aud if today else None,
            capital_today_aud=today[1] if today else None,
            probability_if_lower=chance(aim, left_aud, growth.shifted(-_POINT)),
            probability_if_higher=chance(aim, left_aud, growth.shifted(_POINT)),
            more_today_aud=max(needed_aud(aim, growth, wanted) - left_aud, 0.0),
            more_per_month_aud=missing_per_month_aud(aim, left_aud, growth, wanted),
            years_later=None if months is None else months / 12,
        )


def _in_units(case: Case, held_aud: Mapping[str, float]) -> Vector:
    """Return a pod's holdings after the orders as shares of the capital, shape (n,)."""
    w = np.zeros(len(case.market.etfs))
    w[case.market.positions(held_aud)] = list(held_aud.values())
    return w / case.terms.total_capital_aud
