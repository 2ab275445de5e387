"""Today's holdings, the suggestion with reasons, and the changes: sections of a report. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import orders
from report.facts.labels import pod_label
from report.facts.payments import today_aud
from report.facts.positions import by_class, positions
from report.facts.rounding import adding_up
from report.facts.sentences import said_of_kept, why_no_order
from report.facts.series import before_after
from report.story.document import Section, Table, without_empty

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.trading import Trading
    from portfolio.terms.owned import Owned
    from report.facts.positions import Position


def what_you_own(event: MasterPortfolioOptimized) -> Section:
    """Describe the holdings before the first order."""
    owned, capital = event.terms.owned, event.terms.total_capital_aud
    if owned is None:
        return Section("own", "What you own today", (f"You start from cash: {capital:,.2f} AUD.",))
    held = [one for one in positions(event) if one.before_aud > 0 and not one.is_payment]
    capital = today_aud(event)
    values, shares = _adding_up([one.before_aud for one in held], capital, capital)
    rows = tuple(_owned(one, *shown) for one, *shown in zip(held, values, shares, strict=True))
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
    return Section("own", "What you own today", tables=(table,), points=tuple(said_of_kept(owned)))


def _adding_up(values_aud: list[float], total_aud: float, capital: float) -> tuple[list[str], list[str]]:
    """Format values, and their shares of the capital, so that both columns add up as they are shown."""
    values = adding_up(values_aud, total=total_aud)
    shares = adding_up([100 * value / capital for value in values_aud], total=100 * total_aud / capital)
    return [f"{value:,.2f}" for value in values], [f"{share:.2f}%" for share in shares]


def _owned(one: Position, value: str, share: str) -> tuple[str, ...]:
    if one.ticker is None:
        return (one.label, "", "", "", value, share, "", "")
    gain = round(one.before_aud, 2) - round(one.cost_base_aud, 2)
    units, price = f"{one.units_before:,.0f}", f"{one.price_aud:,.2f}"
    return (one.ticker, one.name, units, price, value, share, f"{one.cost_base_aud:,.2f}", f"{gain:+z,.2f}")


def what_we_suggest(event: MasterPortfolioOptimized) -> Section:
    """List the orders with the reason for each or, from cash, the purchases with the purpose of each."""
    title = "The orders, and the reason for each"
    if event.trading is None or event.terms.owned is None:
        lead = "Each ETF has one reason to be there: the pod that it serves."
        if any(len(holding.owners) > 1 for holding in event.holdings):
            lead = "Each ETF is there for the pod or the pods that it serves."
        return Section("suggest", "The model portfolio", (lead,), ("owners",), (bought(event), _purposes(event)))
    trading = event.trading
    tables = (_orders(event, trading, event.terms.owned),) if trading.orders else ()
    return Section("suggest", title, tuple(why_no_order(trading)), (), tables)


def _orders(event: MasterPortfolioOptimized, trading: Trading, owned: Owned) -> Table:
    return Table(
        "orders",
        f"Orders of {owned.as_of.day} {owned.as_of:%B %Y}, in whole units: sales before purchases",
        orders.COLUMNS,
        frozenset(orders.NUMBERS),
        orders.rows(trading),
        note="The tax an order causes is by how much less would be due if that order alone were not made; a sale at a"
        f" loss lowers it. The pods are {_pods(event)}.",
    )


def _pods(event: MasterPortfolioOptimized) -> str:
    return ", ".join(pod_label(event, pod) for pod in event.pods)


def bought(event: MasterPortfolioOptimized) -> Table:
    """List the ETFs of a model portfolio, with the pods that they serve."""
    capital = event.terms.total_capital_aud
    values, shares = _adding_up([holding.weight * capital for holding in event.holdings], capital, capital)
    rows = tuple(
        (holding.ticker, holding.name, _owners(event, holding.owners), share, value)
        for holding, value, share in zip(event.holdings, values, shares, strict=True)
    )
    total = ("Total", "", "", f"{1:.2%}", f"{capital:,.2f}")
    return Table(
        "bought",
        "The model portfolio",
        ("ETF", "Name", "For", "Share", "AUD"),
        frozenset({3, 4}),
        (*rows, total),
        frozenset({len(rows)}),
    )


def _owners(event: MasterPortfolioOptimized, pods: tuple[str, ...]) -> str:
    return ", ".join(pod_label(event, pod) for pod in pods)


def _purposes(event: MasterPortfolioOptimized) -> Table:
    """Describe each pod: purpose, holdings and figures."""
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
            _effective(account.effective_holdings_alone),
            _effective(account.effective_holdings),
        )
        for pod, account in event.pods.items()
    )
    columns = (
        "Pod",
        "Purpose",
        "Share",
        "ETFs",
        event.market.basis.label,
        "Volatility",
        "Grossed-up yield",
        "Effective holdings alone",
        "Together",
    )
    note = "Figures are per year"
    note += ", before units are made whole." if event.trading else "."
    return without_empty(Table("pods", "Your pods", columns, frozenset({2, *range(4, 9)}), rows, note=note))


def _effective(holdings: float | None) -> str:
    return "" if holdings is None else f"{holdings:.1f}"


def before_and_after(event: MasterPortfolioOptimized) -> Section:
    """Compare the holdings before and after."""
    if event.trading is None:
        lead = "Beside the suggestion stand the separate pods: the portfolio of the pods if each bought by itself."
        tables = (bought(event), _purposes(event), _classes(event))
        return Section("afterwards", "The model portfolio", (lead,), ("owners",), tables)
    tables = (_classes(event), _afterwards(event), _purposes(event))
    return Section("afterwards", "Before and after", (), ("etfs", "owners"), tables)


def _classes(event: MasterPortfolioOptimized) -> Table:
    first, second = before_after(event)
    # Payments are on one side each: both sides are of the account before them and of the contribution.
    capital = event.terms.total_capital_aud + (event.payments.withdrawal_aud if event.payments else 0.0)
    sums = by_class(positions(event))
    columns = [_adding_up(list(values), sum(values), capital) for values in zip(*sums.values(), strict=True)]
    names = [*(name.capitalize() for name in sums), "Total"]
    totals = [sum(values) for values in zip(*sums.values(), strict=True)]
    (before, before_shares), (after, after_shares) = (
        ([*values, f"{total:,.2f}"], [*shares, f"{total / capital:.2%}"])
        for (values, shares), total in zip(columns, totals, strict=True)
    )
    note = f"Shares are of {capital:,.2f} AUD"
    whole = "the capital before the costs of the orders are paid"
    if event.payments is not None:
        whole = "your account today and the money that comes in"
    note += f", {whole}." if event.trading else "."
    return Table(
        "classes",
        "By asset class",
        ("Asset class", f"{first}, AUD", "Share", f"{second}, AUD", "Share", "Change, AUD"),
        frozenset(range(1, 6)),
        tuple(zip(names, before, before_shares, after, after_shares, map(_change, before, after), strict=True)),
        frozenset({len(sums)}),
        note,
    )


def _change(before: str, after: str) -> str:
    """Subtract two amounts as they are shown."""
    by = round(float(after.replace(",", "")) - float(before.replace(",", "")), 2)
    return f"{by:+,.2f}" if by else "0.00"


def _afterwards(event: MasterPortfolioOptimized) -> Table:
    capital = event.terms.total_capital_aud
    held = [one for one in positions(event) if one.after_aud > 0 and not one.is_payment]
    after = sum(one.after_aud for one in held)
    values, shares = _adding_up([one.after_aud for one in held], after, capital)
    rows = tuple(_after(event, *each) for each in zip(held, values, shares, strict=True))
    total = ("Total", "", "", "", "", f"{after:,.2f}", f"{after / capital:.2%}")
    return Table(
        "after",
        "What you would own",
        ("ETF", "Name", "For", "Units", "Last price", "Value, AUD", "Share"),
        frozenset(range(3, 7)),
        (*rows, total),
        frozenset({len(rows)}),
    )


def _after(event: MasterPortfolioOptimized, one: Position, value: str, share: str) -> tuple[str, ...]:
    if one.ticker is None:
        return (one.label, "", "", "", "", value, share)
    units, price = f"{one.units_after:,.0f}", f"{one.price_aud:,.2f}"
    return (one.ticker, one.name, _owners(event, one.owners), units, price, value, share)
