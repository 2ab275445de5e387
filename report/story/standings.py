"""Today, the separate pods and the suggestion in all figures: a section of the appendix. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import standings
from report.facts.payments import paid_in_or_out, today_aud
from report.facts.standings import SEPARATE, SUGGESTED, TODAY
from report.story.document import Section, Table
from report.story.income import taxed
from report.story.wording import sentence

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized


def section(event: MasterPortfolioOptimized) -> Section:
    """Compare the three portfolios."""
    named = {TODAY: event.today, SEPARATE: event.separate, SUGGESTED: event.suggested}
    shown = {label: one for label, one in named.items() if one is not None}
    title = "Today, separate pods and suggested" if event.today else "Separate pods and suggested"
    if not shown:
        return Section("standings", title)
    ones = list(shown.values())
    made = [
        *standings.value_rows(ones),
        *standings.return_rows(ones, event.market.basis),
        *standings.income_rows(ones),
        *standings.cost_rows(ones),
        *standings.spread_rows(ones),
        *standings.further_rows(ones, event.market.basis),
    ]
    table = Table(
        "standings",
        "In all figures",
        ("", *shown),
        frozenset(range(1, len(shown) + 1)),
        tuple((row.label, *row.cells) for row in made),
        frozenset(i for i, row in enumerate(made) if row.is_total),
        f"{sentence(event.market.basis.words)} All shares and returns are of the capital,"
        f" {event.terms.total_capital_aud:,.2f} AUD{_before_payments(event)}.",
    )
    lead = "The separate pods are the yardstick: the portfolio of the pods if each bought by itself."
    return Section("standings", title, (lead, *taxed(event)), ("frontier",), (table,))


def _before_payments(event: MasterPortfolioOptimized) -> str:
    if event.today is None or not paid_in_or_out([event.today, *([event.suggested] if event.suggested else [])]):
        return ""
    return f"; those of today are of the account before the payments, {today_aud(event):,.2f} AUD"
