"""Settle the pods' shares of the capital, when all pods have answered: by the request, or from the money goals."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portfolio.case.inventory import above_the_floor, cash_floor, settle
from portfolio.funding.allotment import Allotment, Claim, allot, divide
from portfolio.funding.chance import aim_of, needed_aud
from portfolio.funding.growth import growth_of
from portfolio.terms.rules import Duplicates

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from portfolio.case.delivered import Delivered
    from portfolio.funding.growth import Growth
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.terms.mandate import Mandate
    from portfolio.terms.rules import Terms
    from portfolio.terms.targets import Plans

# Less than this is rounding, of a number of ETFs.
_WHOLE = 1e-9


@dataclass(frozen=True, slots=True)
class Settled:
    """The case's terms and shares.

    Attributes:
        terms: The terms, with the capital valued and the ranks of the pods.
        sleeves: The pods that take part, each with its share.
        unused: The pods that answered and take no part.
        alone: The money goals, each with its pod and the capital that the pod alone would need.
        claims: The same goals with the capital that they need, as the caller knows the pods.
        allotment: What each goal gets.
        growths: How each pod's portfolio alone grows.
    """

    terms: Terms
    sleeves: tuple[Sleeve, ...]
    unused: tuple[Sleeve, ...]
    alone: tuple[Claim, ...]
    claims: tuple[Claim, ...]
    allotment: Allotment
    growths: Mapping[str, Growth]

    @property
    def to_invest_aud(self) -> float:
        """The capital above the cash to be kept."""
        capital = self.terms.total_capital_aud
        return capital - cash_floor(self.terms) * capital

    def with_shares(self, shares: Mapping[str, float]) -> Settled:
        """Give the same pods other shares of the same capital; fund each pod's goals from the pod's share."""
        allotment = divide(self.to_invest_aud, self.claims, shares)
        sleeves = [replace(s, share=shares[s.mandate.pod]) for s in self.sleeves]
        return replace(self, allotment=allotment, sleeves=tuple(above_the_floor(sleeves, self.terms)))


def settle_shares(
    market: Market,
    sleeves: Sequence[Sleeve],
    terms: Terms,
    plans: Plans,
    *,
    delivered: Delivered | None = None,
    needs: Mapping[str, float] | None = None,
) -> Settled:
    """Divide the capital over the pods and their money goals.

    Args:
        market: The market's figures.
        sleeves: The pods' stage-1 results, in the request's order; their shares do not matter.
        terms: The customer's terms.
        plans: The money goals, and the shares where the request gives them.
        delivered: The pods as coordinated, for the needs of their goals; without, each pod counts as it is alone.
        needs: The needs themselves, where they are known, in AUD, by ``goal_id``.

    Raises:
        DataError: If the account is impossible, or worth too little.
    """
    growths = {
        s.mandate.pod: growth_of(market, s.weights, terms.marginal_tax_rate, counted=terms.gains_counted)
        for s in sleeves
    }
    alone = tuple(_claims(plans, growths))
    claims = alone if delivered is None else as_delivered(alone, delivered, growths, plans.inflation)
    if needs is not None:
        claims = tuple(replace(claim, needed_aud=needs[claim.target.goal_id]) for claim in alone)
    part = list(sleeves)
    while True:
        settled = settle(market, part, terms, plans.in_cash)
        allotment = _divided(settled, claims, part, plans)
        stay = [s for s in part if s.mandate.pod in allotment.shares]
        if len(stay) == len(part):
            break
        # Fewer pods may hold fewer ETFs, so that more of the holdings may have to be kept.
        part = stay
    unused = tuple(s for s in sleeves if s not in part)
    return Settled(
        terms=replace(
            _without(settled, [s.mandate for s in unused] + [one.mandate for one in plans.in_cash], growths),
            pod_ranks=_ranks(claims),
        ),
        sleeves=tuple(above_the_floor([replace(s, share=allotment.shares[s.mandate.pod]) for s in part], settled)),
        unused=unused,
        alone=alone,
        claims=claims,
        allotment=allotment,
        growths=growths,
    )


def as_delivered(
    alone: Sequence[Claim], delivered: Delivered, growths: Mapping[str, Growth], inflation: float
) -> tuple[Claim, ...]:
    """Restate the goals' needs: before the cost of the trades, with the pods as they are delivered.

    A pod that takes no part would be as it is alone, by *growths*.
    """
    met = {**growths, **delivered.growths}
    return tuple(
        replace(claim, needed_aud=_needed_aud(claim, met[claim.pod], inflation) / delivered.left) for claim in alone
    )


def _needed_aud(claim: Claim, growth: Growth, inflation: float) -> float:
    return needed_aud(aim_of(claim.target, inflation), growth, claim.target.wanted_probability)


def _claims(plans: Plans, growths: Mapping[str, Growth]) -> list[Claim]:
    """Find each goal's pod: the one that the request names, or the one that needs the least capital."""
    claims = []
    for target in plans.targets:
        aim = aim_of(target, plans.inflation)
        pods = [target.pod] if target.pod is not None else list(plans.shares or growths)
        needs = {pod: needed_aud(aim, growths[pod], target.wanted_probability) for pod in pods}
        least = min(needs, key=lambda pod: needs[pod])
        claims.append(Claim(target, least, needs[least]))
    return claims


def _ranks(claims: Sequence[Claim]) -> dict[str, int]:
    """Rank each pod by the best priority of its money goals."""
    ranks: dict[str, int] = {}
    for claim in claims:
        ranks[claim.pod] = min(ranks.get(claim.pod, claim.target.priority), claim.target.priority)
    return ranks


def _without(terms: Terms, unused: Sequence[Mandate], pods: Collection[str]) -> Terms:
    """Leave out what the terms say of the goals of pods that take no part, and of pairs with such pods."""
    idle = {mandate.pod for mandate in unused}
    goals = {f"{mandate.pod}.{measure.value}" for mandate in unused for measure in mandate.goals}
    pairs = {pair for one in idle for pod in {*pods, *idle} for pair in (f"{one}-{pod}", f"{pod}-{one}")}
    return replace(
        terms,
        priorities={name: priority for name, priority in terms.priorities.items() if name not in goals},
        correlation_limits={pair: limit for pair, limit in terms.correlation_limits.items() if pair not in pairs},
        pod_targets={name: asked for name, asked in terms.pod_targets.items() if name.partition(".")[0] not in idle},
    )


def _divided(terms: Terms, claims: Sequence[Claim], sleeves: Sequence[Sleeve], plans: Plans) -> Allotment:
    """Divide the capital that the cash to be kept leaves."""
    invested = 1.0 - cash_floor(terms)
    if plans.shares is not None:
        return divide(invested * terms.total_capital_aud, claims, plans.shares)
    least = {s.mandate.pod: _least_share(terms, s.mandate) / invested for s in sleeves}
    return allot(invested * terms.total_capital_aud, claims, least, plans.surplus_pod)


def _least_share(terms: Terms, mandate: Mandate) -> float:
    """Compute the least share that a pod can divide into ETFs of the least weight, none above its largest position."""
    if terms.rules.duplicates is not Duplicates.FORBID:
        return 0.0  # another owner may hold the rest of the weight
    etfs = math.ceil(1 / mandate.max_position - _WHOLE)
    return etfs * terms.rules.min_weight / (1 + (terms.rules.capital_tolerance if terms.owned else 0.0))
