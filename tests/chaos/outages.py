"""When the servers could not store, or not be reached: found from what they stored, so from what really happened.

In a run, somebody stores something several times a second. A pause of seconds shows that nobody could; it counts only
while something was wrong with the servers or the lines to them, so that a pause of our own processes excuses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from statistics import median
from typing import TYPE_CHECKING

from chaos.schedule import SERVER_KINDS, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from chaos.history import Event

# An election takes longer, and nothing else in a run as long.
_PAUSE_S = 3.0
# Until what was stored before is shown to an observer whose line was bad.
_SHOWN_S = 20.0
_AWAY = frozenset(
    {*SERVER_KINDS, Kind.STREAM_FULL, Kind.LINE_THIN, Kind.LINE_LOSSY, Kind.LINE_STALLED, Kind.STREAM_STEPS_DOWN}
)


@dataclass(frozen=True, slots=True)
class Disturbance:
    """When a fault began, and when the system had recovered from it."""

    begin_s: float
    end_s: float
    told: str


@dataclass(frozen=True, slots=True)
class Outage:
    """A time in which nothing could be stored, or the deadlines were by a wrong clock."""

    begin_s: float
    end_s: float

    def hits(self, begin_s: float, end_s: float) -> bool:
        """Whether it has a part in a time."""
        return self.begin_s < end_s and self.end_s > begin_s


def outages_of(stored: Iterable[Event], faults: Sequence[Disturbance]) -> list[Outage]:
    """Give the times in which nobody can be answered.

    Args:
        stored: The first sight of each message.
        faults: What was wrong, and when.
    """
    wrong_clock = [Outage(fault.begin_s, fault.end_s) for fault in faults if fault.told == Kind.SERVER_CLOCK_SET]
    away = [Outage(fault.begin_s, fault.end_s) for fault in faults if fault.told in _AWAY]
    pauses = [
        Outage(begin_s, end_s)
        for begin_s, end_s in pairwise(_times(list(stored), wrong_clock))
        if end_s - begin_s > _PAUSE_S and any(fault.hits(begin_s, end_s) for fault in away)
    ]
    return sorted([*pauses, *wrong_clock], key=lambda outage: outage.begin_s)


def _times(stored: Sequence[Event], wrong_clock: Sequence[Outage]) -> list[float]:
    """Say when messages were stored, by the clients' clock; that of the servers says it where it was right."""
    if not stored:
        return []
    ahead_s = median(event.at_s - event.stored_at for event in stored)
    return sorted(
        event.at_s
        if any(fault.hits(event.at_s - _SHOWN_S, event.at_s + 1) for fault in wrong_clock)
        else min(event.at_s, event.stored_at + ahead_s)
        for event in stored
    )
