"""Show a final event in the terminal as tables, bars and sentences."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.text import Text

from bus.language.messages import MasterPortfolioFailed
from bus.language.plain_text import printable
from cli.pages.tables import make_table as _table
from portfolio.terms.rules import Correlations
from report.facts import orders, parcels
from report.facts.labels import FIGURES, INCOME, compared, in_a_sentence
from report.facts.sentences import read_aloud, said_of_trades
from report.story import money_goals

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.console import ConsoleOptions, RenderableType
    from rich.segment import Segment

    from bus.language.messages import FinalEvent, MasterPortfolioOptimized

# The width of the longest weight bar, in characters.
_BAR = 14
_GAIN_SHOWN = 5e-5
_PIPE_WIDTH = 120

_STYLES = {"better": "green", "worse": "yellow", "higher": "yellow", "lower": "yellow"}


class _SafeConsole(Console):
    """A console that replaces control characters in messages, so that message authors cannot control the terminal."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        for segment in super().render(renderable, options):
            text = "\n".join(map(printable, segment.text.split("\n")))
            yield segment if segment.control else segment._replace(text=text)


def make_console(**settings: object) -> Console:
    """Make a console: rich in a terminal, plain text of a fixed width into a pipe."""
    console = _SafeConsole(highlight=False, markup=False, emoji=False, **settings)  # type: ignore[arg-type]
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
    for part in (
        _title,
        _portfolio,
        _trades,
        _gains,
        _comparison,
        _income,
        _money_goals,
        _goals,
        _correlations,
        _proof,
    ):
        if (shown := part(console, event)) is not None:
            console.print(shown)
            console.print()


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
    """Show the orders, and the sentences that explain them."""
    trading, owned = event.trading, event.terms.owned
    if trading is None or owned is None:
        return None
    title = f"Orders of {owned.as_of:%d %B %Y}, in whole units: sells before buys"
    table = _table(console, title, *orders.COLUMNS, right=orders.NUMBERS, wrap=("Why",))
    for row in orders.rows(trading):
        table.add_row(*row)
    return Group(table, *(Text(f"* {sentence}") for sentence in said_of_trades(event, trading, owned)))


def _gains(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    """Show the tax on capital gains, with figures that a reader can recalculate by hand."""
    trading, owned = event.trading, event.terms.owned
    if trading is None or owned is None or not any(order.parcels for order in trading.orders):
        return None
    table = _table(console, "Parcels sold, AUD", *parcels.COLUMNS, right=(2, 3, 4, 5, 6))
    for row in parcels.rows(trading):
        table.add_row(*row)
    table.caption = parcels.caption(event, trading)
    return Group(table, *(Text(f"* {sentence}") for sentence in parcels.sentences(trading.gains, owned)))


def _income(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    if not event.income:
        return None
    naive, master = event.income["naive"], event.income["master"]
    table = _table(console, "Income a year", "", "Naive", "Master", right=(1, 2))
    for label, pattern, field in INCOME:
        table.add_row(label, *(pattern.format(getattr(side, field)) for side in (naive, master)))
    return table


def _comparison(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    table = _table(console, "Without and with coordination", "", "Naive", "Master", "Change", "", right=(1, 2, 3))
    for row in event.comparison:
        *cells, verdict = compared(row)
        table.add_row(*cells, Text(verdict, style=_STYLES.get(verdict, "")))
    return table


def _money_goals(console: Console, event: MasterPortfolioOptimized) -> RenderableType | None:
    if not event.money_goals:
        return None
    table = _table(console, "What the money is for", *money_goals.COLUMNS, right=tuple(money_goals.NUMBERS))
    for row in money_goals.rows(event, str):
        table.add_row(*row)
    table.caption = money_goals.NOTE
    return table


def _goals(console: Console, event: MasterPortfolioOptimized) -> RenderableType:
    columns = ("Of", "Goal", "Asked", "Best alone", "Best together", "Delivered", "Met", "1 % easier gains")
    title = "Goals, the most important first: each as well as the rules and the goals before it allow"
    table = _table(console, title, *columns, right=(2, 3, 4, 5, 7))
    for goal in event.goals:
        label, show = FIGURES[goal.figure]
        shown = ["" if v is None else show(v) for v in (goal.best_alone, goal.best_together, goal.delivered)]
        gain = goal.gain_of_one_percent or 0.0
        table.add_row(
            ", ".join(goal.pods) or "whole",
            in_a_sentence(label),
            f"{'<=' if goal.better == 'lower' else '>='} {show(goal.asked)}",
            *shown,
            Text("yes", style="green") if goal.met else Text("no", style="bold red"),
            f"{gain:+.4f}" if gain >= _GAIN_SHOWN else "",
        )
    missed = [read_aloud(goal) for goal in event.goals if not goal.met]
    said = [Text(f"* {sentence}") for sentence in missed] or [Text("All goals are met.")]
    return Group(table, *said)


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
            show = FIGURES.get(conflict.requirement.rpartition(".")[2], ("", str))[1]
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
