"""How long the work queues are, asked now and then while somebody looks."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from bus.port import BusError, NotSetUpError, RefusedError, pod_of_queue

if TYPE_CHECKING:
    from bus.jetstream import JetStreamBus
    from bus.port import Backlog

_EVERY_S = 1.0
# A server that knows its users may be told of a new permission at any time; until then, each question fills its log.
_AFTER_REFUSAL_S = 60.0
_REFUSED = (
    "the server does not let this user see queue lengths: run `podfolio keys` and have the server read its users again"
)


class Queues:
    """The lengths as they were last told.

    Attributes:
        watchers: How many look; nobody is asked for none.
        pods: The pods that have a queue.
    """

    def __init__(self) -> None:
        self.watchers = 0
        self._lengths: dict[str, Backlog] = {}
        self._problem = ""

    @property
    def told(self) -> dict[str, Any]:
        """Tell a browser."""
        lengths = sorted(self._lengths.items(), key=lambda item: (pod_of_queue(item[0]) is None, item[0]))
        return {
            "queues": [
                {"name": pod_of_queue(queue) or "coordinator", "waiting": length.waiting, "in_hand": length.in_hand}
                for queue, length in lengths
            ],
            "queues_problem": self._problem,
        }

    async def watch(self, bus: JetStreamBus) -> None:
        """Ask for ever."""
        while True:
            pause_s = await self._ask(bus) if self.watchers else _EVERY_S
            await asyncio.sleep(pause_s)

    async def _ask(self, bus: JetStreamBus) -> float:
        """Ask once; says how long to wait before the next time."""
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
