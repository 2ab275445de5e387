"""The lengths of the work queues, polled while users are watching."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bus.port import BusError, NotSetUpError, RefusedError, pod_of_queue

if TYPE_CHECKING:
    from bus.port import Backlog
    from bus.transports.jetstream import JetStreamBus

_EVERY_S = 1.0
# An administrator may grant the permission at any time; until then, each attempt adds to the server's log.
_AFTER_REFUSAL_S = 60.0
_REFUSED = (
    "the server does not let this user see queue lengths: run `podfolio keys` and have the server read its users again"
)


class Queues:
    """The lengths from the last poll.

    Attributes:
        watchers: The number of open pages; without any, there is no polling.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self._lengths: dict[str, Backlog] = {}
        self._problem = ""

    @property
    def told(self) -> dict[str, Any]:
        """The lengths and any problem, for browsers."""
        lengths = sorted(self._lengths.items(), key=lambda item: (pod_of_queue(item[0]) is None, item[0]))
        return {
            "queues": [
                {"name": pod_of_queue(queue) or "coordinator", "waiting": length.waiting, "in_hand": length.in_hand}
                for queue, length in lengths
            ],
            "queues_problem": self._problem,
        }

    async def watch(self, bus: JetStreamBus) -> None:
        """Poll for ever."""
        while True:
            pause_s = await self._ask(bus) if self.watchers else _EVERY_S
            await asyncio.sleep(pause_s)

    async def _ask(self, bus: JetStreamBus) -> float:
        """Poll once; return the wait before the next poll, in seconds."""
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
