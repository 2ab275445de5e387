"""``podfolio remove``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADMIN
from cli.help import Command

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection


@click.command(cls=Command, examples=('podfolio remove 17 --reason "asked for by the customer"',))
@click.argument("sequence", type=click.IntRange(min=1))
@click.option("--reason", required=True, help="Reason; the stream keeps the text, so name no person.")
@click.option("--yes", is_flag=True, help="Remove without a question.")
@click.option("--unanswered", is_flag=True, help="Also if the request has no final event yet, and may then get none.")
@connection_options("podfolio-remove", role=ADMIN)
def remove(sequence: int, reason: str, settings: Connection, *, yes: bool, unanswered: bool) -> None:
    """Remove a message from the event stream for good, with a record.

    SEQUENCE is the number of a harmful message, or of a person's data. Of an answered request, remove the request
    first, then the pods' results and the final event. Exit status 0 if the message is gone, 1 if it stays.
    """
    from cli.running import run

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
