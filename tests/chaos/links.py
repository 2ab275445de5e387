"""TCP links between servers that can be cut: a proxy for each direction of each pair, on the loopback.

Network namespaces would need a privilege that few machines give; this needs none. Clients do not go through them: one
that is connected to a server that was cut off stays connected to it, which is the worst case.
"""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


class _End(asyncio.Protocol):
    """One end of a connection: what comes in goes out at the other."""

    def __init__(self, link: Link, *, accepted: bool) -> None:
        self.link = link
        self.accepted = accepted
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.link.ends.add(self)
        if self.accepted:
            transport.pause_reading()
            self.link.tasks.add(task := asyncio.ensure_future(self._reach()))
            task.add_done_callback(self.link.tasks.discard)

    async def _reach(self) -> None:
        """Connect to whom the link leads to; what cannot be reached is refused."""
        assert self.transport is not None
        try:
            if not self.link.passes:
                raise ConnectionError
            loop = asyncio.get_running_loop()
            _, other = await loop.create_connection(
                lambda: _End(self.link, accepted=False), "127.0.0.1", self.link.leads_to
            )
        except OSError:
            self.transport.abort()
            return
        self.other, other.other = other, self
        for end in (self, other):
            end.adjust()

    def data_received(self, data: bytes) -> None:
        if self.other and self.other.transport:
            self.other.transport.write(data)

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self.link.ends.discard(self)
        if self.other and self.other.transport:
            self.other.transport.close()

    def adjust(self) -> None:
        """Read, or not, as the link is now; what is not read waits at the sender, as in a partition."""
        if self.transport is None or self.transport.is_closing() or self.other is None:
            return
        passes = self.link.forwards if self.accepted else self.link.returns
        if passes and not self.transport.is_reading():
            self.transport.resume_reading()
        elif not passes and self.transport.is_reading():
            self.transport.pause_reading()


@dataclass(eq=False)
class Link:
    """What one server dials to reach another.

    Attributes:
        dials: Who connects through it.
        reaches: Whom it reaches.
        leads_to: That one's port.
        port: Where it listens.
    """

    dials: str
    reaches: str
    leads_to: int
    port: int = 0
    forwards: bool = True
    returns: bool = True
    ends: set[_End] = field(default_factory=set)
    tasks: set[asyncio.Future[None]] = field(default_factory=set)

    @property
    def passes(self) -> bool:
        """Whether a new connection comes about."""
        return self.forwards and self.returns

    def adjust(self, *, forwards: bool, returns: bool, reset: bool = False) -> None:
        """Let pass what goes to whom it reaches, and what comes back, or not."""
        self.forwards, self.returns = forwards, returns
        for end in list(self.ends):
            if reset and end.transport:
                end.transport.abort()
            else:
                end.adjust()


@asynccontextmanager
async def opened(link: Link) -> AsyncIterator[Link]:
    """Listen while the block lasts."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _End(link, accepted=True), "127.0.0.1", link.port)
    link.port = server.sockets[0].getsockname()[1]
    try:
        yield link
    finally:
        server.close()
        for end in list(link.ends):
            if end.transport:
                end.transport.abort()
        for task in link.tasks:
            task.cancel()
