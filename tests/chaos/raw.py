"""A client that says to a server what no library would: any subject, any header, any body."""

from __future__ import annotations

import asyncio
import contextlib
import json
import uuid
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Frame:
    """A message as it goes over the wire.

    Attributes:
        subject: Its subject.
        headers: Its block of headers, as it is; None for a message without.
        body: Its body.
    """

    subject: bytes
    headers: bytes | None
    body: bytes

    def said(self, reply: bytes) -> bytes:
        """Write it as the protocol has it, with where the answer is wanted."""
        if self.headers is None:
            return b"PUB %b %b %d\r\n%b\r\n" % (self.subject, reply, len(self.body), self.body)
        size = len(self.headers)
        lengths = b"%d %d" % (size, size + len(self.body))
        return b"HPUB %b %b %b\r\n%b%b\r\n" % (self.subject, reply, lengths, self.headers, self.body)


@dataclass(slots=True)
class Raw:
    """A connection, one question at a time."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def ask(self, frame: Frame) -> dict[str, Any]:
        """Publish, and read the server's answer, which is JSON; empty if none came.

        Only the answer itself is read as such: an error of the protocol ends the connection.
        """
        reply = b"_INBOX.raw." + uuid.uuid4().hex.encode()
        self.writer.write(b"SUB %b 1\r\nUNSUB 1 1\r\n" % reply + frame.said(reply) + b"PING\r\n")
        with contextlib.suppress(TimeoutError, ConnectionError, asyncio.IncompleteReadError, ValueError):
            await self.writer.drain()
            async with asyncio.timeout(_PATIENCE_S):
                return await self._answer()
        return {}

    async def _answer(self) -> dict[str, Any]:
        while line := await self.reader.readline():
            word, *rest = line.split()
            if word == b"PING":
                self.writer.write(b"PONG\r\n")
            elif word in {b"MSG", b"HMSG"}:
                data = await self.reader.readexactly(int(rest[-1]) + 2)
                before = int(rest[-2]) if word == b"HMSG" else 0
                answer: dict[str, Any] = json.loads(data[before:] or b"{}")
                return answer
        return {}


@asynccontextmanager
async def raw_client(port: int, *, user: str = "") -> AsyncIterator[Raw]:
    """Connect to a server on the loopback while the block lasts.

    Args:
        port: Where it listens.
        user: Who we are, with the same word as password; empty for nobody in particular.

    Raises:
        OSError: If nobody listens there.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**22)
    try:
        options: dict[str, Any] = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True}
        options |= {"protocol": 1, "lang": "raw", "version": "1"} | ({"user": user, "pass": user} if user else {})
        writer.write(b"CONNECT " + json.dumps(options).encode() + b"\r\n")
        yield Raw(reader, writer)
    finally:
        writer.close()
