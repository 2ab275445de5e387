"""``podfolio frontier``."""

from __future__ import annotations

import re
import sys
from typing import TYPE_CHECKING

import click

from cli.arguments import DASH, MANDATE, OUT, REQUEST, read_request
from cli.help import Command
from portfolio.names import doubted

if TYPE_CHECKING:
    from pathlib import Path

    from cli.what_if.frontier import Sweep
    from portfolio.terms.mandate import Mandate

# As in requests.
_MOST_ETFS = 1_000


@click.command(
    cls=Command,
    examples=(
        "podfolio frontier examples/reference-customer.json",
        "podfolio frontier examples/reference-customer.json --share alpha=0..0.4",
        "podfolio frontier examples/tax-budget.json --max-etfs 6..9 --csv points.csv",
    ),
)
@click.argument("file", type=REQUEST)
@click.option("--max-etfs", help="Range of max_etfs, such as 4..15 (the default).")
@click.option("--share", help="Range of a pod's share, such as alpha=0..0.4; the other pods divide the rest as before.")
@click.option("--steps", type=click.IntRange(2, 200), default=9, show_default=True, help="Number of shares.")
@click.option("--market", help="Market snapshot to use instead of the request's.")
@click.option("--mandate", "files", type=MANDATE, multiple=True, help="File of a pod of your own.")
@click.option("--json", "json_file", type=OUT, help="Write all points to this file; - is standard output.")
@click.option("--csv", "csv_file", type=OUT, help="Write one row per point to this file; - is standard output.")
def frontier(  # noqa: PLR0913, PLR0917 - one argument an option
    file: Path,
    max_etfs: str | None,
    share: str | None,
    steps: int,
    market: str | None,
    files: tuple[Path, ...],
    json_file: Path | None,
    csv_file: Path | None,
) -> None:
    """Sweep one rule of a request, and show the cost of each value.

    Solves the request in FILE on this machine, without a server.

    Exit status 0 if any value allows a portfolio, 1 if none does or the request is refused, 2 if an option is wrong.
    """
    from rich.progress import MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    from cli.pages.final_event import make_console
    from cli.what_if.frontier import as_csv, as_json
    from cli.what_if.frontier_page import show_frontier
    from portfolio.errors import DataError

    try:
        mandates = _mandates(files)
        sweep = _sweep(file, mandates, market, max_etfs, share, steps)
    except DataError as error:
        raise click.ClickException(str(error)) from None
    columns = (TextColumn("{task.description}"), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=make_console(stderr=True), transient=True) as progress:
        points = list(progress.track(sweep.points(mandates), total=len(sweep.values), description="solved"))
    show_frontier(make_console(stderr=DASH in {json_file, csv_file}), points)
    for target, write in ((json_file, as_json), (csv_file, as_csv)):
        if target == DASH:
            click.echo(write(points), nl=False)
        elif target:
            target.write_text(write(points), encoding="utf-8")
    sys.exit(0 if any(point.objective is not None for point in points) else 1)


def _mandates(files: tuple[Path, ...]) -> dict[str, Mandate]:
    from agents.mandate_files import bundled, load

    found = [load(pod) for pod in (*bundled(), *map(str, files))]
    return {mandate.pod: mandate for mandate in found}


def _sweep(
    file: Path, mandates: dict[str, Mandate], market: str | None, max_etfs: str | None, share: str | None, steps: int
) -> Sweep:
    from cli.what_if.frontier import shares_now, sweep_etfs, sweep_share
    from cli.what_if.locally import refuse

    request = read_request(file, market=market)
    if (refused := refuse(request, mandates)) is not None:
        raise click.ClickException(refused.message)
    if share is None:
        first, last = _between(max_etfs or "4..15", "--max-etfs", r"\d+")
        if not 1 <= first <= last <= _MOST_ETFS:
            message = "give whole numbers from 1 to 1000, such as 4..15"
            raise click.BadParameter(message, param_hint="--max-etfs")
        return sweep_etfs(request, int(first), int(last))
    if max_etfs is not None:
        message = "give --max-etfs or --share, not both: one rule is swept at a time"
        raise click.UsageError(message)
    pod, _, bounds = share.partition("=")
    least, most = _between(bounds, "--share", r"[\d.]+")
    if not 0 <= least < most <= 1:
        percent = f": write {most:g} % as {most / 100:g}" if most > 1 else ""
        message = f"give shares from 0 to 1, such as alpha=0..0.4{percent}"
        raise click.BadParameter(message, param_hint="--share")
    if pod not in mandates:
        known = ", ".join(sorted(mandates))
        message = (
            f"unknown pod {doubted([pod], mandates)}: name one of {known}, or give its mandate (--mandate FILE.toml)"
        )
        raise click.BadParameter(message, param_hint="--share")
    shares = shares_now(request, mandates)
    if not any(share for other, share in shares.items() if other != pod):
        message = f"{pod} has all the capital of this request, and no other pod takes the rest: name another pod too"
        raise click.BadParameter(message, param_hint="--share")
    return sweep_share(request, pod, (least, most), steps, shares)


def _between(text: str, option: str, number: str) -> tuple[float, float]:
    try:
        first, last = re.fullmatch(rf"({number})\.\.({number})", text).groups()  # type: ignore[union-attr]
        return float(first), float(last)
    except (AttributeError, ValueError):
        message = f"{text!r} is no range; write it as 4..15, or alpha=0..0.4"
        raise click.BadParameter(message, param_hint=option) from None
