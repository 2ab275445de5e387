"""Optimise a pod in its own process, so that a crash or hang harms neither the agent nor its queue."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

import structlog

from bus.language.messages import BadMessageError, PodFailed, Reason, parse_pod_answer, parse_request
from bus.process.child import MEMORY_MIB, Child, ChildDiedError, TimeIsUpError

if TYPE_CHECKING:
    from bus.language.messages import PodAnswer

# A pod of 200 ETFs takes seconds on a busy machine; later requests wait meanwhile.
MOST_S = 20.0

log = structlog.get_logger()


class Solver:
    """Answers requests for one pod; use with ``async with``.

    Args:
        pod: The name of a bundled mandate, or the path of a file.
        name: The pod's name.
        memory_mib: The memory limit of the process.
        most_s: The most seconds for one request, if the request's deadline allows that.
    """

    def __init__(self, pod: str, name: str, *, memory_mib: int = MEMORY_MIB, most_s: float = MOST_S) -> None:
        self._child = Child(("agents.solve", pod), memory_mib)
        self._name, self._most_s = name, most_s

    async def __aenter__(self) -> Self:
        # Do not wait here: the agent takes requests at once, and the first request waits for the rest of the start.
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
        """Optimise the pod as the request asks; return None if the request asks for no result of this pod.

        Raises:
            ChildDiedError: If the process crashed; the next call starts a new process.
        """
        try:
            request = parse_request(data, request_id)
        except BadMessageError:
            return None  # the coordinator answers an unreadable request
        seconds = min(self._most_s, request.deadline_s)
        try:
            found = await self._child.ask(request_id.encode() + b"\n" + data, seconds=seconds)
        except TimeIsUpError:
            told = self._told(seconds)
            return PodFailed(request_id=request_id, pod=self._name, reason=Reason.SOLVER_FAILED, message=told)
        return parse_pod_answer(found) if found else None

    def _told(self, seconds: float) -> str:
        whom, setting = ("its agents", "--solver-seconds") if seconds == self._most_s else ("the request", "deadline_s")
        return (
            f"{self._name}'s own portfolio was not found within the {seconds:.3g} s that it may take: allow {whom} "
            f"more time ({setting}), or name fewer ETFs in its mandate"
        )
