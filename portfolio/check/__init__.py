"""Check a final event on its own: every rule and every figure, again, from its weights and orders alone.

Works on the event as it goes over the wire (a mapping, from JSON) and the market snapshot it
names. Shares no arithmetic with what made the event: nothing of the solver, of the formulation, of
the tax or of ``figures`` is imported here, so that a mistake there does not pass here as well.

``portfolio`` checks weights, goals and the proof, ``money_goals`` the amounts of money that are wanted, ``income`` what
is paid out, ``owned`` what the trades start from, ``trades`` what they cost and the tax they cause, by the law of
``tax`` and not more than ``least_tax`` proves, ``orders`` what is done in whole units.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.income import income
from portfolio.check.money_goals import money_goals
from portfolio.check.orders import Orders
from portfolio.check.portfolio import Portfolio
from portfolio.check.trades import trades

if TYPE_CHECKING:
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

__all__ = ["findings"]


def findings(event: Event, market: Market) -> list[str]:
    """Say everything that is wrong with an event; nothing, if it can be trusted."""
    if (told := event["market"]) != {"id": market.id, "sha256": market.sha256}:
        about = f"{told['id']} with hash {told['sha256']}"
        return [f"the event is about market {about}, not {market.id} with hash {market.sha256}"]
    portfolio = Portfolio(event, market)
    found = [*portfolio.findings(), *money_goals(portfolio), *income(portfolio)]
    if portfolio.owned is None:
        return found if event["trading"] is None else [*found, "there are trades, though nothing says what is owned"]
    if event["trading"] is None:
        return [*found, "what is owned is told, and no trades"]
    return [*found, *portfolio.owned.findings(), *trades(portfolio), *Orders(portfolio).findings()]
