"""Whether a stream is still the one that was read so far: pure, of what its leader says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from bus.port import Standing

# A leader that was cut off lags behind and does not know that it leads no more, for up to 25 s.
_BELIEVED_S = 40.0


@dataclass(slots=True)
class Stream:
    """The stream that somebody reads.

    Attributes:
        created: When the one that was read so far was set up.
    """

    created: datetime
    _shorter_since: float | None = None

    def read_on(self, told: Standing, place: int, *, now: float) -> int:
        """Say from which sequence to read on: *place*, or an earlier one if all that was read is gone.

        A stream that was set up again is read from its start. One that was restored from a backup, or lost its end
        with its machine's power, is the same and shorter; that is believed when it has been told for a while.

        Args:
            told: What the leader says now.
            place: The sequence that is to be read next.
            now: Seconds of any even clock.
        """
        if told.created != self.created:
            self.created, self._shorter_since = told.created, None
            return 1
        if told.last_sequence >= place - 1:
            self._shorter_since = None
        elif self._shorter_since is None:
            self._shorter_since = now
        elif now - self._shorter_since > _BELIEVED_S:
            self._shorter_since = None
            return told.last_sequence + 1
        return place
