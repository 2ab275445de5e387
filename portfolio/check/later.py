"""Check the portfolio that waits: its orders, holdings and money, and that none of the parcels that wait is sold."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.facts import same
from portfolio.check.orders import Orders, is_met, keeps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.portfolio import Portfolio


def later(portfolio: Portfolio, now: Orders) -> Iterator[str]:
    """Check the best portfolio that sells nothing of the parcels that would save; events of before have none."""
    told, waits = now.told.get("later"), now.told.get("waits") or ()
    if told is None:
        return
    if not waits:
        yield "a portfolio that waits is told, and nothing would save by waiting"
        return
    orders = Orders(portfolio, told)
    named = {(one["ticker"], one["acquired"]) for one in waits}
    kept = [k for k, p in enumerate(orders.owned.parcels) if (p.ticker, p.acquired.isoformat()) in named]
    for part in (orders.units(), orders.each(), orders.sales(kept), orders.holdings(), orders.limits(), orders.money()):
        yield from (f"of the portfolio that waits, {words}" for words in part)
    if not same(told["objective"], orders.value()):
        yield f"the portfolio that waits has the objective {orders.value()}, not {told['objective']}"
    cost = sum(orders.fees.values()) + orders.gains.tax_aud
    due = {goal["name"]: goal for goal in portfolio.due(orders.amounts / orders.capital, trading_cost_aud=cost)}
    levels = {goal["name"]: goal["delivered"] for goal in now.told["goals"]}
    worse = {name for name, level in levels.items() if level is not None and not _as_good(due[name], level)}
    if set(told["worse"]) != worse:
        yield f"the portfolio that waits keeps {sorted(worse)} less well, not {told['worse']}"


def _as_good(goal: Event, level: float) -> bool:
    """Whether a goal is met, or as well kept as by the orders that sell now."""
    return is_met(goal) or keeps(goal, level)
