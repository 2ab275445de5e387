"""The state of the event stream, as the leader reports it: identity, length, and unanswered requests."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.port import StreamState
from bus.topology.streams import EVENTS
from bus.transports.jetstream.connection.asking import ask_api, list_subjects

if TYPE_CHECKING:
    from bus.transports.jetstream.connection.wire import Wire

# A caller that asks for the time asks again soon.
_TIME_S = 2.0
# A busy server needs this long for a million subjects. An earlier retry would only make the server work twice.
_LIST_S = 30.0


async def read(wire: Wire) -> StreamState:
    """Return the state of the event stream; see ``Bus``."""
    info = await ask_api(wire, f"STREAM.INFO.{EVENTS}", timeout_s=_TIME_S)
    return StreamState(
        created=datetime.fromisoformat(info["created"]),
        last_sequence=info["state"]["last_seq"],
        at=datetime.fromisoformat(info["ts"]),
    )


async def holds(wire: Wire, subject: str) -> bool:
    """Whether a message is stored on *subject*; see ``Bus``."""
    async with wire.reads.passed():
        info = await ask_api(wire, f"STREAM.INFO.{EVENTS}", {"subjects_filter": subject})
    return subject in (info["state"].get("subjects") or {})


async def unanswered(wire: Wire) -> frozenset[str]:
    """Name the requests that have no final event; see ``Bus``."""
    # List the requests first: a final event stored between the two lists is then still found.
    requests = await _names(wire, subjects.request(""), subjects.ALL_REQUESTS)
    open_ = requests - await _names(wire, subjects.final(""), subjects.ALL_FINALS)
    return frozenset(name for name in open_ if subjects.parse(subjects.request(name)).key)


async def _names(wire: Wire, prefix: str, pattern: str) -> set[str]:
    """List the subjects of the event stream that match *pattern*, without *prefix*."""
    return {subject.removeprefix(prefix) for subject in await list_subjects(wire, EVENTS, pattern, answer_s=_LIST_S)}
