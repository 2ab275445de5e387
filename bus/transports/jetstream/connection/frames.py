"""Messages from the wire, and the server's metadata in these messages."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Protocol

from bus.language.archived import FACTS, RESTORE, Archived
from bus.port import Message, UnreachableError

if TYPE_CHECKING:
    from collections.abc import Mapping

_STATUS = "Status"
_SEQUENCE = "Nats-Sequence"
_ORIGIN = "Nats-Stream-Source"

_ACK_TOKENS = 9


class Frame(Protocol):
    """A message from the wire."""

    subject: str
    reply: str
    data: bytes
    headers: dict[str, str] | None


def status(frame: Frame) -> str:
    """Read the server's status code from a message without a body; empty for any other message.

    A stored message may have any headers from the publisher, but the server adds a sequence header when a client reads
    the message back.
    """
    if frame.data or not frame.headers or _SEQUENCE in frame.headers:
        return ""
    return frame.headers.get(_STATUS, "")


def decode(frame: Frame) -> dict[str, Any]:
    """Decode the JSON object in an answer of the server's own APIs.

    Raises:
        UnreachableError: If the frame holds no JSON object, and so does not come from the server.
    """
    try:
        answer = json.loads(frame.data)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        message = f"the answer is not the server's ({frame.data[:80]!r}): try again"
        raise UnreachableError(message)
    return answer


@dataclass(frozen=True, slots=True)
class Receipt:
    """The server's metadata for a message of a consumer, from the reply subject.

    Attributes:
        attempt: How often the server has delivered the message.
        sequence: Sequence of the message in the stream.
        number: How many messages the consumer has delivered, this one included.
        stored_at: Time of storage; UTC.
    """

    attempt: int
    sequence: int
    number: int
    stored_at: datetime


def read_receipt(reply: str) -> Receipt:
    """Read ``$JS.ACK.[<domain>.<account>.]<stream>.<consumer>.<attempt>.<sequence>.<number>.<ns>.<pending>``.

    Raises:
        ValueError: If *reply* has another form, and so the message comes from no consumer.
        OverflowError: If a number in *reply* is too large.
    """
    tokens = reply.split(".")
    if len(tokens) > _ACK_TOKENS:
        del tokens[2:4]  # the newer form names domain and account, and may end with more tokens
    attempt, sequence, number, stored_ns = (int(token) for token in tokens[4:8])
    seconds, ns = divmod(stored_ns, 1_000_000_000)
    stored_at = datetime.fromtimestamp(seconds, UTC).replace(microsecond=ns // 1000)
    return Receipt(attempt, sequence, number, stored_at)


def read_message(frame: Frame, receipt: Receipt) -> Message:
    """Convert a consumer's delivery into a message of the stream."""
    return Message(frame.subject, frame.data, _own(frame.headers or {}), receipt.sequence, receipt.stored_at)


def read_stored(frame: Frame) -> Message:
    """Convert the answer to a direct get into a message of the stream.

    Raises:
        UnreachableError: If the frame is no valid answer of a server.
    """
    headers = frame.headers or {}
    try:
        return Message(
            subject=headers["Nats-Subject"],
            data=frame.data,
            headers=_own(headers),
            sequence=int(headers[_SEQUENCE]),
            stored_at=datetime.fromisoformat(headers["Nats-Time-Stamp"]),
        )
    except (KeyError, ValueError) as error:
        message = f"the answer is no stored message ({error}): try again"
        raise UnreachableError(message) from error


def read_archived(frame: Frame) -> Archived:
    """Convert the answer to a direct get into a message of the archive; raise as ``read_stored``."""
    headers = frame.headers or {}
    archived = Archived(read_stored(frame), headers.get(_ORIGIN, ""))
    if archived.origin.startswith(RESTORE) and FACTS in headers:
        return archived.as_archived_first(headers[FACTS])
    return archived


def _own(headers: Mapping[str, str]) -> dict[str, str]:
    """Drop the headers that only client and server use."""
    return {name: value for name, value in headers.items() if not name.startswith("Nats-")}


def message_bytes(data: bytes, headers: Mapping[str, str]) -> int:
    """Size of a message as the server counts: body and encoded headers."""
    if not headers:
        return len(data)
    framing = len(b"NATS/1.0\r\n") + len(b"\r\n")
    lines = sum(len(key.encode()) + len(value.encode()) + len(b": \r\n") for key, value in headers.items())
    return len(data) + framing + lines
