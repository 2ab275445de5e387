"""Check how the capital was divided over the pods and their money goals, as docs/model.md says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

_LEAST_SHARE = 1e-4
_TOLERANCE, _ROUNDS = 1e-5, 12
_OF_GOALS = ("tolerance_aud", "misplaced_aud", "unsettled_aud")


def shares(portfolio: Portfolio, funding: Event, goals: Sequence[Event]) -> Iterator[str]:
    """Check each goal's capital, each pod's surplus, each pod's share, and which pods take no part."""
    invested = 1.0 - portfolio.floor
    capital = invested * portfolio.terms["total_capital_aud"]
    told = {pod: account["capital_share"] / invested for pod, account in portfolio.pods.items()}
    ranks = {goal["pod"]: min(g["priority"] for g in goals if g["pod"] == goal["pod"]) for goal in goals}
    if portfolio.terms["pod_ranks"] != ranks:
        yield "the ranks of the pods are not the best priorities of their money goals"
    trading, purses = portfolio.event["trading"], {pod: share * capital for pod, share in told.items()}
    if funding["by"] == "goals" and trading is not None and not trading["orders"]:
        yield from _in_one_purse(goals, funding, set(told), capital)
    else:
        yield from _differences(goals, funding["surplus_aud"], spent(goals, purses), purses, capital)
    if funding["by"] == "goals":
        yield from _settled(portfolio, funding, goals, told, capital)
    elif [funding[name] for name in _OF_GOALS] != [None] * len(_OF_GOALS) or funding["rounds"] != 1:
        yield "the request gives the shares, and they are told to be settled"


def shares_today(portfolio: Portfolio, funding: Event, goals: Sequence[Event]) -> Iterator[str]:
    """Check the capital of each goal in the account of today: by the same order, but no pod has a part of its own."""
    if portfolio.owned is None:
        return
    by_pod = funding["by"] == "pod_weights"
    capital = portfolio.owned.capital
    purses = {pod: account["capital_share"] * capital for pod, account in portfolio.pods.items()}
    today = [
        {**goal, "needed_as_ordered_aud": goal["needed_today_aud"], **({} if by_pod else {"pod": ""})} for goal in goals
    ]
    got = spent(today, purses if by_pod else {"": capital * (1.0 - portfolio.owned.floor)})
    for goal, aud in zip(goals, got, strict=True):
        if not same(goal["capital_today_aud"], aud, size=capital):
            yield f"the money goal {goal['goal_id']} gets {aud} AUD today, not {goal['capital_today_aud']}"


def _in_one_purse(goals: Sequence[Event], funding: Event, pods: set[str], capital: float) -> Iterator[str]:
    """Check the goals of an account that stays as it is; a pod that takes part has the money that no goal needs."""
    got = spent([{**goal, "pod": ""} for goal in goals], {"": capital})
    spare = _spare([goal for goal in goals if goal["pod"] in pods], pods, funding["surplus_pod"])
    yield from _each(goals, got, capital)
    yield from _rest(funding["surplus_aud"], {spare: capital - sum(got)} if spare else {}, capital)


def _settled(
    portfolio: Portfolio, funding: Event, goals: Sequence[Event], told: Mapping[str, float], capital: float
) -> Iterator[str]:
    """Check how far the shares are from those that follow from the goals, and what lies where it should not."""
    due = {"tolerance_aud": _TOLERANCE * capital, "misplaced_aud": _misplaced(goals, told, funding["surplus_aud"])}
    if not _has_kept(portfolio):
        mandates = {pod: account["mandate"] for pod, account in (*portfolio.pods.items(), *funding["unused"].items())}
        invested = 1.0 - portfolio.floor
        least = {pod: _least(portfolio, mandate) / invested for pod, mandate in mandates.items()}
        part = _taking_part(goals, least, funding["surplus_pod"], capital)
        _, purses = _funded(goals, part, funding["surplus_pod"], capital)
        due["unsettled_aud"] = sum(max(aud - told.get(pod, 0.0) * capital, 0.0) for pod, aud in purses.items())
    for name, aud in due.items():
        if not same(funding[name], aud, size=capital):
            yield f"of the funding, {name} is {aud}, not {funding[name]}"
    if not isinstance(funding["rounds"], int) or not 1 <= funding["rounds"] <= _ROUNDS:
        yield f"the shares are settled in {funding['rounds']} rounds, of which there are 1 to {_ROUNDS}"


def _misplaced(goals: Sequence[Event], told: Mapping[str, float], surplus: Mapping[str, float]) -> float:
    """Compute the most that a goal lacks while other pods hold it for goals that come later, or for none."""
    most = 0.0
    for goal in goals:
        pod, lacks = goal["pod"], goal["needed_as_ordered_aud"] - goal["capital_aud"]
        later = [g for g in goals if g["pod"] != pod and g["priority"] > goal["priority"]]
        there = sum(g["capital_aud"] for g in later) + sum(aud for p, aud in surplus.items() if p != pod)
        if pod in told:
            most = max(most, min(lacks, there))
    return most


