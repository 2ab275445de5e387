"""A final event as a page that one would rather look at than read."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from bus.messages import MasterPortfolioFailed
from cli import parcels
from portfolio.mandate import Measure
from portfolio.rules import Correlations
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rich.console import RenderableType

    from bus.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.account import ComparisonRow, GoalAccount
    from portfolio.trading.orders import Trading
    from portfolio.trading.owned import Owned

# Widths of the bars that stand for weights.
_BAR = 14
# Changes smaller than this read as none.
_SHOWN = 5e-4
_GAIN_SHOWN = 5e-5
_PIPE_WIDTH = 120

_METRICS = {
    "etfs": ("ETFs", "{:.0f}"),
    "positions": ("Positions (trades)", "{:.0f}"),
    "duplicated_etfs": ("Duplicated ETFs", "{:.0f}"),
    "largest_position": ("Largest position", "{:.2%}"),
    "trading_cost_aud": ("Cost of getting there, AUD", "{:,.2f}"),
    "brokerage_aud": ("  Brokerage", "{:,.2f}"),
    "spread_aud": ("  Half the spread", "{:,.2f}"),
    "capital_gains_tax_aud": ("  Tax on capital gains", "{:,.2f}"),
    "tax_efficiency": ("Tax efficiency, of 10", "{:.3f}"),
    "sharpe_ratio": ("Sharpe ratio", "{:.3f}"),
    "expected_return": ("Expected return a year", "{:.2%}"),
    "volatility": ("Volatility a year", "{:.2%}"),
    "tax_aud": ("Tax on income a year, AUD", "{:,.2f}"),
}


def make_console(**settings: object) -> Console:
    """Make a console: rich in a terminal, plain text of a fixed width into a pipe."""
    console = Console(highlight=False, markup=False, emoji=False, **settings)  # type: ignore[arg-type]
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    return console


def show(console: Console, event: FinalEvent) -> None:
    """Print the page of *event*."""
    if isinstance(event, MasterPortfolioFailed):
        console.print(_failure(console, event))
    else:
        _show_portfolio(console, event)
    if event.signature:
        console.print(f"signed by {event.signature.key}: podfolio verify checks it", style="dim")


def _show_portfolio(console: Console, event: MasterPortfolioOptimized) -> None:
    for part in (_title, _portfolio, _trades, _gains, _comparison, _income, _goals, _correlations, _proof):
        if (shown := part(console, event)) is not None:
            console.print(shown)
            console.print()


def _table(
    console: Console, title: str, *columns: str, right: tuple[int, ...] = (), wrap: tuple[str, ...] = ("Name",)
) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=box.SIMPLE_HEAD if console.is_terminal else box.ASCII2,
        header_style="bold",
        caption_justify="left",
    )
    for i, column in enumerate(columns):
        # Names may be broken where the page is narrow, numbers never.
        table.add_column(column, justify="right" if i in right else "left", no_wrap=column not in wrap)
    return table


def _title(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    terms = event.terms
    split = ", ".join(f"{pod} {account.capital_share:.0%}" for pod, account in event.pods.items())
    text = (
        f"Master portfolio of {event.customer_id}\n"
        f"{terms.total_capital_aud:,.0f} AUD over {split}\n"
        f"market {event.market.id} ({event.market.sha256[:12]})"
    )
    return Panel(Text(text), box=box.ROUNDED if console.is_terminal else box.ASCII2, expand=False)


def _portfolio(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    table = _table(console, "Portfolio", "Asset class, ETF", "Name", "Owner", "Weight", "AUD", "", right=(3, 4))
    largest = max(h.weight for h in event.holdings)
    filled = "█" if console.is_terminal else "#"
    for asset_class, group in groupby(event.holdings, key=lambda h: h.asset_class):
        holdings = list(group)
        table.add_row(
            Text(asset_class.capitalize(), style="bold"),
            "",
            "",
            Text(f"{sum(h.weight for h in holdings):.2%}", style="bold"),
            Text(f"{sum(h.amount_aud for h in holdings):,.2f}", style="bold"),
            "",
        )
        for h in holdings:
            bar = Text(filled * max(1, round(_BAR * h.weight / largest)), style="cyan")
            table.add_row(f"  {h.ticker}", h.name, ", ".join(h.owners), f"{h.weight:.2%}", f"{h.amount_aud:,.2f}", bar)
    left_out = [f"{', '.join(account.left_out)} for {pod}" for pod, account in event.pods.items() if account.left_out]
    if left_out:
        table.caption = f"Not considered, since not priced or never to be bought: {'; '.join(left_out)}"
    return table


def _trades(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    """Show the orders, and what is to be known of them."""
    trading, owned = event.trading, event.terms.owned
    if trading is None or owned is None:
        return None
    columns = ("Order", "ETF", "Units", "Price", "AUD", "Tax it causes", "Why")
    title = f"Orders of {owned.as_of:%d %B %Y}, in whole units: sells before buys"
    table = _table(console, title, *columns, right=(2, 3, 4, 5), wrap=("Why",))
    for order in trading.orders:
        table.add_row(
            order.side.value,
            order.ticker,
            f"{order.units:,.0f}",
            f"{order.price_aud:,.2f}",
            f"{order.value_aud:,.2f}",
            f"{order.tax_aud:,.2f}" if order.parcels else "",
            order.why,
        )
    return Group(table, *(Text(f"* {sentence}") for sentence in _said_of_trades(event, trading, owned)))


def _gains(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    """Show the tax on capital gains so that it can be followed by hand."""
    trading, owned = event.trading, event.terms.owned
    if trading is None or owned is None or not any(order.parcels for order in trading.orders):
        return None
    table = _table(console, "Parcels sold, AUD", *parcels.COLUMNS, right=(2, 3, 4, 5, 6))
    for row in parcels.rows(trading):
        table.add_row(*row)
    table.caption = parcels.caption(trading)
    return Group(table, *(Text(f"* {sentence}") for sentence in parcels.sentences(trading.gains, owned)))


def _does_not_pay(trading: Trading) -> Iterator[str]:
    """Say why there are no orders."""
    if not trading.orders:
        yield "No order pays for itself: what is owned stays as it is."
    if (why := trading.does_not_pay) is not None:
        yield (
            f"Were trading free, the best portfolio would add {why.gain:.4f} to the objective; getting there costs"
            f" {why.cost_aud:,.2f} AUD, which takes {why.cost:.4f} from it."
        )


def _said_of_trades(event: MasterPortfolioOptimized, trading: Trading, owned: Owned) -> Iterator[str]:
    gains = trading.gains
    yield from _does_not_pay(trading)
    yield (
        f"Brokerage {trading.brokerage_aud:,.2f} AUD, half the spread {trading.spread_aud:,.2f} AUD, tax on capital"
        f" gains {gains.tax_aud:,.2f} AUD (due later, not paid from the account)."
        f" Cash left: {trading.cash_left_aud:,.2f} AUD."
    )
    yield (
        f"In whole units the objective is {trading.objective:.6f}, {abs(trading.rounding_cost):.6f}"
        f" {'below' if trading.rounding_cost >= 0 else 'above'} that of the portfolio."
    )
    units, weights = set(trading.units), set(event.weights)
    for words, other in (("also", units - weights), ("not", weights - units)):
        if other:
            yield f"In whole units {words} held, unlike in the portfolio: {', '.join(sorted(other))}."
    for one in trading.tolerated:
        yield (
            f"{one.ticker} is {one.position:.2%} of {one.pod or 'the capital'}, by drift above its limit of"
            f" {one.limit:.2%}: within the position_tolerance, so not sold for that, and not bought."
        )
    if gains.losses_carried_aud:
        yield f"Capital losses carried on to later years: {gains.losses_carried_aud:,.2f} AUD."
    yield from (
        f"{kept.ticker} ({kept.units:,.0f} units) is neither traded nor counted: {kept.why}." for kept in owned.kept
    )
    for pair in trading.losses_replaced:
        yield (
            f"{pair.sold} is sold at a loss and {pair.bought}, which moves like it (correlation"
            f" {pair.correlation:.2f}), is bought: a person is to look at the purpose (TR 2008/1)."
        )
    if event.income["master"].holding_period_rule and event.terms.entity is Entity.INDIVIDUAL:
        yield "Franking credits above 5,000 AUD a year: they count only for units held for 45 days."
    missed = [g.name for g, whole in zip(event.goals, trading.goals, strict=True) if g.met and not whole.met]
    if missed:
        yield f"Whole units miss by a little what the portfolio meets: {', '.join(missed)}."


def _income(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    if not event.income:
        return None
    naive, master = event.income["naive"], event.income["master"]
    table = _table(console, "Income a year", "", "Naive", "Master", right=(1, 2))
    for label, pattern, field in (
        ("Distributions, AUD", "{:,.2f}", "cash_aud"),
        ("Franking credits, AUD", "{:,.2f}", "franking_credits_aud"),
        ("Tax on both, AUD", "{:,.2f}", "tax_aud"),
        ("After tax, AUD", "{:,.2f}", "after_tax_aud"),
        ("Cash yield", "{:.2%}", "cash_yield"),
        ("Grossed-up yield", "{:.2%}", "grossed_up_yield"),
        ("After-tax yield", "{:.2%}", "after_tax_yield"),
    ):
        table.add_row(label, *(pattern.format(getattr(side, field)) for side in (naive, master)))
    return table


def _comparison(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    table = _table(console, "Without and with coordination", "", "Naive", "Master", "Change", "", right=(1, 2, 3))
    for row in event.comparison:
        label, pattern = _METRICS.get(row.metric, (row.metric, "{:.4g}"))
        naive, master = (pattern.format(v) if v is not None else "none" for v in (row.naive, row.master))
        table.add_row(label, naive, master, _change(row), _verdict(row, pattern))
    return table


def _change(row: ComparisonRow) -> str:
    if row.naive is None or row.master is None or row.naive == 0:
        return ""
    change = (row.master - row.naive) / abs(row.naive)
    return f"{change:+.1%}" if abs(change) >= _SHOWN else "0.0%"


def _verdict(row: ComparisonRow, pattern: str) -> Text:
    """Say better, equal or worse, as far as the digits that are shown go."""
    if row.naive is None or row.master is None or pattern.format(row.naive) == pattern.format(row.master):
        return Text("equal")
    if (row.master < row.naive) == (row.better == "lower"):
        return Text("better", style="green")
    return Text("worse" if row.never_worse else "higher" if row.better == "lower" else "lower", style="yellow")


# What a goal's figure is called, and how it is written.
_FIGURES = {measure.value: (measure.label, measure.show) for measure in Measure} | {
    metric: (label.split(",")[0], pattern.format)
    for metric, (label, pattern) in _METRICS.items()
    if metric not in set(Measure)
}
_FIGURES["correlation"] = ("Correlation", "{:.2f}".format)


def _goals(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    columns = ("Of", "Goal", "Asked", "Best alone", "Best together", "Delivered", "Met", "1 % easier gains")
    title = "Goals, the most important first: each as well as the rules and the goals before it allow"
    table = _table(console, title, *columns, right=(2, 3, 4, 5, 7))
    for goal in event.goals:
        label, show = _FIGURES[goal.figure]
        shown = ["" if v is None else show(v) for v in (goal.best_alone, goal.best_together, goal.delivered)]
        gain = goal.gain_of_one_percent or 0.0
        table.add_row(
            ", ".join(goal.pods) or "whole",
            _in_a_sentence(label),
            f"{'<=' if goal.better == 'lower' else '>='} {show(goal.asked)}",
            *shown,
            Text("yes", style="green") if goal.met else Text("no", style="bold red"),
            f"{gain:+.4f}" if gain >= _GAIN_SHOWN else "",
        )
    missed = [_read_aloud(goal) for goal in event.goals if not goal.met]
    said = [Text(f"* {sentence}") for sentence in missed] or [Text("All goals are met.")]
    return Group(table, *said)


def _in_a_sentence(label: str) -> str:
    return label if label in ("ETFs", "Sharpe ratio") else label[0].lower() + label[1:]


def _read_aloud(goal: GoalAccount) -> str:
    """Say of a goal that gave way what was asked, what was possible and what the customer gets."""
    label, show = _FIGURES[goal.figure]
    of = f"{' and '.join(goal.pods)}: " if goal.pods else "The whole portfolio: "
    side = "at most" if goal.better == "lower" else "at least"
    said = f"{of}{_in_a_sentence(label)} of {side} {show(goal.asked)} was asked. "
    if goal.best_alone is not None:
        said += f"Alone, with nothing else to care for, {show(goal.best_alone)} would be the best there is. "
    if goal.best_together is not None:
        said += (
            f"With all rules and the goals before it, {show(goal.best_together)} is the best there is; that is proven. "
        )
    delivered = "is not defined" if goal.delivered is None else f"is {show(goal.delivered)}"
    return f"{said}In this portfolio it {delivered}."


def _correlations(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    limited = event.terms.correlations is Correlations.LIMIT
    title = f"Cross-pod correlations ({'limited, as far as could be' if limited else 'reported, not enforced'})"
    table = _table(console, title, "Pods", "Correlation", "Limit", "Room", "", right=(1, 2, 3))
    for row in event.correlations:
        limit, room = ("none", "") if row.limit is None else (f"<= {row.limit:.2f}", f"{row.room:+.2f}")
        within = "" if row.room is None else "within" if row.room >= 0 else "above"
        verdict = Text(within, style="green" if within == "within" else "yellow")
        table.add_row(" - ".join(row.pods), f"{row.correlation:.2f}", limit, room, verdict)
    if event.economic_duplicates:
        pairs = ", ".join(f"{' and '.join(p.tickers)} ({p.correlation:.2f})" for p in event.economic_duplicates)
        table.caption = f"Held, though they do nearly the same: {pairs}"
    return table


def _proof(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    c = event.certificate
    said = f"proven optimal within {c.target_gap:.2%}" if c.certified else f"NOT proven within {c.target_gap:.2%}"
    if c.restricted:
        said += f"; proven only for a stronger form of {', '.join(c.restricted)}"
    columns = ("Objective", "Bound", "Gap", "Nodes", "Parts proven", "Milliseconds")
    table = _table(console, f"Proof: {said}", *columns, right=tuple(range(len(columns))))
    table.add_row(
        f"{c.objective:.8f}",
        f"{c.bound:.8f}",
        f"{c.gap:.1e}",
        str(c.nodes),
        str(c.leaves),
        f"{event.elapsed_s * 1e3:.1f}",
    )
    return table


def _failure(console: Console, event: MasterPortfolioFailed) -> RenderableType:
    parts: list[RenderableType] = [
        Panel(
            Text(event.message),
            title=f"No portfolio for {event.request_id}: {event.reason.words}",
            box=box.ROUNDED if console.is_terminal else box.ASCII2,
            border_style="red",
        )
    ]
    if event.goals:
        columns = ("Pod", "Goal", "Asked", "Best alone", "Best with the pod's others")
        table = _table(console, "Goals out of reach", *columns, right=(2, 3, 4))
        for goal in event.goals:
            measure, together = goal.measure, goal.best_together
            best = [measure.show(goal.best_alone), "" if together is None else measure.show(together)]
            table.add_row(goal.pod, measure.label, measure.show(goal.asked), *best)
        parts.append(table)
    if event.conflicts:
        table = _table(
            console, "Cannot be kept together", "Requirement", "Asks", "Best alone", "Best together", right=(2, 3)
        )
        for conflict in event.conflicts:
            show = _FIGURES.get(conflict.requirement.rpartition(".")[2], ("", str))[1]
            best = ["" if v is None else show(v) for v in (conflict.best_alone, conflict.best_together)]
            table.add_row(conflict.requirement, conflict.words, *best)
        parts.append(table)
    if event.repairs:
        table = _table(console, "Any one of these changes is enough, and nothing smaller is", "Rule", "Now", "To")
        for repair in event.repairs:
            now, to = repair.words.removeprefix(f"{repair.rule} ").rsplit(" to ", 1)
            table.add_row(repair.rule, now.rsplit(" ", 1)[-1], to)
        parts.append(table)
    return Group(*parts)
