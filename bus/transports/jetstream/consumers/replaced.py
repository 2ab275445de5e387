"""Detect whether a stream was replaced since the last read: pure logic on the leader's reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bus.port import StreamState

# A leader that was cut off lags behind, and for up to 25 s does not know that another server has become the leader.
_BELIEVED_S = 40.0


@dataclass(slots=True)
class Stream:
    """A stream that an observer reads.

    Attributes:
        created: Creation time of the stream that was read so far.
    """

    created: datetime
    _shorter_since: float | None = None

    def read_on(self, report: StreamState, place: int, *, now: float) -> int:
        """Return the sequence to read on from: *place*, or an earlier one if the stream was replaced or is shorter.

        A stream that was set up again is read from the start. A stream that was restored from a backup, or lost the
        newest messages in a power failure, is the same stream and shorter; this method trusts a shorter stream only
        after the leader has reported the shorter length for a while.

        Args:
            report: The leader's current report.
            place: The next sequence to read.
            now: Seconds of any monotonic clock.
        """
        if report.created != self.created:
            self.created, self._shorter_since = report.created, None
            return 1
        if report.last_sequence >= place - 1:
            self._shorter_since = None
        elif self._shorter_since is None:
            self._shorter_since = now
        elif now - self._shorter_since > _BELIEVED_S:
            self._shorter_since = None
            return report.last_sequence + 1
        return place