def _has_kept(portfolio: Portfolio) -> bool:
    """Whether holdings are kept: then the capital may have been more when a pod was left out."""
    owned = portfolio.terms["owned"]
    return owned is not None and bool(owned["kept"])


def _least(portfolio: Portfolio, mandate: Event) -> float:
    """Compute the least share in which as many ETFs fit, at their least weight, as the largest position demands."""
    rules = portfolio.rules
    if rules["duplicates"] != "forbid":
        return 0.0
    count = 1
    while count * mandate["max_position"] < 1 - 1e-9:
        count += 1
    return float(count * rules["min_weight"] / (1 + (rules["capital_tolerance"] if portfolio.owned else 0.0)))


def _taking_part(
    goals: Sequence[Event], least: Mapping[str, float], surplus_pod: str | None, capital: float
) -> set[str]:
    """Leave out the pod with the smallest share of all that have too little, until there is none."""
    part = set(least)
    while len(part) > 1:
        got, money = _funded(goals, part, surplus_pod, capital)
        full = {
            goal["pod"]
            for goal, aud in zip(goals, got, strict=True)
            if aud and aud >= goal["needed_as_ordered_aud"] * (1 - 1e-9)
        }
        parts = {pod: aud / capital for pod, aud in money.items()}
        small = {
            (round(share, 9), pod)
            for pod, share in parts.items()
            if share < _LEAST_SHARE or (pod not in full and share < least[pod] * (1 - 1e-9))
        }
        if not small:
            break
        part.remove(min(small)[1])
    return part


def _funded(
    goals: Sequence[Event], part: set[str], surplus_pod: str | None, capital: float
) -> tuple[list[float], dict[str, float]]:
    """Return the capital of each goal, and that of each pod, its surplus included."""
    served = [goal["pod"] in part for goal in goals]
    purse = {"": capital}
    got = spent(
        [{**goal, "pod": "" if is_served else None} for goal, is_served in zip(goals, served, strict=True)], purse
    )
    money = dict.fromkeys(sorted(part), 0.0)
    for goal, aud in zip(goals, got, strict=True):
        if aud:
            money[goal["pod"]] += aud
    spare = _spare([goal for goal in goals if goal["pod"] in part], part, surplus_pod)
    if spare is None:
        return got, money
    money[spare] += max(capital - sum(got), 0.0)
    return got, money


def _spare(goals: Sequence[Event], part: set[str], surplus_pod: str | None) -> str | None:
    """Find the pod for the money that no goal needs."""
    longest = sorted(goals, key=lambda goal: (-goal["years"], goal["priority"]))
    return surplus_pod if surplus_pod in part else longest[0]["pod"] if longest else None


def _differences(
    goals: Sequence[Event],
    surplus: Mapping[str, float],
    got: Sequence[float],
    purses: Mapping[str, float],
    capital: float,
) -> Iterator[str]:
    yield from _each(goals, got, capital)
    left = {
        pod: purses.get(pod, 0.0) - sum(aud for goal, aud in zip(goals, got, strict=True) if goal["pod"] == pod)
        for pod in {**purses, **surplus}
    }
    yield from _rest(surplus, left, capital)


def _each(goals: Sequence[Event], got: Sequence[float], capital: float) -> Iterator[str]:
    for goal, aud in zip(goals, got, strict=True):
        if not same(goal["capital_aud"], aud, size=capital):
            yield f"the money goal {goal['goal_id']} gets {aud} AUD, not {goal['capital_aud']}"


def _rest(told: Mapping[str, float], left: Mapping[str, float], capital: float) -> Iterator[str]:
    for pod in {**left, **told}:
        if not same(told.get(pod, 0.0), left.get(pod, 0.0), size=capital):
            yield f"the surplus of {pod} is {left.get(pod, 0.0)} AUD, not {told.get(pod, 0.0)}"


def spent(goals: Sequence[Event], purses: Mapping[str, float]) -> list[float]:
    """Fund goals from the purses of their pods: the lower priorities first have nothing, then share, then have all."""
    got = []
    for goal in goals:
        rivals = [other for other in goals if other["pod"] == goal["pod"]]
        before = sum(other["needed_as_ordered_aud"] for other in rivals if other["priority"] < goal["priority"])
        beside = sum(other["needed_as_ordered_aud"] for other in rivals if other["priority"] == goal["priority"])
        left = max(purses.get(goal["pod"], 0.0) - before, 0.0)
        got.append(goal["needed_as_ordered_aud"] * (min(1.0, left / beside) if beside > 0 else 1.0))
    return got
