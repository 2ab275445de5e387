"""Run the dashboard beside a system that runs in the same command."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from bus.topology.roles import OBSERVER
from bus.transports.address import Connection
from cli.arguments import EXTRAS

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from cli.trust.keys import Keys


@asynccontextmanager
async def in_a_browser(
    server: str, port: int | None, *, say: Callable[[str], None], keys: Keys | None = None
) -> AsyncIterator[None]:
    """Serve the dashboard on *port* of this machine while the block lasts; without a port, do nothing.

    Args:
        server: The URL of the NATS server.
        port: The port for browsers; 0 for any free port.
        say: Receives the dashboard's URL.
        keys: If given, the dashboard connects with the observer's key, which only permits reading.
    """
    if port is None:
        yield
        return
    settings = Connection(servers=server, name="podfolio-dashboard", role=OBSERVER)
    if keys:
        settings = replace(settings, nkey_seed=keys.seed(OBSERVER), ca=keys.ca)
    async with serve(settings, port, since=None) as url:
        say(f"the dashboard is at {url}")
        yield


def serve(
    settings: Connection, port: int, host: str = "127.0.0.1", names: tuple[str, ...] = (), *, since: datetime | None
) -> AbstractAsyncContextManager[str]:
    """Serve the dashboard while the block lasts; see ``dashboard.serve.serving``.

    Raises:
        ClickException: If a required package is not installed.
    """
    try:
        from dashboard.serve import Place, serving
    except ModuleNotFoundError as error:
        message = f"the dashboard needs {error.name}, which is not installed: {EXTRAS}"
        raise click.ClickException(message) from None
    return serving(settings, Place(port, host, names), since=since)
