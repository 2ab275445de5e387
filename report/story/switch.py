"""The switch from today to the suggestion: its cost, the orders, and the holdings afterwards. Pure."""

from __future__ import annotations

from math import fsum
from typing import TYPE_CHECKING

from portfolio.counted import counted
from report.facts import orders as facts
from report.facts import parcels, standings
from report.facts.getting_there import cost_of
from report.facts.market import said_of_market
from report.facts.payments import paid_in_or_out, said_of_money_in, said_of_money_out
from report.facts.positions import positions
from report.facts.sentences import what_rounding_costs, what_to_know, why_no_order
from report.facts.series import COSTS
from report.story.document import Section, Table
from report.story.wording import sentence

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.standing import Switch
    from portfolio.published.trading import Trading
    from portfolio.terms.owned import Owned
    from report.facts.positions import Position

# Shorter times are not told apart.
_SHORTEST_YEARS = 0.1


def judged(switch: Switch) -> str:
    """Judge the switch in a sentence."""
    return sentence(f"the switch {switch.words}")


def cost(event: MasterPortfolioOptimized) -> Section | None:
    """State the cost of the switch, what it changes per year, and the rules and targets behind the dearest sales."""
    if (switch := event.switch) is None:
        return None
    return Section(
        "switch", "Cost of the switch", (), (), (_once(event), _per_year(event, switch)), tuple(_forced(switch))
    )


def _once(event: MasterPortfolioOptimized) -> Table:
    cost = cost_of(event)
    rows = [(label, _aud(part)) for label, part in zip(COSTS, cost.parts, strict=True)]
    rows.append(("Cost of getting there", _aud(cost.total_aud)))
    note = "Tax on capital gains is due later, with the tax return: it is not paid from the account."
    if event.payments is not None and event.payments.tax_aside_aud:
        note = "Tax on capital gains is due later, with the tax return: cash for it is set aside in the account."
    return Table(
        "switch-once",
        "Cost of getting there, once, AUD",
        ("", "AUD"),
        frozenset({1}),
        tuple(rows),
        frozenset({3}),
        note,
    )


def _per_year(event: MasterPortfolioOptimized, switch: Switch) -> Table:
    """State the changes as the comparison of today with the suggestion has them, and how long they take to pay."""
    assert event.today is not None and event.suggested is not None  # noqa: S101, PT018 - a switch is between them
    both = event.today, event.suggested
    _, _, after_tax, volatility, *_ = standings.return_rows(both, event.market.basis)
    *_, income = standings.income_rows(both)
    rows = [(row.label, row.change) for row in (after_tax, income, volatility)]
    note = ""
    if paid_in_or_out(both):
        for i, aud in enumerate((switch.return_aud_per_year, switch.income_aud_per_year)):
            rows[i] = rows[i][0], standings.AUD.change.format(round(aud, 2))
        note = f"Today's amounts a year are taken of the {_aud(event.terms.total_capital_aud)} AUD after the payments."
    years = "never, in return" if switch.years_to_pay is None else _years(switch.years_to_pay)
    told = (*rows, ("Years until it pays for itself", years))
    return Table("switch-year", "Change", ("", "Change"), frozenset({1}), told, note=note)


def _years(years: float) -> str:
    return f"{years:.1f}" if years >= _SHORTEST_YEARS else f"under {_SHORTEST_YEARS}"


def _forced(switch: Switch) -> Iterator[str]:
    for one in switch.forced:
        yield f"{one.name}: {one.words.rstrip('.')}."
    if switch.cut_short:
        yield "The time ended the search for what forces sales: other rules and targets may force some too."


def orders(event: MasterPortfolioOptimized) -> Section | None:
    """List the orders, the parcels that they sell, and what to know before placing them."""
    trading, owned = event.trading, event.terms.owned
    if trading is None or owned is None:
        return None
    lead = (
        *said_of_money_in(event),
        *why_no_order(trading),
        f"Money left in the account: {_aud(trading.cash_left_aud)} AUD.",
        *said_of_money_out(event),
    )
    points = [*what_to_know(event, trading, owned), what_rounding_costs(trading)]
    points += [f"{each}." for each in said_of_market(event)]
    tables = tuple(_orders(event, trading, owned)) if trading.orders else ()
    return Section("orders", "Orders", lead, (), tables, tuple(points))


def _orders(event: MasterPortfolioOptimized, trading: Trading, owned: Owned) -> Iterator[Table]:
    caption = f"{counted(len(trading.orders), 'order')} of {owned.as_of:%d %B %Y}, in whole units: sells before buys"
    note = "The tax an order causes: by how much less would be due if that order alone were not made."
    yield Table("orders", caption, facts.COLUMNS, frozenset(facts.NUMBERS), facts.rows(trading), note=note)
    if any(order.parcels for order in trading.orders):
        note = " ".join((parcels.caption(trading), *parcels.sentences(trading, owned)))
        numbers = frozenset({2, 3, 4, 5, 6})
        yield Table(
            "parcels", "Parcels sold, AUD", parcels.COLUMNS, numbers, tuple(parcels.rows(event, trading)), note=note
        )


def number_of_orders(event: MasterPortfolioOptimized) -> tuple[float, float] | None:
    """Count the orders of the separate pods and of the suggestion, each pod's purchase of an ETF as one."""
    if event.trading:
        return event.trading.naive.orders, len(event.trading.orders)
    bought = {row.metric: (row.naive, row.master) for row in event.comparison}.get("positions")
    return None if bought is None or None in bought else bought  # type: ignore[return-value]


def held(event: MasterPortfolioOptimized) -> Section:
    """List what is owned today and afterwards, ETF by ETF."""
    found = [one for one in positions(event) if one.before_aud > 0 or one.after_aud > 0]
    rows = [_position(one) for one in found]
    sums = (
        fsum(round(value, 2) for value in values)
        for values in zip(*((one.before_aud, one.after_aud) for one in found), strict=True)
    )
    rows.append(("Total", "", "", "", "", *map(_aud, sums)))
    columns = ("ETF", "Name", "Pods", "Units today", "Units then", "Today", "Suggested")
    title = "Holdings today and suggested, AUD"
    table = Table("held", title, columns, frozenset(range(3, 7)), tuple(rows), frozenset({len(rows) - 1}))
    return Section("held", title, (), ("owners",), (table,))


def _position(one: Position) -> tuple[str, ...]:
    units = ("" if each is None else f"{each:,.0f}" for each in (one.units_before, one.units_after))
    name = (one.ticker or one.label, one.name if one.ticker else "")
    if one.ticker is None and not one.is_payment:
        name = "Money", "in the account"
    return *name, ", ".join(one.owners), *units, _aud(one.before_aud), _aud(one.after_aud)


def _aud(value: float) -> str:
    return f"{value:z,.2f}"
