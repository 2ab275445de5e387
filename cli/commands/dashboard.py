"""``podfolio dashboard``."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import DASHBOARD_PORT, parse_since
from cli.help import Command
from cli.system.browser import serve

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bus.transports.jetstream import Connection


@click.command(
    cls=Command,
    examples=(
        "podfolio dashboard",
        "podfolio dashboard --all --port 8231",
    ),
)
@click.option("--port", type=click.IntRange(0, 65_535), default=DASHBOARD_PORT, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Interface to listen on; there is no authentication."
)
@click.option("--name", "names", multiple=True, help="A further name that browsers may use for the page.")
@click.option("--since", default="1h", show_default=True, help="First time that the page shows: a time, or an age.")
@click.option("--all", "everything", is_flag=True, help="From the start of the stream.")
@connection_options("podfolio-dashboard", role=OBSERVER)
def dashboard(
    port: int, host: str, names: tuple[str, ...], since: str, settings: Connection, *, everything: bool
) -> None:
    """Show the event stream in a browser, live and replayed."""
    from cli.running import run

    then = None if everything else parse_since(since)
    sys.exit(run(_dashboard(serve(settings, port, host, names, since=then)), interrupted=0))


async def _dashboard(serving: AbstractAsyncContextManager[str]) -> int:
    import asyncio

    async with serving as url:
        click.echo(f"the dashboard is at {url}")
        await asyncio.Event().wait()
    return 0
