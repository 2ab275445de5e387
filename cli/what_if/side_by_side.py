"""Show two final events next to each other: portfolio, figures, targets, orders and proof, with the differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar

from rich.text import Text

from bus.language.messages import MasterPortfolioFailed, MasterPortfolioOptimized
from cli.pages.tables import make_table
from portfolio.published.order import Side
from report.facts import standings
from report.facts.labels import FIGURES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rich.console import Console

    from bus.language.messages import FinalEvent
    from portfolio.published.trading import Trading

_T = TypeVar("_T")
_NONE = "-"


@dataclass(frozen=True, slots=True)
class _Pair:
    """One figure of both events; None for an event without the figure."""

    first: float | None
    second: float | None

    def shown(self, show: Callable[[float], str]) -> tuple[str, str]:
        """Format both figures."""
        return (
            _NONE if self.first is None else show(self.first),
            _NONE if self.second is None else show(self.second),
        )

    def difference(self, show: Callable[[float], str]) -> str:
        """Format the second figure less the first; empty if the difference reads as zero."""
        if self.first is None or self.second is None:
            return ""
        text = show(self.second - self.first)
        return text if any(character in "123456789" for character in text) else ""


def show_side_by_side(console: Console, a: FinalEvent, b: FinalEvent) -> None:
    """Print both events; for an event without a portfolio, print the reason."""
    _show_heads(console, a, b)
    if isinstance(a, MasterPortfolioFailed) or isinstance(b, MasterPortfolioFailed):
        return
    _show_weights(console, a, b)
    _show_figures(console, a, b)
    _show_goals(console, a, b)
    _show_orders(console, a.trading, b.trading)


def _show_heads(console: Console, a: FinalEvent, b: FinalEvent) -> None:
    table = make_table(console, "Events", "", "First", "Second")
    one, two = _head(a), _head(b)
    for name in [*one, *(name for name in two if name not in one)]:
        first, second = one.get(name, ""), two.get(name, "")
        table.add_row(name, first, Text(second, style="" if first == second else "bold"))
    table.caption = "Differences below are the second's less the first's; of percentages, in points."
    if isinstance(a, MasterPortfolioOptimized) and isinstance(b, MasterPortfolioOptimized) and a.market != b.market:
        table.caption += " The markets differ, so part of every difference is what they expect."
    console.print(table)


def _head(event: FinalEvent) -> dict[str, str]:
    outcome = "no portfolio" if isinstance(event, MasterPortfolioFailed) else "a portfolio"
    told = {"Request": event.request_id, "Customer": event.customer_id or "", "Outcome": outcome}
    if isinstance(event, MasterPortfolioFailed):
        return {**told, "Reason": event.reason.words, "Message": event.message}
    proof = event.certificate
    return {
        **told,
        "Market": f"{event.market.id} ({event.market.sha256[:12]})",
        "Capital, AUD": f"{event.terms.total_capital_aud:,.2f}",
        "Pods": ", ".join(f"{pod} {account.capital_share:.2%}" for pod, account in event.pods.items()),
        "Objective": f"{proof.objective:.8f}",
        "Proof": f"{'proven' if proof.certified else 'NOT proven'}, gap {proof.gap:.1e}",
    }


def _show_weights(console: Console, a: MasterPortfolioOptimized, b: MasterPortfolioOptimized) -> None:
    columns = ("ETF", "First", "Second", "Difference", "Owner", "Second's owner")
    table = make_table(console, "Portfolio", *columns, right=(1, 2, 3))
    owners = [{holding.ticker: ", ".join(holding.owners) for holding in event.holdings} for event in (a, b)]
    tickers = _both(a.weights, b.weights)
    for ticker in tickers:
        weights = _Pair(a.weights.get(ticker), b.weights.get(ticker))
        moved = _Pair(weights.first or 0.0, weights.second or 0.0).difference(_signed("{:.2%}".format))
        first, second = (each.get(ticker, "") for each in owners)
        changed = Text(second, style="" if first == second else "bold")
        table.add_row(ticker, *weights.shown("{:.2%}".format), moved, first, changed)
    other = sum(abs(b.weights.get(ticker, 0.0) - a.weights.get(ticker, 0.0)) for ticker in tickers) / 2
    table.caption = f"{other:.2%} of the capital is held otherwise."
    console.print(table)


def _show_figures(console: Console, a: MasterPortfolioOptimized, b: MasterPortfolioOptimized) -> None:
    # Where one market is a history and the other an outlook, the word is the one that holds of both.
    basis = max(a.market.basis, b.market.basis, key=lambda basis: basis.kind == "history")
    for title, *both in (
        (standings.SUGGESTED, a.suggested, b.suggested),
        (standings.SEPARATE, a.separate, b.separate),
        (standings.TODAY, a.today, b.today),
    ):
        known = [each for each in both if each]
        if len(known) < len(both):
            continue
        table = make_table(console, f"{title}, in figures", "", "First", "Second", "Difference", right=(1, 2, 3))
        for row in (
            *standings.value_rows(known),
            *standings.return_rows(known, basis),
            *standings.income_rows(known),
            *standings.cost_rows(known),
            *standings.spread_rows(known),
            *standings.further_rows(known, basis),
        ):
            table.add_row(row.label, *row.cells, row.change, strong=row.is_total)
        console.print(table)


def _show_goals(console: Console, a: MasterPortfolioOptimized, b: MasterPortfolioOptimized) -> None:
    columns = ("Target", "Asked", "Second asks", "Delivered", "Second delivers", "Difference", "Met")
    table = make_table(console, "Targets", *columns, right=(1, 2, 3, 4, 5))
    first, second = ({goal.name: goal for goal in event.goals} for event in (a, b))
    for name in _both(first, second):
        one, two = first.get(name), second.get(name)
        _, show = FIGURES[(first.get(name) or second[name]).figure]
        asked = _Pair(one.asked if one else None, two.asked if two else None)
        delivered = _Pair(one.delivered if one else None, two.delivered if two else None)
        met = [("yes" if goal.met else "no") if goal else _NONE for goal in (one, two)]
        changed = Text(met[0]) if met[0] == met[1] else Text(", ".join(met), style="bold")
        table.add_row(name, *asked.shown(show), *delivered.shown(show), delivered.difference(_signed(show)), changed)
    console.print(table)


def _show_orders(console: Console, a: Trading | None, b: Trading | None) -> None:
    if a is None and b is None:
        return
    columns = ("ETF", "First", "Second", "Difference")
    table = make_table(console, "Orders, units (sales below zero)", *columns, right=(1, 2, 3))
    first, second = _units(a), _units(b)
    for ticker in _both(first, second):
        units = _Pair(first.get(ticker, 0.0), second.get(ticker, 0.0))
        table.add_row(ticker, *units.shown("{:,.0f}".format), units.difference("{:+,.0f}".format))
    for label, read in _COSTS.items():
        cost = _Pair(read(a) if a else None, read(b) if b else None)
        table.add_row(label, *cost.shown("{:,.2f}".format), cost.difference("{:+,.2f}".format))
    console.print(table)


def _units(trading: Trading | None) -> dict[str, float]:
    """Return the ordered units, by ticker; sales are negative."""
    orders = trading.orders if trading else ()
    return {order.ticker: order.units if order.side is Side.BUY else -order.units for order in orders}


_COSTS: Mapping[str, Callable[[Trading], float]] = {
    "Brokerage, AUD": lambda trading: trading.brokerage_aud,
    "Half the spread, AUD": lambda trading: trading.spread_aud,
    "Tax on capital gains, AUD": lambda trading: trading.gains.tax_aud,
    "Cash left, AUD": lambda trading: trading.cash_left_aud,
}


def _both(a: Mapping[str, _T], b: Mapping[str, _T]) -> list[str]:
    return [*a, *(name for name in b if name not in a)]


def _signed(show: Callable[[float], str]) -> Callable[[float], str]:
    """Show a difference with its sign; one of percentages in points, as the captions say."""

    def signed(value: float) -> str:
        text = show(abs(value))
        return f"{'+' if value >= 0 else '-'}{f'{text[:-1]} points' if text.endswith('%') else text}"

    return signed
