"""Run the dashboard: a read-only connection, a task that follows the stream, and an HTTP server for browsers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import uvicorn

from bus.port import BusError, UnreachableError
from bus.transports.jetstream import connect
from dashboard.app import Dashboard
from dashboard.patience import Patience
from dashboard.queues import Queues
from dashboard.view import Start, View

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import datetime

    from bus.transports.jetstream import Connection, JetStreamBus

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_POLL_S = 0.01
# Shutdown ends event streams at once; other responses get this long.
_STOP_S = 3


@dataclass(frozen=True, slots=True)
class Place:
    """The address of the dashboard for browsers.

    Attributes:
        port: The port; 0 for any free port.
        host: The interface; by default only this machine can connect.
        names: Further host names that browsers may use, besides the dashboard's own.
    """

    port: int
    host: str = "127.0.0.1"
    names: tuple[str, ...] = ()


class _Server(uvicorn.Server):
    """A server that leaves signals to the command that runs the dashboard."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


@asynccontextmanager
async def serving(settings: Connection, place: Place, *, since: datetime | None) -> AsyncIterator[str]:
    """Serve the dashboard while the block lasts; yield the page's URL.

    Args:
        settings: The connection to the stream, and the role that reads.
        place: The address for browsers.
        since: The start of the live view; None for the whole stream.

    Raises:
        BusError: If the address is unavailable, or the stream unreadable.
    """
    with contextlib.closing(_listen(place)) as listening:
        async with connect(settings) as bus:
            view, queues = View(Start(since)), Queues()
            dashboard = Dashboard(bus, view, queues)
            server = _Server(_configuration(dashboard, place))
            async with asyncio.TaskGroup() as tasks:
                reading = [tasks.create_task(work) for work in (view.follow(bus), queues.watch(bus), _until_lost(bus))]
                answering = tasks.create_task(server.serve([listening]))
                while not server.started:  # noqa: ASYNC110 - uvicorn has no event for this
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
