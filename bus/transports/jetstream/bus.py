"""The ``Bus`` over one connection to a NATS server: a separate module keeps each promise."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.port import CHALLENGERS, COORDINATORS, DEADLINES, Backlog, BusError, NotSetUpError, pod_of_queue
from bus.topology.streams import ARCHIVE, EVENTS, STOPS, TIMERS
from bus.transports.jetstream import discovery
from bus.transports.jetstream.connection import asking
from bus.transports.jetstream.connection.liveness import monitor
from bus.transports.jetstream.connection.wire import Wire
from bus.transports.jetstream.consumers import archive, deliveries, observer, stream_state
from bus.transports.jetstream.storage import bucket, deadlines, deletion, record, seals
from bus.transports.jetstream.storage.publication import Publication
from bus.transports.jetstream.storage.stops import read_stops

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Collection, Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

    from bus.language.archived import Archived
    from bus.observability.service import Service
    from bus.port import Delivery, Message, Stored, StreamState
    from bus.transports.address import Connection
    from bus.transports.jetstream.connection.frames import Frame
    from bus.transports.jetstream.consumers.archive import ArchiveState


@asynccontextmanager
async def connect(settings: Connection) -> AsyncIterator[JetStreamBus]:
    """Connect while the block lasts; at the end, still send the messages in flight.

    Raises:
        UnreachableError: If no server answers within some seconds.
        RefusedError: If the server rejects the credentials.
    """
    wire = Wire(settings)
    await wire.open()
    bus = JetStreamBus(wire)
    monitoring = asyncio.create_task(bus.monitor())
    try:
        yield bus
    finally:
        monitoring.cancel()
        await wire.close()


_OF_PROCESSES = {COORDINATORS, CHALLENGERS}
_OF_STOPS = (subjects.stop(""), subjects.resume(""))


class JetStreamBus:
    """The ``Bus`` over one connection; see ``connect``."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._useless = asyncio.Event()

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        """Store the only message that *subject* will ever hold; see ``Bus``."""
        stream = STOPS if subject.startswith(_OF_STOPS) else EVENTS
        return await asking.insist(
            f"publishing {subject}",
            Publication(self._wire, subject, data, message_id, headers, stream=stream).attempt,
            timeout_s=timeout_s,
            when_nobody_listens=lambda: asking.require_stream(self._wire, stream),
        )

    def work(self, queue: str, *, stop: asyncio.Event, at_once: int) -> AsyncGenerator[Delivery, None]:
        """Take deliveries from *queue* until *stop* is set; see ``Bus``."""
        return deliveries.work(self._wire, _stream_of(queue), queue, stop=stop, at_once=at_once)

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        """Read the last message on each of *subjects*; see ``Bus``."""
        return await record.read_record(self._wire, subjects, including)

    async def stops(self) -> tuple[Message, ...]:
        """Return the stops in force; see ``Bus``."""
        return await read_stops(self._wire)

    async def schedule(self, request_id: str, at: datetime, *, keep: bool = False) -> None:
        """Schedule a message on ``subjects.due(request_id)`` for *at*; see ``Bus``."""
        await deadlines.schedule(self._wire, request_id, at, keep=keep)

    async def has_queue(self, queue: str) -> bool:
        """Whether the work queue exists; needs no more permissions than a worker of the queue has."""
        try:
            await self.ask_api(f"CONSUMER.INFO.{_stream_of(queue)}.{queue}")
        except NotSetUpError:
            return False
        return True

    async def queues(self) -> frozenset[str]:
        """Name the work queues that exist on the event stream."""
        names: list[str] = []
        total = 1
        while len(names) < total:
            answer = await self.ask_api(f"CONSUMER.NAMES.{EVENTS}", {"offset": len(names)})
            names += answer["consumers"] or []
            total = answer["total"] if answer["consumers"] else 0
        # The stream may have other consumers; only consumers with these names are work queues.
        return frozenset(name for name in names if name in _OF_PROCESSES or pod_of_queue(name) is not None)

    async def stream_state(self) -> StreamState:
        """Return the state of the event stream; see ``Bus``."""
        return await stream_state.read(self._wire)

    async def holds(self, subject: str) -> bool:
        """Whether a message is stored on *subject*; see ``Bus``."""
        return await stream_state.holds(self._wire, subject)

    async def unanswered(self) -> frozenset[str]:
        """Name the requests that have no final event; see ``Bus``."""
        return await stream_state.unanswered(self._wire)

    async def backlog(self, queue: str) -> Backlog:
        """Return the length of a work queue, as the server reports it.

        Raises:
            NotSetUpError: If the queue does not exist.
            RefusedError: If this user has no permission.
            UnreachableError: If the server did not answer in time.
        """
        answer = await self.ask_api(f"CONSUMER.INFO.{_stream_of(queue)}.{queue}")
        return Backlog(waiting=answer["num_pending"], in_hand=answer["num_ack_pending"])

    async def replicas(self) -> Mapping[str, frozenset[str]]:
        """Return the ids of all running replicas by the name of the service; see ``discovery``."""
        return await discovery.replicas(self._wire)

    def follow(self, *, since: datetime | None = None, everything: bool = False) -> AsyncGenerator[Message, None]:
        """Follow the event stream as an observer; see ``Bus``."""
        return observer.follow(self._wire, since=since, everything=everything)

    def stored(self, pattern: str, *, since: datetime | None = None) -> AsyncGenerator[Message, None]:
        """Read the stored messages on subjects like *pattern*, from *since* or the start, up to now; then end.

        Raises:
            NotSetUpError: If the event stream does not exist.
            UnreachableError: If the server did not answer in time.
        """
        return observer.stored(self._wire, pattern, since=since)

    @property
    def is_reconnecting(self) -> bool:
        """Whether the connection is broken and the client looks for a server."""
        return self._wire.is_reconnecting

    async def publish_transient(self, subject: str, data: bytes) -> None:
        """Publish a message that no stream stores; see ``Bus``."""
        with contextlib.suppress(BusError):
            await self._wire.send(subject, data)

    @asynccontextmanager
    async def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> AsyncIterator[None]:
        """Call *receive* with each message published on *subject*; see ``Bus``."""

        async def hear(frame: Frame) -> None:
            receive(frame.data)

        async with self._wire.subscribe(subject, hear):
            yield

    async def publish_market(self, market_id: str, sha256: str, packed: bytes) -> Stored:
        """Publish a market, once; see ``bucket`` and ``bus.transports.snapshots``."""
        return await bucket.publish(self._wire, market_id, sha256, packed)

    async def published_market(self, market_id: str) -> tuple[str, bytes] | None:
        """Read a published market's hash and packed content; see ``bucket``."""
        return await bucket.read(self._wire, market_id)

    async def published_markets(self) -> dict[str, str]:
        """Return the hash of every published market, by id."""
        return await bucket.names(self._wire)

    async def read_message(self, sequence: int) -> Message | None:
        """Read the message at *sequence*; None if no such message exists. For an administrator."""
        return await deletion.read_message(self._wire, {"seq": sequence})

    async def read_newest(self, subject: str) -> Message | None:
        """Read the newest message on *subject*; None if no message exists. For an administrator."""
        return await deletion.read_message(self._wire, {"last_by_subj": subject})

    async def settled(self) -> int:
        """Return the sequence up to which all requests and answers are acknowledged. For an administrator."""
        return await deletion.settled(self._wire)

    async def delete(self, sequence: int) -> None:
        """Delete the message at *sequence* for good. For an administrator."""
        await deletion.delete(self._wire, sequence)

    async def require_removable(self) -> None:
        """Raise ``RefusedError`` if the event stream denies the deletion of messages."""
        await deletion.require_removable(self._wire)

    def archived(self, pattern: str = subjects.ALL, *, first: int = 1) -> AsyncGenerator[Archived, None]:
        """Read the archive on subjects like *pattern* from sequence *first*, up to now; then end. See ``archive``."""
        return archive.read(self._wire, pattern, first=first)

    async def last_archived(self, subjects: Collection[str]) -> tuple[Message, ...]:
        """Read the last archived message on each of *subjects*, at most 1,000; a replica that lags may omit the newest.

        Raises:
            NotSetUpError: If there is no archive.
            RefusedError: If this user has no permission.
            UnreachableError: If the server did not answer in time.
        """
        return await record.read_last(self._wire, ARCHIVE, {"multi_last": list(subjects)}, None)

    async def archive_state(self) -> ArchiveState:
        """Return the state of the archive; see ``archive``."""
        return await archive.state(self._wire)

    async def newest_seal(self) -> Message | None:
        """Read the newest seal of the archive, from the stream's leader; None before the first."""
        return await deletion.read_message(self._wire, {"last_by_subj": subjects.ALL_SEALS}, stream=ARCHIVE)

    async def publish_seal(self, number: int, data: bytes, headers: Mapping[str, str]) -> Stored:
        """Publish a seal of the archive, once; see ``seals``."""
        return await seals.publish_seal(self._wire, number, data, headers)

    async def publish_restored(self, stream: str, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
        """Publish a message into the stream from which the archive is restored; see ``seals``."""
        await seals.publish_restored(self._wire, stream, subject, data, headers)

    async def read_from_archive(self, sequence: int) -> Message | None:
        """Read the message at *sequence* of the archive; None if no such message exists. For an administrator."""
        return await deletion.read_message(self._wire, {"seq": sequence}, stream=ARCHIVE)

    async def delete_from_archive(self, sequence: int) -> None:
        """Delete the message at *sequence* of the archive for good. For an administrator."""
        await deletion.delete(self._wire, sequence, stream=ARCHIVE)

    async def closed(self) -> None:
        """Return when the connection is lost for good or has become useless."""
        await self._useless.wait()

    async def monitor(self) -> None:
        """Monitor the connection, and make ``closed`` return when the connection is lost; ``connect`` runs this."""
        await monitor(self._wire)
        self._useless.set()

    def answering(self, service: Service) -> AbstractAsyncContextManager[None]:
        """Answer on the NATS service API while the block lasts; see ``discovery``."""
        return discovery.answering(self._wire, service)

    async def somebody_answers(self, name: str) -> bool:
        """Whether a replica of the service *name* is running; see ``discovery``."""
        return await discovery.somebody_answers(self._wire, name)

    async def ask_api(
        self, name: str, body: Mapping[str, Any] | None = None, *, timeout_s: float = asking.PATIENCE_S
    ) -> dict[str, Any]:
        """Ask JetStream's own API; only for ``bus.administration.setup``. See ``asking.ask_api``."""
        return await asking.ask_api(self._wire, name, body, timeout_s=timeout_s)


def _stream_of(queue: str) -> str:
    return TIMERS if queue == DEADLINES else EVENTS
