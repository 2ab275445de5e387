"""``podfolio dashboard``."""

from __future__ import annotations

import asyncio
import sys
from typing import TYPE_CHECKING

import click

from bus.process.options import connection_options
from bus.topology.roles import OBSERVER
from cli.arguments import DASHBOARD_PORT, parse_since
from cli.running import run
from cli.system.browser import serve

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from bus.transports.jetstream import Connection


@click.command()
@click.option("--port", type=click.IntRange(0, 65_535), default=DASHBOARD_PORT, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Interface to listen on. It asks nobody who he is."
)
@click.option("--name", "names", multiple=True, help="A name besides its own by which browsers may call it.")
@click.option("--since", default="1h", show_default=True, help="From when on the page shows the stream at first.")
@click.option("--all", "everything", is_flag=True, help="From the start of the stream.")
@connection_options("podfolio-dashboard", role=OBSERVER)
def dashboard(
    port: int, host: str, names: tuple[str, ...], since: str, settings: Connection, *, everything: bool
) -> None:
    """Show the event stream in a browser, live and replayed, until interrupted."""
    then = None if everything else parse_since(since)
    sys.exit(run(_dashboard(serve(settings, port, host, names, since=then)), interrupted=0))


async def _dashboard(serving: AbstractAsyncContextManager[str]) -> int:
    async with serving as url:
        click.echo(f"the dashboard is at {url}")
        await asyncio.Event().wait()
    return 0
