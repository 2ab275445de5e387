"""A message of the archive: its hash for a seal, and its line in an exported archive. Pure.

The hash and the line are of the content that a client can read. The server's own headers are left out, except the one
that names the message's place in the event stream.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import rfc8785

from bus.port import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

# STREAM SEQUENCE ... IDENTITY: the server writes this header, and refuses a client's.
_SHORTEST_ORIGIN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an archived message in the event stream.

    Attributes:
        stream: The identity of the event stream; a stream that was lost and set up again has another.
        sequence: The sequence in that stream.
    """

    stream: str
    sequence: int


@dataclass(frozen=True, slots=True)
class Archived:
    """A message of the archive.

    Attributes:
        message: The message; sequence and time are those of the archive.
        origin: The server's note about the place in the event stream; empty for a seal, and for a message whose headers
            are so malformed that the note cannot be read.
    """

    message: Message
    origin: str

    @property
    def place(self) -> Place | None:
        """The place in the event stream; None where the server's note names none."""
        tokens = self.origin.split(" ")
        if len(tokens) < _SHORTEST_ORIGIN or not tokens[1].isdecimal():
            return None
        return Place(f"{tokens[0]} {tokens[-1]}", int(tokens[1]))

    @property
    def sha256(self) -> str:
        """The hash that a seal holds of this message, in hex."""
        described = self._facts() | {"data_sha256": hashlib.sha256(self.message.data).hexdigest()}
        return hashlib.sha256(rfc8785.dumps(described)).hexdigest()

    @property
    def line(self) -> bytes:
        """The message as a line of JSON; the same message gives the same bytes."""
        told = self._facts()
        try:
            told["data"] = self.message.data.decode("utf-8")
        except UnicodeDecodeError:
            told["data_base64"] = base64.b64encode(self.message.data).decode("ascii")
        return json.dumps(told, ensure_ascii=False, sort_keys=True).encode() + b"\n"

    @classmethod
    def read(cls, line: bytes) -> Self:
        """Read a message from its line.

        Raises:
            ValueError: If the line holds no message.
        """
        try:
            told = json.loads(line)
            data = base64.b64decode(told["data_base64"]) if "data_base64" in told else told["data"].encode()
            headers: Mapping[str, str] = {str(name): str(value) for name, value in told["headers"].items()}
            stored_at = datetime.fromisoformat(told["time"])
            message = Message(str(told["subject"]), data, headers, int(told["sequence"]), stored_at)
            return cls(message, str(told["origin"]))
        except json.JSONDecodeError:
            text = "one of its lines is not JSON"
            raise ValueError(text) from None
        except (LookupError, TypeError, AttributeError, RecursionError) as error:
            text = f"it holds no archived message ({error})"
            raise ValueError(text) from None

    def _facts(self) -> dict[str, Any]:
        message = self.message
        assert message.stored_at is not None  # noqa: S101 - a message of a stream was stored
        time = message.stored_at.astimezone(UTC).isoformat(timespec="microseconds")
        return {
            "sequence": message.sequence,
            "time": time,
            "subject": message.subject,
            "headers": dict(message.headers),
            "origin": self.origin,
        }
