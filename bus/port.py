"""What a bus can do, whatever carries it.

Two implementations: ``memory`` for tests and ``jetstream`` for everything else. One contract
suite (``tests/contract``) runs against both. Bodies are bytes here; ``messages`` gives them
meaning.
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

# Room for a request with thousands of holdings, or a result over 400 ETFs with its correlations, ten
# times over; small enough that a record of many pods is still read in one go, and far below the
# 1 MiB that a NATS server takes by default.
MAX_MESSAGE_BYTES = 256 * 1024

COORDINATORS = "coord"
DEADLINES = "coord-due"


def pod_queue(pod: str) -> str:
    """Name the work queue that the replicas of one pod's agent share."""
    return f"pod-{pod}"


def pod_of_queue(queue: str) -> str | None:
    """Name the pod whose agents share *queue*; None if it is not a pod's."""
    return queue.removeprefix("pod-") if queue.startswith("pod-") else None


class BusError(Exception):
    """The bus could not do what was asked; the message says what to do."""


class NotSetUpError(BusError):
    """A stream or a work queue does not exist: ``podfolio setup`` creates them."""


class RefusedError(BusError):
    """The server refused the message for good (too large, not permitted)."""


class FullError(BusError):
    """The stream is full: who wants something new hears so at once, who has work in hand tries again later."""


class TooLargeError(RefusedError):
    """The message is larger than what is allowed, headers included."""

    def __init__(self, subject: str, size_bytes: int, limit_bytes: int) -> None:
        super().__init__(
            f"the message for {subject} has {size_bytes} bytes with its headers, "
            f"{limit_bytes} are allowed: send less in one request"
        )


class LaterError(BusError):
    """The work is to be handed out again, perhaps to somebody who has less to do: nothing went wrong.

    Args:
        delay_s: After so many seconds.
    """

    def __init__(self, delay_s: float) -> None:
        super().__init__(f"to be handed out again in {delay_s:.3g} s")
        self.delay_s = delay_s


class UnreachableError(BusError):
    """The server did not answer in time; whether it acted is unknown. Try again."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of the event stream, as stored.

    Attributes:
        subject: Where it was published; what cannot be shown of it, as Python escapes it.
        data: The body.
        headers: Its headers as published, without those between client and server (``Nats-...``) and those that
            are none; shown as the subject is.
        sequence: Its place in the stream, from 1.
        stored_at: When the server stored it; UTC.
    """

    subject: str
    data: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    sequence: int = 0
    stored_at: datetime | None = None

    @property
    def identity(self) -> tuple[int, datetime | None]:
        """Tell it from every other: a stream that was lost and set up again begins at sequence 1 again."""
        return self.sequence, self.stored_at


class Delivery(Protocol):
    """A message handed to one worker; until it is settled, it will be handed out again.

    Call ``done`` or ``again`` even if handling it failed: until then it takes one of the worker's
    places. Neither raises when the server cannot be reached; the message is handed out again then.
    """

    @property
    def message(self) -> Message:
        """The message itself."""

    @property
    def attempt(self) -> int:
        """How often it was handed out, this time included."""

    async def done(self) -> None:
        """Settle it; returns when the server has noted it (or will hand it out again)."""

    async def working(self) -> None:
        """Tell the server that work goes on, so that nobody else is given the message."""

    async def again(self, *, delay_s: float) -> None:
        """Give it back, to be handed out again after *delay_s* seconds."""


class Stored(Enum):
    """What became of a message published once."""

    NEW = "new"
    SAME = "same"  # our own, stored by an earlier try
    TAKEN = "taken"  # somebody else's is there, and stays


@dataclass(frozen=True, slots=True)
class Backlog:
    """How long a work queue is.

    Attributes:
        waiting: Messages that no worker has been handed yet.
        in_hand: Messages that were handed to a worker and are not settled.
    """

    waiting: int
    in_hand: int


