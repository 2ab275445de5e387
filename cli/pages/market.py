"""Show a market: ETFs in a table, correlations as a heat map; also the result of importing a price history."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from rich.style import Style
from rich.text import Text

from cli.pages.tables import make_table
from portfolio.counted import counted
from portfolio.errors import DataError
from portfolio.market.basis import day_in_words
from portfolio.market.history.moves import BOUND
from portfolio.market.snapshot import read

if TYPE_CHECKING:
    from collections.abc import Mapping
    from importlib.resources.abc import Traversable

    from rich.console import Console

    from portfolio import Matrix
    from portfolio.market.history.build import Built
    from portfolio.market.snapshot import Market

# The width of "-0.07" and a blank.
_CELL = 6
_BLUE, _WHITE, _RED = (np.array(rgb) for rgb in ((59, 108, 196), (245, 245, 245), (203, 62, 56)))
# Above this absolute correlation, white text is easier to read than black text.
_DARK = 0.85


def show_market(console: Console, market: Market) -> None:
    """Print a market's figures and correlations."""
    title = f"Market {market.id} ({market.sha256[:12]}), risk-free rate {market.risk_free:.2%}"
    columns = (
        "ETF",
        "Name",
        "Return",
        "Volatility",
        "Sharpe",
        "Fee",
        "Yield",
        "Franked",
        "Liquid",
        "Spread",
        "Price",
    )
    table = make_table(console, title, *columns, right=tuple(range(2, 11)))
    volatilities = np.sqrt(np.diag(market.Sigma))
    figures = zip(market.etfs, market.expected_returns, volatilities, strict=True)
    for asset_class, group in groupby(figures, key=lambda row: row[0].asset_class):
        table.add_row(asset_class.capitalize(), strong=True)
        for etf, mean, sigma in group:
            table.add_row(
                etf.ticker,
                etf.name,
                f"{mean:.2%}",
                f"{sigma:.2%}",
                f"{(mean - market.risk_free) / sigma:.2f}",
                f"{etf.management_fee:.2%}",
                f"{etf.distribution_yield:.2%}",
                f"{etf.franked_share:.0%}",
                f"{etf.liquidity:.2f}",
                f"{2 * etf.half_spread * 1e4:.0f} bp",
                "closed" if etf.is_closed else "none" if etf.price_aud is None else f"{etf.price_aud:,.2f}",
            )
    inflation = "" if market.inflation is None else f" Inflation is assumed to be {market.inflation:.2%} a year."
    table.caption = (
        f"{market.basis.said} Prices are of {day_in_words(market.priced_on)}.{inflation}"
        " Returns and volatilities a year, after fees, before tax, without franking credits; spread is bid to ask."
    )
    if market.unpriced:
        table.caption += f" Described, but without return and risk: {', '.join(market.unpriced)}."
    console.print(table)
    show_correlations(console, market.tickers, market.Sigma / np.outer(volatilities, volatilities))


def show_correlations(console: Console, tickers: tuple[str, ...], rho: Matrix) -> None:
    """Print correlations as a heat map, in bands that fit the console's width; readable without colours, too."""
    margin = max(map(len, tickers)) + 1
    across = max(1, (console.width - margin) // _CELL)
    console.print(Text("Correlations", style="bold"))
    for first in range(0, len(tickers), across):
        band = range(first, min(first + across, len(tickers)))
        console.print(Text(" " * margin + "".join(f"{tickers[j][: _CELL - 1]:>{_CELL}}" for j in band), style="bold"))
        for i, ticker in enumerate(tickers):
            line = Text(f"{ticker:<{margin}}")
            for j in band:
                line.append(f"{round(float(rho[i, j]), 2) + 0.0:>{_CELL}.2f}", style=_style(rho[i, j]))
            console.print(line)
        console.print()


def _style(rho: float) -> Style:
    """Colour from blue (correlation -1) over white (0) to red (1)."""
    r, g, b = (_WHITE + abs(rho) * ((_RED if rho > 0 else _BLUE) - _WHITE)).astype(int)
    ink = 255 if abs(rho) > _DARK else 0
    return Style(bgcolor=f"rgb({r},{g},{b})", color=f"rgb({ink},{ink},{ink})")


def show_built(console: Console, market: Market, built: Built) -> None:
    """Summarise the market built from a history of prices."""
    sample = built.sample
    console.print(
        f"market {market.id} ({market.sha256[:12]}): {counted(len(market.etfs), 'ETF')}, {len(sample.returns)}"
        f" {sample.period.adjective} returns from {sample.begins} to {sample.ends}"
    )
    console.print(f"* Returns a year are the mean of that history, times {sample.a_year:g}. {market.basis.said}")
    console.print(f"* The prices are taken for those of {day_in_words(market.priced_on)}.")
    console.print(f"* Correlations are shrunk by {built.moments.shrinkage:.2%} towards none (Ledoit and Wolf).")
    if built.moments.bounded:
        told = ", ".join(f"{ticker} {count}" for ticker, count in built.moments.bounded.items())
        console.print(f"* For the correlations, returns beyond {BOUND:g} times the usual move count as that: {told}.")
    for note in built.notes:
        console.print(f"* {note}.")
    for ticker, why in sample.left_out.items():
        console.print(f"* Left out: {ticker} {why}.")
    for note in sample.notes:
        console.print(f"* {note[0].upper()}{note[1:]}.")
    for source, told in _sources(built).items():
        console.print(f"* From {source}: {told}.")
    if unpriced := [etf.ticker for etf in market.etfs if etf.price_aud is None and not etf.is_closed]:
        console.print(
            f"* No price of a unit is known for {', '.join(unpriced)}: requests with an account cannot trade them"
            "; give price_aud in --facts, or --unit-prices."
        )


def _sources(built: Built) -> dict[str, str]:
    """Say per source which facts come from there, and for how many ETFs."""
    found: dict[str, dict[str, int]] = {}
    for facts in built.facts.values():
        for column, source in facts.sources.items():
            counts = found.setdefault(source, {})
            counts[column] = counts.get(column, 0) + 1
    n = len(built.facts)
    return {
        source: ", ".join(
            name if count == n else f"{name} of {counted(count, 'ETF')}" for name, count in counts.items()
        )
        for source, counts in found.items()
    }


def show_list(console: Console, places: Mapping[str, Mapping[str, Traversable]]) -> None:
    """Print the markets of every place, one per line; an unreadable market shows the error."""
    table = make_table(console, "Markets", "Id", "Where", "Hash", "ETFs", "Risk-free", "", right=(3, 4))
    for where, folders in places.items():
        for market_id, folder in folders.items():
            try:
                market = read(folder)
            except DataError as error:
                table.add_row(market_id, where, "", "", "", str(error))
                continue
            facts = (market.sha256[:12], str(len(market.etfs)), f"{market.risk_free:.2%}", "")
            table.add_row(market_id, where, *facts)
    console.print(table)


def show_published(console: Console, published: Mapping[str, str], where: str) -> None:
    """Print the markets published on a server, one per line."""
    table = make_table(console, f"Published on {where}", "Id", "Hash")
    for market_id, sha256 in sorted(published.items()):
        table.add_row(market_id, sha256[:12])
    console.print(table if published else f"No market is published on {where}.")
