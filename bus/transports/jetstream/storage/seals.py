"""Publish the seals of the archive."""

from __future__ import annotations

from typing import TYPE_CHECKING

from bus.language import subjects
from bus.topology.streams import ARCHIVE
from bus.transports.jetstream.connection.asking import insist, require_stream
from bus.transports.jetstream.storage.publication import Publication

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.port import Stored
    from bus.transports.jetstream.connection.wire import Wire


async def publish_seal(wire: Wire, number: int, data: bytes, headers: Mapping[str, str]) -> Stored:
    """Publish a seal; the server stores one under each number.

    Raises:
        RefusedError: If this user has no permission.
        NotSetUpError: If there is no archive.
        UnreachableError: If the server did not answer in time; try again.
    """
    seal = Publication(wire, subjects.seal(number), data, headers["ce-id"], headers, stream=ARCHIVE)
    return await insist(
        f"publishing seal {number}", seal.attempt, when_nobody_listens=lambda: require_stream(wire, ARCHIVE)
    )
