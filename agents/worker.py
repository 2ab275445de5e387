"""The loop of every pod's agent: take a request, optimise in a child process, publish, settle."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from agents.payload import payload_of
from agents.unchecked_request import UncheckedRequest
from bus.language import subjects
from bus.language.messages import PodFailed, Reason, with_members
from bus.observability import metrics, tracing
from bus.port import pod_queue
from bus.process.answering import fault
from bus.process.workers import work_off
from bus.transports.envelope import publish
from bus.transports.snapshots import nothing_to_provide

if TYPE_CHECKING:
    import asyncio

    from bus.language.payload import Payload
    from bus.language.signing import Signer
    from bus.port import Bus, Delivery, Message, Stored
    from bus.transports.snapshots import Provide

log = structlog.get_logger()


class PodOptimiser(Protocol):
    """Answers a request for one pod: a ``PodSolver``'s method, except in tests."""

    async def __call__(self, request: UncheckedRequest) -> Payload | None:
        """Return the pod's answer; None if the request asks for no answer of the pod."""


@dataclass(frozen=True, slots=True)
class Agent:
    """One replica of a pod's agent.

    Attributes:
        bus: The bus to take requests from and publish to.
        pod: The agent's pod.
        answer: Finds the answers.
        provide: Fetches markets that are not on this machine.
        signer: Signs answers; without a signer, answers are unsigned.
    """

    bus: Bus
    pod: str
    answer: PodOptimiser
    provide: Provide = nothing_to_provide
    signer: Signer | None = None

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Answer requests until *stop* is set, then finish the work in hand."""
        await work_off(self.bus, pod_queue(self.pod), self, stop=stop, at_once=at_once)

    async def handle(self, delivery: Delivery) -> None:
        """Answer one request."""
        message = delivery.message
        request_id = subjects.parse(message.subject).key
        if not request_id:
            return  # no answer is possible without an id; the coordinator puts the message aside
        began = perf_counter()
        request = UncheckedRequest.glimpse(request_id, message.data)
        with tracing.span("optimise", pod=self.pod):
            await self.provide(request.market)
            answer = await self.answer(request)
        solved = perf_counter()
        stored = None
        if answer is not None:
            metrics.POD_SOLVING.labels(self.pod).observe(solved - began)
            stored = await self.publish(answer, message)
        log.info(
            "request.answered",
            request_id=request_id,
            outcome=answer.facts["outcome"] if answer is not None else "not_asked",
            stored=stored.value if stored else None,
            attempt=delivery.attempt,
            solve_ms=round((solved - began) * 1e3, 2),
            publish_ms=round((perf_counter() - solved) * 1e3, 2),
        )

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Tell the coordinator that there will be no answer, and why."""
        if request_id := subjects.parse(delivery.message.subject).key:
            message = f"{self.pod}'s agent cannot answer: {fault(error)}"
            failed = PodFailed(request_id=request_id, pod=self.pod, reason=Reason.INTERNAL_ERROR, message=message)
            await self.publish(payload_of(failed), delivery.message)

    async def publish(self, answer: Payload, request: Message) -> Stored:
        """Publish the answer to the message *request*, once, signed if there is a signer."""
        if self.signer:
            digest = b'"%b"' % sha256(request.data).hexdigest().encode()
            answer = replace(answer, data=self.signer.sign(with_members(answer.data, {"request_sha256": digest})))
        stored = await publish(
            self.bus,
            subjects.pod_result(subjects.parse(request.subject).key, self.pod),
            answer,
            source=f"/podfolio/agents/{self.pod}",
            now=datetime.now(UTC),
        )
        metrics.POD_RESULTS.labels(self.pod, answer.facts["outcome"], stored.value).inc()
        return stored
