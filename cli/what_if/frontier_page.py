"""Show the result for each value of a rule: a table with one bar per row."""

from __future__ import annotations

from operator import itemgetter
from typing import TYPE_CHECKING

from rich.text import Text

from cli.pages.tables import make_table
from cli.what_if.frontier import MAX_ETFS
from report.facts.labels import METRICS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from cli.what_if.frontier import Point

_BAR = 18
_ASKED = " *"
_SHOWN = {
    "sharpe_ratio": "Sharpe",
    "expected_return": "Return",
    "trading_cost_aud": "Cost, AUD",
    "tax_efficiency": "Tax eff.",
    "etfs": "ETFs",
}
# Objectives within this relative difference count as equal: the proof is no more precise.
_SAME = 1e-4


def show_frontier(console: Console, points: Sequence[Point]) -> None:
    """Print the points, the reasons for missing portfolios, and the cost of the asked value against the best one."""
    rule = points[0].rule
    head = "At most" if rule == MAX_ETFS else rule.removeprefix("share.")
    columns = (head, "Objective", *_SHOWN.values(), "Targets", "Proven", "Sharpe" if _by_sharpe(rule) else "Objective")
    table = make_table(console, _title(rule), *columns, right=tuple(range(8)))
    drawn = [value for point in points if (value := _drawn(point)) is not None]
    for point in points:
        name = Text(_say(point), style="bold" if point.as_asked else "")
        if point.objective is None or point.figures is None:
            table.add_row(name, *[""] * (len(columns) - 2), Text("no portfolio", style="yellow"))
            continue
        figures = (METRICS[m][1].format(v) if (v := point.figures[m]) is not None else "none" for m in _SHOWN)
        proven = Text("yes") if point.certified else Text(f"gap {point.gap:.1e}", style="yellow")
        bar = _bar(console, _drawn(point), drawn)
        table.add_row(name, f"{point.objective:.5f}", *figures, f"{point.goals_met}/{point.goals}", proven, bar)
    console.print(table)
    for sentence in _said(points, drawn):
        console.print(f"* {sentence}")
    told = next((point for point in points if point.as_asked and point.notes), points[-1])
    for note in told.notes:
        console.print(f"* {_say(told).removesuffix(_ASKED)}: {note}.")


def _title(rule: str) -> str:
    what = "the most ETFs that may be held" if rule == MAX_ETFS else f"the share of {rule.removeprefix('share.')}"
    return f"What {what} costs"


def _say(point: Point) -> str:
    value = f"{point.value:.0f}" if point.rule == MAX_ETFS else f"{point.value:.2%}"
    return f"{value}{_ASKED}" if point.as_asked else value


def _by_sharpe(rule: str) -> bool:
    """Return whether bars show Sharpe ratios, because objectives are not comparable.

    The objective is relative to the separate pods' portfolios, and these change with the capital shares.
    """
    return rule != MAX_ETFS


def _drawn(point: Point) -> float | None:
    if point.figures is None:
        return None
    return point.figures["sharpe_ratio"] if _by_sharpe(point.rule) else point.objective


def _bar(console: Console, value: float | None, drawn: Sequence[float]) -> Text:
    if value is None:
        return Text()
    least, most = min(drawn), max(drawn)
    part = (value - least) / (most - least) if most - least > _SAME * abs(most) else 1.0
    return Text(("█" if console.is_terminal else "#") * max(1, round(_BAR * part)), style="cyan")


def _said(points: Sequence[Point], drawn: Sequence[float]) -> list[str]:
    """Write the sentences below the table: failures, the scale of the bars and the cost of the asked value."""
    failed = [f"{_say(point).removesuffix(_ASKED)}: {point.message}" for point in points if point.objective is None]
    if not drawn:
        return [*failed, "No value allows a portfolio: change one of the rules above, and sweep again."]
    rule = points[0].rule
    what = "Sharpe ratio" if _by_sharpe(rule) else "objective"
    scale = f"Bars: the {what}, from {min(drawn):.5f} (one mark) to {max(drawn):.5f} ({_BAR} marks)"
    if max(drawn) - min(drawn) <= _SAME * abs(max(drawn)):
        scale = f"Bars: the {what}, which is the same for all, as far as is proven"
    marked = "; * is what the request asks." if any(point.as_asked for point in points) else "."
    if _by_sharpe(rule):
        return [
            *failed,
            f"{scale}{marked}",
            "Objectives of different shares cannot be compared: each is measured by what the pods would hold alone.",
        ]
    return [*failed, f"{scale}{marked}", *_cost(points)]


def _cost(points: Sequence[Point]) -> list[str]:
    """State the cost of the asked value against the value with the highest objective."""
    found = [(point.objective, point) for point in points if point.objective is not None]
    asked = next(((objective, point) for objective, point in found if point.as_asked), None)
    if asked is None:
        return []
    best = max(found, key=itemgetter(0))
    lost = best[0] - asked[0]
    if lost <= _SAME * abs(best[0]):
        return ["No other value has a higher objective than what was asked, as far as is proven."]
    met, met_asked = best[1].goals_met, asked[1].goals_met
    goals = "" if met == met_asked else f", with {met} targets met, not {met_asked}"
    return [f"{best[1].value:.0f} has the highest objective, {lost:.5f} above what was asked{goals}."]
