"""Publish the seals of the archive, and restore its messages."""

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


async def publish_restored(wire: Wire, stream: str, subject: str, data: bytes, headers: Mapping[str, str]) -> None:
    """Publish a message into the stream from which the archive is restored.

    Raises:
        RefusedError: If this user has no permission.
        UnreachableError: If the server did not answer in time.
    """
    restored = Publication(wire, subject, data, subject, headers, stream=stream)
    await insist(f"restoring {subject}", restored.attempt, when_nobody_listens=lambda: require_stream(wire, stream))
