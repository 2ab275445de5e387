"""TCP links that can be cut, thin or slow: a proxy for each direction of each pair of servers, and one before each.

Network namespaces would need a privilege that few machines give; this needs none. Clients do not go through the links
between servers: one that is connected to a server that was cut off stays connected to it, which is the worst case.
"""

from __future__ import annotations

import asyncio
import random
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

# As large as a packet; so many of them wait in a line.
_PIECE = 1_400
_BUFFERED = 32
_TICK_S = 1e-6


class _End(asyncio.Protocol):
    """One end of a connection: what comes in goes out at the other."""

    def __init__(self, link: Link, *, accepted: bool) -> None:
        self.link = link
        self.accepted = accepted
        self.transport: asyncio.Transport | None = None
        self.other: _End | None = None
        self.free_at_s = 0.0  # when what came in before has gone out
        self.on_its_way = 0

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
        loop = asyncio.get_running_loop()
        if not self.on_its_way and not self.link.is_bad:
            self._pass_on(data)
            return
        # In the order in which it came, also when the link has become good again.
        for begin in range(0, len(data), _PIECE):
            piece = data[begin : begin + _PIECE]
            # Never at the same moment: the loop does not keep their order then.
            self.free_at_s = max(loop.time(), self.free_at_s) + self.link.takes_s(len(piece)) + _TICK_S
            self.on_its_way += 1
            loop.call_at(self.free_at_s, self._arrive, piece)
        self.adjust()

    def _arrive(self, piece: bytes) -> None:
        self.on_its_way -= 1
        if self.link.loses():
            # As a lost packet that is never repeated: the connection ends.
            if self.transport:
                self.transport.abort()
            return
        self._pass_on(piece)
        self.adjust()

    def _pass_on(self, data: bytes) -> None:
        if self.other and self.other.transport and not self.other.transport.is_closing():
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
        # What a thin line has no room for waits at the sender too.
        passes = passes and self.on_its_way < _BUFFERED
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
        bytes_per_s: What each connection carries in each direction; None for as much as there is.
        delay_s: By how much every piece is late, at most.
        loss: The share of pieces with which their connection ends.
    """

    dials: str
    reaches: str
    leads_to: int
    port: int = 0
    forwards: bool = True
    returns: bool = True
    bytes_per_s: float | None = None
    delay_s: float = 0.0
    loss: float = 0.0
    draw: random.Random = field(default_factory=lambda: random.Random(0))  # noqa: S311 - nobody guesses it to win
    ends: set[_End] = field(default_factory=set)
    tasks: set[asyncio.Future[None]] = field(default_factory=set)

    @property
    def passes(self) -> bool:
        """Whether a new connection comes about."""
        return self.forwards and self.returns

    @property
    def is_bad(self) -> bool:
        """Whether it is thin, slow or lossy."""
        return self.bytes_per_s is not None or self.delay_s > 0 or self.loss > 0

    def takes_s(self, size: int) -> float:
        """Say how long a piece takes."""
        thin_s = size / self.bytes_per_s if self.bytes_per_s else 0.0
        return thin_s + self.draw.uniform(0, self.delay_s)

    def loses(self) -> bool:
        """Draw whether a piece is lost."""
        return self.loss > 0 and self.draw.random() < self.loss

    def spoil(self, *, bytes_per_s: float | None = None, delay_s: float = 0.0, loss: float = 0.0) -> None:
        """Make it thin, slow or lossy, or good again."""
        self.bytes_per_s, self.delay_s, self.loss = bytes_per_s, delay_s, loss

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
