"""Give each request its turn at the solver processes, in the order that ``load`` decides."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from coordinator.load import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bus.language.payload import Payload
    from coordinator.load import Work

# Shorter requests may pass a request that has run for some time, so the passing of time alone may start a turn.
_LOOK_S = 0.25


@dataclass(slots=True)
class _Place:
    """One request's place in the queue.

    Attributes:
        turn: Set when the request's turn has come.
        end: Set when the request has left.
    """

    turn: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Turns:
    """The requests that wait for a solver process, and the requests that have one.

    Attributes:
        load: Decides whose turn comes next.
        clock: Returns the seconds of a monotonic clock.
    """

    load: Load = field(default_factory=Load)
    clock: Callable[[], float] = perf_counter
    _places: dict[str, _Place] = field(default_factory=dict)
    _look: asyncio.TimerHandle | None = None

    async def wait_until_done(self, request_id: str) -> None:
        """Wait until a request neither waits nor runs; return at once if the request is not here."""
        if place := self._places.get(request_id):
            await place.end.wait()

    def withdraw(self, request_id: str) -> None:
        """Give a waiting request its turn at once, to check first for an existing answer."""
        self._places[request_id].turn.set()

    @contextlib.asynccontextmanager
    async def place(self, work: Work) -> AsyncIterator[None]:
        """Hold a place in the queue while the block lasts; ``turn`` needs this place."""
        place = self._places[work.request_id] = _Place()
        self.load.waiting[work.request_id] = work
        self._next()
        try:
            yield
        finally:
            self.load.leave(work.request_id)
            del self._places[work.request_id]
            place.end.set()
            self._next()

    async def turn(self, work: Work, *, within_s: float) -> bool:
        """Wait for a request's turn. Return False if the turn has not come within *within_s* seconds."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._places[work.request_id].turn.wait()
        return self._places[work.request_id].turn.is_set()

    async def compute(self, work: Work, answer: Awaitable[Payload]) -> Payload:
        """Compute a request whose turn has come, and record the duration."""
        began = self.clock()
        event = await answer
        self.load.measured.note(work.size, self.clock() - began, self.clock())
        return event

    def _next(self) -> None:
        """Start the turns that ``load`` allows; call again soon while requests wait."""
        for work in self.load.begin(self.clock()):
            self._places[work.request_id].turn.set()
        if self._look is not None:
            self._look.cancel()
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._next) if self.load.waiting else None
