"""Work a queue off: many deliveries at a time, heartbeats while they last, nothing lost on the way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol

import structlog

from bus.port import BusError, LaterError, RefusedError
from bus.watched import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from bus.port import Bus, Delivery

# Three heartbeats fit into the time after which the server gives a message to somebody else (5 s).
HEARTBEAT_S = 1.5
# After a failure: long enough not to spin, short enough to meet a deadline of 30 s.
AGAIN_S = 1.0
# What has crashed so often in one process will crash again. Outages of the bus and other workers' ends do not
# count, however often they had it handed out again: they say nothing about the message.
CRASHES = 3
# Workers that had it and were never heard of again: killed by it, or cut off, or switched off. At an ack wait each
# (5 s) a request's deadline has usually ended it by then, and this only frees the queue.
LOST = 10
# That many ack waits. Sooner they were not lost but given back, as everybody does while the bus is out of order.
_LOST_AGE = timedelta(seconds=50)
# How many messages are remembered as given back; more than a queue hands out unsettled.
_REMEMBERED = 10_000

log = structlog.get_logger()


class LostError(Exception):
    """Nobody who was handed the message settled it or gave it back."""


class Handler(Protocol):
    """What is done with a delivery, and what if that cannot be done."""

    async def handle(self, delivery: Delivery) -> None:
        """Do the work; returning settles the delivery."""

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer whoever waits that the work cannot be done; returning settles the delivery."""


async def work_off(bus: Bus, queue: str, handler: Handler, *, stop: asyncio.Event, at_once: int) -> None:
    """Handle every delivery of *queue* until *stop* is set; then finish what is in hand and return.

    If the bus fails a handler, or it crashes, the delivery is given back and tried again. If the
    server refuses for good what it publishes, or it has crashed too often, it gives up; so it does
    with what too many workers before have not survived.
    """
    given_back: Counter[int] = Counter()
    crashes: Counter[int] = Counter()
    handler = Watched(handler, queue)
    async with aclosing(bus.work(queue, stop=stop, at_once=at_once)) as deliveries, asyncio.TaskGroup() as group:
        async for delivery in deliveries:
            group.create_task(_Attempt(delivery, handler, given_back, crashes).run())


@dataclass(frozen=True, slots=True)
class _Attempt:
    delivery: Delivery
    handler: Handler
    given_back: Counter[int]  # by sequence: attempts that ended here with a reason
    crashes: Counter[int]  # by sequence: how often it has crashed here

    async def run(self) -> None:
        """Handle the delivery and settle it, or give it back."""
        delay_s = AGAIN_S
        async with _heartbeats(self.delivery):
            try:
                settled = await self.succeeds()
            except LaterError as later:
                settled, delay_s = False, later.delay_s
        if settled:
            self.given_back.pop(self.delivery.message.sequence, None)
            self.crashes.pop(self.delivery.message.sequence, None)
            await self.delivery.done()
        else:
            self.remember()
            await self.delivery.again(delay_s=delay_s)

    async def succeeds(self) -> bool:
        """Handle the delivery; false if it should be tried again."""
        lost = self.delivery.attempt - 1 - self.given_back[self.delivery.message.sequence]
        if lost:
            # What was in hand together when a process died is not handled in the same order again: else the one that
            # killed it would take all behind it along each time, and to the end.
            await asyncio.sleep(random.random() * AGAIN_S)  # noqa: S311 - nothing is to be kept secret
        if lost >= LOST and self.age() >= _LOST_AGE:
            message = f"it was handed out {lost} times to processes that did not live to answer it; see their logs"
            return await self.gives_up(LostError(message))
        try:
            await self.handler.handle(self.delivery)
        except RefusedError as error:
            return await self.gives_up(error)
        except LaterError:
            raise
        except BusError as error:
            self.tell("delivery.failed", error)
            return False
        except Exception as error:
            log.exception("delivery.crashed", subject=self.delivery.message.subject, attempt=self.delivery.attempt)
            self.crashes[self.delivery.message.sequence] += 1
            return self.crashes[self.delivery.message.sequence] >= CRASHES and await self.gives_up(error)
        return True

    def age(self) -> timedelta:
        """Say how long ago the message was stored; by the server's clock then, and by ours now."""
        stored_at = self.delivery.message.stored_at
        return datetime.now(UTC) - stored_at if stored_at else timedelta(0)

    async def gives_up(self, error: Exception) -> bool:
        """Have the handler answer that it cannot; false if not even that succeeds."""
        self.tell("delivery.given_up", error)
        try:
            await self.handler.give_up(self.delivery, error)
        except BusError as second:
            self.tell("delivery.failed", second)
            return False
        return True

    def remember(self) -> None:
        """Note that this attempt was given back: it killed nobody."""
        self.given_back[self.delivery.message.sequence] += 1
        if len(self.given_back) > _REMEMBERED:  # somebody else has settled the oldest long since
            del self.given_back[next(iter(self.given_back))]

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
