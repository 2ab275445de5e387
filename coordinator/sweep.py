"""Find requests without an answer, and set their deadlines again: the first deadline may have been lost.

A repeated deadline replaces an equal one, and the handler of a due deadline checks for an answer. So every coordinator
sweeps, as often as is cheap, and need not know which deadlines were set before. If the storage time is still to come,
from a clock that was ahead, the deadline counts from when a coordinator first saw the request: the server keeps the
deadline of the first, so that no other coordinator postpones it.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from bus.language import subjects
from bus.observability import metrics
from bus.port import BusError
from coordinator.decisions import deadline_again

if TYPE_CHECKING:
    from bus.port import Bus, Message
    from coordinator.server_time import ServerTime

# Soon enough after a lost deadline. The sweep never takes more than a hundredth of the time, however many messages are
# stored: 100,000 requests take 0.6 s on a calm machine and some 3 s on a very busy one, so a sweep of those runs about
# once a minute, or every few minutes.
_EVERY_S = 10.0
_TIMES_ITS_COST = 100
# A limit per sweep, so that a thousand requests that wait for an absent pod do not block other work; the choice is
# random, so that each request has its turn.
_AT_ONCE = 500
_READ_TOGETHER = 50

log = structlog.get_logger()


@dataclass(slots=True)
class DeadlineSweep:
    """The sweep of one coordinator.

    Attributes:
        bus: The bus to search.
        time: Estimates the time by the server's clock.
    """

    bus: Bus
    time: ServerTime

    async def run(self, stop: asyncio.Event) -> None:
        """Sweep again and again until *stop* is set."""
        took_s = 0.0
        while not stop.is_set():
            # Random pauses, so that coordinators that were started together do not ask together.
            pause_s = max(_EVERY_S, _TIMES_ITS_COST * took_s) * random.uniform(0.5, 1)  # noqa: S311 - no secret
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await stop.wait()
                    return
            began = perf_counter()
            try:
                await self.sweep_once()
            except BusError as error:
                log.warning("sweep.failed", error=str(error))
            took_s = perf_counter() - began

    async def sweep_once(self) -> None:
        """Sweep once.

        Raises:
            BusError: If the server did not answer, or refused.
        """
        waiting = sorted(await self.bus.unanswered())
        sample = random.sample(waiting, min(len(waiting), _AT_ONCE))
        for first in range(0, len(sample), _READ_TOGETHER):
            some = [subjects.request(request_id) for request_id in sample[first : first + _READ_TOGETHER]]
            for message in await self.bus.record(some):
                await self.set_again(message)

    async def set_again(self, message: Message) -> None:
        """Set the deadline of an unanswered request again."""
        now = self.time.now()
        if (at := deadline_again(self.time.dated(message), now)) is None:
            return
        request_id = subjects.parse(message.subject).key
        await self.bus.schedule(request_id, at, keep=self.time.is_ahead(message))
        if at <= now:
            metrics.DEADLINES_RESET.inc()
            log.warning("deadline.set_again", request_id=request_id, stored_at=f"{message.stored_at}")
