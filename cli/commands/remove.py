"""``podfolio remove``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADMIN
from cli.running import run

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection


@click.command()
@click.argument("sequence", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Why it must go; kept in the stream, so name no person.")
@click.option("--yes", is_flag=True, help="Do not ask before it is removed.")
@click.option("--unanswered", is_flag=True, help="Also if its request has no final event yet, and may then get none.")
@connection_options("podfolio-remove", role=ADMIN)
def remove(sequence: int, reason: str, settings: Connection, *, yes: bool, unanswered: bool) -> None:
    """Remove the message stored as SEQUENCE from the event stream for good; the stream keeps a record of that.

    For a message that does harm, or somebody's personal data. Of an answered request, remove the request first,
    the pods' results and the final event after it. Exit status 0 if it is gone, 1 if it stays.
    """
    sys.exit(run(_remove(settings, sequence, reason, yes=yes, unanswered=unanswered)))


async def _remove(settings: Connection, sequence: int, reason: str, *, yes: bool, unanswered: bool) -> int:
    from bus.transports.jetstream import connect
    from cli.client import removal

    async with connect(settings) as bus:
        message = await removal.find(bus, sequence, unanswered=unanswered)
        click.echo(removal.described(message))
        if not yes and not click.confirm("Remove it for good?"):
            return 1
        await removal.remove(bus, message, reason=reason, by=removal.who(settings))
    click.echo(f"removed; podfolio.v1.removed.{sequence} keeps the reason")
    return 0
