"""A board that is kept up to date by following the bus, and what a browser is told of it.

Nothing is queued for a browser: each asks what has changed since the message that it saw last, when it is ready for
more. One that is slow is told less often, never more at once than the board holds.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bus.subjects import Kind
from dashboard.board import Board
from dashboard.pace import Pace

if TYPE_CHECKING:
    from bus.port import Bus
    from dashboard.row import Row

# Messages taken in before others get their turn: some 20 ms of work.
_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Start:
    """From where the stream is shown, and how fast.

    Attributes:
        since: From then; None for everything there is.
        speed: How many times faster than it was; None for as fast as it comes.
    """

    since: datetime | None
    speed: float | None = None


class View:
    """A board, and the following of the stream that fills it.

    Attributes:
        token: Tells one view from another, so that a browser that comes back knows whether it is still the same.
        board: The picture so far.
    """

    def __init__(self, start: Start) -> None:
        self.start = start
        self._begin()

    def _begin(self) -> None:
        self.token = secrets.token_hex(4)
        self.board = Board()

    async def follow(self, bus: Bus, *, from_sequence: int = 0) -> None:
        """Take in the stream for ever; what was seen before, up to *from_sequence*, without waiting."""
        clock = asyncio.get_running_loop().time
        pace = Pace(self.start.speed, now=clock(), live=datetime.now(UTC), from_sequence=from_sequence)
        since = self.start.since
        async with aclosing(bus.follow(since=since, everything=since is None)) as messages:
            taken = 0
            async for message in messages:
                wait_s = pace.wait_s(message.sequence, message.stored_at, now=clock())
                taken += 1
                if wait_s or not taken % _AT_A_TIME:
                    await asyncio.sleep(wait_s)
                if message.sequence <= self.board.sequence:
                    self._begin()  # the stream was lost and set up again: what was shown is of another
                self.board.apply(message)

    def told(self, *, after: int | None) -> dict[str, Any]:
        """Tell a browser what it does not know yet; with None, all that there is."""
        rows = self.board.changed_since(after or 0)
        return {"reset": after is None, "rows": [_row(row) for row in rows], "summary": self._summary()}

    def _summary(self) -> dict[str, Any]:
        board = self.board
        times = board.times()
        return {
            "requests": board.seen[Kind.REQUEST],
            "working": board.working,
            "optimised": board.optimised,
            "failed": board.failed,
            "rejected": board.seen[Kind.REJECTED],
            "reasons": board.reasons.most_common(),
            "times": times and asdict(times),
            "at": _iso(board.at),
            "since": _iso(self.start.since),
            "speed": self.start.speed,
            "kept": board.limit,
        }


def _row(row: Row) -> dict[str, Any]:
    return {
        "id": row.id,
        "began": row.began,
        "changed": row.changed,
        "state": row.state.value,
        "asked_at": _iso(row.asked_at),
        "customer": row.customer,
        "what": row.what,
        "asked": row.asked,
        "pods": {pod: asdict(answer) for pod, answer in row.pods.items()},
        "final": row.final and asdict(row.final),
    }


def _iso(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat(timespec="milliseconds")
