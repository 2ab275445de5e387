"""Read the stops of advice that are not lifted, from the leader of their stream: no replica that lags hides a stop."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language.stopped import stops_in_force
from bus.topology.streams import STOPS
from bus.transports.jetstream.connection.asking import list_subjects
from bus.transports.jetstream.storage.deletion import read_message

if TYPE_CHECKING:
    from bus.port import Message
    from bus.transports.jetstream.connection.wire import Wire


async def read_stops(wire: Wire) -> tuple[Message, ...]:
    """Return the stops in force; see ``Bus``. Without a stop, this is one question of a kilobyte."""
    async with wire.reads.passed():
        subjects = stops_in_force(await list_subjects(wire, STOPS, ">"))
        found = [await read_message(wire, {"last_by_subj": subject}, stream=STOPS) for subject in sorted(subjects)]
    # The stream deletes no message, so the leader has each message that it lists.
    return tuple(sorted((one for one in found if one is not None), key=lambda message: message.sequence))
