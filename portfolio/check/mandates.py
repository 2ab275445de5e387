"""Check the mandates as they were used: the request's targets, goals over cash, and the customer's risk tolerance."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import MET, RULE, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

_OVER_CASH = "_over_cash"
# A tolerance of one half leaves mandates as they are; a sleeve of the whole may have this many times the volatility of
# the pod alone.
_HALF, _IN_THE_WHOLE = 0.5, 1.15


def mandates(portfolio: Portfolio) -> Iterator[str]:
    """Yield every fault in the mandates of the pods."""
    if strange := {name.partition(".")[0] for name in portfolio.terms["pod_targets"]} - set(portfolio.pods):
        yield f"targets are set for {', '.join(sorted(strange))}, which is no pod of the event"
    for pod, part in portfolio.pods.items():
        yield from _goals(portfolio, pod, part)
        yield from _frontier(portfolio, pod, part)


def _goals(portfolio: Portfolio, pod: str, part: Event) -> Iterator[str]:
    """Check that a pod's goals are what was asked, or stricter by what the risk tolerance adds."""
    asked: dict[str, float] = {}
    over_cash = part["mandate"]["over_cash"]
    for name, value in portfolio.terms["pod_targets"].items():
        whose, _, figure = name.partition(".")
        if whose == pod:
            above = figure.endswith(_OVER_CASH)
            figure = figure.removesuffix(_OVER_CASH)
            asked[figure] = value + (portfolio.market.risk_free if above else 0.0)
            if over_cash.get(figure) != (value if above else None):
                yield f"{pod}'s goal for {figure} over cash is {over_cash.get(figure)}, though the request says {value}"
    for figure, above in over_cash.items():
        asked[figure] = above + portfolio.market.risk_free
    goals, point = part["mandate"]["goals"], part["frontier"] or {}
    for figure, value in asked.items():
        due = value
        if figure == "volatility" and point.get("volatility") is not None:
            due = min(value, _IN_THE_WHOLE * point["volatility"])
        if figure == "expected_return" and point.get("expected_return") is not None:
            due = max(value, point["expected_return"])
        if not same(goals.get(figure), due):
            yield f"{pod}'s goal for {figure} is {goals.get(figure)}, not {due}"


def _frontier(portfolio: Portfolio, pod: str, part: Event) -> Iterator[str]:
    """Check the point of a pod's efficient frontier that the customer's risk tolerance asks for."""
    mandate, point, tolerance = part["mandate"], part["frontier"], portfolio.terms["risk_tolerance"]
    least_risk = mandate["objective"] == "min_volatility"
    moved = tolerance < _HALF or (tolerance > _HALF and not least_risk)
    if (point is not None) != moved:
        yield f"{pod} is said to be {'moved' if point else 'left'} on its frontier for a tolerance of {tolerance}"
    if point is None or not moved:
        return
    told = {name: point[name] for name in ("risk_tolerance", "volatility", "expected_return")}
    low, of, mean, high = (
        point[name] for name in ("least_volatility", "objective_volatility", "objective_return", "greatest_return")
    )
    cautious = tolerance < _HALF
    due = {
        "risk_tolerance": tolerance,
        "volatility": low + 2 * tolerance * max(of - low, 0.0) if cautious else None,
        "expected_return": None if cautious else mean + (2 * tolerance - 1) * max(high - mean, 0.0),
    }
    yield from (
        f"{pod}'s {name} on its frontier is {due[name]}, not {told[name]}"
        for name in due
        if not same(told[name], due[name])
    )
    u = portfolio.naive_sleeves[list(portfolio.pods).index(pod)]
    if portfolio.risk(u) < low - MET:
        yield f"{pod} alone has less volatility than the least there is, {low}"
    figure, most = ("volatility", True) if cautious else ("expected_return", False)
    if told[figure] is None:
        return
    limit = (_IN_THE_WHOLE if cautious else 1.0) * told[figure]
    goal = mandate["goals"].get(figure)
    if goal is None or (goal - limit if most else limit - goal) > RULE:
        yield f"{pod}'s goal for {figure} is {goal}, weaker than {limit} of its place on the frontier"
