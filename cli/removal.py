"""Remove a message from the event stream, after looking whether it may go, and tell of it there first."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from socket import gethostname
from typing import TYPE_CHECKING

import nkeys

from bus import subjects
from bus.envelope import publish
from bus.port import RefusedError
from bus.removal import record, refuse
from bus.seeds import read_seed

if TYPE_CHECKING:
    from bus.jetstream import Connection, JetStreamBus
    from bus.port import Message

_LONGEST_SUBJECT = 200


async def find(bus: JetStreamBus, sequence: int, *, unanswered: bool) -> Message:
    """Find the message that is stored as *sequence*, if it may go.

    Raises:
        RefusedError: If there is none, or if it must stay; says why.
        UnreachableError: If the server did not answer in time.
    """
    await bus.require_removable()
    if (message := await bus.look(sequence)) is None:
        raise RefusedError(await _none(bus, sequence))
    request_id = subjects.parse(message.subject).request_id
    request, answer, final = [
        await bus.look_for(subject) if request_id else None
        for subject in (subjects.request(request_id), subjects.pod_result(request_id, "*"), subjects.final(request_id))
    ]
    why_not = refuse(
        message, request=request, answer=answer, final=final, settled=await bus.settled(), unanswered=unanswered
    )
    if why_not:
        text = f"message {sequence} stays: {why_not}"
        raise RefusedError(text)
    return message


async def remove(bus: JetStreamBus, message: Message, *, reason: str, by: str) -> None:
    """Tell of the removal, then remove; done again, it goes on where it was.

    Raises:
        RefusedError: If we may not.
        UnreachableError: If the server did not answer in time; do it again.
    """
    told = record(message, reason=reason, by=by, now=datetime.now(UTC))
    await publish(bus, subjects.removed(message.sequence), told, source="/podfolio/cli", now=told.removed_at)
    await bus.delete(message.sequence)


def described(message: Message) -> str:
    """Show what would be removed, but not what it says."""
    told = record(message, reason="", by="", now=datetime.now(UTC))
    subject, stored = told.subject[:_LONGEST_SUBJECT], f"{told.stored_at:%d %B %Y, %H:%M:%S} UTC"
    return (
        f"message  {told.sequence}\nsubject  {subject}\nstored   {stored}\n"
        f"body     {told.size} bytes, sha256 {told.sha256}"
    )


def who(settings: Connection) -> str:
    """Name who removes: by the key where there is one, else by the account on this machine."""
    secret = settings.nkey_seed or settings.credentials
    return (
        nkeys.from_seed(read_seed(secret)).public_key.decode() if secret else f"user {os.getuid()} on {gethostname()}"
    )


async def _none(bus: JetStreamBus, sequence: int) -> str:
    subject = subjects.removed(sequence)
    if (before := await bus.look_for(subject)) is None:
        return f"no message is stored as {sequence} (any more): podfolio watch --all shows those that are"
    return f"message {sequence} was removed before: {subject} (message {before.sequence}) says why"
