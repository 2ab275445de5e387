"""Divide the capital: money goals are funded by priority, and the pods' shares of the capital follow."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from portfolio.terms.targets import Target

# A pod with less than a basis point of the capital holds nothing that anybody would buy.
LEAST_SHARE = 1e-4
# Shares that differ by less are equal.
_DIGITS, _ROUNDING = 9, 1e-9


@dataclass(frozen=True, slots=True)
class Claim:
    """A money goal with its pod, and the capital that it needs there."""

    target: Target
    pod: str
    needed_aud: float


@dataclass(frozen=True, slots=True)
class Allotment:
    """The capital, divided.

    Attributes:
        goals_aud: Capital of each goal, in the order of the claims.
        surplus_aud: Capital of each pod beyond that of its goals.
        shares: Each pod's share of the capital; pods that take no part are left out.
    """

    goals_aud: tuple[float, ...]
    surplus_aud: Mapping[str, float]
    shares: Mapping[str, float]


def allot(
    capital_aud: float,
    claims: Sequence[Claim],
    least_shares: Mapping[str, float],
    surplus_pod: str | None,
) -> Allotment:
    """Fund the goals by priority; money that no goal needs goes to the surplus pod.

    A pod that would have too little takes no part, and its goals get nothing; the others are funded again.

    Args:
        capital_aud: The capital.
        claims: The goals.
        least_shares: The pods that may take part, in order, each with the least share that its rules can hold. Less
            counts as too little unless a goal of the pod has all it needs: such a goal is not given up for a rule.
        surplus_pod: The pod for what remains; by default, and where that pod takes no part, the pod of the longest
            goal.
    """
    part = list(least_shares)
    while True:
        served = [claim for claim in claims if claim.pod in part]
        got, rest_aud = by_priority(capital_aud, served)
        spare = _spare_pod(served, part, surplus_pod)
        money = {pod: rest_aud if pod == spare else 0.0 for pod in part}
        kept = {
            claim.pod
            for claim, aud in zip(served, got, strict=True)
            if aud and aud >= claim.needed_aud * (1 - _ROUNDING)
        }
        for claim, aud in zip(served, got, strict=True):
            money[claim.pod] += aud
        shares = {pod: aud / capital_aud for pod, aud in money.items()}
        small = [pod for pod in part if shares[pod] < _least(least_shares[pod], is_kept=pod in kept)]
        if not small or len(part) == 1:
            each = iter(got)
            goals = tuple(next(each) if claim.pod in part else 0.0 for claim in claims)
            return Allotment(goals, {spare: rest_aud} if rest_aud > 0 else {}, shares)
        # One after the other: what the smallest leaves may be enough for the next.
        part.remove(min(small, key=lambda pod: (round(shares[pod], _DIGITS), pod)))


def _least(least_share: float, *, is_kept: bool) -> float:
    return LEAST_SHARE if is_kept else max(LEAST_SHARE, least_share * (1 - _ROUNDING))


def moved(before: Mapping[str, float], after: Mapping[str, float]) -> float:
    """Compute the share of the capital that changes pods between two divisions."""
    return sum(max(share - before.get(pod, 0.0), 0.0) for pod, share in after.items())


def misplaced(claims: Sequence[Claim], allotment: Allotment) -> dict[int, float]:
    """Measure the capital that goals lack, while other pods hold capital for goals of lower priority or for none.

    Returns:
        By priority, the most for a goal of that priority, in AUD: its shortage or, if this is less, that capital. Goals
        of pods that take no part do not count.
    """
    most: dict[int, float] = {}
    for claim, aud in zip(claims, allotment.goals_aud, strict=True):
        if claim.pod not in allotment.shares:
            continue
        held = sum(spare for pod, spare in allotment.surplus_aud.items() if pod != claim.pod)
        for other, got in zip(claims, allotment.goals_aud, strict=True):
            if other.pod != claim.pod and other.target.priority > claim.target.priority:
                held += got
        priority, lacked = claim.target.priority, min(max(claim.needed_aud - aud, 0.0), held)
        most[priority] = max(most.get(priority, 0.0), lacked)
    return most


def divide(capital_aud: float, claims: Sequence[Claim], shares: Mapping[str, float]) -> Allotment:
    """Fund each pod's goals by priority, from the pod's share of the capital."""
    goals, surplus = [0.0] * len(claims), {}
    for pod, share in shares.items():
        its = [i for i, claim in enumerate(claims) if claim.pod == pod]
        got, rest_aud = by_priority(share * capital_aud, [claims[i] for i in its])
        for i, aud in zip(its, got, strict=True):
            goals[i] = aud
        if rest_aud > 0:
            surplus[pod] = rest_aud
    return Allotment(tuple(goals), surplus, shares)


def by_priority(money_aud: float, claims: Sequence[Claim]) -> tuple[list[float], float]:
    """Return the capital of each goal and the rest, in AUD: if money ends, goals of one priority share it by need."""
    got, rest_aud = [0.0] * len(claims), money_aud
    for priority in sorted({claim.target.priority for claim in claims}):
        its = [i for i, claim in enumerate(claims) if claim.target.priority == priority]
        needed = sum(claims[i].needed_aud for i in its)
        part = 1.0 if needed <= rest_aud else rest_aud / needed
        for i in its:
            got[i] = part * claims[i].needed_aud
        rest_aud = max(rest_aud - needed, 0.0)
    return got, rest_aud


def in_one_purse(
    capital_aud: float, claims: Sequence[Claim], pods: Collection[str], surplus_pod: str | None
) -> Allotment:
    """Fund the goals by priority while no pod has money of its own; *pods* may get the money that no goal needs."""
    got, rest_aud = by_priority(capital_aud, claims)
    spare = _spare_pod([claim for claim in claims if claim.pod in pods], pods, surplus_pod)
    return Allotment(tuple(got), {spare: rest_aud} if rest_aud > 0 else {}, {})


def _spare_pod(claims: Sequence[Claim], part: Collection[str], surplus_pod: str | None) -> str:
    if surplus_pod in part:
        return str(surplus_pod)
    return max(claims, key=lambda claim: (claim.target.years, -claim.target.priority)).pod
