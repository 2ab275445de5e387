"""Stop new advice, and lift a stop: messages that stay until they are lifted."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import AdviceResumed, AdviceStopped
from bus.language.stopped import describe_stop
from bus.port import BusError, RefusedError, Stored
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bus.port import Bus, Message

_SOURCE = "/podfolio/cli"
# A person who watches is told soon enough.
_LOOK_S = 2.0


async def stop(bus: Bus, *, why: str, by: str) -> str:
    """Stop new advice under the next free number, and return the number.

    Raises:
        RefusedError: If the role does not permit a stop.
        UnreachableError: If the server did not answer in time.
    """
    number = 1 + max((int(known) for known in map(number_of, await bus.stops()) if known.isdecimal()), default=0)
    while True:
        body = AdviceStopped(number=str(number), why=why, by=by, stopped_at=datetime.now(UTC))
        stored = await publish(bus, subjects.stop(body.number), body, source=_SOURCE, now=body.stopped_at)
        if stored is not Stored.TAKEN:
            return body.number
        number += 1  # the number of a stop that was lifted, or that another person took meanwhile


async def resume(bus: Bus, number: str | None, *, why: str | None, by: str) -> tuple[str, tuple[Message, ...]]:
    """Lift a stop: the one with this *number*, or the only one in force.

    Returns:
        The number of the stop, and the stops that are still in force.

    Raises:
        RefusedError: If there is no such stop in force, if several are in force and none is named, or if the role does
            not permit it.
        UnreachableError: If the server did not answer in time.
    """
    in_force = {number_of(message): message for message in await bus.stops()}
    if not in_force:
        text = "no stop is in force: new advice is not stopped"
        raise RefusedError(text)
    if number is None and len(in_force) > 1:
        told = "; ".join(map(described, in_force.values()))
        text = f"{len(in_force)} stops are in force: name the number of the one to lift. They are: {told}"
        raise RefusedError(text)
    wanted = number or next(iter(in_force))
    if wanted not in in_force:
        text = f"stop {wanted} is not in force: name one of {', '.join(in_force)}"
        raise RefusedError(text)
    body = AdviceResumed(number=wanted, why=why, by=by, resumed_at=datetime.now(UTC))
    await publish(bus, subjects.resume(wanted), body, source=_SOURCE, now=body.resumed_at)
    return wanted, await bus.stops()


async def heard(bus: Bus) -> AsyncGenerator[str, None]:
    """Tell the stops in force, and from then on every stop and every end of one.

    Say nothing while the server does not answer; end where it does not permit the question.
    """
    known: dict[str, Message] = {}
    while True:
        try:
            now = {number_of(message): message for message in await bus.stops()}
        except RefusedError:
            return
        except BusError:
            now = known
        for number in now.keys() - known.keys():
            yield f"new advice is stopped {described(now[number])}"
        for number in known.keys() - now.keys():
            yield f"stop {number} is lifted"
        known = now
        await asyncio.sleep(_LOOK_S)


def described(stop: Message) -> str:
    """Describe a stop in force, in a part of a sentence."""
    return describe_stop(stop.subject, stop.data, stop.stored_at)


def number_of(stop: Message) -> str:
    """Return the number of a stop, by its subject."""
    return stop.subject.removeprefix(subjects.stop(""))
