"""``podfolio watch``."""

from __future__ import annotations

import sys
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import FOLDER, parse_since
from cli.help import Command

if TYPE_CHECKING:
    from datetime import datetime

    from bus.transports.jetstream import Connection, JetStreamBus

_FILE = click.Path(dir_okay=False, writable=True, path_type=Path)


@click.command(
    cls=Command,
    examples=(
        "podfolio watch",
        "podfolio watch --all --save EVENTS",
        "podfolio watch --since 10m --record stream.jsonl",
    ),
)
@click.option("--since", help="Replay from a time in UTC (2025-11-07T09:00) or an age (90s, 10m, 2h, 1d).")
@click.option("--all", "everything", is_flag=True, help="Replay from the start of the stream.")
@click.option(
    "--save", type=FOLDER, help="Folder that gets the bytes of each final event, challenge and approval as a file."
)
@click.option("--record", type=_FILE, help="File that gets every message, one JSON object per line; for podfolio fake.")
@connection_options("podfolio-watch", role=OBSERVER)
def watch(since: str | None, save: Path | None, record: Path | None, settings: Connection, *, everything: bool) -> None:
    """Follow the event stream, one line per message; and tell when advice is stopped."""
    from cli.running import run

    sys.exit(run(_watch(settings, parse_since(since), save, record, everything=everything), interrupted=0))


async def _watch(
    settings: Connection, since: datetime | None, save: Path | None, record: Path | None, *, everything: bool
) -> int:
    import asyncio

    from bus.transports.jetstream import connect
    from cli.client import recording
    from cli.client.stops import heard
    from cli.pages.final_event import make_console
    from cli.pages.stream import keep, line

    console = make_console()

    async def show_stops(bus: JetStreamBus) -> None:
        async for sentence in heard(bus):
            console.print(sentence, soft_wrap=True, style="bold red", highlight=False, markup=False)

    async with connect(settings) as bus, asyncio.TaskGroup() as beside:
        showing = beside.create_task(show_stops(bus))
        async with aclosing(bus.follow(since=since, everything=everything)) as messages:
            async for message in messages:
                console.print(line(message), soft_wrap=True)
                if save and (note := keep(save, message)):
                    console.print(note, soft_wrap=True)
                if record:
                    with record.open("a", encoding="utf-8") as opened:
                        opened.write(recording.line(message))
        showing.cancel()
    return 0
