"""How far holdings are from the rules that today's holdings may break, computed again for the check."""

from __future__ import annotations

from itertools import combinations
from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import RULE, correlation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio import Matrix, Vector
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

# In the order in which they are served (docs/model.md).
TARGETS = (
    "cash_floor",
    "outside",
    "max_weight",
    "capital_tolerance",
    "max_position",
    "max_etfs",
    "min_correlation_distance",
    "min_weight",
)
# Each thing that breaks a rule: limit, figure, and distance beyond the limit.
Broken = dict[str, tuple[float, float, float]]


def rooms(trading: Event | None) -> dict[str, float]:
    """Read how far the portfolio may be from each rule and above each budget; empty where all are kept."""
    told = trading.get("step") if isinstance(trading, dict) else None
    if told is None:
        return {}
    budgets = {each["budget"]: each["held"] for each in told.get("budgets", ())}
    return {rule["rule"]: rule["held"] for rule in told["rules"]} | budgets


def distances(
    rules: Event, pods: Mapping[str, Event], market: Market, X: Matrix, *, had: Vector, money: tuple[float, float]
) -> dict[str, Broken]:
    """Find the breaches of each rule.

    Args:
        rules: The rules of the request.
        pods: The pods, with their mandates and shares.
        market: The market.
        X: Holdings, shape (pods, n), as shares of the capital.
        had: Weights before the trades, shape (n,).
        money: Money that is not invested, and that is to be kept, as shares of the capital.
    """
    w, drifts = X.sum(axis=0), 1 + rules["position_tolerance"]
    names = [etf.ticker for etf in market.etfs]
    held = np.flatnonzero(w > 0).tolist()
    found: dict[str, Broken] = {rule: {} for rule in TARGETS}
    found["cash_floor"][""] = (money[1], money[0], money[1] - max(money[0], 0.0))
    universes = {ticker for pod in pods.values() for ticker in pod["mandate"]["universe"]}
    for j in held:
        if names[j] not in universes:
            found["outside"][names[j]] = (0.0, w[j], w[j])
        limit = max(rules["max_weight"], min(had[j], rules["max_weight"] * drifts))
        found["max_weight"][names[j]] = (limit, w[j], w[j] - limit)
        found["min_weight"][names[j]] = (rules["min_weight"], w[j], rules["min_weight"] - w[j])
    for (name, pod), row in zip(pods.items(), X, strict=True):
        whole, share, cap = float(row.sum()), pod["capital_share"], pod["mandate"]["max_position"]
        cap *= drifts if rules["duplicates"] == "forbid" else 1.0
        found["capital_tolerance"][name] = (
            share,
            whole,
            abs(whole - share) - rules["capital_tolerance"] * share,
        )
        for j in np.flatnonzero(row > 0).tolist():
            found["max_position"][f"{name}: {names[j]}"] = (cap, row[j] / whole, row[j] - cap * whole)
    found["max_etfs"][""] = (rules["max_etfs"], len(held), len(held) - rules["max_etfs"])
    for i, j in combinations(held, 2):
        apart = sqrt(max(0.0, (1 - correlation(market, i, j)) / 2))
        if apart < rules["min_correlation_distance"]:
            found["min_correlation_distance"][f"{names[i]} and {names[j]}"] = (
                rules["min_correlation_distance"],
                apart,
                1.0,
            )
    return {rule: {k: v for k, v in parts.items() if v[2] > RULE} for rule, parts in found.items()}
