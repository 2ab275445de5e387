"""Replay the stream at the original speed or a multiple. Never sleeps: returns the time to wait."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

# Longer quiet periods, such as nights, are cut to this time.
LONGEST_GAP_S = 5.0


class Pace:
    """Computes when the messages of a replay are due.

    Args:
        speed: Speed relative to real time; None for no delays.
        now: When the replay begins, by the clock of ``wait_s``.
        live: Messages stored from this time on are new, and due at once.
        from_sequence: Messages up to this sequence were seen already, and are due at once.
    """

    def __init__(self, speed: float | None, *, now: float, live: datetime, from_sequence: int = 0) -> None:
        self._speed = speed
        self._due = now
        self._live = live
        self._from = from_sequence
        self._before: datetime | None = None

    def wait_s(self, sequence: int, stored_at: datetime | None, *, now: float) -> float:
        """Return how many seconds to wait, from *now* on, before showing the message."""
        if self._speed is None or stored_at is None or sequence <= self._from or stored_at >= self._live:
            self._due = now
            return 0.0
        gap_s = (stored_at - self._before).total_seconds() / self._speed if self._before else 0.0
        self._before = stored_at
        self._due += min(max(gap_s, 0.0), LONGEST_GAP_S)
        return max(0.0, self._due - now)
