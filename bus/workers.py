"""Work a queue off: many deliveries at a time, heartbeats while they last, nothing lost on the way."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import structlog

from bus.in_hand import noting
from bus.port import BusError, LaterError, RefusedError
from bus.watched import Watched

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Hashable

    from bus.in_hand import InHand, Unnoted
    from bus.port import Bus, Delivery

# Three heartbeats fit into the time after which the server gives a message to somebody else (5 s).
HEARTBEAT_S = 1.5
# After a failure: long enough not to spin, short enough to meet a deadline of 30 s.
AGAIN_S = 1.0
# What has crashed so often in one process will crash again. Outages of the bus and other workers' ends do not
# count, however often they had it handed out again: they say nothing about the message.
CRASHES = 3
# So many processes of this machine died while they handled it: killed by it, or by something else. At an ack wait each
# (5 s) a request's deadline has usually ended it by then, and this only frees the queue.
LOST = 10
# Of so many messages are crashes remembered; more than a queue hands out unsettled.
_REMEMBERED = 10_000

log = structlog.get_logger()


class LostError(Exception):
    """Nobody who handled the message lived to settle it or give it back."""


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
    with what too many processes have not survived.
    """
    crashes: Counter[Hashable] = Counter()
    handler = Watched(handler, queue)
    with noting() as notes:
        async with aclosing(bus.work(queue, stop=stop, at_once=at_once)) as deliveries, asyncio.TaskGroup() as group:
            async for delivery in deliveries:
                group.create_task(_Attempt(queue, delivery, handler, notes, crashes).run())


@dataclass(frozen=True, slots=True)
class _Attempt:
    queue: str
    delivery: Delivery
    handler: Handler
    notes: InHand | Unnoted
    crashes: Counter[Hashable]  # by message: how often it has crashed here

    async def run(self) -> None:
        """Handle the delivery and settle it, or give it back."""
        delay_s = AGAIN_S
        async with _heartbeats(self.delivery):
            try:
                settled = await self.succeeds()
            except LaterError as later:
                settled, delay_s = False, later.delay_s
        if settled:
            self.crashes.pop(self.delivery.message.identity, None)
            await self.delivery.done()
        else:
            await self.delivery.again(delay_s=delay_s)

    async def succeeds(self) -> bool:
        """Handle the delivery; false if it should be tried again."""
        message = self.delivery.message
        # What was handed out but once killed nobody. What was handed out again mostly did not, either.
        if self.delivery.attempt > 1 and (lost := self.notes.deaths(self.queue, message)):
            # What was in hand together when a process died is not handled in the same order again: else the one that
            # killed it would take all behind it along each time, and to the end.
            await asyncio.sleep(random.random() * AGAIN_S)  # noqa: S311 - nothing is to be kept secret
            if lost >= LOST:
                text = f"it was handed out {lost} times to processes that did not live to answer it; see their logs"
                return await self.gives_up(LostError(text))
        try:
            with self.notes.holding(self.queue, message):
                await self.handler.handle(self.delivery)
        except RefusedError as error:
            return await self.gives_up(error)
        except LaterError:
            raise
        except BusError as error:
            self.tell("delivery.failed", error)
            return False
        except Exception as error:
            log.exception("delivery.crashed", subject=message.subject, attempt=self.delivery.attempt)
            return self.crashed() >= CRASHES and await self.gives_up(error)
        return True

    def crashed(self) -> int:
        """Count how often the message has crashed here."""
        crashes, identity = self.crashes, self.delivery.message.identity
        crashes[identity] += 1
        count = crashes[identity]
        if len(crashes) > _REMEMBERED:  # somebody else has settled the oldest long since
            del crashes[next(iter(crashes))]
        return count

    async def gives_up(self, error: Exception) -> bool:
        """Have the handler answer that it cannot; false if not even that succeeds."""
        self.tell("delivery.given_up", error)
        try:
            await self.handler.give_up(self.delivery, error)
        except BusError as second:
            self.tell("delivery.failed", second)
            return False
        except Exception:
            # Not even that, for whatever the message holds: it comes again, and takes nobody with it.
            log.exception("delivery.not_given_up", subject=self.delivery.message.subject)
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
