"""Pull messages from one consumer of a stream.

The method ``fetch`` of nats-py costs two tasks and a timer per message, hangs when a consumer disappears, and loses
messages for an ack wait when cancelled. In this module one request at a time is open, and a callback receives the
messages. The module makes no decisions: ``Pull`` never acknowledges, and sends a request only in ``ask``.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bus.transports.jetstream.connection.frames import read_receipt, status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

# How long the server keeps a request open; also the time that a worker needs to stop.
PULL_S = 1.0
# The server reports the expiry of a request; without this report within the grace period, the request is lost.
_GRACE_S = 1.0

_HEARTBEAT = "100"
# The normal ends of a request: no messages, or expired.
_ENDED = frozenset({"404", "408"})


class Pull:
    """Incoming messages of one consumer.

    Attributes:
        consumer: Name of the consumer.
        frames: Messages that have arrived; the caller removes them.
        wake: Set at each event; see ``happens``.
        broken: Why the last request ended early; empty after a normal end.
        answered: Whether the server has ever answered a request normally.
    """

    def __init__(self, wire: Wire, stream: str, consumer: str) -> None:
        self.frames: deque[Frame] = deque()
        self.wake = asyncio.Event()
        self.broken = ""
        self.answered = False
        self.consumer = consumer
        self._wire = wire
        self._next = f"$JS.API.CONSUMER.MSG.NEXT.{stream}.{consumer}"
        self._inbox = ""
        self._reply = ""
        self._pull_number = 0
        self._owed = 0
        self._ends_at = 0.0

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Pull]:
        """Listen on an inbox while the block lasts."""
        async with self._wire.listen(self._arrived, reconnected=self._on_reconnected) as self._inbox:
            yield self

    @property
    def waiting(self) -> bool:
        """Whether a request is open."""
        return self._owed > 0

    async def ask(self, count: int) -> None:
        """Request *count* messages.

        Raises:
            UnreachableError: If there is no connection now.
        """
        self.broken = ""
        self._pull_number += 1
        self._reply = f"{self._inbox}{self._pull_number}"
        self._owed = count
        self._ends_at = asyncio.get_running_loop().time() + PULL_S + _GRACE_S
        request = b'{"batch":%d,"expires":%d}' % (count, PULL_S * 1e9)
        try:
            await self._wire.send(self._next, request, reply=self._reply)
        except BaseException:
            self._owed = 0
            raise

    async def happens(self) -> None:
        """Wait for an event: a message, the end of the request, or a call of ``wake.set``."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout_at(self._ends_at if self._owed else None):
                await self.wake.wait()
        self.wake.clear()
        if self._owed and asyncio.get_running_loop().time() >= self._ends_at:
            self._end("no answer")

    async def _arrived(self, frame: Frame) -> None:
        # The headers of a stored message may look like a verdict, but only a stored message has a receipt.
        verdict = "" if frame.reply.startswith("$JS.ACK.") else status(frame)
        if not verdict and not _is_delivery(frame):
            _log.warning("bus.not_a_delivery", queue=self.consumer, subject=frame.subject, reply=frame.reply)
            return
        if not verdict:
            self.answered = True
            self._owed = max(0, self._owed - 1)
            self.frames.append(frame)
        elif frame.subject != self._reply or verdict == _HEARTBEAT:
            return  # the end of an earlier request that was given up
        elif verdict in _ENDED:
            self.answered = True
            self._owed = 0
        else:
            self._end(f"{verdict} {(frame.headers or {}).get('Description', '')}".strip())
        self.wake.set()

    def _on_reconnected(self) -> None:
        # Messages for the request are lost during the reconnection; the server redelivers them after an ack wait.
        self._owed = 0
        self.wake.set()

    def _end(self, why: str) -> None:
        self.broken = why
        self._owed = 0


def _is_delivery(frame: Frame) -> bool:
    """Whether the server delivered the frame, rather than another client publishing into this inbox."""
    try:
        read_receipt(frame.reply)
    except (ValueError, OverflowError):
        return False
    return True
