"""Give each request its turn at the processes that compute, as ``load`` says."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from coordinator.load import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from bus.messages import FinalEvent
    from coordinator.load import Work

# What takes long is passed when it has taken some time, so time itself may make it somebody's turn.
_LOOK_S = 0.25


@dataclass(slots=True)
class _Place:
    """What one request waits for.

    Attributes:
        turn: Set when its turn has come.
        end: Set when it has left.
    """

    turn: asyncio.Event = field(default_factory=asyncio.Event)
    end: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass(slots=True)
class Turns:
    """Who waits for a process that computes, and who has one.

    Attributes:
        load: What decides.
        clock: Seconds of a clock that runs evenly.
    """

    load: Load = field(default_factory=Load)
    clock: Callable[[], float] = perf_counter
    _places: dict[str, _Place] = field(default_factory=dict)
    _look: asyncio.TimerHandle | None = None

    async def left(self, request_id: str) -> None:
        """Wait until a request no longer waits and is no longer computed; at once if it is not here."""
        if place := self._places.get(request_id):
            await place.end.wait()

    def withdraw(self, request_id: str) -> None:
        """Let a request that waits have its turn at once, since it has an answer: it is to look for that first."""
        self._places[request_id].turn.set()

    @contextlib.asynccontextmanager
    async def place(self, work: Work) -> AsyncIterator[None]:
        """Have a place in the queue while the block lasts, which ``turn`` needs."""
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
        """Wait for a request's turn; False if it has not come within some time."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(within_s):
                await self._places[work.request_id].turn.wait()
        return self._places[work.request_id].turn.is_set()

    async def compute(self, work: Work, answer: Awaitable[FinalEvent]) -> FinalEvent:
        """Compute a request whose turn it is, and note what it took."""
        began = self.clock()
        event = await answer
        self.load.measured.note(work.size, self.clock() - began, self.clock())
        return event

    def _next(self) -> None:
        """Tell whose turn it is; look again soon, as long as somebody waits."""
        for work in self.load.begin(self.clock()):
            self._places[work.request_id].turn.set()
        if self._look is not None:
            self._look.cancel()
        self._look = asyncio.get_running_loop().call_later(_LOOK_S, self._next) if self.load.waiting else None
