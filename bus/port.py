"""The interface of a bus, independent of its transport.

Two implementations: ``memory`` for tests and ``jetstream`` for everything else. One contract suite (``tests/contract``)
runs against both. Bodies are bytes here; ``messages`` parses them.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncGenerator, Callable, Collection, Mapping
    from contextlib import AbstractAsyncContextManager
    from datetime import datetime

# The limit leaves ten times the room that a request with thousands of holdings needs, or a result over 400 ETFs with
# its correlations. A bus can still read a record of many pods in one call, and the limit is far below the 1 MiB that a
# NATS server accepts by default.
MAX_MESSAGE_BYTES = 256 * 1024

COORDINATORS = "coord"
DEADLINES = "coord-due"
# Of readers of final events, which no process of ours works off.
FINALS = "finals"


# Of final events, for the challengers.
CHALLENGERS = "challenger"


def pod_queue(pod: str) -> str:
    """Name the work queue that the replicas of one pod's agent share."""
    return f"pod-{pod}"


def pod_of_queue(queue: str) -> str | None:
    """Name the pod whose agents share *queue*; None for other queues."""
    return queue.removeprefix("pod-") if queue.startswith("pod-") else None


class BusError(Exception):
    """The bus could not do an operation; the message says how to fix the problem."""


class NotSetUpError(BusError):
    """A stream or a work queue does not exist; ``podfolio setup`` creates both."""


class RefusedError(BusError):
    """The server refused the message for good (too large, not permitted)."""


class FullError(BusError):
    """The stream is full: a client with a new message gets this error at once; a worker with work in hand retries."""


class TooLargeError(RefusedError):
    """The message, headers included, is larger than the limit."""

    def __init__(self, subject: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"the message for {subject} has {size_bytes} bytes with its headers, "
            f"{limit_bytes} are allowed: send less in one request"
        )


class LaterError(BusError):
    """A request to redeliver the work later, perhaps to a less busy worker: not a failure.

    Args:
        delay_s: Seconds until the redelivery.
    """

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"to be handed out again in {delay_s:.3g} s")
        self.delay_s = delay_s


class UnreachableError(BusError):
    """The server did not answer in time, so the effect of the call is unknown. Try again."""


@dataclass(frozen=True, slots=True)
class Message:
    """One stored message of the event stream.

    Attributes:
        subject: The subject of publication; characters that cannot be shown are escaped as Python escapes them.
        data: The body.
        headers: The headers as published, without the headers between client and server (``Nats-...``) and without
            malformed headers; escaped like the subject.
        sequence: The position in the stream, from 1.
        stored_at: When the server stored the message; UTC.
    """

    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 0
    stored_at: datetime | None = None

    @property
    def identity(self) -> tuple[int, datetime | None]:
        """Identify the message uniquely: a stream that was lost and set up again starts at sequence 1 again."""
        return self.sequence, self.stored_at


class Delivery(Protocol):
    """A message handed to one worker. The server redelivers an unsettled message.

    Call ``done`` or ``again`` even if handling failed: until then, the message takes one of the worker's places.
    Neither call raises when the server is unreachable; the server then redelivers the message.
    """

    @property
    def message(self) -> Message:
        """The delivered message."""

    @property
    def attempt(self) -> int:
        """The number of deliveries of this message, this delivery included."""

    @property
    def number(self) -> int:
        """The server's count of all deliveries of the queue up to this one, to whichever worker.

        New messages are delivered in stream order, so that a worker with each number between those of two new messages
        has each message between them.
        """

    async def done(self) -> None:
        """Settle the message. Return when this was sent to the server; if that gets lost, the server redelivers."""

    async def working(self) -> None:
        """Tell the server that work goes on, so that the server gives the message to no other worker."""

    async def again(self, *, delay_s: float) -> None:
        """Return the message to the server, for redelivery after *delay_s* seconds."""


class Stored(Enum):
    """The outcome of ``publish_once``."""

    NEW = "new"
    SAME = "same"  # our own message, stored by an earlier try
    TAKEN = "taken"  # another sender's message is stored, and stays


@dataclass(frozen=True, slots=True)
class Backlog:
    """The length of a work queue.

    Attributes:
        waiting: Messages that the server has not yet delivered to a worker.
        in_hand: Delivered messages that are not settled.
    """

    waiting: int
    in_hand: int


@dataclass(frozen=True, slots=True)
class StreamState:
    """The state of the event stream, as reported by the stream's leader.

    Attributes:
        created: When the stream was set up: a stream that was lost and set up again is a different stream.
        last_sequence: The sequence of the last stored message, or the one before the next message's; 0 if the stream
            never held a message.
        at: The leader's time of the report; the same clock stamps stored messages.
    """

    created: datetime
    last_sequence: int
    at: datetime


