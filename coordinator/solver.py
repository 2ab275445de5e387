"""Optimise in child processes: the event loop never waits for them, and they may crash or hang."""

from __future__ import annotations

import asyncio
import contextlib
import json
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Self

import structlog

from bus.language.messages import StoppedBy, encode, parse_final
from bus.process.child import MEMORY_MIB, Child, ChildDiedError, TimeIsUpError
from coordinator.budget import Budget, out_of_time

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Mapping
    from typing import TypeAlias

    from bus.language.messages import FinalEvent, OptimizationRequest, PodResult

    Watch: TypeAlias = Callable[[str, bytes], Awaitable[None]]

# Most searches have ended by then, or improve little afterwards.
MOST_S = 120.0

log = structlog.get_logger()


@dataclass(slots=True)
class Solver:
    """Optimises all pods together; use with ``async with``.

    Computes any number of requests at a time, each in its own process; a second process starts when first needed.

    Attributes:
        memory_mib: The memory limit of each process.
        most_s: The most seconds for one request, if the request's deadline allows that.
        watch: Called, several times per second, with the request's id and a progress note, as ``solve`` writes notes.
    """

    memory_mib: int = MEMORY_MIB
    most_s: float = MOST_S
    watch: Watch | None = None
    _idle: list[Child] = field(default_factory=list)
    _busy: list[Child] = field(default_factory=list)
    _starting: set[asyncio.Task[None]] = field(default_factory=set)

    async def __aenter__(self) -> Self:
        with self._one() as child:
            await child.ready()
        return self

    def _start_again(self, child: Child) -> None:
        """Start a new process for the next request, so that the start does not use up that request's time."""

        async def start() -> None:
            with contextlib.suppress(ChildDiedError):
                await child.ready()

        task = asyncio.create_task(start())
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def __aexit__(self, *_: object) -> None:
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        for child in (*self._idle, *self._busy):
            await child.end()

    @contextmanager
    def _one(self) -> Iterator[Child]:
        """Take an idle process, or a new process."""
        child = self._idle.pop() if self._idle else Child(("coordinator.solve",), self.memory_mib)
        self._busy.append(child)
        try:
            yield child
        finally:
            self._busy.remove(child)
            self._idle.append(child)

    async def optimise(
        self, request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float
    ) -> FinalEvent:
        """Optimise all pods together, in at most *seconds*; at the time limit, return a failure event for this reason.

        Raises:
            ChildDiedError: If the process crashed; the next call starts a new process.
        """
        by = StoppedBy.SEARCH_LIMIT if self.most_s < seconds else StoppedBy.DEADLINE
        seconds = min(self.most_s, seconds)
        question = {
            "request": json.loads(encode(request)),
            "results": [json.loads(encode(result)) for result in results.values()],
            "seconds": seconds,
            "by": by,
        }
        noted = partial(self.watch, request.request_id) if self.watch else None
        asked = json.dumps(question).encode()
        with self._one() as child:
            try:
                return parse_final(await child.ask(asked, seconds=seconds, noted=noted))
            except TimeIsUpError as error:
                log.warning("solver.ended", request_id=request.request_id, error=str(error))
                self._start_again(child)
                return out_of_time(request, Budget(seconds, by))
