"""Check each money goal of the customer: the capital held for the goal, and the forecast."""

from __future__ import annotations

from math import erfc, log, log1p, sqrt
from typing import TYPE_CHECKING

from portfolio.check.facts import FIGURE, same

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio

# Above this growth per year, in logarithms, the event reports no required return.
_MOST_GROWTH = log(11)


def money_goals(portfolio: Portfolio) -> Iterator[str]:
    """Check each money goal's part of the pod's capital, the required return, and the probability of success."""
    told: list[Event] = portfolio.event.get("money_goals", [])
    names, cash = list(portfolio.pods), 1 + portfolio.market.risk_free
    discounted = [goal["target_amount_aud"] * cash ** -goal["years"] for goal in told]
    for goal, value in zip(told, discounted, strict=True):
        of_pod = sum(each for other, each in zip(told, discounted, strict=True) if other["pod"] == goal["pod"])
        figures = {"present_value_aud": value, "capital_aud": 0.0, "expected_amount_aud": 0.0, "probability": 0.0}
        returns: dict[str, float | None] = {"expected_return": None, "required_return": None}
        if goal["pod"] in names:
            p = names.index(goal["pod"])
            u = portfolio.sleeves[p]
            mean = float(portfolio.market.expected_returns @ u)
            volatility = sqrt(float(u @ portfolio.market.Sigma @ u))
            capital = float(portfolio.X[p].sum()) * portfolio.terms["total_capital_aud"] * value / of_pod
            figures["capital_aud"] = capital
            figures["expected_amount_aud"] = capital * (1 + mean) ** goal["years"]
            figures["probability"] = _chance(capital, goal, mean, volatility)
            returns = {"expected_return": mean, "required_return": _required(capital, goal)}
        for name, figure in {**figures, **returns}.items():
            if not same(goal[name], figure):
                yield f"of the money goal {goal['goal_id']}, {name} is {figure}, not {goal[name]}"


def _required(capital: float, goal: Event) -> float | None:
    if goal["years"] == 0:
        return None
    growth = log(goal["target_amount_aud"] / capital) / goal["years"]
    return float((goal["target_amount_aud"] / capital) ** (1 / goal["years"]) - 1) if growth <= _MOST_GROWTH else None


def _chance(capital: float, goal: Event, mean: float, volatility: float) -> float:
    """Return the probability that the years' log-returns sum to the missing growth or more (normal distribution)."""
    spread = sqrt(log1p((volatility / (1 + mean)) ** 2) * goal["years"])
    if spread == 0:
        return float(capital * (1 + mean) ** goal["years"] >= goal["target_amount_aud"] * (1 - FIGURE))
    middle = goal["years"] * log1p(mean) - spread**2 / 2
    return erfc((log(goal["target_amount_aud"] / capital) - middle) / spread / sqrt(2)) / 2
