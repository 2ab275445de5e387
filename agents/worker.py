"""The loop that runs any pod: take a request, optimise off the event loop, publish, settle."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from agents.answer import answer
from bus import metrics, subjects, tracing
from bus.envelope import publish
from bus.messages import PodFailed, Reason
from bus.port import pod_queue
from bus.workers import work_off

if TYPE_CHECKING:
    from bus.messages import PodAnswer
    from bus.port import Bus, Delivery, Stored
    from portfolio.mandate import Mandate

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Agent:
    """One replica of a pod's agent.

    Attributes:
        bus: What it hears and speaks through.
        mandate: Its pod's terms.
    """

    bus: Bus
    mandate: Mandate
    # One thread: solving is what a core can do, and the event loop must get its turn.
    _solver: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(1, thread_name_prefix="solver"))

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Answer requests until *stop* is set, then finish what is in hand."""
        try:
            await work_off(self.bus, pod_queue(self.mandate.pod), self, stop=stop, at_once=at_once)
        finally:
            # Not waited for: a process that has lost its connection is to end now.
            self._solver.shutdown(wait=False, cancel_futures=True)

    async def handle(self, delivery: Delivery) -> None:
        """Answer one request."""
        message = delivery.message
        request_id = subjects.parse(message.subject).key
        if not request_id:
            return  # nobody can answer it; the coordinator puts it aside
        began = perf_counter()
        loop = asyncio.get_running_loop()
        with tracing.span("optimise", pod=self.mandate.pod):
            found = await loop.run_in_executor(self._solver, answer, self.mandate, request_id, message.data)
        solved = perf_counter()
        stored = None
        if found is not None:
            metrics.POD_SOLVING.labels(self.mandate.pod).observe(solved - began)
            stored = await self.publish(found)
        log.info(
            "request.answered",
            request_id=request_id,
            outcome=_outcome(found) if found is not None else "not_asked",
            stored=stored.value if stored else None,
            attempt=delivery.attempt,
            solve_ms=round((solved - began) * 1e3, 2),
            publish_ms=round((perf_counter() - solved) * 1e3, 2),
        )

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Tell the coordinator that there will be no answer, and why."""
        if request_id := subjects.parse(delivery.message.subject).key:
            message = f"{self.mandate.pod}'s agent cannot answer: {error}"
            failed = PodFailed(
                request_id=request_id, pod=self.mandate.pod, reason=Reason.INTERNAL_ERROR, message=message
            )
            await self.publish(failed)

    async def publish(self, found: PodAnswer) -> Stored:
        """Publish the answer, once."""
        stored = await publish(
            self.bus,
            subjects.pod_result(found.request_id, self.mandate.pod),
            found,
            source=f"/podfolio/agents/{self.mandate.pod}",
            now=datetime.now(UTC),
        )
        metrics.POD_RESULTS.labels(self.mandate.pod, _outcome(found), stored.value).inc()
        return stored


def _outcome(found: PodAnswer) -> str:
    return found.reason.value if isinstance(found, PodFailed) else "optimised"
