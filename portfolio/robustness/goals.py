"""The chances of the money goals with the suggestion, if each draw were true."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.case import Case
from portfolio.case.delivered import before_the_orders, delivered
from portfolio.funding.chance import Aim, chance
from portfolio.funding.growth import growth_of
from portfolio.market.figures import figures
from portfolio.pod.sleeve import Sleeve
from portfolio.published.robustness import SureGoal
from portfolio.robustness.ranges import range_of
from portfolio.robustness.suggestion import vector

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio import Matrix
    from portfolio.funding.growth import Growth
    from portfolio.market.snapshot import Market
    from portfolio.robustness.suggestion import Suggestion


def sure_goals(suggestion: Suggestion, market: Market, markets: Sequence[Market]) -> tuple[SureGoal, ...]:
    """Compute the ranges of the chances over the drawn *markets*; the capital of each goal stays as it is."""
    if not markets or suggestion.funding is None:
        return ()
    X, sleeves = suggestion.ordered(market), _sleeves(suggestion, market)
    growths = [_growths(suggestion, Case(each, sleeves, suggestion.terms), X) for each in markets]
    inflation, told = suggestion.funding.inflation, []
    for goal in suggestion.money_goals:
        grows = inflation if goal.in_todays_money else 0.0
        aim = Aim(goal.target_amount_aud, goal.years, goal.contribution_aud_per_month, grows)
        left_aud = goal.capital_aud if goal.after_costs_aud is None else goal.after_costs_aud
        if there := range_of([chance(aim, left_aud, pods[goal.pod]) for pods in growths]):
            told.append(SureGoal(goal.goal_id, there))
    return tuple(told)


def _growths(suggestion: Suggestion, case: Case, X: Matrix) -> Mapping[str, Growth]:
    """Find how each pod's money grows in the case's market; a pod that takes no part would grow as it does alone."""
    orders, rate, counted = suggestion.trading, suggestion.terms.marginal_tax_rate, suggestion.terms.gains_counted
    fees_aud = orders.brokerage_aud + orders.spread_aud if orders else 0.0
    unused = suggestion.funding.unused if suggestion.funding else {}
    alone = {
        pod: growth_of(case.market, vector(case.market, each.naive_weights), rate, counted=counted)
        for pod, each in unused.items()
    }
    if orders and not orders.orders:
        return dict.fromkeys({**alone, **suggestion.pods}, before_the_orders(case))
    return {**alone, **delivered(case, X, fees_aud=fees_aud).growths}


def _sleeves(suggestion: Suggestion, market: Market) -> list[Sleeve]:
    """Rebuild the pods alone from the event."""
    sleeves = []
    for pod in suggestion.pods.values():
        u = vector(market, pod.naive_weights)
        sleeves.append(Sleeve(pod.mandate, pod.capital_share, u, figures(market, u), {}, pod.left_out))
    return sleeves
