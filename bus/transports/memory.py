"""A bus inside one process, for tests: no server, and a clock that tests can advance.

The bus keeps the promises of ``Bus``, also those about failures: an unsettled message is redelivered, and a deadline
falls due even if the process that scheduled it has gone. All messages are lost when the process ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.plain_text import escaped
from bus.language.stopped import stops_in_force
from bus.language.subjects import MessageKind
from bus.port import (
    CHALLENGERS,
    COORDINATORS,
    DEADLINES,
    MAX_MESSAGE_BYTES,
    Message,
    NotSetUpError,
    Stored,
    StreamState,
    TooLargeError,
    UnreachableError,
    pod_queue,
)

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping

_EVENTS = (
    subjects.ALL_REQUESTS,
    subjects.ALL_POD_RESULTS,
    subjects.ALL_FINALS,
    subjects.ALL_CHALLENGES,
    subjects.ALL_APPROVALS,
    subjects.ALL_FILLS,
    subjects.ALL_REJECTED,
    subjects.ALL_REMOVED,
)

_STOPS = (subjects.ALL_STOPS, subjects.ALL_RESUMES)


def _utc_now() -> datetime:
    return datetime.now(UTC)


class MemoryBus:
    """The ``Bus`` in memory.

    Args:
        pods: The pods, each with a work queue.
        ack_wait_s: Seconds without a settlement or heartbeat after which a message is redelivered.
        clock: Returns the time; ``advance`` adds to it.
    """

    def __init__(
        self, pods: Collection[str] = (), *, ack_wait_s: float = 5.0, clock: Callable[[], datetime] = _utc_now
    ) -> None:
        self._clock = clock
        self._ahead = timedelta()
        self._pods, self._ack_wait = tuple(pods), timedelta(seconds=ack_wait_s)
        self._listeners: list[tuple[str, Callable[[bytes], None]]] = []
        self._changed = asyncio.Event()
        self._closed = asyncio.Event()
        self.set_up()

    def set_up(self) -> None:
        """Set the bus up; a second call deletes all messages."""
        self._created = self.now()
        self._events: list[Message] = []
        self._stops: list[Message] = []
        self._holders: dict[str, str] = {}  # the id of each subject's one message
        self._due: list[Message] = []
        self._scheduled: dict[tuple[str, bool], datetime] = {}  # by request and whether to keep it
        requests, wait = (subjects.ALL_REQUESTS,), self._ack_wait
        self._queues = {
            **{pod_queue(pod): _Queue(self._events, requests, wait) for pod in self._pods},
            CHALLENGERS: _Queue(self._events, (subjects.ALL_FINALS,), wait),
            COORDINATORS: _Queue(self._events, (*requests, subjects.ALL_POD_RESULTS), wait),
            DEADLINES: _Queue(self._due, (subjects.ALL_DUE,), wait),
        }
        self._notify()

    def remove(self, queue: str) -> None:
        """Remove a work queue."""
        del self._queues[queue]

    def now(self) -> datetime:
        """Return the bus's time."""
        return self._clock() + self._ahead

    def advance(self, seconds: float) -> None:
        """Advance the bus's time."""
        self._ahead += timedelta(seconds=seconds)
        self._notify()

    def close(self) -> None:
        """Let ``closed`` return, as if the connection were lost."""
        self._closed.set()

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        """Store the only message that *subject* will ever hold; see ``Bus``."""
        del timeout_s  # this bus answers at once
        size = len(data) + sum(len(name) + len(value) for name, value in headers.items())
        if size > MAX_MESSAGE_BYTES:
            raise TooLargeError(subject, size, MAX_MESSAGE_BYTES)
        log = next(
            (log for kinds, log in ((_EVENTS, self._events), (_STOPS, self._stops)) if _matches(kinds, subject)), None
        )
        if log is None:
            message = f"no stream takes {subject}"
            raise NotSetUpError(message)
        if (holder := self._holders.get(subject)) is not None:
            return Stored.SAME if holder == message_id else Stored.TAKEN
        self._holders[subject] = message_id
        self._store(log, subject, data, {**headers, "ce-id": message_id}, self.now())
        return Stored.NEW

    async def work(self, queue: str, *, stop: asyncio.Event, at_once: int) -> AsyncGenerator[MemoryDelivery, None]:
        """Take deliveries from *queue* until *stop* is set; see ``Bus``."""
        if queue not in self._queues:
            message = f"there is no queue {queue}"
            raise NotSetUpError(message)
        mine: list[MemoryDelivery] = []
        stopping = asyncio.create_task(stop.wait())
        stopping.add_done_callback(lambda _: self._notify())
        try:
            while not stop.is_set():
                mine = [delivery for delivery in mine if not delivery.settled]
                lease = self._queues[queue].take(self._moment()) if len(mine) < at_once else None
                if lease is None:
                    await self._change()
                    continue
                mine.append(MemoryDelivery(self._queues[queue], lease, self.now, self._notify))
                yield mine[-1]
        finally:
            stopping.cancel()

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        """Read the last message on each of *subjects*; see ``Bus``."""
        messages = tuple(
            message
            for message in self._events
            if _matches(subjects, message.subject) and (including is None or message.sequence <= including.sequence)
        )
        if including is not None and including.sequence not in {message.sequence for message in messages}:
            problem = (
                f"message {including.sequence} ({including.subject}) is not in the stream, or not on these subjects"
            )
            raise UnreachableError(problem)
        return messages

    async def stops(self) -> tuple[Message, ...]:
        """Return the stops in force; see ``Bus``."""
        wanted = stops_in_force(message.subject for message in self._stops)
        return tuple(message for message in self._stops if message.subject in wanted)

    async def schedule(self, request_id: str, at: datetime, *, keep: bool = False) -> None:
        """Schedule a message on ``subjects.due(request_id)`` for delivery at *at*; see ``Bus``."""
        if not keep or (request_id, keep) not in self._scheduled:
            self._scheduled[request_id, keep] = at
        self._notify()

    async def queues(self) -> frozenset[str]:
        """Name the work queues that exist on the event stream."""
        return frozenset(self._queues) - {DEADLINES}

    async def stream_state(self) -> StreamState:
        """Return the state of the event stream; see ``Bus``."""
        return StreamState(self._created, len(self._events), self.now())

    async def holds(self, subject: str) -> bool:
        """Say whether a message is stored on *subject*; see ``Bus``."""
        return subject in self._holders

    async def unanswered(self) -> frozenset[str]:
        """Name the requests that have no final event; see ``Bus``."""
        addresses = [subjects.parse(message.subject) for message in self._events]
        requests, finals = (
            {a.key for a in addresses if a.kind is kind} for kind in (MessageKind.REQUEST, MessageKind.FINAL)
        )
        return frozenset(requests - finals - {""})

    async def follow(self, *, since: datetime | None = None, everything: bool = False) -> AsyncGenerator[Message, None]:
        """Follow the event stream as an observer; see ``Bus``."""
        place = 0 if everything or since is not None else len(self._events)
        while True:
            while place < len(self._events):
                message = self._events[place]
                place += 1
                if since is None or (message.stored_at is not None and message.stored_at >= since):
                    yield message
            await self._change()

    async def publish_transient(self, subject: str, data: bytes) -> None:
        """Publish a message that no stream keeps; see ``Bus``."""
        for pattern, receive in self._listeners:
            if _matches((pattern,), subject):
                receive(data)

    @asynccontextmanager
    async def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> AsyncIterator[None]:
        """Call *receive* with each transient message on *subject*; see ``Bus``."""
        listener = subject, receive
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def closed(self) -> None:
        """Return after ``close``."""
        await self._closed.wait()

    def _store(self, log: list[Message], subject: str, data: bytes, headers: dict[str, str], at: datetime) -> None:
        shown = {name: escaped(value.encode()) for name, value in headers.items()}
        log.append(Message(escaped(subject.encode()), data, shown, len(log) + 1, at))
        self._notify()

    def _moment(self) -> datetime:
        """Return the time, after delivering the deadlines that are due by then."""
        now = self.now()
        for timer in sorted(self._scheduled, key=self._scheduled.__getitem__):
            if self._scheduled[timer] <= now:
                del self._scheduled[timer]
                self._store(self._due, subjects.due(timer[0]), b"", {}, now)
        return now

    async def _change(self) -> None:
        """Wait for the next change, or for the next scheduled time."""
        times = [*self._scheduled.values(), *(at for queue in self._queues.values() for at in queue.returns_at())]
        # A time in the past waits for a worker with a free place, not for time.
        waits = [wait for at in times if (wait := (at - self.now()).total_seconds()) > 0]
        changed = self._changed
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(min(waits, default=None)):
                await changed.wait()

    def _notify(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()


@dataclass(slots=True)
class _Lease:
    message: Message
    attempt: int
    number: int
    returns_at: datetime


@dataclass(slots=True)
class _Queue:
    log: list[Message]
    filters: tuple[str, ...]
    ack_wait: timedelta
    place: int = 0
    delivered: int = 0
    leases: dict[int, _Lease] = field(default_factory=dict)

    def take(self, now: datetime) -> _Lease | None:
        """Hand out an expired lease, else a new message; None if there is neither."""
        for lease in self.leases.values():
            if lease.returns_at <= now:
                lease.attempt += 1
                lease.number = self.delivered = self.delivered + 1
                lease.returns_at = now + self.ack_wait
                return lease
        while self.place < len(self.log):
            message = self.log[self.place]
            self.place += 1
            if _matches(self.filters, message.subject):
                self.delivered += 1
                lease = self.leases[message.sequence] = _Lease(message, 1, self.delivered, now + self.ack_wait)
                return lease
        return None

    def returns_at(self) -> list[datetime]:
        return [lease.returns_at for lease in self.leases.values()]


class MemoryDelivery:
    """A message of a work queue; see ``Delivery``.

    Attributes:
        message: The delivered message.
        attempt: The number of deliveries of this message.
        number: The number of deliveries of the queue up to this one.
        settled: Whether this worker has settled or returned the message.
    """

    def __init__(self, queue: _Queue, lease: _Lease, now: Callable[[], datetime], notify: Callable[[], None]) -> None:
        self.message = lease.message
        self.attempt = lease.attempt
        self.number = lease.number
        self.settled = False
        self._queue = queue
        self._now = now
        self._notify = notify

    async def done(self) -> None:
        """Settle the message."""
        # Even if another worker has the message by now: a late acknowledgement by the first worker counts.
        self._queue.leases.pop(self.message.sequence, None)
        self._settle()

    async def working(self) -> None:
        """Extend the lease: the work goes on."""
        self._return_after(self._queue.ack_wait)

    async def again(self, *, delay_s: float) -> None:
        """Return the message for later."""
        self._return_after(timedelta(seconds=delay_s))
        self._settle()

    def _return_after(self, wait: timedelta) -> None:
        if lease := self._queue.leases.get(self.message.sequence):
            lease.returns_at = self._now() + wait
            self._notify()

    def _settle(self) -> None:
        self.settled = True
        self._notify()


def _matches(patterns: Collection[str], subject: str) -> bool:
    return any(subjects.matches(subject, pattern) for pattern in patterns)
