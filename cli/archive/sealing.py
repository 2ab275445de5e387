"""Seal the archive: append the hashes of all messages that no seal covers yet.

A seal holds the hash of each message in a range of the archive, and the hash of the seal before. The seals are messages
of the archive, so that a later seal covers them, too.
"""

from __future__ import annotations

import hashlib
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import ArchiveSealed, encode, parse_seal
from bus.language.subjects import MessageKind
from bus.port import RefusedError, Stored
from bus.transports.envelope import headers, new_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from bus.language.archived import Archived
    from bus.language.signing import Signer
    from bus.transports.jetstream import JetStreamBus

# 64 digits and three more characters each: 201 kB, below the largest message.
MOST_ENTRIES = 3_000


def is_seal(archived: Archived) -> bool:
    """Whether a message of the archive is a seal."""
    return subjects.parse(archived.message.subject).kind is MessageKind.SEAL


@dataclass
class Draft:
    """The messages that the next seal covers.

    Attributes:
        first: The first sequence to cover.
        first_at: The time of the first message that is there.
        hashes: The hash of each message, by its sequence.
        is_needed: Whether one of the messages is no seal: seals alone are left for the next time.
    """

    first: int
    first_at: datetime | None = None
    hashes: dict[int, str] = field(default_factory=dict)
    is_needed: bool = False

    def add(self, archived: Archived) -> None:
        """Add the next message."""
        self.first_at = self.first_at or archived.message.stored_at
        self.hashes[archived.message.sequence] = archived.sha256
        self.is_needed = self.is_needed or not is_seal(archived)

    def seal(self, previous: bytes | None, *, last: int, now: datetime) -> ArchiveSealed:
        """Make the seal.

        Args:
            previous: The body of the seal before; None for the first.
            last: The last sequence to cover.
            now: The time of the sealing.
        """
        return ArchiveSealed(
            number=1 if previous is None else parse_seal(previous).number + 1,
            first_sequence=self.first,
            last_sequence=last,
            first_at=self.first_at or now,
            entries=tuple(self.hashes.get(sequence) for sequence in range(self.first, last + 1)),
            previous_sha256=None if previous is None else hashlib.sha256(previous).hexdigest(),
            sealed_at=now,
        )


async def seal(
    bus: JetStreamBus, signer: Signer | None, now: Callable[[], datetime], *, most: int = MOST_ENTRIES
) -> list[tuple[ArchiveSealed, str]]:
    """Seal all messages that no seal covers; return the new seals with the hash of each, none if only seals are left.

    Args:
        bus: A connection that may read the archive and publish seals.
        signer: Signs the seals; None leaves them unsigned.
        now: The clock.
        most: The most messages per seal.

    Raises:
        NotSetUpError: If there is no archive.
        RefusedError: If another process seals at the same time, or the newest seal cannot be read.
        UnreachableError: If the server did not answer in time; a repetition seals the rest.
    """
    # Later messages are left for the next time, the seals of this time too.
    end, newest = (await bus.archive_state()).last_sequence, await bus.newest_seal()
    previous = None if newest is None else newest.data
    draft = None if previous is None else Draft(_after(previous))
    made: list[tuple[ArchiveSealed, str]] = []

    async def publish(draft: Draft, last: int) -> Draft:
        nonlocal previous
        body = draft.seal(previous, last=last, now=now())
        previous = encode(body) if signer is None else signer.sign(encode(body))
        await _publish(bus, body, previous)
        made.append((body, hashlib.sha256(previous).hexdigest()))
        return Draft(last + 1)

    async with aclosing(bus.archived(first=1 if draft is None else draft.first)) as messages:
        async for archived in messages:
            if archived.message.sequence > end:
                break
            # The first seal begins where the archive begins.
            draft = draft or Draft(archived.message.sequence)
            while archived.message.sequence >= draft.first + most:
                draft = await publish(draft, draft.first + most - 1)
            draft.add(archived)
    if draft is not None and draft.is_needed:
        await publish(draft, max(draft.hashes))
    return made


def _after(seal: bytes) -> int:
    """Return the sequence after those that *seal* covers."""
    try:
        return parse_seal(seal).last_sequence + 1
    except ValueError as error:
        message = f"the newest seal cannot be read, so none can follow it ({error}): see podfolio archive verify"
        raise RefusedError(message) from None


async def _publish(bus: JetStreamBus, body: ArchiveSealed, data: bytes) -> None:
    described = headers("ArchiveSealed", message_id=new_id(), source="/podfolio/cli", now=body.sealed_at)
    if await bus.publish_seal(body.number, data, described) is Stored.TAKEN:
        message = f"seal {body.number} was made by another process meanwhile: run podfolio archive seal again"
        raise RefusedError(message)
