"""Show a walk through the past: a row per strategy, and what is to be known beside the figures."""

from __future__ import annotations

import csv
import io
import math
from typing import TYPE_CHECKING

from cli.pages.tables import make_table

if TYPE_CHECKING:
    from rich.console import Console

    from backtest.path import Decision, Path, Walk

_COLUMNS = ("Strategy", "Wealth, AUD", "Tax paid, AUD", "Brokerage, AUD", "Spread, AUD", "Orders", "ETFs", "No answer")


def show_walk(console: Console, walk: Walk) -> None:
    """Print a row per strategy."""
    begins, ends = walk.paths[0].dates[0], walk.paths[0].dates[-1]
    title = f"From {begins} to {ends}, {walk.paths[0].flows_aud[0]:,.2f} AUD at the start"
    table = make_table(console, title, *_COLUMNS, right=tuple(range(1, len(_COLUMNS))))
    for path in walk.paths:
        table.add_row(
            path.strategy,
            f"{path.wealth_aud[-1]:,.2f}",
            f"{math.fsum(each.tax_aud for each in path.decisions):,.2f}",
            f"{math.fsum(each.brokerage_aud for each in path.decisions):,.2f}",
            f"{math.fsum(each.spread_aud for each in path.decisions):,.2f}",
            f"{sum(each.orders for each in path.decisions)}",
            f"{path.decisions[-1].etfs}",
            f"{sum(each.refused is not None for each in path.decisions)}",
        )
    console.print(table)
    for sentence in _said(walk):
        console.print(f"* {sentence}", soft_wrap=True)


def _said(walk: Walk) -> list[str]:
    told = (
        "Wealth is market value and cash, less the tax owed on income and on gains of sales. Tax paid is until the last"
        " date of orders."
    )
    markets = f"{len(walk.markets)} dates of orders, each with a market of the {walk.train} weekly returns before it."
    said = [markets, told]
    later = walk.paths[0].flows_aud[1:]
    if any(later):
        came, went = (math.fsum(max(sign * aud, 0.0) for aud in later) for sign in (1, -1))
        said.append(f"After the start, {came:,.2f} AUD came in and {went:,.2f} AUD were paid out, of each strategy.")
    said += [
        f"{path.strategy} had no answer on {first.date}: {first.refused}"
        for path in walk.paths
        if (first := _first_refused(path)) is not None
    ]
    return said


def _first_refused(path: Path) -> Decision | None:
    return next((each for each in path.decisions if each.refused is not None), None)


def wealth_csv(walk: Walk) -> bytes:
    """Write the wealth of all strategies, a row per week."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["date", *(path.strategy for path in walk.paths)])
    rows = zip(walk.paths[0].dates, *(path.wealth_aud for path in walk.paths), strict=True)
    writer.writerows([day, *(f"{aud:.2f}" for aud in wealth)] for day, *wealth in rows)
    return text.getvalue().encode()