class Bus(Protocol):
    """Publish once, work a queue, read a request's record, follow the stream."""

    async def publish_once(
        self, subject: str, data: bytes, *, message_id: str, headers: Mapping[str, str], timeout_s: float = 10.0
    ) -> Stored:
        """Store the only message that *subject* will ever hold.

        Retry with the same *message_id* until the server answers or *timeout_s* is over, since a lost answer leaves the
        outcome unknown. Set the header ``ce-id`` to *message_id*: this header distinguishes an earlier try of our own
        from another sender's message.

        Raises:
            RefusedError: If the server will never accept the message.
            FullError: If the stream has no room for the message now; the server did not store the message.
            NotSetUpError: If no stream takes *subject*.
            UnreachableError: If *timeout_s* passed without an answer.
        """

    def work(self, queue: str, *, stop: asyncio.Event, at_once: int) -> AsyncGenerator[Delivery, None]:
        """Take deliveries from *queue*, at most *at_once* unsettled, until *stop* is set.

        After *stop*, take no new delivery, and return to the server all deliveries that were taken but not yet yielded;
        this takes up to two seconds. Wait out any outage of the server while working, without a limit.

        Raises:
            NotSetUpError: If the queue does not exist.
        """

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        """Read the last message on each of *subjects* (wildcards allowed), in stream order.

        With *including*, return no message after that message, and certainly every message before it. An answer without
        that message comes from a lagging replica, so the bus asks again.

        Raises:
            NotSetUpError: If the event stream does not exist.
            UnreachableError: If no trustworthy answer came in time.
        """

    async def stops(self) -> tuple[Message, ...]:
        """Return the stops of advice that are not lifted, as the leader of their stream reports; the oldest first.

        Raises:
            NotSetUpError: If the stream of the stops does not exist.
            RefusedError: If the server does not permit the question.
            UnreachableError: If the leader did not answer in time.
        """

    async def schedule(self, request_id: str, at: datetime, *, keep: bool = False) -> None:
        """Schedule a message on ``subjects.due(request_id)`` for delivery at *at*, even if this process crashes.

        A second call replaces the first schedule; a call after the delivery causes a second delivery. With *keep*, the
        schedule is another one, beside that; there, the first call counts, and no call replaces it before its delivery.

        Raises:
            NotSetUpError: If the stream of the deadlines does not exist.
            UnreachableError: If the server did not answer in time; call again.
        """

    async def queues(self) -> frozenset[str]:
        """Name the work queues that exist on the event stream."""

    async def stream_state(self) -> StreamState:
        """Return the state of the event stream, as reported by the stream's leader.

        Raises:
            NotSetUpError: If the event stream does not exist.
            RefusedError: If the server does not permit the question.
            UnreachableError: If the leader did not answer in time.
        """

    async def holds(self, subject: str) -> bool:
        """Say whether a message is stored on *subject*, as the leader reports.

        The answer takes a kilobyte, however long the message is.

        Raises:
            As ``stream_state``.
        """

    async def unanswered(self) -> frozenset[str]:
        """Name the requests that have no final event.

        Only requests with a valid id count, and only requests that were stored before the final events were read. Each
        call costs the server half a second of CPU time per 100,000 requests, and the caller half of that, so call this
        rarely.

        Raises:
            As ``stream_state``.
        """

    def follow(self, *, since: datetime | None = None, everything: bool = False) -> AsyncGenerator[Message, None]:
        """Follow the event stream as an observer: from now, from *since*, or from the start.

        The iterator never ends, skips no message, repeats no message, and outlasts any outage of the server. "Now" is
        the time of the first wait for a message, by the server's clock; *since* is also by the server's clock, so take
        *since* from a stored message. After a stream was lost and set up again, the iterator starts at the new stream's
        first message: a sequence that is not greater than the previous sequence marks the new stream. Close the
        iterator (``aclosing``) when done early.

        Raises:
            NotSetUpError: If the event stream does not exist at first.
            UnreachableError: If the server did not answer at first.
        """

    async def publish_transient(self, subject: str, data: bytes) -> None:
        """Publish a message that no stream keeps: only current listeners may receive it.

        Do not wait for an acknowledgement; the message may get lost without an error.
        """

    def subscribe(self, subject: str, receive: Callable[[bytes], None]) -> AbstractAsyncContextManager[None]:
        """Call *receive* with each message published on *subject* while the block lasts; some messages may be missed.

        Raises:
            UnreachableError: If there is no connection now.
        """

    async def closed(self) -> None:
        """Return when the connection is lost for good or has become useless."""
