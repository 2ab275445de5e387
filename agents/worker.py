"""The loop that runs any pod: take a request, optimise off the event loop, publish, settle."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from agents.answer import answer
from bus import subjects
from bus.envelope import publish
from bus.messages import PodFailed
from bus.port import pod_queue
from bus.workers import work_off

if TYPE_CHECKING:
    from bus.port import Bus, Delivery
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

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Answer requests until *stop* is set, then finish what is in hand."""
        # One thread: solving is what a core can do, and the event loop must get its turn.
        with ThreadPoolExecutor(max_workers=1, thread_name_prefix="solver") as solver:

            async def handle(delivery: Delivery) -> None:
                await self.handle(delivery, solver)

            await work_off(self.bus, pod_queue(self.mandate.pod), handle, stop=stop, at_once=at_once)

    async def handle(self, delivery: Delivery, solver: ThreadPoolExecutor) -> None:
        """Answer one request."""
        message = delivery.message
        request_id = subjects.parse(message.subject).key
        if not request_id:
            return  # nobody can answer it; the coordinator puts it aside
        began = perf_counter()
        loop = asyncio.get_running_loop()
        found = await loop.run_in_executor(solver, answer, self.mandate, request_id, message.data)
        solved = perf_counter()
        outcome, stored = "not_asked", None
        if found is not None:
            outcome = found.reason.value if isinstance(found, PodFailed) else "optimised"
            stored = await publish(
                self.bus,
                subjects.pod_result(request_id, self.mandate.pod),
                found,
                source=f"/podfolio/agents/{self.mandate.pod}",
                now=datetime.now(UTC),
                caused_by=message.headers,
            )
        log.info(
            "request.answered",
            request_id=request_id,
            outcome=outcome,
            stored=stored.value if stored else None,
            attempt=delivery.attempt,
            solve_ms=round((solved - began) * 1e3, 2),
            publish_ms=round((perf_counter() - solved) * 1e3, 2),
        )
