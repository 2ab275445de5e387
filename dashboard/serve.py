"""Run the dashboard: a connection that only reads, the following of the stream, and a server for browsers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from bus.jetstream import connect
from bus.port import BusError, UnreachableError
from dashboard.app import Dashboard
from dashboard.patience import Patience
from dashboard.queues import Queues
from dashboard.view import Start, View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from bus.jetstream import Connection, JetStreamBus

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_POLL_S = 0.01
# Those who listen to the stream are let go at once; others have asked for a page.
_STOP_S = 3


@dataclass(frozen=True, slots=True)
class Place:
    """Where browsers find it.

    Attributes:
        port: 0 for any that is free.
        host: The interface; by default for this machine only.
        names: Names besides its own by which browsers may call it.
    """

    port: int
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()


class _Server(uvicorn.Server):
    """A server that leaves signals to the command that runs it."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(settings: Connection, place: Place, *, since: datetime | None) -> AsyncIterator[str]:
    """Serve while the block lasts; yields the page's URL.

    Args:
        settings: Where the stream is, and who reads it.
        place: Where browsers find it.
        since: From when on a browser sees the stream that asks for no other time; None for all of it.

    Raises:
        BusError: If nobody can listen there, or the stream cannot be read.
    """
    with contextlib.closing(_listen(place)) as listening:
        async with connect(settings) as bus:
            view, queues = View(Start(since)), Queues()
            dashboard = Dashboard(bus, view, queues)
            server = _Server(_configuration(dashboard, place))
            async with asyncio.TaskGroup() as tasks:
                reading = [tasks.create_task(work) for work in (view.follow(bus), queues.watch(bus), _until_lost(bus))]
                answering = tasks.create_task(server.serve([listening]))
                while not server.started:  # noqa: ASYNC110 - it tells nobody
                    await asyncio.sleep(_POLL_S)
                try:
                    yield f"http://{_written(place.host)}:{listening.getsockname()[1]}/"
                finally:
                    dashboard.stopping.set()
                    server.should_exit = True
                    for task in reading:
                        task.cancel()
                    await asyncio.wait([answering])


def _configuration(dashboard: Dashboard, place: Place) -> uvicorn.Config:
    names = {*_LOOPBACK, _written(place.host), *place.names}
    return uvicorn.Config(
        dashboard.application(names),
        lifespan="off",
        http=Patience,
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=_STOP_S,
    )


def _listen(place: Place) -> socket.socket:
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    try:
        return socket.create_server((place.host, place.port), family=family)
    except OSError as error:
        message = f"cannot listen on {place.host}:{place.port} ({error.strerror}): give another --port or --host"
        raise BusError(message) from error


async def _until_lost(bus: JetStreamBus) -> None:
    await bus.closed()
    message = "the connection to the server looks alive and is not: start the dashboard again"
    raise UnreachableError(message)


def _written(host: str) -> str:
    return f"[{host}]" if ":" in host else host
