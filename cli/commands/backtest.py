"""``podfolio backtest``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from cli.arguments import EXTRAS, FOLDER, MANDATE, REQUEST, TABLE, read_request
from cli.commands.market import LIKE
from cli.help import Command

if TYPE_CHECKING:
    from backtest.path import Every


@click.command(
    cls=Command,
    examples=(
        "podfolio backtest prices.csv --request REQUEST.json --facts facts.csv",
        "podfolio backtest prices.csv --request REQUEST.json --every year -o STORE",
    ),
)
@click.argument("prices", type=TABLE)
@click.option("--request", "file", type=REQUEST, required=True, help="The customer's request.")
@click.option(
    "--train",
    type=click.IntRange(26, 2_600),
    default=104,
    show_default=True,
    help="Weekly returns from which the market of each date is made.",
)
@click.option(
    "--every",
    type=click.Choice(["month", "quarter", "half-year", "year"]),
    default="quarter",
    show_default=True,
    help="Time between two dates of orders: the last trading week of each.",
)
@click.option(
    "--distributions",
    type=TABLE,
    help="CSV of distributions: ticker, date, amount_aud, franked_share. Without them, PRICES count as total return.",
)
@click.option(
    "--payments",
    "paid",
    type=TABLE,
    help="CSV of the customer's payments: date, amount_aud; negative for a withdrawal, whose money the orders raise.",
)
@click.option("--facts", type=TABLE, help="CSV of facts for all dates: ticker, asset_class, liquidity, ...")
@click.option("--like", default=LIKE, show_default=True, help="Bundled market that fills in facts; '' for none.")
@click.option("--single", default="VGS", show_default=True, metavar="TICKER", help="The ETF of the rival with one ETF.")
@click.option(
    "--steps",
    type=click.IntRange(50, 1_000_000),
    default=300,
    show_default=True,
    help="Most steps of the search for one answer: a number and not a time, so that a run can be repeated.",
)
@click.option("--mandate", "files", type=MANDATE, multiple=True, help="File of a pod of your own.")
@click.option(
    "-o", "--output", "folder", type=FOLDER, default=Path("backtest"), show_default=True, help="Folder of the results."
)
def backtest(  # noqa: PLR0913, PLR0917 - one argument an option
    prices: Path,
    file: Path,
    train: int,
    every: Every,
    distributions: Path | None,
    paid: Path | None,
    facts: Path | None,
    like: str,
    single: str,
    steps: int,
    files: tuple[Path, ...],
    folder: Path,
) -> None:
    """Walk forward through past prices, beside rivals.

    PRICES has a column date and a column of unit prices per ETF. At each date of orders, the market is made from
    earlier prices alone, and the engine that answers requests orders whole units for the account that the last orders
    left, with brokerage, spread and the tax of each financial year. Rivals walk the same path at the same costs.

    A run that was stopped goes on where it was: the answers are kept in the folder. The same input gives the same
    bytes.
    """
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from agents.mandate_files import bundled, load
    from backtest.history import decision_days
    from backtest.kept import write
    from backtest.path import write_walk
    from backtest.payments import read_payments
    from cli.pages.backtest import show_walk, wealth_csv
    from cli.pages.final_event import make_console
    from cli.what_if.backtest import prepare, read_history
    from cli.what_if.backtest_result import write_page, write_result
    from portfolio.errors import DataError
    from report.story.backtest import sentences

    try:
        mandates = {mandate.pod: mandate for mandate in (load(pod) for pod in (*bundled(), *map(str, files)))}
        history = read_history(prices, distributions, facts, like)
        dates = len(decision_days(history, train, every))
        payments = read_payments(paid) if paid else ()
        run = prepare(history, read_request(file), mandates, train, every, single, steps, folder, payments)
        columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
            task = progress.add_task("", total=len(run.strategies) * dates)

            def tell(name: str) -> None:
                progress.update(task, advance=1, description=f"orders of {name}")

            walk = run.walk(tell)
        write(folder / "walk.json", write_walk(walk))
        write(folder / "wealth.csv", wealth_csv(walk))
        show_walk(make_console(), walk)
        result = write_result(walk, history, folder)
        for sentence in sentences(result):
            make_console().print(f"* {sentence}", soft_wrap=True)
        made = "walk.json, wealth.csv, result.json, result.csv"
        try:
            write_page(walk, result, folder)
        except ModuleNotFoundError as error:
            click.echo(f"{made} are in {folder}; the page needs {error.name}, which is not installed: {EXTRAS}")
            return
    except DataError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{made} and the page result.html are in {folder}")
