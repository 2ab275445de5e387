"""HTTP pages for orchestrators: ``/live``, ``/ready`` and ``/metrics``.

The event loop that does the work also answers, so that a hanging process does not appear live. Three read-only pages
need no framework: the server uses only the first line of a request, and ignores the rest and any further request.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from bus.observability.metrics import exposition
from bus.port import BusError

if TYPE_CHECKING:
    from asyncio import StreamReader, StreamWriter
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bus.process.settings import ListenAddress

_TEXT = "text/plain; charset=utf-8"
# Limits per request: an orchestrator is faster and sends less.
_REQUEST_S = 5.0
_REQUEST_BYTES = 8 * 2**10
# An orchestrator and a Prometheus or two hold one connection each. Beyond this number, the oldest connection is
# dropped, since that one has had the most time.
_CONNECTIONS = 64


@asynccontextmanager
async def serving(address: ListenAddress, *, unready: Callable[[], Awaitable[str]]) -> AsyncIterator[str]:
    """Answer HTTP requests while the block lasts; yield the URL.

    Args:
        address: The address to listen on.
        unready: Returns why the process takes no work now; empty if the process takes work.

    Raises:
        BusError: If the address cannot be used.
    """
    served: dict[StreamWriter, None] = {}

    async def respond(reader: StreamReader, writer: StreamWriter) -> None:
        served[writer] = None
        if len(served) > _CONNECTIONS:
            next(iter(served)).transport.abort()
        with contextlib.suppress(OSError, TimeoutError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            async with asyncio.timeout(_REQUEST_S):
                head = await reader.readuntil(b"\r\n\r\n")
                writer.write(await _answer(head, unready))
                writer.close()
                await writer.wait_closed()
        # Data that a client did not receive in time is dropped.
        writer.transport.abort()
        del served[writer]

    try:
        server = await asyncio.start_server(respond, address.host, address.port, limit=_REQUEST_BYTES)
    except OSError as error:
        where = f"{address.host}:{address.port}"
        message = f"cannot listen on {where} ({error.strerror}): give another --http or --http-host"
        raise BusError(message) from error
    async with server:
        yield f"http://{address.host}:{server.sockets[0].getsockname()[1]}"


async def _answer(head: bytes, unready: Callable[[], Awaitable[str]]) -> bytes:
    method, path, *_ = [*head.split(b"\r\n", 1)[0].decode("latin-1").split(" "), "", ""]
    if method not in {"GET", "HEAD"}:
        status, kind, body = "405 Method Not Allowed", _TEXT, b"only GET and HEAD\n"
    else:
        status, kind, body = await _page(path.partition("?")[0], unready)
    head_lines = (
        f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n"
        "Cache-Control: no-store\r\nConnection: close\r\n\r\n"
    )
    return head_lines.encode() + (b"" if method == "HEAD" else body)


async def _page(path: str, unready: Callable[[], Awaitable[str]]) -> tuple[str, str, bytes]:
    if path == "/live":
        return "200 OK", _TEXT, b"live\n"
    if path == "/ready":
        why = await unready()
        return ("503 Service Unavailable", _TEXT, f"{why}\n".encode()) if why else ("200 OK", _TEXT, b"ready\n")
    if path == "/metrics":
        return "200 OK", CONTENT_TYPE_PLAIN_0_0_4, exposition()
    return "404 Not Found", _TEXT, b"there are /live, /ready and /metrics\n"
