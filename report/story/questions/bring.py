"""What does it cost, and what does it bring? The cost of the switch, and today beside the suggestion. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import standings
from report.facts.getting_there import Cost, cost_of
from report.facts.standings import SUGGESTED, TODAY, Row
from report.story.document import Section, Table
from report.story.wording import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.standing import Standing

TITLE = "What does it cost, and what does it bring?"
# The rules and goals that force sales, on the customer's page.
_FEW = 3


def bring(event: MasterPortfolioOptimized) -> Section:
    """Say what the switch costs once, and what it changes per year."""
    tables = (_compared(event),) if event.suggested else ()
    return Section("bring", TITLE, tuple(_lead(event)), (), tables, tuple(_forced(event)))


def _lead(event: MasterPortfolioOptimized) -> Iterator[str]:
    yield said_of_cost(event, cost_of(event))
    if event.switch is not None:
        yield sentence(event.switch.words)
    if event.suggested is not None:
        yield f"All returns are {event.market.basis.words}, after the fees of the ETFs."


def said_of_cost(event: MasterPortfolioOptimized, cost: Cost) -> str:
    """State the cost of getting there, with its parts."""
    if event.trading is None:
        return (
            f"To buy it all costs {cost.total_aud:,.2f} AUD once, on top: {cost.brokerage_aud:,.2f} AUD of brokerage and"
            f" {cost.spread_aud:,.2f} AUD of half the spread between the prices of buyers and sellers."
        )
    if not event.trading.orders:
        return "It costs nothing, and everything stays as it is today."
    return (
        f"The orders cost {cost.total_aud:,.2f} AUD once: {cost.brokerage_aud:,.2f} AUD of brokerage,"
        f" {cost.spread_aud:,.2f} AUD of half the spread between the prices of buyers and sellers, and"
        f" {cost.tax_aud:,.2f} AUD of tax on capital gains, which is due later, with your tax return."
    )


def _forced(event: MasterPortfolioOptimized) -> Iterator[str]:
    forced = event.switch.forced if event.switch else ()
    for one in forced[:_FEW]:
        yield sentence(one.words)
    if event.switch is not None and event.switch.cut_short:
        yield "The time ended the search for rules that force sales: others may do so too."


def rows(shown: list[Standing], event: MasterPortfolioOptimized) -> Iterator[Row]:
    """Choose the figures of the customer's page."""
    yield from standings.value_rows(shown)
    yield from standings.return_rows(shown, event.market.basis)
    yield from standings.income_rows(shown)
    yield from standings.cost_rows(shown)
    yield from standings.spread_rows(shown)


def _compared(event: MasterPortfolioOptimized) -> Table:
    assert event.suggested is not None  # noqa: S101 - the caller has checked
    if event.today is None:
        made = list(rows([event.suggested], event))
        cells = tuple((row.label, *row.cells) for row in made)
        return _table("The suggestion in figures", ("", SUGGESTED), cells, made)
    made = list(rows([event.today, event.suggested], event))
    cells = tuple((row.label, *row.cells, row.change, row.verdict) for row in made)
    return _table("Today and suggested", ("", TODAY, SUGGESTED, "Change", ""), cells, made)


def _table(caption: str, columns: tuple[str, ...], cells: tuple[tuple[str, ...], ...], made: list[Row]) -> Table:
    numbers = frozenset(range(1, min(len(columns), 4)))
    return Table("today", caption, columns, numbers, cells, frozenset(i for i, row in enumerate(made) if row.is_total))
