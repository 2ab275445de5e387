"""Remove a message from the event stream: check that removal is allowed, publish a record of the removal, delete."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from socket import gethostname
from typing import TYPE_CHECKING

import nkeys

from bus.administration.removal_rules import record, refuse, refuse_in_archive
from bus.language import subjects
from bus.language.seeds import read_seed
from bus.language.since import write_time
from bus.port import RefusedError
from bus.topology.streams import ARCHIVE
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from bus.port import Message
    from bus.transports.jetstream import Connection, JetStreamBus

_LONGEST_SUBJECT = 200


async def find(bus: JetStreamBus, sequence: int, *, unanswered: bool) -> Message:
    """Find the message with this *sequence*, if removal is allowed.

    Raises:
        RefusedError: If no such message exists, or if the message must stay; the error gives the reason.
        UnreachableError: If the server did not answer in time.
    """
    await bus.require_removable()
    if (message := await bus.read_message(sequence)) is None:
        raise RefusedError(await _none(bus, sequence))
    request_id = subjects.parse(message.subject).request_id
    request, answer, final = [
        await bus.read_newest(subject) if request_id else None
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
    """Publish the record of the removal, then delete the message; safe to repeat after an interruption.

    Raises:
        RefusedError: If the role does not permit the removal.
        UnreachableError: If the server did not answer in time; the caller should retry.
    """
    told = record(message, reason=reason, by=by, now=datetime.now(UTC))
    await publish(bus, subjects.removed(message.sequence), told, source="/podfolio/cli", now=told.removed_at)
    await bus.delete(message.sequence)


async def find_in_archive(bus: JetStreamBus, sequence: int) -> Message:
    """Find the message with this *sequence* in the archive, if removal is allowed; raises as ``find``."""
    if (message := await bus.read_from_archive(sequence)) is None:
        text = f"no message is archived as {sequence} (any more): see podfolio archive show for those that are"
        raise RefusedError(text)
    if why_not := refuse_in_archive(message):
        text = f"message {sequence} stays: {why_not}"
        raise RefusedError(text)
    return message


async def remove_from_archive(bus: JetStreamBus, message: Message, *, reason: str, by: str) -> None:
    """Publish the record of the removal, which the archive takes over, then delete the message; raise as ``remove``."""
    told = record(message, reason=reason, by=by, now=datetime.now(UTC), stream=ARCHIVE)
    subject = subjects.removed_from_archive(message.sequence)
    await publish(bus, subject, told, source="/podfolio/cli", now=told.removed_at)
    await bus.delete_from_archive(message.sequence)


def described(message: Message) -> str:
    """Describe the message to remove, without the content."""
    told = record(message, reason="", by="", now=datetime.now(UTC))
    subject, stored = told.subject[:_LONGEST_SUBJECT], write_time(told.stored_at)
    return (
        f"message  {told.sequence}\nsubject  {subject}\nstored   {stored}\n"
        f"body     {told.size} bytes, sha256 {told.sha256}"
    )


def who(settings: Connection) -> str:
    """Name the remover: the public key if the connection has a secret, else the user account on this machine."""
    secret = settings.nkey_seed or settings.credentials
    return (
        nkeys.from_seed(read_seed(secret)).public_key.decode() if secret else f"user {os.getuid()} on {gethostname()}"
    )


async def _none(bus: JetStreamBus, sequence: int) -> str:
    subject = subjects.removed(sequence)
    if (before := await bus.read_newest(subject)) is None:
        return f"no message is stored as {sequence} (any more): podfolio watch --all shows those that are"
    return f"message {sequence} was removed before: {subject} (message {before.sequence}) says why"
