"""The third question: the cost of the switch, and today beside the suggestion. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import standings
from report.facts.getting_there import Cost, cost_of
from report.facts.labels import naming_pods
from report.facts.payments import paid_in_or_out, today_aud
from report.facts.sentences import said_of_forced
from report.facts.standings import SUGGESTED, TODAY, Row
from report.story.document import Section, Table
from report.story.wording import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.standing import Standing

TITLE = "What does it cost, and what does it bring?"
# The rules and goals that force sales, on the customer's page.
_FEW = 2


def bring(event: MasterPortfolioOptimized) -> Section:
    """State the cost of the switch, once, and the changes per year."""
    tables = (_compared(event, event.today, event.suggested),) if event.today and event.suggested else ()
    return Section("bring", TITLE, tuple(_lead(event)), (), tables, tuple(_forced(event)))


def _lead(event: MasterPortfolioOptimized) -> Iterator[str]:
    yield said_of_cost(event, cost_of(event))
    if event.switch is not None:
        yield sentence(f"the switch {event.switch.words}")
    if event.suggested is not None and event.today is None:
        yield _in_a_sentence(event, event.suggested)


def said_of_cost(event: MasterPortfolioOptimized, cost: Cost) -> str:
    """State the cost of getting there, with its parts."""
    if event.trading is None:
        return (
            f"To buy it all costs {cost.total_aud:,.2f} AUD once, on top: {cost.brokerage_aud:,.2f} AUD of brokerage"
            f" and {cost.spread_aud:,.2f} AUD of half the spread between the prices of buyers and sellers."
        )
    if not event.trading.orders:
        return "It costs nothing, and everything stays as it is today."
    aside = ", from the cash set aside" if event.payments and event.payments.tax_aside_aud else ""
    return (
        f"The orders cost {cost.total_aud:,.2f} AUD once: {cost.brokerage_aud:,.2f} AUD of brokerage,"
        f" {cost.spread_aud:,.2f} AUD of half the spread between the prices of buyers and sellers, and"
        f" {cost.tax_aud:,.2f} AUD of tax on capital gains, which is due later, with your tax return{aside}."
    )


def _forced(event: MasterPortfolioOptimized) -> Iterator[str]:
    if event.switch is not None and event.switch.cut_short and not event.switch.forced:
        yield "Which rules and targets force sales is not known: the search ended before all were tried."
    elif told := [naming_pods(event, each) for each in said_of_forced(event)]:
        rest = "; the appendix has more" if len(told) > _FEW else ""
        yield f"The dearest sales follow from: {'; '.join(told[:_FEW])}{rest}."


def _rows(shown: list[Standing], event: MasterPortfolioOptimized) -> Iterator[Row]:
    """Choose the figures of the customer's page."""
    paid = paid_in_or_out(shown)
    yield from (row for row in standings.value_rows(shown) if row.is_total or paid)
    before_tax, after_tax, after_tax_aud, volatility = standings.return_rows(shown, event.market.basis)
    yield from (before_tax, *((after_tax,) if paid else ()), after_tax_aud, volatility)
    *_, income = standings.income_rows(shown)
    yield income
    yield from standings.cost_rows(shown)
    yield from (row for row in standings.spread_rows(shown) if row.better)


def _compared(event: MasterPortfolioOptimized, today: Standing, suggested: Standing) -> Table:
    rows = tuple((row.label, *row.cells, row.change, row.verdict) for row in _rows([today, suggested], event))
    columns = ("", TODAY, SUGGESTED, "Change", "")
    note = f"{event.market.basis.label} over {event.market.basis.span}. The appendix has all figures."
    if paid_in_or_out((today, suggested)):
        note += (
            f" Amounts a year are of {today_aud(event):,.2f} AUD today and, after the payments, of"
            f" {event.terms.total_capital_aud:,.2f} AUD: the sentence above compares them for as much money."
        )
    return Table("today", "Today and suggested", columns, frozenset({1, 2, 3}), rows, note=note)


def _in_a_sentence(event: MasterPortfolioOptimized, suggested: Standing) -> str:
    """Say the figures of a model portfolio, which has no today to stand beside."""
    return (
        f"Per year it brings, on these assumptions: {event.market.basis.noun} of {suggested.expected_return:.2%} before"
        f" tax and {suggested.return_after_tax:.2%} after tax on income ({suggested.return_after_tax_aud:,.2f} AUD),"
        f" volatility of {suggested.volatility:.2%}, income after tax of {suggested.income.after_tax_aud:,.2f} AUD. The"
        f" fees of the ETFs, {suggested.fees_aud:,.2f} AUD, are off the return."
    )
