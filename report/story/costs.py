"""Transition costs, the tax on them and the income afterwards, in dollars: sections of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import parcels
from report.facts.labels import compared, income_lines
from report.facts.sentences import what_rounding_costs
from report.facts.series import ALONE, TOGETHER, cost_rows
from report.story.document import Section, Table

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import IncomeAccount
    from portfolio.published.trading import Trading


def costs(event: MasterPortfolioOptimized) -> Section:
    """List the transition costs and the tax, parcel by parcel."""
    tables, points = [_costs(event)], []
    lead = [
        "Brokerage is a fee for each order; half the spread is what buying and selling lose at the market's prices."
    ]
    if event.trading and event.terms.owned:
        lead.append("The tax on capital gains is due later, with your tax return. It is not paid from the account.")
        if any(order.parcels for order in event.trading.orders):
            tables.append(_parcels(event, event.trading))
            points += list(parcels.sentences(event.trading.gains, event.terms.owned))
    return Section("costs", "Costs and tax, in dollars", tuple(lead), ("costs",), tuple(tables), tuple(points))


def _costs(event: MasterPortfolioOptimized) -> Table:
    found = cost_rows(event)
    rows = tuple((label, f"{alone:,.2f}", f"{now:,.2f}") for label, alone, now in found)
    total = ("Together", f"{sum(row[1] for row in found):,.2f}", f"{sum(row[2] for row in found):,.2f}")
    note = "What each part would pay alone is worked out in fractions of units; what is suggested in whole units."
    return Table(
        "costs",
        "Costs of getting there, AUD",
        ("", ALONE, TOGETHER),
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
        tuple(parcels.rows(trading)),
        note=f"{parcels.caption(event, trading)} Losses reduce gains; of what is left, undiscounted gains"
        " count in full, discountable ones, of units held for 12 months, in part.",
    )


def income(event: MasterPortfolioOptimized) -> Section:
    """State a year's distributions and the tax on them."""
    naive, master = event.income["naive"], event.income["master"]
    both = zip(income_lines(naive), income_lines(master), strict=True)
    rows = tuple((label, alone, now) for (label, alone), (_, now) in both)
    note = "Of the portfolio before units are made whole." if event.trading else ""
    table = Table("income", "A year's income", ("", ALONE, TOGETHER), frozenset({1, 2}), rows, note=note)
    return Section("income", "Income and its tax", (_taxed(event, master),), (), (table,))


def _taxed(event: MasterPortfolioOptimized, income: IncomeAccount) -> str:
    """Say how the distributions are taxed, and what becomes of credits above the tax."""
    cash = f", and {event.cash.rate:.2%} of interest on cash" if event.cash and event.cash.rate else ""
    said = (
        f"Distributions are what the ETFs pay out, at the yields that this report assumes{cash}. Tax is"
        f" {event.terms.marginal_tax_rate:.1%} of distributions and franking credits, less the credits; below zero,"
        " more is refunded than paid."
    )
    if income.unused_credits_aud > 0:
        said += (
            f" A company is refunded nothing: {income.unused_credits_aud:,.2f} AUD of credits are worth nothing this"
            " year, unless other income uses them up."
        )
    return said


def comparison(event: MasterPortfolioOptimized) -> Section:
    """Compare the coordinated portfolio with the separate pods."""
    rows = tuple(compared(row, event) for row in event.comparison)
    whole = " Figures are those before units are made whole." if event.trading else ""
    table = Table(
        "comparison",
        "Each part alone, and all together",
        ("", ALONE, TOGETHER, "Change", ""),
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


def what_it_costs(event: MasterPortfolioOptimized) -> str:
    """State in one sentence the transition costs, and those of the separate pods."""
    found = cost_rows(event)
    alone, now = sum(row[1] for row in found), sum(row[2] for row in found)
    if event.trading is None:
        return (
            f"Getting there costs {now:,.2f} AUD of brokerage and spread; it would be {alone:,.2f} AUD if each part"
            " bought by itself."
        )
    trading = event.trading
    if not trading.orders:
        return f"So it costs nothing. It would be {alone:,.2f} AUD if each part traded by itself."
    return (
        f"Getting there costs {trading.brokerage_aud + trading.spread_aud:,.2f} AUD of brokerage and spread, and"
        f" {trading.gains.tax_aud:,.2f} AUD of tax on capital gains; {now:,.2f} AUD together. It would be"
        f" {alone:,.2f} AUD if each part traded by itself."
    )
