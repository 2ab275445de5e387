"""The fifth question: risk, law and warnings, the same on a page and on slides. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.basis import Outlook
from report.facts.labels import sharpe
from report.facts.market import said_of_prices
from report.facts.sentences import what_to_know
from report.story.assumptions import not_proven
from report.story.document import Section
from report.story.wording import listed, sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.standing import Standing
    from portfolio.published.trading import Trading

TITLE = "What could go wrong?"


def wrong(event: MasterPortfolioOptimized) -> Section:
    """List risks and warnings."""
    return Section("wrong", TITLE, (), points=tuple(warnings(event)))


def warnings(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say everything that a customer must know of risk, law and the suggestion's limits."""
    yield event.market.basis.said
    if event.suggested is not None and event.suggested.volatility > 0:
        yield from _risk(event, event.suggested)
    trading, owned = event.trading, event.terms.owned
    if trading is not None and owned is not None:
        yield from _tax_due(trading)
        yield from what_to_know(event, trading, owned)
    yield from map(sentence, said_of_prices(event))
    yield from _too_small(event)
    yield from not_proven(event)
    yield from _uncertain(event)


def _risk(event: MasterPortfolioOptimized, suggested: Standing) -> Iterator[str]:
    """Explain the volatility by the returns of a year."""
    points = 100 * suggested.volatility
    yield (
        f"Volatility is {points:.1f}% a year: in about two years of three the return should be within {points:.1f}"
        " points of the average."
    )
    loss_share = suggested.expected_return - suggested.volatility
    if isinstance(event.market.basis, Outlook) and loss_share < 0:
        loss = -loss_share * event.terms.total_capital_aud
        yield (
            f"In about one year of six the loss should be {loss:,.0f} AUD ({-loss_share:.1%}) or more; in the worst"
            " years, several times that."
        )


def _tax_due(trading: Trading) -> Iterator[str]:
    """Say that the tax on the sales takes money from elsewhere, where the cash that stays is less."""
    if trading.gains.tax_aud > trading.cash_left_aud:
        tax, cash = f"{trading.gains.tax_aud:,.2f} AUD", f"{trading.cash_left_aud:,.2f} AUD"
        yield (
            f"The {tax} of tax are due with your tax return, and {cash} of cash stay in the account: without money from"
            " elsewhere, ETFs must be sold then."
        )


def _uncertain(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Say how little a ratio of few returns says."""
    ratio = event.suggested.sharpe_ratio if event.suggested else None
    if ratio is None:
        return
    if (error := event.market.basis.sharpe_standard_error(ratio)) is not None:
        yield (
            f"The Sharpe ratio, the return above that of cash per unit of volatility, is {sharpe(ratio, error)}: the"
            " second number is its standard error, which is large since the history is short."
        )


def _too_small(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Name the positions of a model portfolio that are below what can be bought at first."""
    model = event.model_portfolio
    if model is not None and model.too_small:
        told = [f"{one.ticker} ({one.amount_aud:,.0f} AUD; needed: {one.needs_aud:,.0f})" for one in model.too_small]
        yield f"Too small to be bought at first: {listed(told)}."
