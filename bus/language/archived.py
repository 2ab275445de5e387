"""A message of the archive: its hash for a seal, and its line in an exported archive. Pure.

The hash and the line are of the content that a client can read. The server's own headers are left out, except the one
that names the message's place in the event stream.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Self

import rfc8785

from bus.port import Message

if TYPE_CHECKING:
    from collections.abc import Mapping

# Names of streams begin so from which an exported archive is restored. Clients cannot write the server's note of it.
RESTORE = "PODFOLIO_RESTORE"
FACTS = "Podfolio-Archived"
# STREAM SEQUENCE ... IDENTITY: the server writes this header, and refuses a client's.
_SHORTEST_ORIGIN = 3


@dataclass(frozen=True, slots=True)
class Place:
    """The place of an archived message in the stream that it was taken from.

    Attributes:
        stream: The name and the identity of the stream; a stream that was lost and set up again has another identity.
        sequence: The sequence in that stream.
    """

    stream: str
    sequence: int

    @property
    def name(self) -> str:
        """The name of the stream alone."""
        return self.stream.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Archived:
    """A message of the archive.

    Attributes:
        message: The message; sequence and time are those of the archive.
        origin: The server's note about the place in the stream that it was taken from; empty for a seal,
            and for a message whose headers are so malformed that the note cannot be read.
    """

    message: Message
    origin: str

    @property
    def place(self) -> Place | None:
        """The place in the stream that it was taken from; None where the server's note names none."""
        tokens = self.origin.split(" ")
        if len(tokens) < _SHORTEST_ORIGIN or not tokens[1].isdecimal():
            return None
        return Place(f"{tokens[0]} {tokens[-1]}", int(tokens[1]))

    @property
    def content(self) -> bytes:
        """A hash of subject, headers and body: a message that was taken over a second time has the same."""
        told = json.dumps([self.message.subject, sorted(self.message.headers.items())]).encode()
        return hashlib.sha256(told + b"\0" + self.message.data).digest()

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

    @property
    def facts(self) -> str:
        """Everything but the body, for a header: a message that is restored keeps its time and its note."""
        return base64.b64encode(json.dumps(self._facts()).encode()).decode("ascii")

    def as_archived_first(self, facts: str) -> Archived:
        """Return a restored message as it was in the archive before; as it is, where *facts* cannot be read."""
        try:
            told = json.loads(base64.b64decode(facts, validate=True))
            first = Archived.read(json.dumps({**told, "data": ""}).encode())
        except ValueError:
            return self
        # The place is the real one: the verification finds another.
        message = replace(first.message, data=self.message.data, sequence=self.message.sequence)
        return Archived(message, first.origin)

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
