"""The time by the server's clock, as far as it can be told from here.

Deadlines count from when the server stored a request, so what is left of them is a matter of its clock. Ours may be
wrong, or be set while we run; so none is asked that can be set. No message is delivered before it was stored: the one
that seems to have taken least tells by how much an even clock of ours differs.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

# Two clocks drift apart by no more than this, in seconds a second, if one of them is not broken.
_DRIFT = 1e-4


@dataclass(slots=True)
class ServerTime:
    """Learns from the messages that are delivered; knows nothing before the first.

    Attributes:
        ticks: Seconds of a clock that runs evenly and is never set, from any origin.
    """

    ticks: Callable[[], float] = time.monotonic
    _ahead: float = field(default=float("inf"))  # of the server's clock, as far as is known
    _learnt: float = 0.0

    def saw(self, stored_at: datetime | None) -> None:
        """Learn from a message that has just been delivered, stored at *stored_at* by the server's clock."""
        if stored_at is None:
            return
        now = self.ticks()
        self._ahead = min(now - stored_at.timestamp(), self._ahead + _DRIFT * (now - self._learnt))
        self._learnt = now

    def now(self) -> datetime:
        """Tell the time, never later than it is by more than the clocks have drifted apart."""
        return datetime.fromtimestamp(self.ticks() - self._ahead, UTC)
