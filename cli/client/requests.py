"""Publish a request and wait for its final event, as any client would."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import BadMessageError, OptimizationRequest, parse_final, parse_request
from bus.port import BusError, UnreachableError
from bus.transports.envelope import Payload, publish

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.messages import FinalEvent
    from bus.port import Bus, Message

# A final event comes by the request's deadline, except after a server's failover and a coordinator's
# crash (4 to 9 s, and 5 s until the message is redelivered).
_GRACE_S = 15.0

_READS, _PAUSE_S = 50, 0.2


class UnreadableFinalError(BusError):
    """A final event exists, but this program cannot read the event.

    Attributes:
        data: The event as stored.
    """

    def __init__(self, message: Message, why: str) -> None:
        super().__init__(
            f"{message.subject} (message {message.sequence} of the stream) is there and cannot be read ({why}): see"
            " that this podfolio is as new as the coordinators, else ask again under a new request_id and show an"
            " administrator that message (podfolio remove)"
        )
        self.data = message.data


class RequestIdTakenError(BusError):
    """The id already belongs to another published request."""


async def ask(bus: Bus, request: OptimizationRequest, *, show: Callable[[Message], None]) -> tuple[FinalEvent, bytes]:
    """Publish *request*, show the messages as they arrive, and return the final event, parsed and as raw bytes.

    Publishing an equal request again shows the stored answer; no pod works on the request twice.

    Raises:
        RequestIdTakenError: If the id belongs to another request.
        UnreachableError: If no final event arrived in time.
        UnreadableFinalError: If the final event is unreadable.
    """
    subject = subjects.request(request.request_id)
    sent = Payload.of(request)
    await publish(bus, subject, sent, source="/podfolio/cli", now=datetime.now(UTC))
    stored = await _stored(bus, subject)
    if stored.data != sent.data and not _is_same(stored, request):
        taken = (
            f"request_id {request.request_id!r} was already used for another request;"
            " choose a new one (in the file, or with --request-id)"
        )
        raise RequestIdTakenError(taken)
    patience_s = request.deadline_s + _GRACE_S
    try:
        async with asyncio.timeout(patience_s), aclosing(bus.follow(since=stored.stored_at)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                if address.request_id != request.request_id:
                    continue
                show(message)
                if address.kind is subjects.MessageKind.FINAL:
                    return _read(message), message.data
    except TimeoutError:
        pass
    late = (
        f"no final event for {request.request_id} within {patience_s:g} s:"
        " see that a coordinator runs; the request is kept, so ask again with the same file to go on waiting"
    )
    raise UnreachableError(late)


def _read(message: Message) -> FinalEvent:
    try:
        return parse_final(message.data)
    except BadMessageError as error:
        raise UnreadableFinalError(message, str(error)) from None


async def _stored(bus: Bus, subject: str) -> Message:
    """Read the stored request, this one or an earlier one; retries, because a replica may lag behind the write.

    Raises:
        UnreachableError: If no replica shows the request soon.
    """
    for _ in range(_READS):
        if found := await bus.record((subject,)):
            return found[0]
        await asyncio.sleep(_PAUSE_S)
    message = f"the server took {subject}, but does not show it yet; ask again"
    raise UnreachableError(message)


def _is_same(stored: Message, request: OptimizationRequest) -> bool:
    try:
        return parse_request(stored.data, request.request_id) == request
    except BadMessageError:
        return False
