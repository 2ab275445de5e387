"""The result of a walk as files: JSON, CSV and a page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from backtest.cash import cash_returns
from backtest.kept import write
from backtest.result import compare
from backtest.tables import as_csv, as_json
from portfolio.market import snapshot

if TYPE_CHECKING:
    from pathlib import Path

    from backtest.history import History
    from backtest.path import Walk
    from backtest.result import Result


def write_result(walk: Walk, history: History, folder: Path) -> Result:
    """Compare the strategies of *walk*, and write result.json and result.csv into *folder*.

    Args:
        walk: The walk.
        history: Its history.
        folder: Its folder, which has the markets.

    Raises:
        DataError: If the walk is too short, or a file cannot be written.
    """
    market = snapshot.read(folder / "markets" / walk.markets[0])
    result = compare(walk, cash_returns(history, market, walk.paths[0].dates))
    write(folder / "result.json", as_json(result))
    write(folder / "result.csv", as_csv(result))
    return result


def write_page(walk: Walk, result: Result, folder: Path) -> None:
    """Write the page of a walk, result.html, into *folder*.

    Raises:
        DataError: If the file cannot be written.
        ModuleNotFoundError: If a package of the reports is missing.
    """
    # The charts take a second to load, and a package that is optional.
    from report.page.html import backtest_page  # noqa: PLC0415

    write(folder / "result.html", backtest_page(walk, result).encode())
