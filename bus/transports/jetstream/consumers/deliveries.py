"""Deliveries from a work queue to one worker."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bus.port import BusError, UnreachableError
from bus.transports.jetstream.connection.asking import FIRST_PAUSE_S, LONGEST_PAUSE_S, PATIENCE_S, insist, require
from bus.transports.jetstream.connection.frames import read_message, read_receipt
from bus.transports.jetstream.consumers.pulls import Pull

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.connection.wire import Wire

_log = structlog.get_logger()

# While there is no connection. After an ack wait the server has redelivered the message anyway.
_SETTLE_S = 4.0


async def work(
    wire: Wire, stream: str, queue: str, *, stop: asyncio.Event, at_once: int
) -> AsyncGenerator[_Delivery, None]:
    """Take deliveries from *queue* of *stream* until *stop* is set; see ``Bus``."""
    exists = f"CONSUMER.INFO.{stream}.{queue}"
    await require(wire, exists)
    shift = _Shift(wire, Pull(wire, stream, queue), stop, at_once, exists)
    async with shift.begun():
        while (delivery := await shift.next()) is not None:
            yield delivery


class _Shift:
    """The state of one worker at a queue, from the first delivery to *stop*."""

    def __init__(self, wire: Wire, pull: Pull, stop: asyncio.Event, at_once: int, exists: str) -> None:
        self._wire = wire
        self._exists = exists
        self._pull = pull
        self._stop = stop
        self._at_once = at_once
        self._unsettled = 0
        self._width = at_once
        self._pause_s = FIRST_PAUSE_S
        self._ask_again_at = asyncio.get_running_loop().time() + PATIENCE_S

    @asynccontextmanager
    async def begun(self) -> AsyncIterator[None]:
        """Pull from the queue while the block lasts; at the end, return unused messages to the queue."""
        stopping = asyncio.create_task(self._stop.wait())
        stopping.add_done_callback(lambda _: self._pull.wake.set())
        async with self._pull.opened():
            try:
                yield
            finally:
                stopping.cancel()
                await self._leave()

    async def next(self) -> _Delivery | None:
        """Wait for a delivery; return None once *stop* is set."""
        while not self._stop.is_set():
            if self._pull.frames and self._unsettled < self._at_once:
                self._unsettled += 1
                return _Delivery(self._wire, self._pull.frames.popleft(), self._one_settled)
            if await self._ask():
                await self._pull.happens()
        return None

    async def _ask(self) -> bool:
        """Keep a request open for all messages that the worker may still take; return False if sending failed."""
        free = self._at_once - self._unsettled - len(self._pull.frames)
        if self._pull.waiting or free <= 0:
            return True
        if self._pull.broken:
            # The server redelivers late messages, which makes a slow line slower: ask for fewer.
            self._width = max(1, self._width // 2)
            await self._back_off()
        else:
            self._width = min(self._at_once, self._width + 1)
            self._pause_s = FIRST_PAUSE_S
        try:
            await self._pull.ask(min(free, self._width))
        except UnreachableError as error:
            self._pull.broken = str(error)
            return False
        return True

    async def _back_off(self) -> None:
        now = asyncio.get_running_loop().time()
        if not self._pull.answered and now > self._ask_again_at and not self._stop.is_set():
            # While a majority of the servers is down, a queue has no leader and looks like a queue that does not
            # exist. Only the server knows the difference.
            await require(self._wire, self._exists)
            self._ask_again_at = now + PATIENCE_S
        _log.warning("bus.queue_interrupted", queue=self._pull.consumer, why=self._pull.broken, pause_s=self._pause_s)
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._pause_s):
                await self._stop.wait()
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)

    async def _leave(self) -> None:
        # An open request cannot be cancelled. If the worker left now, messages for the request would be lost for a
        # whole ack wait; and messages returned while the request is open would come straight back to this worker.
        while self._pull.waiting:
            await self._pull.happens()
        for frame in self._pull.frames:
            with contextlib.suppress(UnreachableError):
                await self._wire.send(frame.reply, b"-NAK")

    def _one_settled(self) -> None:
        self._unsettled -= 1
        self._pull.wake.set()


class _Delivery:
    """A message of a work queue; see ``Delivery``."""

    __slots__ = ("_reply", "_settled", "_wire", "attempt", "message", "number")

    def __init__(self, wire: Wire, frame: Frame, settled: Callable[[], None]) -> None:
        receipt = read_receipt(frame.reply)
        self.message = read_message(frame, receipt)
        self.attempt = receipt.attempt
        self.number = receipt.number
        self._wire = wire
        self._reply = frame.reply
        self._settled: Callable[[], None] | None = settled

    async def done(self) -> None:
        """Acknowledge the message; if the acknowledgement is lost, the server only redelivers the message.

        No answer is asked for: it would be a message and a wait per delivery, and every worker must bear a redelivery
        of work that it has done, since it may also die before the acknowledgement.
        """

        async def attempt(_timeout_s: float) -> None:
            await self._wire.send(self._reply)

        try:
            try:
                await attempt(_SETTLE_S)
            except UnreachableError:
                await insist(f"settling {self.message.subject}", attempt, timeout_s=_SETTLE_S)
        except BusError as error:
            _log.warning("bus.not_settled", subject=self.message.subject, attempt=self.attempt, error=str(error))
        finally:
            self._settle()

    async def working(self) -> None:
        """Tell the server that work on the message continues, which restarts the ack wait."""
        await self._acknowledge(b"+WPI")

    async def again(self, *, delay_s: float) -> None:
        """Return the message to the queue for redelivery after *delay_s*."""
        try:
            await self._acknowledge(b'-NAK {"delay":%d}' % (delay_s * 1e9) if delay_s > 0 else b"-NAK")
        finally:
            self._settle()

    async def _acknowledge(self, verdict: bytes) -> None:
        try:
            await self._wire.send(self._reply, verdict)
        except UnreachableError as error:
            _log.debug("bus.verdict_lost", subject=self.message.subject, verdict=verdict.decode(), error=str(error))

    def _settle(self) -> None:
        if self._settled is not None:
            self._settled()
            self._settled = None
