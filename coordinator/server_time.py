"""Estimate the time by the server's clock.

Deadlines count from when the server stored a request, so the time left depends on the server's clock. The local clock
may be wrong, or be set while this process runs; so this module uses a clock that cannot be set. The process asks the
server for the time, again and again. The server reads its clock between question and answer, so each answer bounds the
difference between the two clocks; the estimate is the intersection of all bounds. If an answer contradicts the earlier
bounds, a clock was set or another server leads: the newest answer counts.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.port import Message

# Two clocks drift apart by at most this, in seconds per second, unless one clock is broken; a clock that is being
# corrected may run that much too fast or slow.
_DRIFT = 1e-3
# The rounding error of the server's answer, in microseconds, and of seconds since 1970.
_ROUNDED_S = 1e-5


@dataclass(slots=True)
class ServerTime:
    """Estimates the server's time from the server's answers; has no estimate before the first answer.

    Attributes:
        ticks: Seconds of a monotonic clock that is never set, from any origin.
    """

    ticks: Callable[[], float] = time.monotonic
    # The server's clock minus the local clock at the last answer, as a lower and an upper bound.
    _least: float = float("-inf")
    _most: float = float("inf")
    _heard: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether the server has answered."""
        return self._most < float("inf")

    def update(self, server_time: datetime, *, asked_at: float) -> float:
        """Update the bounds with the answer that has just come.

        Args:
            server_time: The server's time in the answer.
            asked_at: The value of ``ticks`` before the question was sent.

        Returns:
            The seconds by which the server's clock has jumped since the previous answer; 0 without a jump.
        """
        now, at = self.ticks(), server_time.timestamp()
        drifted = _DRIFT * abs(now - self._heard) + _ROUNDED_S
        before = self._least - drifted, self._most + drifted
        self._least, self._most = max(at - now, before[0]), min(at - asked_at, before[1])
        jump = 0.0
        if self._least > self._most:
            self._least, self._most = at - now, at - asked_at
            jump = self._least - before[1] if self._least > before[1] else self._most - before[0]
        self._heard = now
        return jump

    def now(self) -> datetime:
        """Return the earliest possible time: never late, and early by at most the duration of the last answer.

        This holds except for the clocks' drift, and until the server's clock is set again.

        Raises:
            ValueError: If there was no answer yet.
        """
        return self._estimate(self._least)

    def latest(self) -> datetime:
        """Return the latest possible time; raises as ``now``."""
        return self._estimate(self._most)

    def is_ahead(self, message: Message) -> bool:
        """Return whether the storage time of *message*, by a clock that was ahead, is still to come."""
        return message.stored_at is not None and message.stored_at > self.latest()

    def dated(self, message: Message) -> Message:
        """Return *message* with ``stored_at`` now if its storage time is still to come; else unchanged."""
        return replace(message, stored_at=self.now()) if self.is_ahead(message) else message

    def _estimate(self, ahead: float) -> datetime:
        if not self.is_known:
            raise ValueError("the server's time is not known before it has told it")
        return datetime.fromtimestamp(self.ticks() + ahead, UTC)
