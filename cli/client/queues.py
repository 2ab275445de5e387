"""The length of the work queues, for a client that publishes many requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.port import COORDINATORS, RefusedError, pod_of_queue

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from bus.transports.jetstream import JetStreamBus


def longest_queue(bus: JetStreamBus) -> Callable[[], Awaitable[int]]:
    """Return a function that reads how many messages wait in the longest queue of agents and coordinators.

    A requester on a server with users may not look at queues: then 0, and only the answers set the pace.
    """
    names: list[str] | None = None

    async def waiting() -> int:
        nonlocal names
        try:
            if names is None:
                names = [name for name in await bus.queues() if name == COORDINATORS or pod_of_queue(name) is not None]
            return max([(await bus.backlog(name)).waiting for name in names], default=0)
        except RefusedError:
            names = []
            return 0

    return waiting
