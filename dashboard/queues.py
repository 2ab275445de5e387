"""The work queues, the processes that work on them and the stops of advice, polled while users are watching."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Any

from bus.language.stopped import describe_stop
from bus.port import COORDINATORS, BusError, NotSetUpError, RefusedError, pod_of_queue
from bus.topology.roles import COORDINATOR, service_name

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from bus.port import Backlog
    from bus.transports.jetstream import JetStreamBus

_EVERY_S = 1.0
# An administrator may grant the permission at any time; until then, each attempt adds to the server's log.
_AFTER_REFUSAL_S = 60.0
# A busy process may miss a poll or two.
_SILENT_S = 5.0
# The most stops that the page shows.
_MOST = 3
_READ_AGAIN = "run `podfolio keys` and have the server read its users again"
_REFUSED = f"the server does not let this user see queue lengths: {_READ_AGAIN}"
_PROCESSES_REFUSED = f"the server does not let this user see which processes run: {_READ_AGAIN}"


class Replicas:
    """The processes that answered lately.

    Attributes:
        known: Whether the last poll succeeded; otherwise a number of zero says nothing.
    """

    def __init__(self) -> None:
        self.known = False
        self._seen: dict[tuple[str, str], float] = {}

    def note(self, answered: Mapping[str, frozenset[str]], *, now: float) -> None:
        """Record the ids that answered a poll, by service, and forget those that have been silent for long."""
        self.known = True
        self._seen |= {(name, replica): now for name, ids in answered.items() for replica in ids}
        self._seen = {key: at for key, at in self._seen.items() if now - at <= _SILENT_S}

    def forget(self) -> None:
        """Forget all processes, since none can be asked."""
        self.known, self._seen = False, {}

    def running(self, queue: str) -> int | None:
        """Count the processes that work on a queue; None if that is not known."""
        name = service_name(_role(queue))
        return sum(service == name for service, _ in self._seen) if self.known else None


class Queues:
    """The lengths and the processes from the last polls.

    Attributes:
        watchers: The number of open pages; without any, there is no polling.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self._lengths: dict[str, Backlog] = {}
        self._problem = ""
        self._replicas = Replicas()
        self._replicas_problem = ""
        self._stops: tuple[str, ...] = ()

    @property
    def told(self) -> dict[str, Any]:
        """The lengths, the processes and any problem, for browsers."""
        lengths = sorted(self._lengths.items(), key=lambda item: (pod_of_queue(item[0]) is None, item[0]))
        return {
            "queues": [
                {
                    "name": pod_of_queue(queue) or _role(queue),
                    "waiting": length.waiting,
                    "in_hand": length.in_hand,
                    "running": self._replicas.running(queue),
                }
                for queue, length in lengths
            ],
            "queues_problem": self._problem or self._replicas_problem,
            "stops": list(self._stops),
        }

    async def watch(self, bus: JetStreamBus) -> None:
        """Poll for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._repeat(partial(self._ask, bus)))
            tasks.create_task(self._repeat(partial(self._count, bus)))
            tasks.create_task(self._repeat(partial(self._look, bus)))

    async def _repeat(self, ask: Callable[[], Awaitable[float]]) -> None:
        while True:
            pause_s = await ask() if self.watchers else _EVERY_S
            await asyncio.sleep(pause_s)

    async def _ask(self, bus: JetStreamBus) -> float:
        """Poll the lengths once; return the wait before the next poll, in seconds."""
        try:
            names = sorted(await bus.queues())
            lengths = await asyncio.gather(*(bus.backlog(name) for name in names))
        except RefusedError:
            self._lengths, self._problem = {}, _REFUSED
            return _AFTER_REFUSAL_S
        except NotSetUpError:
            self._lengths, self._problem = {}, "a work queue is missing: `podfolio setup` creates it"
        except BusError:
            self._lengths, self._problem = {}, "the server does not answer"
        else:
            self._lengths, self._problem = dict(zip(names, lengths, strict=True)), ""
        return _EVERY_S

    async def _count(self, bus: JetStreamBus) -> float:
        """Poll the processes once; return the wait before the next poll, in seconds."""
        self._replicas_problem = ""
        try:
            self._replicas.note(await bus.replicas(), now=asyncio.get_running_loop().time())
        except RefusedError:
            self._replicas.forget()
            self._replicas_problem = _PROCESSES_REFUSED
            return _AFTER_REFUSAL_S
        except BusError:
            self._replicas.forget()
        return _EVERY_S

    async def _look(self, bus: JetStreamBus) -> float:
        """Ask for the stops once; return the wait before the next question, in seconds."""
        try:
            stops = await bus.stops()
        except RefusedError:
            return _AFTER_REFUSAL_S
        except BusError:
            return _EVERY_S
        self._stops = tuple(
            f"New advice is stopped {describe_stop(stop.subject, stop.data, stop.stored_at)}" for stop in stops[:_MOST]
        )
        return _EVERY_S


def _role(queue: str) -> str:
    """Name the role of the processes that work on a queue."""
    return COORDINATOR if queue == COORDINATORS else queue
