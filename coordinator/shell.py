"""Do what ``decisions`` says: read the stream, set deadlines, have it optimised, publish."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Any, Protocol

import structlog

from bus import metrics, subjects, tracing
from bus.answering import fault
from bus.envelope import publish
from bus.messages import MasterPortfolioFailed, MasterPortfolioOptimized, MessageRejected, Reason, parse_request
from bus.port import COORDINATORS, DEADLINES, Stored, UnreachableError, pod_of_queue
from bus.snapshots import nothing_to_provide
from bus.subjects import Kind
from bus.workers import work_off
from coordinator import clock, progress
from coordinator.decisions import Fail, Optimise, SetDeadline, Wait, admit, decide, read_record
from coordinator.load import Load
from coordinator.server_time import ServerTime
from coordinator.sweep import Sweep

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import TypeAlias

    from bus.messages import FinalEvent, OptimizationRequest, PodResult
    from bus.port import Bus, Delivery, Message
    from bus.signing import Signer
    from bus.snapshots import Provide
    from coordinator.decisions import Action

    Causes: TypeAlias = tuple[Mapping[str, str], ...]

SOURCE = "/podfolio/coordinator"

# What a set that is only full at the deadline gets.
_LAST_S = 2.0

# The ack wait.
_STALE = timedelta(seconds=5)

# How often a deadline's request is looked for, a second apart: longer than replicas lag.
_READS = 10

# A pod that was taken away is still taken for one so long.
_BELIEVED_S = 5.0

log = structlog.get_logger()


class Optimiser(Protocol):
    """What optimises all pods together."""

    async def __call__(
        self, request: OptimizationRequest, results: Mapping[str, PodResult], *, seconds: float
    ) -> FinalEvent:
        """Make the final event, in at most *seconds*."""


@dataclass(slots=True)
class Coordinator:
    """One replica of the coordinator.

    Attributes:
        bus: What it hears and speaks through.
        optimise: What makes the final event of a full set of results; a ``Solver``'s, but in tests.
        signer: Who signs final events; without one, they go unsigned.
        time: Tells the time by the server's clock.
        provide: What fetches markets that are not here.
    """

    bus: Bus
    optimise: Optimiser
    signer: Signer | None = None
    time: ServerTime = field(default_factory=ServerTime)
    provide: Provide = nothing_to_provide
    _pods: frozenset[str] = frozenset()
    _looked: float = float("-inf")  # when they were
    # The time that is left is read when the turn comes, not when the waiting begins.
    _turn: asyncio.Lock = field(default_factory=asyncio.Lock)
    _load: Load = field(default_factory=Load)
    _ended: float = 0.0  # when the last one was optimised
    _latest: dict[str, int] = field(default_factory=dict)  # the last pod's answer that is in hand, by request

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Coordinate until *stop* is set, then finish what is in hand."""
        await clock.learn(self.bus, self.time, stop)
        async with asyncio.TaskGroup() as group:
            group.create_task(clock.follow(self.bus, self.time, stop))
            group.create_task(Sweep(self.bus, self.time).go_on(stop))
            for queue in (COORDINATORS, DEADLINES):
                group.create_task(work_off(self.bus, queue, self, stop=stop, at_once=at_once))

    async def handle(self, delivery: Delivery) -> None:
        """Do what one message calls for: a request, a pod's answer, or a deadline that fell due."""
        began = perf_counter()
        message = delivery.message
        address = subjects.parse(message.subject)
        if not address.key:
            await self.put_aside(message)
            return
        action, causes = await self.consider(delivery, address.kind)
        decided = perf_counter()
        event, stored = await self.act(address.key, action, delivery, causes)
        # One line a request says it all: that of the message that ended it. What was optimised for nothing, since
        # another's final was there first, is told too: it costs as much.
        ended = "request.finished" if stored in {Stored.NEW, Stored.SAME} else "request.finished_before"
        tell = log.info if event else log.debug
        tell(
            ended if event else f"{address.kind.value}.considered",
            request_id=address.key,
            **(_facts(event) if event else {"outcome": _outcome(action)}),
            stored=stored.value if stored else None,
            completed_by=address.pod or address.kind.value,
            attempt=delivery.attempt,
            read_ms=round((decided - began) * 1e3, 2),
            act_ms=round((perf_counter() - decided) * 1e3, 2),
        )

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer a request that cannot be handled."""
        if request_id := subjects.parse(delivery.message.subject).key:
            failed = MasterPortfolioFailed(
                request_id=request_id,
                reason=Reason.INTERNAL_ERROR,
                message=f"the coordinator cannot answer: {fault(error)}",
            )
            await self.publish_final(failed)

    async def consider(self, delivery: Delivery, kind: Kind) -> tuple[Action, Causes]:
        """Read what is needed and decide; returns also the headers of what led to it, the request's first.

        Raises:
            UnreachableError: If a replica that lags has not got the request whose deadline this is.
        """
        message = self.time.dated(delivery.message)
        request_id = subjects.parse(message.subject).key
        if self.is_late(delivery, kind) and await self.bus.holds(subjects.final(request_id)):
            return Wait("finished"), ()
        if kind is Kind.REQUEST:
            await self.provide(message.data)
            return await self.admit(message), (message.headers,)
        if kind is Kind.POD and not await self.is_last_in_hand(request_id, message.sequence):
            return Wait("another_answer_in_hand"), ()
        stored = await self.bus.record(
            (subjects.request(request_id), subjects.pod_result(request_id, "*"), subjects.final(request_id)),
            including=None if kind is Kind.DUE else message,
        )
        record = read_record(map(self.time.dated, stored))
        # A deadline's message is in another stream, so it cannot prove that the read is current. A
        # result that is missed is one whose own message is still to be handled; a request is not.
        if kind is Kind.DUE and record.request is None and delivery.attempt < _READS:
            text = f"the request {request_id}, whose deadline has come, is not there (yet)"
            raise UnreachableError(text)
        if record.request is not None and record.final is None:
            await self.provide(record.request.data)
        led = (record.request, *record.answers.values())
        action = decide(record, due=kind is Kind.DUE)
        if kind is Kind.POD:
            await progress.answered(self.bus, request_id, record.answers, action)
        return action, tuple(message.headers for message in led if message)

    def is_late(self, delivery: Delivery, kind: Kind) -> bool:
        """Say whether the request may well be finished: its deadline has come, or the message is not new.

        A queue that was lost and set up again hands out the whole stream once more, as new.
        """
        stored_at = delivery.message.stored_at
        waited = stored_at is not None and self.time.now() - stored_at > _STALE
        return kind is Kind.DUE or delivery.attempt > 1 or waited

    async def is_last_in_hand(self, request_id: str, sequence: int) -> bool:
        """Say whether no later answer to the same request is in hand here; the last one sees all of them.

        If this process dies with the later one, that is handed out again: nothing is lost with the earlier.
        """
        self._latest[request_id] = max(sequence, self._latest.get(request_id, 0))
        await asyncio.sleep(0)  # what was delivered together is all told by then
        if self._latest.get(request_id, sequence) != sequence:
            return False
        self._latest.pop(request_id, None)
        return True

    async def admit(self, message: Message) -> Action:
        """Admit a request, or refuse it; what pods there are is looked up again before one is called unknown."""
        action = admit(message, await self.pods(believed_s=_BELIEVED_S))
        if isinstance(action, Fail) and action.event.reason is Reason.UNKNOWN_POD:
            action = admit(message, await self.pods(believed_s=0))
        if isinstance(action, SetDeadline) and self._load.waiting:
            request = parse_request(message.data, action.request_id)
            if refused := self._load.refuse(request, left_s=self.left(action.at)):
                return Fail(refused)
        if isinstance(action, SetDeadline):
            await progress.accepted(self.bus, action.request_id)
        return action

    async def pods(self, *, believed_s: float) -> frozenset[str]:
        """Say what pods there are, by a look at the queues within the last *believed_s* seconds if that can be had.

        Raises:
            UnreachableError: If there is none, or a new one was asked for and did not come about.
        """
        if self._pods and perf_counter() - self._looked < believed_s:
            return self._pods
        self._looked = perf_counter()  # one looks, and others go on with what is believed meanwhile
        try:
            queues = await self.bus.queues()
        except UnreachableError:
            if not self._pods or not believed_s:
                raise
        else:
            self._pods = frozenset(pod for pod in map(pod_of_queue, queues) if pod)
        return self._pods

    async def act(
        self, request_id: str, action: Action, delivery: Delivery, causes: Causes
    ) -> tuple[FinalEvent | None, Stored | None]:
        """Do it; returns the final event, if that is what follows, and what became of it."""
        if isinstance(action, Wait):
            return None, None
        if isinstance(action, SetDeadline):
            await self.bus.schedule(request_id, action.at)
            return None, None
        with tracing.span("finish", *causes, request_id=request_id):
            event = action.event if isinstance(action, Fail) else await self.solve(request_id, action, delivery)
            if event is None:
                return None, None
            return event, await self.publish_final(event)

    async def publish_final(self, event: FinalEvent) -> Stored:
        """Publish the final event, once, signed if there is a key."""
        signed = self.signer.sign(event) if self.signer else event
        subject = subjects.final(event.request_id)
        stored = await publish(self.bus, subject, signed, source=SOURCE, now=self.time.now())
        _count(event, stored)
        await progress.done(self.bus, event)
        return stored

    async def solve(self, request_id: str, action: Optimise, delivery: Delivery) -> FinalEvent | None:
        """Have it optimised, one request after the other, within what is left of its time; refuse what would be late.

        None if it was answered while this waited for its turn.
        """
        # A deadline that found a full set, a message that was handed out before, or one that has waited here so long
        # that it was handed to others if this process was frozen or cut off: somebody else is at it, or was.
        # Everybody else is the first, and need not look.
        contested = delivery.attempt > 1 or subjects.parse(delivery.message.subject).kind is Kind.DUE
        if refused := self._load.refuse(action.request, left_s=self.left(action.by)):
            return refused
        waited, since, came = bool(self._load.waiting), self.time.now(), perf_counter()
        with self._load.waits(request_id):
            async with self._turn:
                left = self.left(action.by)
                late = waited and left < self._load.typical_s
                contested = contested or self.time.now() - since > _STALE
                if (contested or late) and await self.bus.record((subjects.final(request_id),)):
                    return None
                if late:
                    return self._load.refusal(action.request, left_s=left)
                seconds = left if waited else max(left, _LAST_S)
                return await self.measured(request_id, action, seconds, came)

    async def measured(self, request_id: str, action: Optimise, seconds: float, came: float) -> FinalEvent:
        """Optimise, and note how long that held up those behind it: since the one before ended, or since it *came*."""
        self._load.running = request_id
        try:
            with metrics.MASTER_SOLVING.time(), tracing.span("optimise"):
                return await self.optimise(action.request, action.results, seconds=seconds)
        finally:
            self._load.running = ""
            now = perf_counter()
            self._load.held_up_s.append(now - max(came, self._ended))
            self._ended = now

    def left(self, by: datetime) -> float:
        """Count the seconds until an answer must be found."""
        return (by - self.time.now()).total_seconds()

    async def put_aside(self, message: Message) -> None:
        """Tell whoever watches of a message that nobody can be answered about."""
        rejected = MessageRejected(
            subject=message.subject,
            sequence=message.sequence,
            message="the last part of the subject must be a request id: 1 to 64 of A-Z a-z 0-9 _ -",
        )
        await publish(self.bus, subjects.rejected(message.sequence), rejected, source=SOURCE, now=self.time.now())
        log.warning("request.rejected", subject=message.subject, sequence=message.sequence)


def _outcome(action: Action) -> str:
    if isinstance(action, Wait):
        return action.why
    return "admitted" if isinstance(action, SetDeadline) else "answered_meanwhile"


def _count(event: FinalEvent, stored: Stored) -> None:
    outcome = event.reason.value if isinstance(event, MasterPortfolioFailed) else "optimised"
    metrics.FINALS.labels(outcome, stored.value).inc()
    if isinstance(event, MasterPortfolioOptimized) and stored is Stored.NEW:
        metrics.PORTFOLIOS.labels("yes" if event.certificate.certified else "no").inc()
        metrics.GAP.observe(event.certificate.gap)


def _facts(event: FinalEvent) -> dict[str, Any]:
    """Collect what the one line of a request says of its end."""
    if isinstance(event, MasterPortfolioFailed):
        return {"outcome": event.reason.value, "message": event.message, "missing_pods": event.missing_pods or None}
    proof = event.certificate
    return {
        "outcome": "optimised",
        "certified": proof.certified,
        "gap": proof.gap,
        "nodes": proof.nodes,
        "etfs": len(event.weights),
        "pods": list(event.pods),
        "market": event.market.id,
        "optimise_ms": round(event.elapsed_s * 1e3, 2),
    }
