"""Deadlines, which the server keeps: no coordinator or agent need run when a deadline falls due."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.topology.streams import TIMERS
from bus.transports.jetstream.connection.asking import insist, require_stream
from bus.transports.jetstream.connection.frames import decode
from bus.transports.jetstream.connection.server_errors import SUBJECT_TAKEN, translate

if TYPE_CHECKING:
    from datetime import datetime

    from bus.transports.jetstream.connection.wire import Wire


async def schedule(wire: Wire, request_id: str, at: datetime, *, keep: bool) -> None:
    """Schedule a message on ``subjects.due(request_id)`` for *at*; see ``Bus``.

    To *keep* a schedule takes no permission to read it: the server itself refuses a second one on the same subject.
    """
    subject = subjects.timer_since_seen(request_id) if keep else subjects.timer(request_id)
    what = f"scheduling {subject}"
    headers = {
        "Nats-Schedule": f"@at {at.astimezone(UTC).isoformat(timespec='milliseconds')}".replace("+00:00", "Z"),
        "Nats-Schedule-Target": subjects.due(request_id),
        **({"Nats-Expected-Last-Subject-Sequence": "0"} if keep else {}),
    }

    async def attempt(timeout_s: float) -> None:
        answer = decode(await wire.ask(subject, headers=headers, timeout_s=timeout_s))
        if (error := answer.get("error")) and not (keep and error.get("err_code") in SUBJECT_TAKEN):
            raise translate(error, what, wire.command)

    await insist(what, attempt, when_nobody_listens=lambda: require_stream(wire, TIMERS))
