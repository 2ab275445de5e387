"""A line between a client and its server, which a test may hold up or lose something on."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

_CHUNK = 65_536


async def _all(_: bytes) -> bool:
    return True


@asynccontextmanager
async def line_to(url: str, *, passes: Callable[[bytes], Awaitable[bool]]) -> AsyncIterator[str]:
    """Give the address of a line to the server at *url*.

    Args:
        url: The server's.
        passes: Awaited for whatever the client sends; what it gives False for is lost.
    """

    async def copy(
        source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: Callable[[bytes], Awaitable[bool]]
    ) -> None:
        with contextlib.suppress(ConnectionError):
            while some := await source.read(_CHUNK):
                if await passes(some):
                    sink.write(some)
        sink.close()

    async def join(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        answers, server = await asyncio.open_connection(urlsplit(url).hostname, urlsplit(url).port)
        await asyncio.gather(copy(reader, server, passes), copy(answers, writer, _all))

    async with await asyncio.start_server(join, "127.0.0.1", 0) as proxy:
        yield f"nats://127.0.0.1:{proxy.sockets[0].getsockname()[1]}"
