"""Run the night of a whole book, its orders and fills, and the night after, and audit it: ``make night``."""

from __future__ import annotations

import asyncio
import contextlib
import sys
import time
from pathlib import Path

import click
import structlog
from rich.console import Console
from support.ports import free_ports
from support.processes import podfolio

from night.day import Night
from night.whole import page, whole_night

_COMMAND_S = 7_200.0


@click.command()
@click.option("--customers", type=click.IntRange(4, 100_000), default=100, show_default=True)
@click.option("--seed", type=int, default=1, show_default=True, help="The same gives the same customers and fills.")
@click.option("--kills", type=click.IntRange(0, 1_000), help="Processes killed in each night; by default 1 per 25.")
@click.option("--challenge", type=click.Choice(["none", "quick", "full"]), default="none", show_default=True)
@click.option("--all", "everyone", is_flag=True, help="Ask for all accounts on the second night, due or not.")
@click.option(
    "--keep",
    type=click.Path(file_okay=False, path_type=Path),
    default=Path("night"),
    show_default=True,
    help="The folder of all files; a night that was interrupted goes on from them.",
)
def main(customers: int, seed: int, kills: int | None, challenge: str, keep: Path, *, everyone: bool) -> None:
    """Ask for a book overnight while processes are killed, trade, ask again, and show records from the archive alone.

    Exits with 1 if a customer is not accounted for exactly once, units or money were lost, the second night proposes
    much, or a record cannot be shown.
    """
    console = Console(width=None if sys.stdout.isatty() else 120)
    keep.mkdir(parents=True, exist_ok=True)
    # Words about outages, which are wanted here, are for people who look into them.
    structlog.configure(logger_factory=structlog.WriteLoggerFactory((keep / "watcher.log").open("a")))
    began = time.monotonic()
    last = [0.0]

    def say(words: str) -> None:
        console.print(f"{time.monotonic() - began:7.0f} s  {words}", highlight=False)

    def tell(run: str, answers: int) -> None:
        if time.monotonic() - last[0] >= (1 if console.is_terminal else 30):
            last[0] = time.monotonic()
            end = "\r" if console.is_terminal else "\n"
            console.print(f"{last[0] - began:7.0f} s  {run}: {answers:,} of {customers:,}", end=end, highlight=False)

    async def command(*words: str) -> tuple[int, str, str]:
        return await podfolio(*words, timeout_s=_COMMAND_S)

    number = kills if kills is not None else max(customers // 25, 1)
    night = Night(keep.resolve(), customers, seed, number, challenge, not everyone, 48, command, say, tell)
    with contextlib.suppress(KeyboardInterrupt):
        faults, again = asyncio.run(whole_night(night, free_ports(1)[0]))
        console.print(page(night, again, faults))
        sys.exit(1 if faults else 0)
    sys.exit(130)


if __name__ == "__main__":
    main()