@dataclass(frozen=True, slots=True)
class Standing:
    """What the event stream's leader says of it.

    Attributes:
        created: When it was set up: a stream that was lost and set up again is another one.
        last_sequence: The message stored last, or the one before the next; 0 if there was never any.
        at: The leader's time when it said so; it also stamps what is stored.
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

        Tries again with the same *message_id* until the server has answered or *timeout_s* is
        over, since a lost answer says nothing. The header ``ce-id`` is set to *message_id*: that is
        how an earlier try of our own is told from somebody else's message.

        Raises:
            RefusedError: If the server will never take it.
            FullError: If the stream has no room for it now; it is not stored.
            NotSetUpError: If no stream takes *subject*.
            UnreachableError: If *timeout_s* passed without an answer.
        """

    def work(self, queue: str, *, stop: asyncio.Event, at_once: int) -> AsyncGenerator[Delivery, None]:
        """Take deliveries from *queue*, at most *at_once* unsettled, until *stop* is set.

        After *stop* nothing new is taken; what was taken and not yet yielded is given back, which
        takes up to two seconds. An outage of the server while working is waited out, for ever.

        Raises:
            NotSetUpError: If there is no such queue.
        """

    async def record(self, subjects: Collection[str], *, including: Message | None = None) -> tuple[Message, ...]:
        """Read the last message on each of *subjects* (wildcards allowed), in stream order.

        With *including*, nothing after that message, and certainly everything before it: an
        answer that lacks the message itself comes from a replica that lags, and is asked again.

        Raises:
            NotSetUpError: If the event stream does not exist.
            UnreachableError: If no trustworthy answer came in time.
        """

    async def schedule(self, request_id: str, at: datetime) -> None:
        """Have a message on ``subjects.due(request_id)`` delivered at *at*, crash or not.

        Doing it twice leaves one; once it has fallen due, doing it again makes it fall due again.

        Raises:
            NotSetUpError: If the stream of the deadlines does not exist.
            UnreachableError: If the server did not answer in time; do it again.
        """

    async def queues(self) -> frozenset[str]:
        """Name the work queues that exist on the event stream."""

    async def standing(self) -> Standing:
        """Say how the event stream stands, by its leader's account.

        Raises:
            NotSetUpError: If the event stream does not exist.
            RefusedError: If we may not know.
            UnreachableError: If its leader did not answer in time.
        """

    async def holds(self, subject: str) -> bool:
        """Say whether something is stored on *subject*, by the leader's account; a kilobyte, however long that is.

        Raises:
            As ``standing``.
        """

    async def unanswered(self) -> frozenset[str]:
        """Name the requests that have no final event: those whose id is one, and that were there before the others.

        It costs the server half a second of CPU time per 100,000 requests, and us half of that, so ask now and then.

        Raises:
            As ``standing``.
        """

    def follow(self, *, since: datetime | None = None, everything: bool = False) -> AsyncGenerator[Message, None]:
        """Follow the event stream as an observer: from now, from *since*, or from its start.

        Ends never, skips and repeats nothing, and outlasts any outage of the server. "Now" is when
        the first message is waited for, by the server's account; *since* is by the server's clock,
        so take it from a stored message. A stream that was lost and set up again is followed from its
        start: a message whose sequence is no greater than the one before begins another stream.
        Close it (``aclosing``) when done early.

        Raises:
            NotSetUpError: If the event stream does not exist at first.
            UnreachableError: If the server did not answer at first.
        """

    async def mention(self, subject: str, data: bytes) -> None:
        """Publish what nobody keeps: who listens now may hear it. Waits for nothing, and may lose it without a word."""

    def overhear(self, subject: str, heard: Callable[[bytes], None]) -> AbstractAsyncContextManager[None]:
        """Hand *heard* what is mentioned on *subject* while the block lasts; some of it may be missed.

        Raises:
            UnreachableError: If there is no connection now.
        """

    async def closed(self) -> None:
        """Return when the connection is lost for good or has become useless."""
