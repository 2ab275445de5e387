"""Publish the contracts of a broker; a contract that is stored already is not stored again."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.messages import encode
from bus.port import RefusedError, Stored
from bus.transports.envelope import publish

if TYPE_CHECKING:
    from collections.abc import Iterable

    from bus.language.messages import OrderFilled
    from bus.port import Bus


async def publish_fills(bus: Bus, contracts: Iterable[OrderFilled]) -> tuple[int, int]:
    """Publish each contract; return how many are new, and how many were stored before.

    Raises:
        RefusedError: If another message is stored under the id of a contract, or the role does not permit it.
        UnreachableError: If the server did not answer in time; a second call goes on from there.
    """
    counts = {Stored.NEW: 0, Stored.SAME: 0}
    for body in contracts:
        subject = subjects.fill(body.request_id, body.fill_id)
        # The content as message id: every process that imports the same contract counts as one sender, and a part of a
        # block that was published before its day was over does not pass for the whole.
        now, message_id = datetime.now(UTC), sha256(encode(body)).hexdigest()
        stored = await publish(bus, subject, body, source="/podfolio/cli", now=now, message_id=message_id)
        if stored is Stored.TAKEN:
            text = (
                f"{body.order_id}: other figures are stored on {subject}: publish the fills of a block once, when its"
                " day is over; an administrator can remove what is stored"
            )
            raise RefusedError(text)
        counts[stored] += 1
    return counts[Stored.NEW], counts[Stored.SAME]
