"""The time by the server's clock, as far as it can be told from here.

Deadlines count from when the server stored a request, so what is left of them is a matter of its clock. Ours may be
wrong, or be set while we run; so none is asked that can be set. The server is asked for its time, again and again: it
told it at some moment between question and answer, and what is known of its clock is what all such pairs of bounds have
in common. Where an answer contradicts those before, a clock was set or another server leads: the newest is believed.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.port import Message

# Two clocks drift apart by no more than this, in seconds a second, if neither is broken; a clock that is being
# corrected may run that much too fast or slow.
_DRIFT = 1e-3
# What is lost in what is told, which has microseconds, and in seconds since 1970.
_ROUNDED_S = 1e-5


@dataclass(slots=True)
class ServerTime:
    """Learns from the server's answers; knows nothing before the first.

    Attributes:
        ticks: Seconds of a clock that runs evenly and is never set, from any origin.
    """

    ticks: Callable[[], float] = time.monotonic
    # By how much the server's clock is ahead of ours, at least and at most, when last heard of.
    _least: float = float("-inf")
    _most: float = float("inf")
    _heard: float = 0.0

    @property
    def is_known(self) -> bool:
        """Whether there was an answer."""
        return self._most < float("inf")

    def hear(self, told: datetime, *, asked: float) -> float:
        """Learn from the answer that has just come.

        Args:
            told: The server's time in it.
            asked: What ``ticks`` said before the question was sent.

        Returns:
            By how many seconds the server's clock has jumped since the answer before; 0 if it went on.
        """
        now, at = self.ticks(), told.timestamp()
        drifted = _DRIFT * abs(now - self._heard) + _ROUNDED_S
        before = self._least - drifted, self._most + drifted
        self._least, self._most = max(at - now, before[0]), min(at - asked, before[1])
        jump = 0.0
        if self._least > self._most:
            self._least, self._most = at - now, at - asked
            jump = self._least - before[1] if self._least > before[1] else self._most - before[0]
        self._heard = now
        return jump

    def now(self) -> datetime:
        """Tell the time: never later than it is, and earlier by no more than the last answer took.

        That holds but for what the clocks have drifted apart, and for as long as the server's was not set since.

        Raises:
            ValueError: If there was no answer yet.
        """
        return self._tell(self._least)

    def latest(self) -> datetime:
        """Tell the time that it is at the latest; raises as ``now``."""
        return self._tell(self._most)

    def dated(self, message: Message) -> Message:
        """Give *message* as stored by now, if a clock that was ahead has it stored later; else as it is."""
        if message.stored_at is None or message.stored_at <= self.latest():
            return message
        return replace(message, stored_at=self.now())

    def _tell(self, ahead: float) -> datetime:
        if not self.is_known:
            message = "the server's time is not known before it has told it"
            raise ValueError(message)
        return datetime.fromtimestamp(self.ticks() + ahead, UTC)
