"""``podfolio stop`` and ``podfolio resume``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import ADMIN, ADVISER
from cli.help import Command

if TYPE_CHECKING:
    from bus.transports.jetstream import Connection


@click.command(cls=Command, examples=('podfolio stop --why "the prices of VAS are wrong"',))
@click.option("--why", required=True, help="Reason; every requester is told, so name no person.")
@connection_options("podfolio-stop", role=ADVISER)
def stop(why: str, settings: Connection) -> None:
    """Stop new advice until the stop is lifted.

    From now on every request ends with the reason stopped and this text, also a request that is being optimised. With
    users, an adviser or an administrator may stop, and an administrator alone may lift the stop (podfolio resume).
    """
    from cli.running import run

    if not why.strip():
        message = "give the reason in words: every requester is told"
        raise click.BadParameter(message, param_hint="--why")
    sys.exit(run(_stop(settings, why.strip())))


async def _stop(settings: Connection, why: str) -> int:
    from bus.transports.jetstream import connect
    from cli.client import stops
    from cli.client.removal import who

    async with connect(settings) as bus:
        number = await stops.stop(bus, why=why, by=who(settings))
    click.echo(f"new advice is stopped (stop {number}); podfolio resume {number} lifts the stop")
    return 0


@click.command(cls=Command, examples=("podfolio resume", 'podfolio resume 3 --why "the prices are mended"'))
@click.argument("number", required=False)
@click.option("--why", help="Reason, for the record.")
@connection_options("podfolio-resume", role=ADMIN)
def resume(number: str | None, why: str | None, settings: Connection) -> None:
    """Lift a stop of advice.

    NUMBER is the number of the stop; by default the only stop in force. Each of several stops is lifted by itself. A
    request that was refused stays refused: ask again under a new request_id.
    """
    from cli.running import run

    sys.exit(run(_resume(settings, number, why)))


async def _resume(settings: Connection, number: str | None, why: str | None) -> int:
    from bus.transports.jetstream import connect
    from cli.client import stops
    from cli.client.removal import who

    async with connect(settings) as bus:
        lifted, left = await stops.resume(bus, number, why=why, by=who(settings))
    click.echo(f"stop {lifted} is lifted")
    for one in left:
        click.echo(f"new advice is still stopped {stops.described(one)}")
    return 0
