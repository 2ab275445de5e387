"""The event stream in a browser, beside a system that runs in the same command."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from bus.jetstream import Connection
from bus.jetstream.roles import OBSERVER

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from cli.keys import Keys


@asynccontextmanager
async def in_a_browser(
    server: str, port: int | None, *, say: Callable[[str], None], keys: Keys | None = None
) -> AsyncIterator[None]:
    """Serve the dashboard on *port* of this machine while the block lasts; without a port, do nothing.

    Args:
        server: Where the stream is.
        port: Where browsers find it; 0 for any that is free.
        say: Told where it is.
        keys: With them, the observer's is used, which only reads.
    """
    if port is None:
        yield
        return
    from dashboard.serve import Place, serving

    settings = Connection(servers=server, name="podfolio-dashboard", role=OBSERVER)
    if keys:
        settings = replace(settings, nkey_seed=keys.seed(OBSERVER), ca=keys.ca)
    async with serving(settings, Place(port), since=None) as url:
        say(f"the dashboard is at {url}")
        yield
