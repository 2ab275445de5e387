"""Check a final event independently: recompute every rule and figure from the event's weights and orders alone.

The check reads the event as sent (a mapping, from JSON) and the market snapshot that the event names. The check
shares no arithmetic with the code that made the event: this package imports no part of the solver, the formulation,
the tax or ``figures``. So a mistake there cannot pass here as well.

- ``portfolio`` checks weights, targets and the proof.
- ``market`` checks what the event says of its market.
- ``mandates`` checks the mandates as they were used.
- ``in_cash`` checks the pods that take no part since cash is expected to return more.
- ``money_goals`` checks the money goals.
- ``income`` checks distributions and the tax on them.
- ``owned`` checks the holdings before the trades.
- ``trades`` checks the cost and the tax of the trades; ``tax`` holds the law, ``least_tax`` proves the least tax.
- ``standing`` checks the figures of today, of the separate pods and of the suggestion; ``switch`` the
  judgement on the way between, and ``forced`` the rules that force sales.
- ``step`` checks rules that are targets since a budget stands in the way.
- ``worst_case`` checks the worst case in which the pods' scores count.
- ``orders`` checks the orders in whole units; ``payments`` the payments into and out of the account.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.in_cash import in_cash
from portfolio.check.income import income
from portfolio.check.later import later
from portfolio.check.mandates import mandates
from portfolio.check.market import market_told
from portfolio.check.money_goals import money_goals
from portfolio.check.orders import Orders
from portfolio.check.payments import payments
from portfolio.check.portfolio import Portfolio
from portfolio.check.standing import held, standings
from portfolio.check.step import step
from portfolio.check.switch import switch
from portfolio.check.trades import trades
from portfolio.check.worst_case import worst_case

if TYPE_CHECKING:
    from portfolio.check.facts import Event
    from portfolio.market.snapshot import Market

__all__ = ["findings"]


def findings(event: Event, market: Market) -> list[str]:
    """List every fault in an event; an empty list means that the event can be trusted."""
    told = event["market"]
    if (told["id"], told["sha256"]) != (market.id, market.sha256):
        about = f"{told['id']} with hash {told['sha256']}"
        return [f"the event is about market {about}, not {market.id} with hash {market.sha256}"]
    portfolio = Portfolio(event, market)
    found = [
        *market_told(event, market),
        *mandates(portfolio),
        *portfolio.findings(),
        *in_cash(portfolio),
        *money_goals(portfolio),
        *income(portfolio),
    ]
    if portfolio.owned is None:
        found += [*standings(portfolio, None), *switch(portfolio, None)]
        found += worst_case(portfolio, held(portfolio, None))
        if event.get("payments") is not None:
            found.append("there are payments, though nothing says what is owned")
        return found if event["trading"] is None else [*found, "there are trades, though nothing says what is owned"]
    if event["trading"] is None:
        return [*found, "what is owned is told, and no trades"]
    orders = Orders(portfolio)
    found += [*portfolio.owned.findings(), *trades(portfolio), *orders.findings(), *step(portfolio, orders)]
    found += payments(portfolio, orders)
    found += later(portfolio, orders)
    found += worst_case(portfolio, held(portfolio, orders))
    return [*found, *standings(portfolio, orders), *switch(portfolio, orders)]
