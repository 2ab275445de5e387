"""The first question: the holdings of today, in a few sentences. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.counted import counted
from portfolio.market.basis import day_in_words
from report.facts.payments import said_of_money_in, today_aud
from report.facts.rounding import adding_up
from report.facts.sentences import said_of_kept
from report.story.document import Section
from report.story.wording import asset_class, listed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.terms.owned import Owned

TITLE = "What do I have?"
_MODEL = (
    "No account was given, so this is a model portfolio: shares of the capital, with the cost of buying on top, and no"
    " orders."
)


def have(event: MasterPortfolioOptimized) -> Section:
    """Name the holdings of the customer."""
    owned, capital = event.terms.owned, event.terms.total_capital_aud
    if owned is None:
        money = f"You have {capital:,.2f} AUD to invest."
        return Section("have", TITLE, (money, _MODEL))
    points = (*said_of_money_in(event), *said_of_kept(owned))
    return Section("have", TITLE, tuple(_today(event, owned)), points=points)


def _today(event: MasterPortfolioOptimized, owned: Owned) -> Iterator[str]:
    etfs = len({parcel.ticker for parcel in owned.parcels})
    worth = today_aud(event)
    yield (
        f"On {day_in_words(owned.as_of)} you own {counted(etfs, 'ETF')} worth {worth - owned.cash_aud:,.2f} AUD and"
        f" {owned.cash_aud:,.2f} AUD of cash: {worth:,.2f} AUD, at the prices of"
        f" {day_in_words(event.market.priced_on)}."
    )
    if event.today is not None and event.today.etfs:
        yield f"Of each 100 AUD, {listed(_classes(event.today.asset_classes))}."


def _classes(shares: Mapping[str, float]) -> list[str]:
    """Divide 100 AUD over the asset classes, the largest first."""
    whole = adding_up([100 * share for share in shares.values()], digits=0)
    largest_first = sorted(zip(shares, whole, strict=True), key=lambda pair: -pair[1])
    return [f"{aud:.0f} are in {asset_class(name)}" for name, aud in largest_first if aud]
