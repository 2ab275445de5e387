"""Work a queue: handle many deliveries concurrently, with heartbeats, and lose no message."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from contextlib import aclosing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import structlog

from bus.port import BusError, LaterError, RefusedError
from bus.process.in_hand import noting
from bus.process.observed_handler import ObservedHandler

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterator

    from bus.port import Bus, Delivery
    from bus.process.in_hand import InHand, Unnoted
    from bus.process.observed_handler import Handler

# Three heartbeats fit into the time after which the server redelivers a message to another worker (5 s).
HEARTBEAT_S = 1.5
# Delay after a failure: long enough not to spin, short enough to meet a deadline of 30 s.
AGAIN_S = 1.0
# A message that has crashed this often in one process will crash again. Outages of the bus and deaths of other workers
# do not count, however many redeliveries they caused: they say little about the message.
CRASHES = 3
# Give up after this many processes of this machine died while they handled the message: the message killed them, or
# another cause did. With one ack wait (5 s) per death, a request's deadline has usually ended the request by then, and
# giving up only frees the queue.
LOST = 10
# Crashes are counted for at most this many messages: more than a queue delivers unsettled.
_REMEMBERED = 10_000

log = structlog.get_logger()


class LostError(Exception):
    """Every process that handled the message died before settling it or returning it."""


async def work_off(bus: Bus, queue: str, handler: Handler, *, stop: asyncio.Event, at_once: int) -> None:
    """Handle every delivery of *queue* until *stop* is set; then finish the work in hand and return.

    If the bus fails or the handler crashes, return the delivery for a retry. Give the delivery up if the server refuses
    a published message for good, if the handler has crashed too often, or if too many processes have died while
    handling the delivery.
    """
    crashes: Counter[Hashable] = Counter()
    handler = ObservedHandler(handler, queue)
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
    crashes: Counter[Hashable]  # crashes in this process, by message

    async def run(self) -> None:
        """Handle the delivery and settle or return it."""
        delay_s = AGAIN_S
        with _heartbeats(self.delivery):
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
        """Handle the delivery. Return False if it should be retried."""
        message = self.delivery.message
        # A first delivery cannot have killed a process before. Most redelivered messages have killed none, either.
        if self.delivery.attempt > 1 and (lost := self.notes.deaths(self.queue, message)):
            # The messages in hand when a process died must not be handled in the same order again: otherwise the
            # message that killed the process would take the others along each time, until all are given up.
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
            self.log_failure("delivery.failed", error)
            return False
        except Exception as error:
            log.exception("delivery.crashed", subject=message.subject, attempt=self.delivery.attempt)
            return self.crashed() >= CRASHES and await self.gives_up(error)
        return True

    def crashed(self) -> int:
        """Count the crashes of the message in this process."""
        crashes, identity = self.crashes, self.delivery.message.identity
        crashes[identity] += 1
        count = crashes[identity]
        if len(crashes) > _REMEMBERED:  # another worker has settled the oldest long since
            del crashes[next(iter(crashes))]
        return count

    async def gives_up(self, error: Exception) -> bool:
        """Have the handler answer that the work cannot be done. Return False if even that fails."""
        self.log_failure("delivery.given_up", error)
        try:
            await self.handler.give_up(self.delivery, error)
        except BusError as second:
            self.log_failure("delivery.failed", second)
            return False
        except Exception:
            # Even giving up failed, because of the message's content: the server redelivers the message, and the
            # failure stops no other message.
            log.exception("delivery.not_given_up", subject=self.delivery.message.subject)
            return False
        return True

    def log_failure(self, event: str, error: Exception) -> None:
        """Log the failure."""
        message = self.delivery.message
        log.warning(event, subject=message.subject, attempt=self.delivery.attempt, error=str(error))


@contextmanager
def _heartbeats(delivery: Delivery) -> Iterator[None]:
    """Send heartbeats while the block lasts; most work is done before the first, which is no task until then."""
    beating: list[asyncio.Task[None]] = []
    first = asyncio.get_running_loop().call_later(
        HEARTBEAT_S, lambda: beating.append(asyncio.create_task(_beat(delivery)))
    )
    try:
        yield
    finally:
        first.cancel()
        for task in beating:
            task.cancel()


async def _beat(delivery: Delivery) -> None:
    while True:
        await delivery.working()
        await asyncio.sleep(HEARTBEAT_S)
