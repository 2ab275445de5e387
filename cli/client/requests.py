"""Publish a request and wait for its final event, as any client would."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import BadMessageError, parse_request
from bus.language.payload import Payload
from bus.port import BusError, UnreachableError
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bus.language.messages import OptimizationRequest
    from bus.port import Bus, Message

# A final event comes by the request's deadline, except after a server's failover and a coordinator's
# crash (4 to 9 s, and 5 s until the message is redelivered).
_GRACE_S = 15.0

# A challenge takes seconds, on a busy machine some tens.
_CHALLENGE_S = 60.0

_READS, _PAUSE_S = 50, 0.2


class RequestIdTakenError(BusError):
    """The id already belongs to another published request."""


async def ask(
    bus: Bus, request: OptimizationRequest, *, show: Callable[[Message], None], say: Callable[[str], None]
) -> Message:
    """Publish *request*, show the messages as they arrive, and return the final event as stored.

    Publishing an equal request again shows the stored answer, and says so; no pod works on the request twice.

    Args:
        bus: The bus.
        request: The request.
        show: Receives each message of the request.
        say: Receives a sentence if the request was published before.

    Raises:
        RequestIdTakenError: If the id belongs to another request.
        UnreachableError: If no final event arrived in time.
    """
    subject = subjects.request(request.request_id)
    sent = Payload.of(request)
    before = await bus.record((subject, subjects.final(request.request_id)))
    await publish(bus, subject, sent, source="/podfolio/cli", now=datetime.now(UTC))
    stored = await _stored(bus, subject)
    if stored.data != sent.data and not _is_same(stored, request):
        taken = (
            f"request_id {request.request_id!r} was already used for another request;"
            " choose a new one (in the file, or with --request-id)"
        )
        raise RequestIdTakenError(taken)
    if before:
        say(_before(request.request_id, before))
    return await _final(bus, request, stored, show)


def _before(request_id: str, messages: Sequence[Message]) -> str:
    """Say that the request is not new: *messages* were stored before."""
    final = [message for message in messages if subjects.parse(message.subject).kind is subjects.MessageKind.FINAL]
    at = f"{(final or messages)[0].stored_at:%d %B %Y, %H:%M:%S} UTC"
    if final:
        return (
            f"request {request_id} was answered on {at}: this is that answer, no new one; for a new one, give a new id"
            " (in the file, or with --request-id)"
        )
    return f"request {request_id} was published on {at} and has no answer yet: this waits for the answer"


async def _final(bus: Bus, request: OptimizationRequest, stored: Message, show: Callable[[Message], None]) -> Message:
    """Show the messages of a stored request until the final event, and return that."""
    patience_s = request.deadline_s + _GRACE_S
    try:
        async with asyncio.timeout(patience_s), aclosing(bus.follow(since=stored.stored_at)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                if address.request_id != request.request_id:
                    continue
                show(message)
                if address.kind is subjects.MessageKind.FINAL:
                    return message
    except TimeoutError:
        pass
    late = (
        f"no final event for {request.request_id} within {patience_s:g} s:"
        " see that a coordinator runs; the request is kept, so ask again with the same file to go on waiting"
    )
    raise UnreachableError(late)


async def challenge_of(bus: Bus, final: Message) -> Message | None:
    """Wait for the challenge of a final event as stored; None where it does not come in time."""
    wanted = subjects.challenge(subjects.parse(final.subject).key)
    try:
        async with asyncio.timeout(_CHALLENGE_S), aclosing(bus.follow(since=final.stored_at)) as messages:
            async for message in messages:
                if message.subject == wanted:
                    return message
    except TimeoutError:
        pass
    return None


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
