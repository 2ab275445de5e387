"""Sentences about the market of a final event, if this machine has that exact snapshot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.inventory import FIRST_PURCHASE_AUD
from report.facts.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import date

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.market.snapshot import Market

# More than five trading days.
_FAR_DAYS = 7
# A larger share of the capital than this is told, where it takes an account to choose what is worth its cost.
_DEAR = 0.01


def said_of_market(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Tell ETFs that no pod may hold, prices of another time, and positions that are too small to buy."""
    market = snapshot(event.market)
    if market is not None:
        universes = {ticker for account in event.pods.values() for ticker in account.mandate.universe}
        if unheld := [ticker for ticker in market.tickers if ticker not in universes]:
            yield held_by_none(market, unheld, "no pod of this portfolio")
        if event.terms.owned is not None:
            yield from far_from_prices(market, event.terms.owned.as_of)
    if event.terms.owned is None:
        yield from _too_small(event, market)


def held_by_none(market: Market, unheld: list[str], who: str) -> str:
    """Say which ETFs of a market are in no universe."""
    return (
        f"{len(unheld)} of the {len(market.tickers)} ETFs of market {market.id} cannot be bought, since {who} may"
        f" hold them: {', '.join(unheld)}"
    )


def far_from_prices(market: Market, as_of: date) -> Iterator[str]:
    """Say that the day of the trades is far from that of the prices."""
    if market.priced_on is None or abs((as_of - market.priced_on).days) <= _FAR_DAYS:
        return
    days = (as_of - market.priced_on).days
    yield (
        f"The day of the trades, {as_of}, is {abs(days)} days {'after' if days > 0 else 'before'} that of the prices,"
        f" {market.priced_on}: values, costs and tax are those of these prices on that day; correct account.as_of, or"
        " use a market of that time"
    )


def _too_small(event: MasterPortfolioOptimized, market: Market | None) -> Iterator[str]:
    capital = event.terms.total_capital_aud
    prices = {etf.ticker: etf.price_aud or 0.0 for etf in market.etfs} if market else {}
    small = [
        holding.ticker
        for holding in event.holdings
        if holding.amount_aud < max(FIRST_PURCHASE_AUD, prices.get(holding.ticker, 0.0))
    ]
    if small:
        yield (
            f"This is a model portfolio: {len(small)} of its {len(event.holdings)} positions are below what can be"
            f" bought ({FIRST_PURCHASE_AUD:,.0f} AUD at first, and a unit): {', '.join(small)}; give an account with"
            " cash_aud, for orders that can be placed"
        )
    cost = next((row.master for row in event.comparison if row.metric == "trading_cost_aud"), None)
    if cost is not None and cost > _DEAR * capital:
        yield f"Getting there costs {cost:,.2f} AUD, {cost / capital:.1%} of the capital of {capital:,.0f} AUD"
