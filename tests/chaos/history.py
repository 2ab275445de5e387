"""What clients did, were told and saw, each with its time by one clock; kept as JSON lines while it happens."""

from __future__ import annotations

import hashlib
import itertools
import json
import time
from dataclasses import asdict, dataclass, field, fields
from enum import StrEnum
from typing import TYPE_CHECKING, Any, TextIO

from bus.language import subjects

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from bus.port import Message


class What(StrEnum):
    """What an event of the history tells."""

    INVOKED = "invoked"  # a client begins one try to publish
    ACKNOWLEDGED = "acknowledged"  # it was told that its message is stored
    TAKEN = "taken"  # it was told that another message is stored there, and stays
    REFUSED = "refused"  # it was told that its message is not stored
    UNKNOWN = "unknown"  # it was told nothing
    FOLLOWS = "follows"  # an observer begins at a sequence
    SEEN = "seen"  # an observer was shown a message
    READ = "read"  # a client asked for the message on a subject
    BEGAN = "began"  # a fault
    ENDED = "ended"  # a fault, with the recovery from it


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened.

    Attributes:
        at_s: When: seconds since the run began, by the one clock of all clients, which is never set.
        who: The client, observer or reader; of a fault, its target.
        what: What happened.
        operation: Joins a try's outcome to its beginning.
        subject: Of the message.
        sha256: Of the message's body.
        sequence: The message's place in the stream.
        stored_at: When the server stored the message, by the server's clock, in seconds since 1970.
        deadline_s: Of a request, as it was published.
        told: Details in words: an error, a kind of fault, the outcome that a final tells.
        strange: Whether the message was made to be unreadable: observers need not show it.
    """

    at_s: float
    who: str
    what: What
    operation: int = 0
    subject: str = ""
    sha256: str = ""
    sequence: int = 0
    stored_at: float = 0.0
    deadline_s: float = 0.0
    told: str = ""
    strange: bool = False

    def line(self) -> str:
        """Write it as one line of JSON, without what is not said."""
        told = {name: value for name, value in asdict(self).items() if value != _UNSAID.get(name)}
        return json.dumps(told)


_UNSAID: dict[str, Any] = {item.name: item.default for item in fields(Event)}


def parse(line: str) -> Event:
    """Read an event from its line."""
    told = json.loads(line)
    return Event(**{**told, "what": What(told["what"])})


@dataclass
class History:
    """All events so far, in the order in which they happened; also in *file*, line by line, where there is one."""

    file: Path | None = None
    events: list[Event] = field(default_factory=list)
    _began: float = field(default_factory=time.perf_counter)
    _operations: itertools.count[int] = field(default_factory=lambda: itertools.count(1))
    _lines: TextIO | None = None

    def note(self, who: str, what: What, **details: Any) -> Event:  # noqa: ANN401 - the fields of an event
        """Add what has just happened."""
        event = Event(round(time.perf_counter() - self._began, 6), who, what, **details)
        self.events.append(event)
        if self.file:
            self._lines = self._lines or self.file.open("a", encoding="utf-8")
            self._lines.write(event.line() + "\n")
        return event

    def invoke(self, who: str, subject: str, data: bytes, *, deadline_s: float = 0.0, strange: bool = False) -> Event:
        """Add the beginning of a try to publish."""
        return self.note(
            who,
            What.INVOKED,
            operation=next(self._operations),
            subject=subject,
            sha256=digest(data),
            deadline_s=deadline_s,
            strange=strange,
        )

    def outcome(self, tried: Event, what: What, *, told: str = "") -> None:
        """Add what became of a try."""
        self.note(tried.who, what, operation=tried.operation, subject=tried.subject, told=told)

    def show(self, who: str, what: What, message: Message) -> None:
        """Add a message that *who* was shown, or has read."""
        self.note(
            who,
            what,
            subject=message.subject,
            sha256=digest(message.data),
            sequence=message.sequence,
            stored_at=message.stored_at.timestamp() if message.stored_at else 0.0,
            told=outcome_of(message.data) if subjects.parse(message.subject).kind is subjects.MessageKind.FINAL else "",
        )

    def close(self) -> None:
        """Leave the file complete."""
        if self._lines:
            self._lines.close()
            self._lines = None


def outcome_of(final: bytes) -> str:
    """Say how a request ended: ``optimised``, or the reason of the failure; empty if *final* is not a final event."""
    try:
        event = json.loads(final)
        return "optimised" if event["type"] == "MasterPortfolioOptimized" else str(event["reason"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return ""


def digest(data: bytes) -> str:
    """Identify a body."""
    return hashlib.sha256(data).hexdigest()


def read(lines: Iterable[str]) -> list[Event]:
    """Read a history that was kept."""
    return [parse(line) for line in lines]
