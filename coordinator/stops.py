"""Say whether advice is stopped, as the stream of stops says it now: no stop is remembered, and no end of one."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from bus.language.messages import Reason
from bus.language.stopped import describe_stop
from bus.port import UnreachableError
from coordinator.finals import failure
from portfolio.counted import counted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bus.language.messages import MasterPortfolioFailed, OptimizationRequest
    from bus.port import Bus, Message

# The most stops that a final event describes.
_MOST = 3
_AGAIN_S = 0.5

log = structlog.get_logger()


@dataclass(slots=True)
class Stops:
    """The stops of advice that are in force.

    Attributes:
        bus: The bus to ask.
        ticks: Seconds of a clock that is never set, from any origin.
    """

    bus: Bus
    ticks: Callable[[], float] = perf_counter
    _free: float = float("-inf")  # when the last question was asked whose answer was that no stop is in force

    async def learn(self, stop: asyncio.Event) -> None:
        """Wait until the server has told which stops are in force, or *stop* is set.

        Raises:
            NotSetUpError: If the stream of stops does not exist.
            RefusedError: If the server does not permit the question.
        """
        while not stop.is_set():
            try:
                await self.in_force()
            except UnreachableError as error:
                log.warning("stops.unknown", error=str(error))
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(_AGAIN_S):
                        await stop.wait()
            else:
                return

    async def in_force(self, *, believed_s: float = 0.0) -> tuple[Message, ...]:
        """Return the stops in force.

        An answer that no stop is in force is believed for *believed_s* seconds; a stop is never remembered, so that no
        request is refused after the stop was lifted.

        Raises:
            BusError: If the server does not say; then no advice may be published.
        """
        now = self.ticks()
        if now - self._free < believed_s:
            return ()
        if not (told := await self.bus.stops()):
            self._free = now
        return told


def refusal(request: OptimizationRequest, stops: Sequence[Message]) -> MasterPortfolioFailed:
    """Refuse a request while *stops* are in force, and tell why."""
    told = "; ".join(describe_stop(stop.subject, stop.data, stop.stored_at) for stop in stops[:_MOST])
    further = f"; and {counted(len(stops) - _MOST, 'further stop')}" if len(stops) > _MOST else ""
    message = f"new advice is stopped {told}{further}. Ask again under a new request_id when the stop is lifted"
    return failure(request, Reason.STOPPED, message)
