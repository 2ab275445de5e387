"""Carry out the actions of ``decisions``: read the stream, set deadlines, run the optimisation, publish."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field, replace
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING, Protocol

import structlog

from bus.language import subjects
from bus.language.messages import BadMessageError, MessageRejected, Reason
from bus.language.subjects import MessageKind
from bus.observability import metrics, tracing
from bus.port import COORDINATORS, DEADLINES, LaterError, Stored, UnreachableError, pod_of_queue
from bus.process.answering import fault
from bus.process.workers import work_off
from bus.transports.envelope import publish
from bus.transports.snapshots import nothing_to_provide
from coordinator import clock, progress
from coordinator.budget import waited_too_long
from coordinator.decisions import (
    Fail,
    Optimise,
    SetDeadline,
    Wait,
    admit,
    deadline_of,
    decide,
    read_record,
    read_request,
    time_for,
)
from coordinator.finals import OPTIMISED, failure, payload_of, with_answers
from coordinator.heard import Heard
from coordinator.load import Work, size_of
from coordinator.provider import with_provider
from coordinator.server_time import ServerTime
from coordinator.stops import Stops, refusal
from coordinator.sweep import DeadlineSweep
from coordinator.turns import Turns

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime
    from typing import TypeAlias

    from bus.language.messages import MasterPortfolioFailed, OptimizationRequest, Provider
    from bus.language.payload import Payload
    from bus.language.pod_keys import PodKeys
    from bus.language.signing import Signer
    from bus.port import Bus, Delivery, Message
    from bus.transports.snapshots import Provide
    from coordinator.decisions import Action

    Causes: TypeAlias = tuple[Mapping[str, str], ...]

SOURCE = "/podfolio/coordinator"

# How often a waiting request is reconsidered: would another coordinator be sooner, or is the time too short?
_THOUGHT_S = 5.0

# How many deliveries may offer a message to less busy coordinators. The number is far below the limit for lost messages
# (``workers.LOST``), so that offers are not mistaken for losses.
_OFFERED = 4
# Delay until the redelivery: at most these seconds, and at most this part of the time left.
_OFFERED_AFTER_S, _OFFERED_AFTER = 1.0, 0.1

# The ack wait: after this time, the server redelivers an unsettled message.
_STALE = timedelta(seconds=5)

# How often a deadline's request is looked for, a second apart: together longer than the lag of replicas.
_READS = 10

# How long the list of pods is cached: a removed pod still counts as a pod for this time.
_BELIEVED_S = 5.0
# For how long a request that comes in, or that is to be optimised, may miss a stop. No portfolio does: the stops are
# read again before each is published.
_MISSED_S = 1.0
# With so many requests waiting, a request tells that all its pods have answered, and not of each pod.
_BUSY = 8
# Why a message is put aside.
_ID = "a request id: 1 to 64 of A-Z a-z 0-9 _ -"
_ASIDE = {
    MessageKind.REQUEST: f"the last part of the subject must be {_ID}",
    MessageKind.POD: f"the subject must end in {_ID}; and a pod: a small letter, then at most 31 of a-z 0-9 -",
}
# A server may deliver messages outside a queue's filter if the subject holds the byte 0x7F (nats-server 2.15.1).
_STRAY = "such a message is for no work queue: publish requests to podfolio.v1.request.<request_id>"
_DEADLINES = frozenset({MessageKind.DUE, MessageKind.TIMER})
# A subject may have four thousand letters: the event has all the letters, a log line only the beginning.
_LONGEST_SUBJECT = 200

log = structlog.get_logger()


class Optimiser(Protocol):
    """A callable that optimises all pods together."""

    async def __call__(self, action: Optimise, *, seconds: float) -> Payload:
        """Make the final event, in at most *seconds*."""


@dataclass(slots=True)
class Coordinator:
    """One replica of the coordinator.

    Attributes:
        bus: The bus to read from and publish to.
        optimise: Makes the final event of a full set of results; a ``Solver``'s method, except in tests.
        signer: Signs final events; without a signer, final events are unsigned.
        time: Estimates the time by the server's clock.
        provide: Fetches markets that are not on this machine.
        pod_keys: The pods' public keys; without keys, the coordinator accepts unsigned answers, too.
        provider: Who provides the results to customers; None where the deployment does not say.
    """

    bus: Bus
    optimise: Optimiser
    signer: Signer | None = None
    time: ServerTime = field(default_factory=ServerTime)
    provide: Provide = nothing_to_provide
    pod_keys: PodKeys | None = None
    provider: Provider | None = None
    _stops: Stops = field(init=False)
    _heard: Heard = field(default_factory=Heard)
    _pods: frozenset[str] = frozenset()
    _looked: float = float("-inf")  # when the pods were looked up
    _turns: Turns = field(default_factory=Turns)
    _latest: dict[str, int] = field(default_factory=dict)  # the sequence of the latest pod's answer in hand, by request

    def __post_init__(self) -> None:
        """Begin without any knowledge of stops."""
        self._stops = Stops(self.bus)

    async def run(self, stop: asyncio.Event, *, at_once: int) -> None:
        """Coordinate until *stop* is set, then finish the work in hand."""
        await clock.learn(self.bus, self.time, stop)
        await self._stops.learn(stop)
        async with asyncio.TaskGroup() as group:
            group.create_task(clock.follow(self.bus, self.time, stop))
            group.create_task(DeadlineSweep(self.bus, self.time).run(stop))
            for queue in (COORDINATORS, DEADLINES):
                group.create_task(work_off(self.bus, queue, self, stop=stop, at_once=at_once))

    async def handle(self, delivery: Delivery) -> None:
        """Handle one message: a request, a pod's answer, or a deadline that fell due."""
        began = perf_counter()
        message = delivery.message
        address = subjects.parse(message.subject)
        if address.kind is not MessageKind.DUE:
            self._heard.note(address, delivery)
        if not address.key:
            await self.put_aside(message, address.kind)
            return
        action, causes = await self.consider(delivery, address.kind)
        decided = perf_counter()
        event, stored = await self.act(address.key, action, delivery, causes)
        # Log one complete line per request, for the message that ended the request. Also log a result that came too
        # late because another coordinator's final event was there first: the work cost as much.
        ended = "request.finished" if stored in {Stored.NEW, Stored.SAME} else "request.finished_before"
        tell = log.info if event else log.debug
        tell(
            ended if event else f"{address.kind.value}.considered",
            request_id=address.key,
            **(event.facts if event else {"outcome": _outcome(action)}),
            stored=stored.value if stored else None,
            completed_by=address.pod or address.kind.value,
            attempt=delivery.attempt,
            read_ms=round((decided - began) * 1e3, 2),
            act_ms=round((perf_counter() - decided) * 1e3, 2),
        )

    async def give_up(self, delivery: Delivery, error: Exception) -> None:
        """Answer a request that cannot be handled."""
        if request_id := subjects.parse(delivery.message.subject).key:
            message = f"the coordinator cannot answer: {fault(error)}"
            failed = failure(request_id, Reason.INTERNAL_ERROR, message)
            await self.publish_final(request_id, payload_of(failed))

    async def consider(self, delivery: Delivery, kind: MessageKind) -> tuple[Action, Causes]:
        """Read the record and decide; also return the headers of the causing messages, the request's first.

        Raises:
            UnreachableError: If the request of this deadline is not there, perhaps because a replica lags.
        """
        message = self.time.dated(delivery.message)
        request_id = subjects.parse(message.subject).key
        if self.may_be_finished(delivery, kind) and await self.bus.holds(subjects.final(request_id)):
            return Wait("finished"), ()
        if kind is MessageKind.REQUEST:
            await self.fetch_market(message)
            return await self.admit(message, delivery.attempt), (message.headers,)
        if kind is MessageKind.POD and not await self.is_last_in_hand(request_id, message.sequence):
            return Wait("another_answer_in_hand"), ()
        stored = self.heard(request_id, delivery) if kind is MessageKind.POD else ()
        stored = stored or await self.bus.record(
            (subjects.request(request_id), subjects.pod_result(request_id, "*"), subjects.final(request_id)),
            including=None if kind is MessageKind.DUE else message,
        )
        record = read_record(map(self.time.dated, stored))
        # A deadline's message is in another stream, so that message cannot prove that the read is current. Missing a
        # pod's result does no harm, since the result's own message is still to be handled; missing the request does.
        if kind is MessageKind.DUE and record.request is None and record.final is None and delivery.attempt < _READS:
            raise UnreachableError(f"the request {request_id}, whose deadline has come, is not there (yet)")
        if record.request is not None and record.final is None:
            await self.fetch_market(record.request)
        led = (record.request, *record.answers.values())
        keys = self.pod_keys.read() if self.pod_keys else None
        action = decide(record, due=kind is MessageKind.DUE, keys=keys)
        # The time of a request from a clock that was ahead counts from now, but its deadline has come.
        if kind is MessageKind.DUE and isinstance(action, Optimise) and any(map(self.time.is_ahead, stored)):
            action = replace(action, by=min(action.by, self.time.now()))
        if kind is MessageKind.POD and (not isinstance(action, Wait) or len(self._turns.load.waiting) < _BUSY):
            await progress.answered(self.bus, request_id, record.answers, action)
        return action, tuple(message.headers for message in led if message)

    def heard(self, request_id: str, answer: Delivery) -> tuple[Message, ...]:
        """Return the record up to *answer*, if it came here whole; empty if it must be read.

        There is no final event of such a record: this process alone has its messages, and forgets a record whose final
        event it publishes; only at the deadline may another process have published one.
        """
        stored = self._heard.record(request_id, answer)
        if not stored or not (by := deadline_of(self.time.dated(stored[0]))) or self.remaining_s(by) <= 0:
            return ()
        return stored

    async def fetch_market(self, request: Message) -> None:
        """Fetch the market of a request; a request that cannot be read needs none."""
        with contextlib.suppress(BadMessageError):
            await self.provide(read_request(request).market)

    def may_be_finished(self, delivery: Delivery, kind: MessageKind) -> bool:
        """Return whether the request may be finished: the deadline has come, or the message is not new.

        A queue that was lost and set up again delivers the whole stream once more, as new.
        """
        stored_at = delivery.message.stored_at
        waited = stored_at is not None and self.time.now() - stored_at > _STALE
        return kind is MessageKind.DUE or delivery.attempt > 1 or waited

    async def is_last_in_hand(self, request_id: str, sequence: int) -> bool:
        """Return whether no later answer to the same request is in hand here; the last answer's record has all of them.

        If this process dies with the later answer, the server redelivers that answer: skipping the earlier one loses no
        result.
        """
        self._latest[request_id] = max(sequence, self._latest.get(request_id, 0))
        await asyncio.sleep(0)  # answers that were delivered together have all registered by then
        if self._latest.get(request_id, sequence) != sequence:
            return False
        self._latest.pop(request_id, None)
        return True

    async def admit(self, message: Message, attempt: int) -> Action:
        """Admit a request, or refuse it; look the pods up again before calling a pod unknown."""
        action = admit(message, await self.pods(believed_s=_BELIEVED_S))
        if isinstance(action, Fail) and action.event.reason is Reason.UNKNOWN_POD:
            action = admit(message, await self.pods(believed_s=0))
        if isinstance(action, SetDeadline) and (stops := await self._stops.in_force(believed_s=_MISSED_S)):
            return Fail(refusal(action.request, stops))
        if isinstance(action, SetDeadline) and self._turns.load.running:
            work, load, now = self.work(action.request, action.at), self._turns.load, self._turns.clock()
            if load.is_too_much(work, now) and (refused := self.refuse(action.request, work, attempt)):
                return Fail(refused)
        if isinstance(action, SetDeadline):
            await progress.accepted(self.bus, action.request.request_id)
        return action

    async def pods(self, *, believed_s: float) -> frozenset[str]:
        """Name the pods, from the queues as listed within the last *believed_s* seconds, if possible.

        If a new list cannot be had, an older list is used, except with *believed_s* = 0.

        Raises:
            UnreachableError: If there is no list at all, or *believed_s* is 0 and the server did not answer.
        """
        if self._pods and perf_counter() - self._looked < believed_s:
            return self._pods
        self._looked = perf_counter()  # one task asks, and other tasks meanwhile use the cached pods
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
    ) -> tuple[Payload | None, Stored | None]:
        """Carry out the action; return the final event, if there is one, and the outcome of publishing that event."""
        if isinstance(action, Wait):
            return None, None
        if isinstance(action, SetDeadline):
            await self.bus.schedule(request_id, action.at, keep=self.time.is_ahead(delivery.message))
            return None, None
        with tracing.span("finish", *causes, request_id=request_id):
            if isinstance(action, Fail):
                event: Payload | None = payload_of(action.event)
            else:
                event = await self.advise(request_id, action, delivery)
            if event is None:
                return None, None
            return event, await self.publish_final(request_id, event)

    async def advise(self, request_id: str, action: Optimise, delivery: Delivery) -> Payload | None:
        """Optimise, unless advice is stopped before or meanwhile; see ``solve``."""
        if stops := await self._stops.in_force(believed_s=_MISSED_S):
            return payload_of(refusal(action.request, stops))
        event = await self.solve(request_id, action, delivery)
        if event is not None and event.facts["outcome"] == OPTIMISED and (stops := await self._stops.in_force()):
            return payload_of(refusal(action.request, stops))
        return event

    async def publish_final(self, request_id: str, event: Payload) -> Stored:
        """Publish the final event, once, signed if there is a signer."""
        self._heard.forget(request_id)
        told = with_provider(event, self.provider)
        signed = replace(told, data=self.signer.sign(told.data)) if self.signer else told
        stored = await publish(self.bus, subjects.final(request_id), signed, source=SOURCE, now=self.time.now())
        _count(event, stored)
        await progress.done(self.bus, request_id, event)
        return stored

    def work(self, request: OptimizationRequest, by: datetime) -> Work:
        """Describe the work for a request that must be answered by *by*."""
        return Work(request.request_id, size_of(request), self._turns.clock() + self.remaining_s(by))

    def refuse(self, request: OptimizationRequest, work: Work, attempt: int) -> MasterPortfolioFailed | None:
        """Refuse a request that could only be answered late, after offering the request to other coordinators.

        Raises:
            LaterError: If other coordinators should be offered the request first.
        """
        load, now = self._turns.load, self._turns.clock()
        if attempt < _OFFERED and load.is_sooner_elsewhere(work, now) and (left_s := work.by - now) > 0:
            raise LaterError(min(_OFFERED_AFTER_S, left_s * _OFFERED_AFTER))
        return load.refusal(request, work, now) if load.is_too_much(work, now) else None

    async def solve(self, request_id: str, action: Optimise, delivery: Delivery) -> Payload | None:
        """Optimise when the request's turn comes, within the time left; refuse a request that would be late.

        Return None if another coordinator answered the request during the wait for its turn.

        Raises:
            LaterError: If another coordinator may compute the request sooner.
        """
        # Another coordinator may compute this request, or may have answered it, in three cases: a deadline found a full
        # set of results, the message was delivered before, or the message has waited here so long that the server
        # redelivered it to others if this process was frozen or cut off. In all other cases this coordinator is the
        # first and need not look.
        due = subjects.parse(delivery.message.subject).kind is MessageKind.DUE
        contested, load = delivery.attempt > 1 or due, self._turns.load
        while load.has(request_id):  # another message asks for the same request
            if self.remaining_s(action.by) <= 0 and request_id not in load.running:
                self._turns.withdraw(request_id)
                work = self.work(action.request, action.by)
                return payload_of(load.refusal(action.request, work, self._turns.clock()))
            await self._turns.wait_until_done(request_id)
            contested = True
        work, since = self.work(action.request, action.by), self.time.now()
        work.came = self._turns.clock()
        offered = _OFFERED if due else delivery.attempt
        if refused := self.refuse(action.request, work, offered):
            return payload_of(refused)
        async with self._turns.place(work):
            waited = request_id not in load.running
            while not await self._turns.turn(work, within_s=_THOUGHT_S):
                if refused := self.refuse(action.request, work, offered):
                    return payload_of(refused)
            contested = contested or self.time.now() - since > _STALE
            late = waited and self.is_late(work, action.by)
            if (contested or late) and await self.bus.holds(subjects.final(request_id)):
                return None
            if late:
                return payload_of(load.refusal(action.request, work, self._turns.clock()))
            return await self.begin(action, work)

    def is_late(self, work: Work, by: datetime) -> bool:
        """Return whether a request that has waited has too little time left, or was withdrawn with no time left."""
        load = self._turns.load
        return work.request_id not in load.running or load.expected_s(work, self._turns.clock()) > self.remaining_s(by)

    async def begin(self, action: Optimise, work: Work) -> Payload:
        """Optimise, unless the deadline has passed and the request's like takes longer than the search would have."""
        left_s, like_s = self.remaining_s(action.by), self._turns.load.expected_s(work, self._turns.clock())
        if left_s <= 0 and like_s > time_for(left_s, action.request.deadline_s):
            return payload_of(waited_too_long(action.request, 0.0))
        return await self._turns.compute(work, self.optimised(action))

    async def optimised(self, action: Optimise) -> Payload:
        """Optimise in the remaining time, and return the final event."""
        with metrics.MASTER_SOLVING.time(), tracing.span("optimise"):
            seconds = time_for(self.remaining_s(action.by), action.request.deadline_s)
            event = await self.optimise(action, seconds=seconds)
        return with_answers(event, action.answer_data.values()) if action.signed else event

    def remaining_s(self, by: datetime) -> float:
        """Return the seconds until an answer must be found."""
        return (by - self.time.now()).total_seconds()

    async def put_aside(self, message: Message, kind: MessageKind) -> None:
        """Report to observers a message whose sender cannot be answered."""
        # The sequence of a deadline's message belongs to another stream, where observers of this stream do not look.
        if kind not in _DEADLINES:
            why = _ASIDE.get(kind, _STRAY)
            rejected = MessageRejected(subject=message.subject, sequence=message.sequence, message=why)
            await publish(self.bus, subjects.rejected(message.sequence), rejected, source=SOURCE, now=self.time.now())
        metrics.PUT_ASIDE.labels(kind.value).inc()
        subject = message.subject[:_LONGEST_SUBJECT]
        log.warning("request.rejected", kind=kind.value, subject=subject, sequence=message.sequence)


def _outcome(action: Action) -> str:
    if isinstance(action, Wait):
        return action.why
    return "admitted" if isinstance(action, SetDeadline) else "answered_meanwhile"


def _count(event: Payload, stored: Stored) -> None:
    metrics.FINALS.labels(event.facts["outcome"], stored.value).inc()
    if event.facts["outcome"] == OPTIMISED and stored is Stored.NEW:
        metrics.PORTFOLIOS.labels("yes" if event.facts["certified"] else "no").inc()
        metrics.GAP.observe(event.facts["gap"])
