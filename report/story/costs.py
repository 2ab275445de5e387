"""Transition costs and the tax on them, in dollars: sections of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import parcels
from report.facts.getting_there import cost_of, cost_of_separate_pods
from report.facts.labels import compared, naming_pods
from report.facts.sentences import said_of_forced, what_rounding_costs
from report.facts.series import cost_rows
from report.facts.standings import SEPARATE, SUGGESTED
from report.story.document import Section, Table

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.trading import Trading


def costs(event: MasterPortfolioOptimized) -> Section:
    """List the transition costs and the tax, parcel by parcel."""
    tables, points = [_costs(event)], []
    lead = [
        "Brokerage is a fee for each order; half the spread is what buying and selling lose at the market's prices."
    ]
    if event.trading and event.terms.owned:
        lead.append("The tax on capital gains is due later, with your tax return. It is not paid from the account.")
        points += [f"Of the cost of the switch: {naming_pods(event, each)}." for each in said_of_forced(event)]
        if any(order.parcels for order in event.trading.orders):
            tables.append(_parcels(event, event.trading))
            points += list(parcels.sentences(event.trading, event.terms.owned))
    return Section("costs", "Costs and tax, in dollars", tuple(lead), ("costs",), tuple(tables), tuple(points))


def _costs(event: MasterPortfolioOptimized) -> Table:
    separate, suggested = cost_of_separate_pods(event), cost_of(event)
    rows = tuple((label, f"{alone:,.2f}", f"{now:,.2f}") for label, alone, now in cost_rows(event))
    total = ("Together", f"{separate.total_aud:,.2f}", f"{suggested.total_aud:,.2f}")
    note = "Of the separate pods in fractions of units, of the suggestion in whole units."
    return Table(
        "costs",
        "Cost of getting there, AUD",
        ("", SEPARATE, SUGGESTED),
        frozenset({1, 2}),
        (*rows, total),
        frozenset({len(rows)}),
        note if event.trading else "",
    )


def _parcels(event: MasterPortfolioOptimized, trading: Trading) -> Table:
    return Table(
        "parcels",
        "Parcels sold, AUD",
        parcels.COLUMNS,
        frozenset(range(2, 7)),
        tuple(parcels.rows(event, trading)),
        note=f"{parcels.caption(trading)} Losses reduce gains; of what is left, undiscounted gains"
        " count in full, discountable ones, of units held for 12 months, in part.",
    )


def comparison(event: MasterPortfolioOptimized) -> Section:
    """Compare the coordinated portfolio with the separate pods."""
    rows = tuple(compared(row, event) for row in event.comparison)
    whole = " Figures are those before units are made whole." if event.trading else ""
    table = Table(
        "comparison",
        "Separate pods and suggested",
        ("", SEPARATE, SUGGESTED, "Change", ""),
        frozenset({1, 2, 3}),
        rows,
        note=f"{event.market.basis.said} Returns, volatilities and what follows from them rest on that.{whole}",
    )
    points = [_measure(event)]
    if event.trading:
        points.append(what_rounding_costs(event.trading))
    return Section("comparison", "What coordination changes", (), (), (table,), tuple(points))


def _measure(event: MasterPortfolioOptimized) -> str:
    weigh = event.terms.preferences
    return (
        f"The objective, the measure that was made as large as possible, weighs how well each part does what it is for"
        f" ({weigh.pod_score:.2f}), ETFs that several parts own ({weigh.duplication:.2f}), the costs of getting there"
        f" ({weigh.trading_cost:.2f}) and tax on income ({weigh.tax_efficiency:.2f})."
    )
