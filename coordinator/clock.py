"""Ask the server for its time, and keep asking: an old answer does not stay valid for ever."""

from __future__ import annotations

import asyncio
import contextlib
from typing import TYPE_CHECKING

import structlog

from bus.observability import metrics
from bus.port import BusError, UnreachableError

if TYPE_CHECKING:
    from bus.port import Bus
    from coordinator.server_time import ServerTime

# After a clock is set, the estimate is wrong for at most this time plus the duration of an answer.
_EVERY_S = 2.0
# A shorter pause after silence: the server may be back at any moment.
_AGAIN_S = 0.5

log = structlog.get_logger()


async def learn(bus: Bus, time: ServerTime, stop: asyncio.Event) -> None:
    """Wait until the server has told its time, or *stop* is set.

    Raises:
        NotSetUpError: If the event stream does not exist.
        RefusedError: If the server does not permit the question.
    """
    while not stop.is_set() and not time.is_known:
        try:
            await _ask(bus, time)
        except UnreachableError as error:
            log.warning("clock.unknown", error=str(error))
            await _pause(stop, _AGAIN_S)


async def follow(bus: Bus, time: ServerTime, stop: asyncio.Event) -> None:
    """Keep asking until *stop* is set; the last answer stays in use through any outage."""
    pause_s = _EVERY_S
    while not stop.is_set():
        await _pause(stop, pause_s)
        try:
            await _ask(bus, time)
            pause_s = _EVERY_S
        except BusError as error:
            log.debug("clock.not_asked", error=str(error))
            pause_s = _AGAIN_S


async def _ask(bus: Bus, time: ServerTime) -> None:
    asked_at = time.ticks()
    server_time = (await bus.stream_state()).at
    if jump_s := time.update(server_time, asked_at=asked_at):
        metrics.CLOCK_JUMPS.inc()
        log.warning("clock.jumped", seconds=round(jump_s, 6), told=server_time.isoformat())


async def _pause(stop: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await stop.wait()
