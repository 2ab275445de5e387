"""Work a queue off: many deliveries at a time, heartbeats while they last, nothing lost on the way."""

from __future__ import annotations

import asyncio
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING

import structlog

from bus.port import BusError

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bus.port import Bus, Delivery

# Three heartbeats fit into the time after which the server gives a message to somebody else (5 s).
HEARTBEAT_S = 1.5
# After a failure of the bus: long enough not to spin, short enough to meet a deadline of 30 s.
AGAIN_S = 1.0

log = structlog.get_logger()


async def work_off(
    bus: Bus, queue: str, handle: Callable[[Delivery], Awaitable[None]], *, stop: asyncio.Event, at_once: int
) -> None:
    """Handle every delivery of *queue* until *stop* is set; then finish what is in hand and return.

    A delivery is settled when *handle* returns. If the bus fails it, or it raises, the delivery is
    given back and tried again: only *handle* knows when to give up.
    """
    async with aclosing(bus.work(queue, stop=stop, at_once=at_once)) as deliveries, asyncio.TaskGroup() as group:
        async for delivery in deliveries:
            group.create_task(_handle(delivery, handle))


async def _handle(delivery: Delivery, handle: Callable[[Delivery], Awaitable[None]]) -> None:
    subject, attempt = delivery.message.subject, delivery.attempt
    try:
        async with _heartbeats(delivery):
            await handle(delivery)
    except BusError as error:
        log.warning("delivery.failed", subject=subject, attempt=attempt, error=str(error))
    except Exception:
        log.exception("delivery.crashed", subject=subject, attempt=attempt)
    else:
        await delivery.done()
        return
    await delivery.again(delay_s=AGAIN_S)


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
