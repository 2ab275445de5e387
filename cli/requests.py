"""Publish a request and wait for its final event, as any client would."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bus import subjects
from bus.envelope import publish
from bus.messages import OptimizationRequest, encode, parse_final
from bus.port import BusError, Stored, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.messages import FinalEvent
    from bus.port import Bus, Message

# A final event comes by its request's deadline, but for a server's failover and a coordinator's
# crash (4 to 9 s, and 5 s until somebody else is given the message).
_GRACE_S = 15.0


class RequestIdTakenError(BusError):
    """Another request was already published under this id."""


async def ask(bus: Bus, request: OptimizationRequest, *, show: Callable[[Message], None]) -> tuple[FinalEvent, bytes]:
    """Publish *request*, show its messages as they come, and return its final event, parsed and as it came.

    Asking again with an equal request shows what was answered; it is not worked on twice.

    Raises:
        RequestIdTakenError: If the id was used for another request.
        UnreachableError: If no final event came in time.
    """
    begun = datetime.now(UTC)
    stored = await publish(bus, subjects.request(request.request_id), request, source="/podfolio/cli", now=begun)
    since = await _since(bus, request) if stored is Stored.TAKEN else await _stored_at(bus, request)
    try:
        async with asyncio.timeout(request.deadline_s + _GRACE_S), aclosing(bus.follow(since=since)) as messages:
            async for message in messages:
                address = subjects.parse(message.subject)
                if address.key != request.request_id:
                    continue
                show(message)
                if address.kind is subjects.Kind.FINAL:
                    return parse_final(message.data), message.data
    except TimeoutError:
        pass
    late = (
        f"no final event for {request.request_id} within {request.deadline_s + _GRACE_S:g} s:"
        " is a coordinator running? The request is kept; ask again with the same file to go on waiting"
    )
    raise UnreachableError(late)


async def _stored_at(bus: Bus, request: OptimizationRequest) -> datetime | None:
    record = await bus.record((subjects.request(request.request_id),))
    return record[0].stored_at if record else None


async def _since(bus: Bus, request: OptimizationRequest) -> datetime | None:
    """Find when the request that has our id was stored, if it is the same request.

    Raises:
        RequestIdTakenError: If it is another one.
    """
    record = await bus.record((subjects.request(request.request_id),))
    if record and record[0].data == encode(request):
        return record[0].stored_at
    message = (
        f"request_id {request.request_id!r} was already used for another request;"
        " choose a new one (in the file, or with --request-id)"
    )
    raise RequestIdTakenError(message)
