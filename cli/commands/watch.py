"""``podfolio watch``."""

from __future__ import annotations

import sys
from contextlib import aclosing
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import FOLDER, parse_since
from cli.running import run

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from bus.transports.jetstream import Connection


@click.command()
@click.option("--since", help="Replay from a time in UTC (2025-11-07T09:00) or an age (90s, 10m, 2h, 1d).")
@click.option("--all", "everything", is_flag=True, help="Replay from the start of the stream.")
@click.option("--save", type=FOLDER, help="Folder that gets the bytes of each final event as a file.")
@connection_options("podfolio-watch", role=OBSERVER)
def watch(since: str | None, save: Path | None, settings: Connection, *, everything: bool) -> None:
    """Follow the event stream, one line per message."""
    sys.exit(run(_watch(settings, parse_since(since), save, everything=everything), interrupted=0))


async def _watch(settings: Connection, since: datetime | None, save: Path | None, *, everything: bool) -> int:
    from bus.transports.jetstream import connect
    from cli.pages.final_event import make_console
    from cli.pages.stream import keep_final, line

    console = make_console()
    async with connect(settings) as bus, aclosing(bus.follow(since=since, everything=everything)) as messages:
        async for message in messages:
            console.print(line(message), soft_wrap=True)
            if save and (note := keep_final(save, message)):
                console.print(note, soft_wrap=True)
    return 0
