"""Today's holdings, the suggestion with reasons, and the changes: sections of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import orders
from report.facts.labels import pod_label
from report.facts.positions import by_class, positions
from report.facts.sentences import what_orders_cost, what_to_know, why_no_order
from report.facts.series import before_after
from report.story.document import Section, Table

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.trading import Trading
    from portfolio.terms.owned import Owned
    from report.facts.positions import Position


def what_you_own(event: MasterPortfolioOptimized) -> Section:
    """Describe the holdings before the first order."""
    owned, capital = event.terms.owned, event.terms.total_capital_aud
    if owned is None:
        money = f"You start from cash: {capital:,.2f} AUD."
        return Section("own", "What you own today", (money,))
    held = [one for one in positions(event) if one.before_aud > 0]
    rows = tuple(_owned(one, capital) for one in held)
    total = ("Total", "", "", "", f"{capital:,.2f}", f"{1:.2%}", "", "")
    table = Table(
        "owned",
        f"What you own on {owned.as_of.day} {owned.as_of:%B %Y}",
        ("ETF", "Name", "Units", "Last price", "Value, AUD", "Share", "Cost base", "Gain so far"),
        frozenset(range(2, 8)),
        (*rows, total),
        frozenset({len(rows)}),
        "Values are at last prices. The gain so far is the value above the cost base, before costs and tax.",
    )
    kept = tuple(
        f"{one.ticker} ({one.units:,.0f} units) is not counted here and not traded: {one.why}." for one in owned.kept
    )
    return Section("own", "What you own today", tables=(table,), points=kept)


def _owned(one: Position, capital: float) -> tuple[str, ...]:
    value = f"{one.before_aud:,.2f}", f"{one.before_aud / capital:.2%}"
    if one.ticker is None:
        return (one.label, "", "", "", *value, "", "")
    gain = one.before_aud - one.cost_base_aud
    units, price = f"{one.units_before:,.0f}", f"{one.price_aud:,.2f}"
    return (one.ticker, one.name, units, price, *value, f"{one.cost_base_aud:,.2f}", f"{gain:+,.2f}")


def what_we_suggest(event: MasterPortfolioOptimized) -> Section:
    """List the orders with the reason for each or, from cash, the purchases with the purpose of each."""
    if event.trading is None or event.terms.owned is None:
        lead = "Each ETF has one reason to be there: the part of your money that it serves."
        if any(len(holding.owners) > 1 for holding in event.holdings):
            lead = "Each ETF is there for the part or the parts of your money that it serves."
        return Section("suggest", "What we suggest, and why", (lead,), ("owners",), (_bought(event), _purposes(event)))
    trading = event.trading
    said = (*why_no_order(trading), what_orders_cost(trading))
    tables = (_orders(event, trading, event.terms.owned),) if trading.orders else ()
    points = tuple(what_to_know(event, trading, event.terms.owned))
    return Section("suggest", "What we suggest, and why", said, (), tables, points)


def _orders(event: MasterPortfolioOptimized, trading: Trading, owned: Owned) -> Table:
    return Table(
        "orders",
        f"Orders of {owned.as_of.day} {owned.as_of:%B %Y}, in whole units: sales before purchases",
        orders.COLUMNS,
        frozenset(orders.NUMBERS),
        orders.rows(trading),
        note="The tax an order causes is by how much less would be due if that order alone were not made; a sale at a"
        f" loss lowers it. The parts are {_parts(event)}.",
    )


def _parts(event: MasterPortfolioOptimized) -> str:
    return ", ".join(pod_label(event, pod) for pod in event.pods)


def _bought(event: MasterPortfolioOptimized) -> Table:
    rows = tuple(
        (h.ticker, h.name, _owners(event, h.owners), f"{h.weight:.2%}", f"{h.amount_aud:,.2f}") for h in event.holdings
    )
    total = ("Total", "", "", f"{1:.2%}", f"{event.terms.total_capital_aud:,.2f}")
    return Table(
        "bought",
        "What to buy",
        ("ETF", "Name", "For", "Share", "AUD"),
        frozenset({3, 4}),
        (*rows, total),
        frozenset({len(rows)}),
    )


def _owners(event: MasterPortfolioOptimized, pods: tuple[str, ...]) -> str:
    return ", ".join(pod_label(event, pod) for pod in pods)


def _purposes(event: MasterPortfolioOptimized) -> Table:
    """Describe each part of the money: purpose, holdings and expected figures."""
    held = event.trading.pods if event.trading else {pod: account.weights for pod, account in event.pods.items()}
    rows = tuple(
        (
            pod_label(event, pod),
            account.mandate.purpose.rpartition(":")[2].strip(),
            f"{account.capital_share:.2%}",
            ", ".join(held[pod]),
            f"{account.figures.expected_return:.2%}",
            f"{account.figures.volatility:.2%}",
            f"{account.figures.grossed_up_yield:.2%}",
        )
        for pod, account in event.pods.items()
    )
    columns = ("Part", "What it is for", "Share", "ETFs", "Expected return", "Volatility", "Grossed-up yield")
    note = "Figures a year, on this report's assumptions"
    note += ", before units are made whole." if event.trading else "."
    return Table("parts", "The parts of your money", columns, frozenset({2, 4, 5, 6}), rows, note=note)


def before_and_after(event: MasterPortfolioOptimized) -> Section:
    """Compare the holdings before and after."""
    if event.trading is None:
        lead = (
            "Beside what we suggest stands what the parts of your money would buy if each bought by itself: each would"
            " get what is best for it alone."
        )
        return Section("change", "Alone and together", (lead,), ("asset-classes", "etfs"), (_classes(event),))
    charts = ("asset-classes", "etfs", "owners")
    tables = (_classes(event), _afterwards(event), _purposes(event))
    return Section("change", "Before and after", (), charts, tables)


def _classes(event: MasterPortfolioOptimized) -> Table:
    capital, (first, second) = event.terms.total_capital_aud, before_after(event)
    rows = [_class(name.capitalize(), *sums, capital) for name, sums in by_class(positions(event)).items()]
    found = positions(event)
    total = sum(one.before_aud for one in found), sum(one.after_aud for one in found)
    note = f"Shares are of {capital:,.2f} AUD"
    note += ", which is what there is before the costs of the orders are paid." if event.trading else "."
    return Table(
        "classes",
        "By asset class",
        ("Asset class", f"{first}, AUD", "Share", f"{second}, AUD", "Share", "Change, AUD"),
        frozenset(range(1, 6)),
        (*rows, _class("Total", *total, capital)),
        frozenset({len(rows)}),
        note,
    )


def _class(name: str, before: float, after: float, capital: float) -> tuple[str, ...]:
    change = f"{after - before:+,.2f}"
    shares = f"{before / capital:.2%}", f"{after / capital:.2%}"
    return name, f"{before:,.2f}", shares[0], f"{after:,.2f}", shares[1], "0.00" if change[1:] == "0.00" else change


def _afterwards(event: MasterPortfolioOptimized) -> Table:
    capital = event.terms.total_capital_aud
    held = [one for one in positions(event) if one.after_aud > 0]
    rows = tuple(_after(event, one, capital) for one in held)
    after = sum(one.after_aud for one in held)
    total = ("Total", "", "", "", "", f"{after:,.2f}", f"{after / capital:.2%}")
    return Table(
        "after",
        "What you would own",
        ("ETF", "Name", "For", "Units", "Last price", "Value, AUD", "Share"),
        frozenset(range(3, 7)),
        (*rows, total),
        frozenset({len(rows)}),
    )


def _after(event: MasterPortfolioOptimized, one: Position, capital: float) -> tuple[str, ...]:
    value = f"{one.after_aud:,.2f}", f"{one.after_aud / capital:.2%}"
    if one.ticker is None:
        return (one.label, "", "", "", "", *value)
    units, price = f"{one.units_after:,.0f}", f"{one.price_aud:,.2f}"
    return (one.ticker, one.name, _owners(event, one.owners), units, price, *value)


def summary(event: MasterPortfolioOptimized) -> Iterator[str]:
    """Summarise the suggestion in plain sentences."""
    trading, owned, capital = event.trading, event.terms.owned, event.terms.total_capital_aud
    if trading is None or owned is None:
        held = len(event.holdings)
        yield f"You have {capital:,.2f} AUD to invest. We suggest {held} ETFs, listed below with the reason for each."
        return
    etfs = len({parcel.ticker for parcel in owned.parcels})
    yield (
        f"You have {capital:,.2f} AUD at last prices: {_count(etfs, 'ETF')} and {owned.cash_aud:,.2f} AUD of money in"
        " the account."
    )
    sales = sum(order.side.value == "sell" for order in trading.orders)
    if trading.orders:
        yield (
            f"We suggest {_count(len(trading.orders), 'order')}: {_count(sales, 'sale')} and"
            f" {_count(len(trading.orders) - sales, 'purchase')}. Afterwards you own"
            f" {_count(len(trading.units), 'ETF')} and {trading.cash_left_aud:,.2f} AUD of money."
        )
    else:
        yield "We suggest to trade nothing: no order pays for itself."


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
