"""Frames that a NATS server stores and nobody means: subjects, blocks of headers, bodies; for any test of the wire.

    from fuzz.frames import RawConnection, nasty_frames     # with tests/ on the path; or `frames`, with tests/fuzz

    async with RawConnection(port) as raw:
        for subject, headers, body in nasty_frames(Random(7), count=100):
            await raw.publish(subject, headers, body)

Nothing here knows a client library: what one would refuse to send, a socket sends.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING, Self, TypeAlias

from support.requests_made import data

if TYPE_CHECKING:
    from collections.abc import Iterator
    from random import Random

# A subject, the block of headers as it goes over the wire (None for a message without one), a body.
Frame: TypeAlias = tuple[bytes, bytes | None, bytes]

VERSION = b"NATS/1.0\r\n"
# Everything of ours that is stored, or heard, on a server without users.
PREFIXES = (
    b"podfolio.v1.request.",
    b"podfolio.v1.request.",
    b"podfolio.v1.request.",
    b"podfolio.v1.pod.",
    b"podfolio.v1.final.",
    b"podfolio.v1.rejected.",
    b"podfolio_timers.v1.timer.",
    b"podfolio_timers.v1.due.",
    b"podfolio_progress.v1.",
    b"$KV.podfolio_markets.id.",
    b"$KV.podfolio_markets.sha256.",
)
# Ends of subjects; none has the white space that ends a word of the protocol.
STRANGE = (
    b"caf\xe9",
    b"\xff\xfe\xfd",
    b"\xed\xa0\x80",  # half a character
    "\U0001f4b0\u00e9".encode(),
    "\u202etxt".encode(),
    b"a\x0bb",
    b"\x0c",
    b"a\x1b[31m",
    b"nul\x00nul",
    b"a\x7f\x85\xa0b",
    b"*",
    b">",
    b"a.*.b",
    b"'quoted'",
    b"back\\slash",
    b"-ERR",
    b"$JS.ACK.PODFOLIO.coord.1.1.1.1.0",
    b"a:b",
    b"=1+1",
    b"..%2f",
    b"x" * 65,
    b"x" * 3_900,
    b"9" * 40,
    b"r.alpha",
    b"r.ALPHA",
    b"r.al_pha.x",
)
# Blocks of headers that are none, or look like the server's own.
BLOCKS = (
    b"N",
    b"ab",
    b"\r\n",
    b"\xff\x00\xff\x00 : \r\r\n\n",
    b"NATS",
    b"NATS/1.",
    b"NATS/1.0",
    b"NATS/1.0 ",
    b"NATS/1.0\r",
    VERSION,
    b"NATS/1.0 \r\n",
    b"NATS/2.0\r\nA: b\r\n\r\n",
    b"NATS/1.0 \xff\xfe\xfd\r\n\r\n",
    b"NATS/1.0 100\r\n\r\n",
    b"NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 9\r\n\r\n",
    b"NATS/1.0 100 idle \xff\r\nX: y\r\n\r\n",
    b"NATS/1.0 204 EOB\r\nNats-Num-Pending: 0\r\nNats-Last-Sequence: 0\r\n\r\n",
    b"NATS/1.0 404 No Messages\r\nX: y\r\n\r\n",
    b"NATS/1.0 404 Message Not Found\r\nX: y\r\n\r\n",
    b"NATS/1.0 408 Request Timeout\r\nNats-Pending-Messages: 1\r\n\r\n",
    b"NATS/1.0 409 Consumer Deleted\r\nX: y\r\n\r\n",
    b"NATS/1.0 503\r\nX: y\r\n\r\n",
    b"NATS/1.0 9999999\r\nX: y\r\n\r\n",
    VERSION + b"nocolon\r\n\r\n",
    VERSION + b": no name\r\n\r\n",
    VERSION + b"na me: x\r\n\r\n",
    VERSION + b"caf\xe9: x\r\nx: caf\xe9\r\n\r\n",
    VERSION + b"a: 1\r\na: 2\r\nA: 3\r\n\r\n",
    VERSION + b"x: y",
    VERSION + b"x: y\n\nz: w\n",
    VERSION + b"Status: 404\r\nDescription: No Messages\r\n\r\n",
    VERSION + b"Status: 503\r\n\r\n",
    VERSION + b"ce-id: \xff\r\nce-specversion: 9\r\nce-time: never\r\n\r\n",
    VERSION
    + b"traceparent: 00-"
    + b"f" * 32
    + b"-"
    + b"f" * 16
    + b"-ff\r\ntracestate: "
    + b"a=b," * 5_000
    + b"\r\n\r\n",
    VERSION + b"Traceparent: \xff\r\ntraceparent: 00-0-0-00\r\n\r\n",
    VERSION + b"X: " + b"y" * 60_000 + b"\r\n\r\n",
    VERSION + b"".join(b"x%d: y\r\n" % i for i in range(6_000)) + b"\r\n",
    VERSION + b"X: \x1b[2J\x07\r\n\r\n",
)
# What the server itself puts between it and its clients, with values that are none.
SERVERS = (
    b"Nats-Sequence",
    b"Nats-Subject",
    b"Nats-Stream",
    b"Nats-Time-Stamp",
    b"Nats-Num-Pending",
    b"Nats-Last-Sequence",
    b"Nats-UpTo-Sequence",
    b"Nats-Msg-Id",
    b"Nats-TTL",
    b"Nats-Rollup",
    b"Nats-Expected-Last-Subject-Sequence",
    b"Nats-Marker-Reason",
    b"Nats-Stream-Source",
    b"Nats-Schedule-Target",
    b"Nats-Incr",
    b"KV-Operation",
    b"Nats-Response-Type",
    b"Nats-Consumer-Stalled",
)
VALUES = (b"", b"0", b"1", b"-1", b"9" * 40, b"abc", b"\xff", b"podfolio.v1.final.r1", b"sub", b"all", b"DEL", b"never")


def bodies() -> tuple[bytes, ...]:
    """Give bodies that are no message, or nearly one."""
    return (
        b"",
        b"{}",
        b"[]",
        b"null",
        b'"x"',
        b"\xff\xfe",
        b"{" * 10,
        b"[" * 200_000,
        b'{"a":' * 40_000,
        b"9" * 100_000,
        b'{"type": "MasterPortfolioOptimized", "version": 2}',
        b'{"type": "MasterPortfolioFailed", "version": 1, "request_id": "x", "reason": "\\ud800", "message": ""}',
        b'{"type": "PodResult", "weights": NaN}',
        b"x" * 262_000,
        b"x" * 300_000,
        data("somebody"),
        data("somebody")[:-1] + b',"market": "a", "market": "b"}',
        data("somebody").replace(b"100000", b"1e999"),
        data("somebody", market="\x1b[31m"),
        json.dumps({"stage": "done", "request_id": "x", "type": "Progress"}).encode(),
    )


def nasty_frames(
    random: Random, *, count: int | None = None, prefixes: tuple[bytes, ...] = PREFIXES
) -> Iterator[Frame]:
    """Give frames without end, or *count* of them; the same for the same *random*.

    Args:
        random: What chooses.
        count: How many.
        prefixes: Where they are published: each ends in a point. A deadline with a schedule is never among them.
    """
    return islice(_frames(random, prefixes), count)


def _frames(random: Random, prefixes: tuple[bytes, ...]) -> Iterator[Frame]:
    known = bodies()
    number = 0
    while True:
        number += 1
        prefix = random.choice(prefixes)
        yield prefix + _subject(random, number, prefix), _block(random), random.choice(known)


def _subject(random: Random, number: int, prefix: bytes) -> bytes:
    """End a subject: as it should, half of the time, since what is behind it is to be tried too."""
    good = b"nasty-%d-%d" % (random.getrandbits(32), number)
    if random.random() < 0.5:
        return good + (b".alpha" if prefix.endswith(b".pod.") else b"")
    if random.random() < 0.2:
        return good + b"." + _bytes(random)
    return random.choice(STRANGE) + (b"%d" % number if random.random() < 0.5 else b"")


def _bytes(random: Random) -> bytes:
    """Give bytes that a subject may have."""
    return bytes(b for b in random.randbytes(random.randrange(1, 40)) if b not in b" \t\r\n") or b"x"


def _block(random: Random) -> bytes | None:
    way = random.randrange(5)
    if way == 0:
        return None
    if way == 1:
        return random.randbytes(random.randrange(1, 80))
    if way == 2:
        lines = (random.choice(SERVERS) + b": " + random.choice(VALUES) for _ in range(random.randrange(1, 5)))
        return VERSION + b"\r\n".join(lines) + b"\r\n\r\n"
    return random.choice(BLOCKS)


class RawConnection:
    """A socket to a NATS server without users or TLS, that says whatever it is told to."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._inbox = 0

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        options = {"verbose": False, "pedantic": False, "headers": True, "no_responders": True, "lang": "raw"}
        hello = {**options, "version": "1", "protocol": 1}
        await self.say(b"CONNECT " + json.dumps(hello).encode() + b"\r\nSUB _INBOX.raw.* 1\r\n")
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def say(self, words: bytes) -> None:
        """Send bytes as they are."""
        self._writer.write(words)
        await self._writer.drain()

    async def publish(self, subject: bytes, headers: bytes | None, body: bytes, *, within_s: float = 5.0) -> bytes:
        """Publish a message; returns what JetStream says of it, nothing if it says nothing in time.

        Raises:
            ConnectionError: If the server cut the connection for it.
        """
        self._inbox += 1
        reply = b"_INBOX.raw.%d" % self._inbox
        if headers is None:
            head = b"PUB %s %s %d\r\n" % (subject, reply, len(body))
        else:
            head = b"HPUB %s %s %d %d\r\n" % (subject, reply, len(headers), len(headers) + len(body))
        await self.say(head + (headers or b"") + body + b"\r\n")
        try:
            async with asyncio.timeout(within_s):
                return await self._answer(reply)
        except TimeoutError:
            return b""

    async def _answer(self, reply: bytes) -> bytes:
        while line := await self._reader.readline():
            words = line.split()
            if line.startswith(b"PING"):
                await self.say(b"PONG\r\n")
            elif words[:1] in ([b"MSG"], [b"HMSG"]):
                said = await self._reader.readexactly(int(words[-1]) + 2)
                if words[1] == reply:
                    return said[:-2]
            elif line.startswith(b"-ERR"):
                raise ConnectionError(line.decode(errors="replace"))
        message = "the server has cut the connection"
        raise ConnectionError(message)


async def throw(port: int, frames: Iterator[Frame]) -> int:
    """Publish all of *frames*, on a new connection whenever the server cuts one; returns how many were stored.

    Raises:
        ConnectionError: If there is no server any more.
    """
    stored = 0
    todo = deque(frames)
    while todo:
        async with RawConnection(port) as raw:
            with contextlib.suppress(ConnectionError):
                while todo:
                    said = await raw.publish(*todo.popleft(), within_s=0.2)
                    stored += b'"seq"' in said
    return stored
