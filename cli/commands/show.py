"""``podfolio show``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import DASH, json_option
from cli.help import Command

if TYPE_CHECKING:
    from pathlib import Path

    from bus.transports.jetstream import Connection


@click.command(
    cls=Command,
    examples=("podfolio show reference-customer", "podfolio show EVENT.json", "podfolio show ID --json EVENT.json"),
)
@click.argument("event")
@json_option
@connection_options("podfolio-show", role=OBSERVER)
def show(event: str, json_file: Path | None, settings: Connection) -> None:
    """Show a final event, as podfolio request shows it.

    EVENT is the file of a final event (- is standard input), or the id of a request whose final event the server has.
    podfolio verify checks an event. Exit status 0 with a portfolio, 1 without, 3 if the event cannot be read.
    """
    from cli.running import run

    sys.exit(run(_show(settings, event, json_file)))


async def _show(settings: Connection, event: str, json_file: Path | None) -> int:
    from cli.client.answers import show_final
    from cli.client.finals import find_final
    from cli.pages.final_event import make_console

    data = await find_final(settings, event)
    mend = "give a final event, as podfolio request --json keeps it, and a podfolio as new as the coordinators"
    return show_final(data, json_file, make_console(stderr=json_file == DASH), name=event, mend=mend)
