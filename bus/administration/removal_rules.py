"""Decide which stored messages may be removed: only messages whose absence breaks no promise.

Pure; ``bus.transports.jetstream.storage.deletion`` reads and deletes, ``podfolio remove`` calls that module.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import MessageRemoved
from bus.language.subjects import MessageKind

if TYPE_CHECKING:
    from datetime import datetime

    from bus.port import Message

_UNANSWERED = (
    "its request has no final event yet: wait for that, or give --unanswered, and who asked gets a final event made"
    " without this message, or none"
)


def refuse(
    message: Message,
    *,
    request: Message | None,
    answer: Message | None,
    final: Message | None,
    settled: int,
    unanswered: bool,
) -> str:
    """Return why a message must stay, and until when; empty if the message may be removed.

    Args:
        message: The message.
        request: The message's request, if stored.
        answer: The newest of the pods' answers to that request, if there is one.
        final: The final event of that request, if stored.
        settled: The sequence up to which the coordinators have settled all requests and answers.
        unanswered: Whether to allow the removal although the request has no final event, and may then get none.
    """
    kind = subjects.parse(message.subject).kind
    if kind is MessageKind.REMOVED:
        return "it is the record of a removal, and stays as long as the stream keeps it"
    if kind is MessageKind.FINAL and request is not None:
        return (
            f"its request (message {request.sequence}) is still there, and a coordinator could make another final event"
            " of it: remove that first"
        )
    if kind is MessageKind.FINAL or request is None:
        return ""
    if final is None:
        return "" if unanswered else _UNANSWERED
    if max(request.sequence, answer.sequence if answer else 0) > settled:
        return "coordinators still have messages of its request in hand: wait some seconds, and try again"
    return ""


def refuse_in_archive(message: Message) -> str:
    """Return why a message of the archive must stay; empty if the message may be removed."""
    if subjects.parse(message.subject).kind is MessageKind.REMOVED:
        return "it is the record of a removal, and stays as long as the archive keeps it"
    if subjects.parse(message.subject).kind is MessageKind.SEAL:
        return "it is a seal, without which other messages cannot be verified"
    return ""


def record(message: Message, *, reason: str, by: str, now: datetime, stream: str | None = None) -> MessageRemoved:
    """Make the record of a message's removal from *stream*; from the event stream by default."""
    assert message.stored_at is not None  # noqa: S101 - what was read from the stream was stored
    return MessageRemoved(
        subject=message.subject,
        sequence=message.sequence,
        stored_at=message.stored_at,
        size=len(message.data),
        sha256=hashlib.sha256(message.data).hexdigest(),
        reason=reason,
        by=by,
        removed_at=now,
        stream=stream,
    )
