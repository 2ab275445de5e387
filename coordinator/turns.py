"""Give each request its turn at the processes that compute, as ``load`` says."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from coordinator.load import Load

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Coroutine

    from bus.messages import FinalEvent
    from coordinator.load import Work


@dataclass(slots=True)
class _Place:
    """What one request waits for.

    Attributes:
        turn: Set when its turn has come.
        way: Set when it has to make way.
        end: Set when it has left.
    """

    turn: asyncio.Event = field(default_factory=asyncio.Event)
    way: asyncio.Event = field(default_factory=asyncio.Event)
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
        """Have a place in the queue while the block lasts, which ``turn`` and ``compute`` need."""
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

    async def compute(self, work: Work, answer: Coroutine[None, None, FinalEvent]) -> FinalEvent | None:
        """Have a request computed whose turn it is; None if it had to make way, and waits again."""
        place, began = self._places[work.request_id], self.clock()
        computing, way = asyncio.ensure_future(answer), asyncio.ensure_future(place.way.wait())
        try:
            await asyncio.wait({computing, way}, return_when=asyncio.FIRST_COMPLETED)
            if computing.done():
                event = computing.result()
                self.load.measured.note(work.size, self.clock() - began, self.clock())
                return event
        finally:
            for task in (computing, way):
                task.cancel()
            await asyncio.gather(computing, way, return_exceptions=True)
        place.turn.clear()
        place.way.clear()
        self.load.put_back(work)
        self._next()
        return None

    def _next(self) -> None:
        """Tell whose turn it is, and who has to make way; look again when that may be somebody."""
        now = self.clock()
        if slow := self.load.make_way(now):
            self._places[slow].way.set()
        for work in self.load.begin(now):
            self._places[work.request_id].turn.set()
        if self._look is not None:
            self._look.cancel()
            self._look = None
        left_s = self.load.left_of_quick_s(now)
        if 0 < left_s < float("inf"):
            self._look = asyncio.get_running_loop().call_later(left_s, self._next)
