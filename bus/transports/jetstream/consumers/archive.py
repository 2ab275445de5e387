"""Read the archive: the stream that takes over every message of the event stream, and the seals."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from bus.topology.streams import ARCHIVE, SECOND
from bus.transports.jetstream.connection.asking import ask_api
from bus.transports.jetstream.connection.frames import read_archived
from bus.transports.jetstream.consumers.observer import read_frames

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from bus.language.archived import Archived
    from bus.transports.jetstream.connection.wire import Wire


@dataclass(frozen=True, slots=True)
class ArchiveState:
    """The state of the archive, as the leader reports it.

    Attributes:
        last_sequence: The sequence of the last message ever archived.
        messages: The number of messages that are there.
        kept: How long each message is kept.
        waiting: Messages of the event stream that are not taken over yet, as far as the server knows.
    """

    last_sequence: int
    messages: int
    kept: timedelta
    waiting: int


async def state(wire: Wire) -> ArchiveState:
    """Return the state of the archive.

    Raises:
        NotSetUpError: If there is no archive.
        RefusedError: If this user has no permission.
        UnreachableError: If the server did not answer in time.
    """
    info = await ask_api(wire, f"STREAM.INFO.{ARCHIVE}")
    return ArchiveState(
        last_sequence=info["state"]["last_seq"],
        messages=info["state"]["messages"],
        kept=timedelta(seconds=info["config"]["max_age"] / SECOND),
        waiting=sum(source.get("lag", 0) for source in info.get("sources") or ()),
    )


async def read(wire: Wire, pattern: str, *, first: int) -> AsyncGenerator[Archived, None]:
    """Read the messages on subjects like *pattern* from sequence *first* to the end of the archive.

    Raises:
        NotSetUpError: If there is no archive.
        UnreachableError: If the server did not answer in time.
    """
    place = {"seq": first}
    while frames := await read_frames(wire, ARCHIVE, place, pattern):
        for frame in frames:
            archived = read_archived(frame)
            yield archived
        place = {"seq": archived.message.sequence + 1}
