"""Do what ``decisions`` says: read the stream, set deadlines, optimise off the event loop, publish."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING

import structlog

from bus import subjects
from bus.envelope import publish
from bus.messages import MasterPortfolioFailed, MessageRejected, Reason
from bus.port import COORDINATORS, DEADLINES, pod_of_queue
from bus.subjects import Kind
from bus.workers import work_off
from coordinator.consolidation import consolidate
from coordinator.decisions import Fail, Optimise, SetDeadline, Wait, admit, decide, read_record

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.messages import FinalEvent
    from bus.port import Bus, Delivery, Message, Stored
    from coordinator.decisions import Action

SOURCE = "/podfolio/coordinator"

# What is left of the deadline for publishing; and what a set that is only full at the deadline gets.
_PUBLISH_S = 0.5
_LAST_S = 2.0

log = structlog.get_logger()


@dataclass(slots=True)
class Coordinator:
    """One replica of the coordinator.

    Attributes:
        bus: What it hears and speaks through.
        clock: Tells the time, UTC.
    """

    bus: Bus
    clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    # One thread: solving is what a core can do, and the event loop must get its turn.
    _solver: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(max_workers=1, thread_name_prefix="solver")
    )
    _pods: frozenset[str] = frozenset()

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Coordinate until *stop* is set, then finish what is in hand."""
        with self._solver:
            async with asyncio.TaskGroup() as group:
                group.create_task(work_off(self.bus, COORDINATORS, self.handle, stop=stop, at_once=at_once))
                group.create_task(work_off(self.bus, DEADLINES, self.handle, stop=stop, at_once=at_once))

    async def handle(self, delivery: Delivery) -> None:
        """Do what one message calls for: a request, a pod's answer, or a deadline that fell due."""
        began = perf_counter()
        message = delivery.message
        address = subjects.parse(message.subject)
        if not address.key:
            await self.put_aside(message)
            return
        action = await self.consider(message, address.kind)
        decided = perf_counter()
        outcome, stored = await self.act(address.key, action, message)
        # One line a request says it all: that of the message that ended it.
        tell = log.info if stored is not None else log.debug
        tell(
            _EVENTS[address.kind],
            request_id=address.key,
            pod=address.pod or None,
            outcome=outcome,
            stored=stored.value if stored else None,
            attempt=delivery.attempt,
            read_ms=round((decided - began) * 1e3, 2),
            act_ms=round((perf_counter() - decided) * 1e3, 2),
        )

    async def consider(self, message: Message, kind: Kind) -> Action:
        """Read what is needed and decide."""
        if kind is Kind.REQUEST:
            return await self.admit(message)
        request_id = subjects.parse(message.subject).key
        # A deadline's message is in another stream, so it cannot prove that the read is current. It
        # need not: a result that is missed is one whose own message is still to be handled.
        record = await self.bus.record(
            (subjects.request(request_id), subjects.pod_result(request_id, "*"), subjects.final(request_id)),
            including=None if kind is Kind.DUE else message,
        )
        return decide(read_record(record), due=kind is Kind.DUE)

    async def admit(self, message: Message) -> Action:
        """Admit a request, or refuse it; what pods there are is looked up again before one is called unknown."""
        action = admit(message, self._pods)
        if isinstance(action, Fail) and action.event.reason is Reason.UNKNOWN_POD:
            queues = await self.bus.queues()
            self._pods = frozenset(pod for pod in map(pod_of_queue, queues) if pod)
            action = admit(message, self._pods)
        return action

    async def act(self, request_id: str, action: Action, cause: Message) -> tuple[str, Stored | None]:
        """Do it; returns the outcome in a word, and what became of a final event."""
        if isinstance(action, Wait):
            return action.why, None
        if isinstance(action, SetDeadline):
            await self.bus.schedule(request_id, action.at)
            return "admitted", None
        event = action.event if isinstance(action, Fail) else await self.optimise(action)
        stored = await publish(
            self.bus, subjects.final(request_id), event, source=SOURCE, now=self.clock(), caused_by=cause.headers
        )
        return event.reason.value if isinstance(event, MasterPortfolioFailed) else "optimised", stored

    async def optimise(self, action: Optimise) -> FinalEvent:
        """Optimise in the solver's thread, within what is left of the deadline."""
        left = (action.deadline - self.clock()).total_seconds() - _PUBLISH_S
        ends = perf_counter() + max(left, _LAST_S)

        def solve() -> FinalEvent:
            return consolidate(action.request, action.results, stop=lambda: perf_counter() > ends)

        return await asyncio.get_running_loop().run_in_executor(self._solver, solve)

    async def put_aside(self, message: Message) -> None:
        """Tell whoever watches of a message that nobody can be answered about."""
        rejected = MessageRejected(
            subject=message.subject,
            sequence=message.sequence,
            message="the last part of the subject must be a request id: 1 to 64 of A-Z a-z 0-9 _ -",
        )
        await publish(self.bus, subjects.rejected(message.sequence), rejected, source=SOURCE, now=self.clock())
        log.warning("request.rejected", subject=message.subject, sequence=message.sequence)


_EVENTS = {Kind.REQUEST: "request.considered", Kind.POD: "pod.considered", Kind.DUE: "deadline.considered"}
