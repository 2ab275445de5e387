"""Run the system under faults and audit it: ``make chaos``, or ``python -m chaos`` with tests/ on the path."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from pathlib import Path

import click
import structlog
from rich.console import Console

from chaos.report import HEADING, meets_aim, page, write
from chaos.schedule import named
from chaos.storm import Storm, rage

_LEAST = 5


@click.command()
@click.option("--requests", type=click.IntRange(1, 100_000), default=1_000, show_default=True)
@click.option("--seconds", type=click.FloatRange(10, 7_200), default=120, show_default=True, help="Of load and faults.")
@click.option("--faults", type=click.IntRange(1, 10_000), default=60, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same gives the same faults and requests.")
@click.option(
    "--nemeses",
    default="all",
    show_default=True,
    help="What may go wrong: names with commas between, such as power-cut,raw-content; -disk-full is all but that.",
)
@click.option(
    "--write",
    "document",
    type=click.Path(exists=True, dir_okay=False, path_type=Path),
    help=f"A document whose section {HEADING!r} is replaced.",
)
@click.option(
    "--keep", type=click.Path(file_okay=False, path_type=Path), help="An empty folder for the history and logs."
)
def main(  # noqa: PLR0913, PLR0917 - one argument an option
    requests: int, seconds: float, faults: int, seed: int, nemeses: str, document: Path | None, keep: Path | None
) -> None:
    """Run three servers, eight agents, three coordinators and two challengers under faults, and audit the requests.

    Exits with 1 if a request was lost or answered twice, a client was told or shown what is not so, a portfolio does
    not pass its check, or 1 of 100 took longer than its deadline.
    """
    try:
        kinds = named(nemeses)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--nemeses") from error
    console = Console(width=None if sys.stdout.isatty() else 120)
    folder = keep or Path(tempfile.mkdtemp(prefix="podfolio-chaos-"))
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        message = f"{folder} is not empty"
        raise click.BadParameter(message, param_hint="--keep")
    # What the clients of the load say of their outages is for who looks into them, not for this page.
    structlog.configure(logger_factory=structlog.WriteLoggerFactory((folder / "clients.log").open("w")))
    storm = Storm(requests, seconds, max(_LEAST, faults), seed, nemeses=kinds)
    with contextlib.suppress(KeyboardInterrupt):
        outcome = asyncio.run(rage(storm, folder, say=lambda text: console.print(text, highlight=False)))
        console.print(page(outcome))
        if document:
            write(document, outcome)
        if not outcome.wrong and not keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            console.print(f"the history and logs are kept in {folder}")
        sys.exit(0 if not outcome.wrong and meets_aim(outcome) else 1)
    sys.exit(130)


if __name__ == "__main__":
    main()
