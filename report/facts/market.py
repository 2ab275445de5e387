"""Sentences about the market of a final event: how old its prices are, and what may not or cannot be bought."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.market.age import distance_in_words
from portfolio.market.basis import day_in_words
from report.facts.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.market.snapshot import Market

# A larger share of the capital than this is told, where it takes an account to choose what is worth its cost.
_DEAR = 0.01


def said_of_market(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Tell ETFs that no pod may hold, prices of another time, and a model portfolio with what is too small to buy."""
    yield from said_of_universes(event)
    yield from said_of_prices(event)
    yield from said_of_model(event)


def said_of_universes(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Tell ETFs that no pod may hold."""
    market = snapshot(event.market)
    if market is not None:
        mandates = [pod.mandate for pod in event.pods.values()] + [pod.mandate for pod in event.in_cash.values()]
        universes = {ticker for mandate in mandates for ticker in mandate.universe}
        if unheld := [ticker for ticker in market.tickers if ticker not in universes]:
            yield held_by_none(market, unheld, "no pod of this portfolio")


def held_by_none(market: Market, unheld: list[str], who: str) -> str:
    """Say which ETFs of a market are in no universe."""
    return (
        f"{len(unheld)} of the {len(market.tickers)} ETFs of market {market.id} cannot be bought, since {who} may"
        f" hold them: {', '.join(unheld)}"
    )


def said_of_prices(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say that the day of the trades is far from the day of the prices."""
    if (days := event.prices_age_days) is None or (owned := event.terms.owned) is None:
        return
    yield (
        f"The day of the trades, {day_in_words(owned.as_of)}, is {distance_in_words(days)} the day of the prices,"
        f" {day_in_words(event.market.priced_on)}: values, costs and tax are those of these prices on that day; correct"
        " the day of the trades, or use prices of that time"
    )


def said_of_model(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say of a portfolio without an account that it is a model, what buying it costs, and what cannot be bought."""
    if (model := event.model_portfolio) is None:
        return
    capital = event.terms.total_capital_aud
    part = f", {model.cost_aud / capital:.1%} of it" if model.cost_aud > _DEAR * capital else ""
    yield (
        f"This is a model portfolio: shares of {capital:,.0f} AUD, and no orders; buying it costs"
        f" {model.cost_aud:,.2f} AUD on top of the capital{part}; for orders, also state the"
        " money and the ETFs in the account today"
    )
    if model.too_small:
        told = ", ".join(f"{one.ticker} ({one.amount_aud:,.2f} of {one.needs_aud:,.2f} AUD)" for one in model.too_small)
        yield (
            f"of its {counted(len(event.holdings), 'position')}, {len(model.too_small)} cannot be bought, as too small"
            f" (500 AUD at first on ASX, and a unit): {told}"
        )
