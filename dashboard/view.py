"""A board kept up to date from the bus, and the updates for browsers.

There are no per-browser queues: a browser's handler, when ready for more, asks for the changes since the last message
sent. A slow browser gets updates less often, and never more at once than the board holds.
"""

from __future__ import annotations

import asyncio
import secrets
from contextlib import aclosing
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from bus.language.subjects import MessageKind
from dashboard.board import Board
from dashboard.pace import Pace

if TYPE_CHECKING:
    from bus.port import Bus
    from dashboard.row import Row

# Messages handled before other tasks get a turn: some 20 ms of work.
_AT_A_TIME = 32


@dataclass(frozen=True, slots=True)
class Start:
    """Where the view of the stream starts, and how fast the replay runs.

    Attributes:
        since: The start time; None for the whole stream.
        speed: Speed relative to real time; None for no delays.
    """

    since: datetime | None
    speed: float | None = None


class View:
    """A board, and the task of filling the board from the stream.

    Attributes:
        token: Identifies the view, so that a reconnecting browser notices a different one.
        board: The present state.
    """

    def __init__(self, start: Start) -> None:
        self.start = start
        self._begin()

    def _begin(self) -> None:
        self.token = secrets.token_hex(4)
        self.board = Board()

    async def follow(self, bus: Bus, *, from_sequence: int = 0) -> None:
        """Apply the stream's messages for ever.

        The browser has seen the messages up to *from_sequence*, so these come without delay.
        """
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
                    self._begin()  # the stream was lost and created anew: the board shows the old one
                self.board.apply(message)

    def told(self, *, after: int | None) -> dict[str, Any]:
        """Return the changes since the sequence *after*; with None, the whole board."""
        rows = self.board.changed_since(after or 0)
        return {"reset": after is None, "rows": [_row(row) for row in rows], "summary": self._summary()}

    def _summary(self) -> dict[str, Any]:
        board = self.board
        times = board.times()
        return {
            "requests": board.seen[MessageKind.REQUEST],
            "working": board.working,
            "optimised": board.optimised,
            "failed": board.failed,
            "rejected": board.seen[MessageKind.REJECTED],
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
