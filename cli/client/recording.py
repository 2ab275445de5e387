"""Record messages of the event stream in a file, one JSON object per line, and publish a recording to a server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from bus.language import subjects
from bus.port import Message
from bus.transports.envelope import new_id
from portfolio.errors import DataError
from portfolio.files import MOST_TABLE_BYTES, decode, read_bytes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from bus.port import Bus

# The server keeps these for itself, or checks them against a stream that is another one now.
_SERVERS = "nats-"
_GIVE = "give a file that podfolio watch --record wrote"


def line(message: Message) -> str:
    """Write a message as a line of a recording."""
    told: dict[str, Any] = {"subject": message.subject, "sequence": message.sequence, "headers": dict(message.headers)}
    if message.stored_at:
        told["time"] = message.stored_at.isoformat()
    try:
        told["data"] = message.data.decode("utf-8")
    except UnicodeDecodeError:
        told["data_base64"] = base64.b64encode(message.data).decode("ascii")
    return json.dumps(told, ensure_ascii=False) + "\n"


def read(file: Path) -> list[Message]:
    """Read the messages of a recording, in order.

    Raises:
        DataError: If the file is no recording; the message names the line.
    """
    text = decode(read_bytes(file, most=MOST_TABLE_BYTES), file.name)
    if messages := list(_messages(file.name, text.splitlines())):
        return messages
    raise DataError(f"{file.name} has no message: {_GIVE}")


def _messages(name: str, lines: Iterable[str]) -> Iterator[Message]:
    for number, text in enumerate(lines, start=1):
        try:
            told = json.loads(text)
            subject, headers = str(told["subject"]), {str(key): str(value) for key, value in told["headers"].items()}
            subjects.parse(subject)
            data = base64.b64decode(told["data_base64"]) if "data_base64" in told else told["data"].encode()
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
            message = f"line {number} of {name} is no recorded message: {_GIVE}"
            raise DataError(message) from None
        yield Message(subject, data, headers, number)


async def publish(bus: Bus, messages: Iterable[Message]) -> int:
    """Publish recorded messages in order; return how many are new to the stream."""
    count = 0
    for message in messages:
        kept = {name: value for name, value in message.headers.items() if not name.lower().startswith(_SERVERS)}
        message_id = kept.setdefault("ce-id", new_id())
        stored = await bus.publish_once(message.subject, message.data, message_id=message_id, headers=kept)
        count += stored.value == "new"
    return count
