"""Optimising a pod in a process of its own: what a request makes of it harms neither the agent nor its queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import structlog

from bus.child import MEMORY_MIB, SILENT_S, Child, ChildDiedError
from bus.messages import parse_pod_answer

if TYPE_CHECKING:
    from bus.messages import PodAnswer

log = structlog.get_logger()


class Solver:
    """What answers requests for one pod; use it with ``async with``.

    Args:
        pod: The name of a bundled mandate, or the path of a file.
        memory_mib: What it may hold.
        silent_s: How long one request may take.
    """

    def __init__(self, pod: str, *, memory_mib: int = MEMORY_MIB, silent_s: float = SILENT_S) -> None:
        self._child = Child(("agents.solve", pod), memory_mib, silent_s)

    async def __aenter__(self) -> Self:
        # Not waited for: the agent takes requests at once, the first of them waits for what is left of the start.
        self._starting = asyncio.create_task(self._start())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._starting.cancel()
        await asyncio.gather(self._starting, return_exceptions=True)
        await self._child.end()

    async def _start(self) -> None:
        try:
            await self._child.ready()
        except ChildDiedError as error:
            log.error("solver.not_started", error=str(error))  # noqa: TRY400 - it says all there is

    async def answer(self, request_id: str, data: bytes) -> PodAnswer | None:
        """Optimise the pod as the request asks; None if it asks nothing of this pod.

        Raises:
            ChildDiedError: If the process crashed, or took too long; the next call has a new one.
        """
        found = await self._child.ask(request_id.encode() + b"\n" + data)
        return parse_pod_answer(found) if found else None
