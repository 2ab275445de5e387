"""``podfolio plan``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from cli.arguments import FOLDER, MANDATE, REQUEST, read_request
from cli.help import Command
from portfolio.counted import counted

if TYPE_CHECKING:
    from pathlib import Path

    from bus.language.messages import OptimizationRequest

_MOST_YEARS = 20


@click.command(
    cls=Command,
    examples=(
        "podfolio plan examples/tax-budget.json --years 3",
        "podfolio plan REQUEST.json --years 4 --max-tax 15000 -o STEPS",
    ),
)
@click.argument("file", type=REQUEST)
@click.option("--years", type=click.IntRange(1, _MOST_YEARS), required=True, help="Number of steps, one per year.")
@click.option("--max-tax", type=click.FloatRange(0), help="Most tax per year, AUD, in place of the request's.")
@click.option("--mandate", "files", type=MANDATE, multiple=True, help="File of a pod of your own.")
@click.option("-o", "--output", "folder", type=FOLDER, help="Write the request of each year to this folder.")
def plan(file: Path, years: int, max_tax: float | None, files: tuple[Path, ...], folder: Path | None) -> None:
    """Plan the steps of several financial years under a yearly tax budget.

    Solves the request in FILE on this machine, without a server, and then each next year with the holdings, parcels and
    losses that the orders leave. Each year's request can be published in its year. Later steps assume today's prices.

    Exit status 0 if every step has a portfolio, 1 if one has none or the request is refused, 2 if an option is wrong.
    """
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from agents.mandate_files import bundled, load
    from bus.language.messages import MasterPortfolioFailed, encode
    from cli.pages.final_event import make_console
    from cli.what_if.locally import refuse
    from cli.what_if.plan import plan_years
    from cli.what_if.plan_page import show_plan
    from portfolio.errors import DataError

    try:
        mandates = {mandate.pod: mandate for mandate in (load(pod) for pod in (*bundled(), *map(str, files)))}
        request = _with_budget(read_request(file), max_tax)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    if (refused := refuse(request, mandates)) is not None:
        raise click.ClickException(refused.message)
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
        found = list(progress.track(plan_years(request, years, mandates), total=years, description="years planned"))
    show_plan(make_console(), found)
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        for year in found:
            (folder / f"{year.year}.json").write_bytes(encode(year.request))
        click.echo(f"{counted(len(found), 'request is', 'requests are')} in {folder}")
    sys.exit(1 if any(isinstance(year.event, MasterPortfolioFailed) for year in found) else 0)


def _with_budget(request: OptimizationRequest, max_tax: float | None) -> OptimizationRequest:
    """Set the tax budget of a year; refuse a request without an account or a budget."""
    if request.account is None:
        message = "the request has no account, and so no holdings to move step by step: give account"
        raise click.ClickException(message)
    if max_tax is not None:
        rules = request.rules.model_copy(update={"max_tax_aud": max_tax})
        return request.model_copy(update={"rules": rules})
    if request.rules.max_tax_aud is None:
        message = "the request has no tax budget of a year: give rules.max_tax_aud, or --max-tax"
        raise click.ClickException(message)
    return request
