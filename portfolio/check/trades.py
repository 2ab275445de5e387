"""Check the trades of the coordinated and of the separate pods' portfolio: cost, tax and the customer's limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.check.facts import FIGURE, RULE

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from portfolio import Matrix
    from portfolio.check.facts import Event
    from portfolio.check.move import Move
    from portfolio.check.portfolio import Portfolio

# ASX: minimum initial investment in a listed security.
FIRST_PURCHASE_AUD = 500.0


def trades(portfolio: Portfolio) -> Iterator[str]:
    """Check the cost of trading to both portfolios, and the limits on the coordinated portfolio's trades."""
    for which, move in portfolio.moves.items():
        yield from (f"of the way to the {which} portfolio, {words}" for words in move.findings())
    yield from limits(portfolio.moves["master"], portfolio.X, portfolio.rules, portfolio.rooms)


def limits(move: Move, X: Matrix, rules: Event, rooms: Mapping[str, float]) -> Iterator[str]:
    """Check the trades to holdings *X*, shape (pods, n), before they are made whole units, against the rules.

    *rooms* says how far the portfolio may be from rules that are targets.
    """
    owned = move.owned
    capital = owned.capital
    for j in np.flatnonzero(move.change).tolist():
        ticker, change = owned.market.etfs[j].ticker, float(move.change[j])
        least = max(rules["min_order_aud"], FIRST_PURCHASE_AUD if not owned.units[j] else 0.0)
        if abs(change) * capital < least - RULE * capital:
            yield f"an order of {ticker} is {abs(change) * capital:.2f} AUD, below {least:.2f}"
        if change < -FIGURE and (ticker in rules["never_sell"] or owned.buys_only):
            yield f"{ticker} is sold, but must never be"
        if not owned.prices[j]:
            yield f"{ticker} is traded, and has no price"
    spent = float(X.sum()) + (move.brokerage_aud + move.spread_aud) / capital
    sold = np.maximum(-move.change, 0.0) * capital
    aside, most_aside = (max(move.gains.tax_aud, 0.0), owned.most_tax(sold)) if owned.keeps_tax else (0.0, 0.0)
    floor, most_idle = owned.floor + aside / capital, owned.most_idle + most_aside / capital
    if spent > 1 - floor + rooms.get("cash_floor", 0.0) + RULE:
        kept = f", and {floor:.9f} is to be kept" if floor else ""
        yield f"holdings and the cost of trading come to {spent:.9f} of the capital{kept}"
    if spent < 1 - most_idle - RULE:
        yield f"ETFs are sold to hold {1 - spent:.9f} of the capital as cash, more than {most_idle:.9f}"
    turnover = (move.bought_aud + move.sold_aud) / 2
    yield from volume(rules, turnover, move.gains.tax_aud, capital=capital, slack_aud=RULE * capital, rooms=rooms)


def volume(
    rules: Event,
    turnover_aud: float,
    tax_aud: float,
    *,
    capital: float,
    slack_aud: float,
    rooms: Mapping[str, float],
) -> Iterator[str]:
    """Check the limits on turnover and on tax; *rooms* says how far a payment may exceed them."""
    more, most = (rooms.get(name, 0.0) * capital + slack_aud for name in ("max_turnover", "max_tax_aud"))
    if rules["max_turnover"] is not None and turnover_aud > rules["max_turnover"] * capital + more:
        yield f"{turnover_aud / capital:.6f} of the capital is turned over, more than {rules['max_turnover']}"
    if rules["max_tax_aud"] is not None and tax_aud > rules["max_tax_aud"] + most:
        yield f"the tax on gains is {tax_aud:.2f} AUD, above {rules['max_tax_aud']}"
