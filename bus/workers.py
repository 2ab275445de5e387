"""Work a queue off: many deliveries at a time, heartbeats while they last, nothing lost on the way."""

from __future__ import annotations

import asyncio
from collections import Counter
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

import structlog
from opentelemetry.trace import SpanKind

from bus import metrics, subjects, tracing
from bus.port import BusError, RefusedError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from contextlib import AbstractContextManager

    from bus.port import Bus, Delivery

# Three heartbeats fit into the time after which the server gives a message to somebody else (5 s).
HEARTBEAT_S = 1.5
# After a failure: long enough not to spin, short enough to meet a deadline of 30 s.
AGAIN_S = 1.0
# What has crashed so often in one process will crash again. Outages of the bus and other workers' ends do not
# count, however often they had it handed out again: they say nothing about the message.
CRASHES = 3

log = structlog.get_logger()


class Handler(Protocol):
    """What is done with a delivery, and what if that cannot be done."""

    async def handle(self, delivery: Delivery) -> None:
        """Do the work; returning settles the delivery."""

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer whoever waits that the work cannot be done; returning settles the delivery."""


async def work_off(bus: Bus, queue: str, handler: Handler, *, stop: asyncio.Event, at_once: int) -> None:
    """Handle every delivery of *queue* until *stop* is set; then finish what is in hand and return.

    If the bus fails a handler, or it crashes, the delivery is given back and tried again. If the
    server refuses for good what it publishes, or it has crashed too often, it gives up.
    """
    crashes: Counter[int] = Counter()
    async with aclosing(bus.work(queue, stop=stop, at_once=at_once)) as deliveries, asyncio.TaskGroup() as group:
        async for delivery in deliveries:
            group.create_task(_Attempt(delivery, handler, queue, crashes).run())


@dataclass(frozen=True, slots=True)
class _Attempt:
    delivery: Delivery
    handler: Handler
    queue: str
    crashes: Counter[int]  # by sequence: how often it has crashed here

    async def run(self) -> None:
        """Handle the delivery and settle it, or give it back."""
        with self.counted(), self.traced():
            async with _heartbeats(self.delivery):
                settled = await self.succeeds()
            if settled:
                self.crashes.pop(self.delivery.message.sequence, None)
                await self.delivery.done()
            else:
                await self.delivery.again(delay_s=AGAIN_S)

    @contextmanager
    def counted(self) -> Iterator[None]:
        """Count the delivery, and measure how long it waited and how long it takes."""
        message, work = self.delivery.message, (self.queue, self.kind)
        metrics.DELIVERIES.labels(*work).inc()
        if self.delivery.attempt > 1:
            metrics.REDELIVERIES.labels(*work).inc()
        elif message.stored_at is not None:
            # By two clocks, the server's and ours.
            waited_s = (datetime.now(UTC) - message.stored_at).total_seconds()
            metrics.QUEUE_AGE.labels(*work).observe(max(0.0, waited_s))
        with metrics.IN_HAND.labels(*work).track_inprogress(), metrics.HANDLING.labels(*work).time():
            yield

    def traced(self) -> AbstractContextManager[None]:
        """Have all that follows from the message be part of its trace."""
        message = self.delivery.message
        return tracing.span(
            f"handle {self.kind}",
            message.headers,
            kind=SpanKind.CONSUMER,
            request_id=subjects.parse(message.subject).key,
            queue=self.queue,
            attempt=str(self.delivery.attempt),
        )

    @property
    def kind(self) -> str:
        """What kind of message it is."""
        return subjects.parse(self.delivery.message.subject).kind.value

    async def succeeds(self) -> bool:
        """Handle the delivery; false if it should be tried again."""
        try:
            await self.handler.handle(self.delivery)
        except RefusedError as error:
            metrics.failed(self.queue, self.kind, error)
            return await self.gives_up(error)
        except BusError as error:
            metrics.failed(self.queue, self.kind, error)
            self.tell("delivery.failed", error)
            return False
        except Exception as error:
            metrics.failed(self.queue, self.kind, error)
            log.exception("delivery.crashed", subject=self.delivery.message.subject, attempt=self.delivery.attempt)
            self.crashes[self.delivery.message.sequence] += 1
            return self.crashes[self.delivery.message.sequence] >= CRASHES and await self.gives_up(error)
        return True

    async def gives_up(self, error: Exception) -> bool:
        """Have the handler answer that it cannot; false if not even that succeeds."""
        self.tell("delivery.given_up", error)
        try:
            await self.handler.give_up(self.delivery, error)
        except BusError as second:
            self.tell("delivery.failed", second)
            return False
        return True

    def tell(self, event: str, error: Exception) -> None:
        """Log what went wrong."""
        message = self.delivery.message
        log.warning(event, subject=message.subject, attempt=self.delivery.attempt, error=str(error))


@asynccontextmanager
async def _heartbeats(delivery: Delivery) -> AsyncIterator[None]:
    beating = asyncio.create_task(_beat(delivery))
    try:
        yield
    finally:
        beating.cancel()


async def _beat(delivery: Delivery) -> None:
    while True:
        await asyncio.sleep(HEARTBEAT_S)
        await delivery.working()
