"""A bounded summary of the event stream: the most recent requests, and counts over all requests seen.

Pure and deterministic: equal messages in equal order make an equal board. A reader asks for the changes since the last
message that the reader saw, so the board stores no backlog for slow readers.
"""

from __future__ import annotations

import statistics
from collections import Counter, OrderedDict, deque
from dataclasses import dataclass, field
from itertools import takewhile
from typing import TYPE_CHECKING

from bus.language import subjects
from bus.language.subjects import MessageKind
from dashboard.row import Row, State, row_id, with_message

if TYPE_CHECKING:
    from datetime import datetime

    from bus.port import Message

# What follows a final event.
AFTERWARDS = frozenset({MessageKind.CHALLENGE, MessageKind.APPROVAL, MessageKind.FILL})
# About 3 MB in all, and more rows than any user pages through.
KEPT = 2_000
# The times cover this many answered requests.
_TIMED = 1_000
_QUANTILES, _P95 = 20, 18


@dataclass(frozen=True, slots=True)
class Times:
    """Response times of the last answered requests, from the request to the final event, in milliseconds."""

    of: int
    median_ms: float
    p95_ms: float
    longest_ms: float


@dataclass(slots=True)
class Board:
    """The board.

    Attributes:
        limit: How many rows are kept; older rows remain only in the counts.
        sequence: The last message seen; 0 for none.
        at: When that message was stored.
        seen: Messages by kind.
        reasons: Failure events and rejections, by reason.
    """

    limit: int = KEPT
    sequence: int = 0
    at: datetime | None = None
    seen: Counter[MessageKind] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)
    optimised: int = 0
    _working: OrderedDict[str, Row] = field(default_factory=OrderedDict)
    _finished: OrderedDict[str, Row] = field(default_factory=OrderedDict)
    _took_ms: deque[float] = field(default_factory=lambda: deque(maxlen=_TIMED))

    def apply(self, message: Message) -> None:
        """Apply the next message of the stream."""
        self.sequence, self.at = message.sequence, message.stored_at
        kind = subjects.parse(message.subject).kind
        self.seen[kind] += 1
        name = row_id(message)
        # A challenge, an approval or a fill of a request that is not kept begins no row: it would never end.
        if name and (kind not in AFTERWARDS or name in self._finished):
            before = self._working.pop(name, None) or self._finished.pop(name, None)
            row = with_message(before, message)
            (self._working if row.state is State.WORKING else self._finished)[name] = row
            if row.final is not None and (before is None or before.final is None):
                self._count(row)
            self._forget()

    @property
    def working(self) -> int:
        """The number of kept requests that have no final event yet."""
        return len(self._working)

    @property
    def failed(self) -> int:
        """The number of final events without a portfolio."""
        return self.seen[MessageKind.FINAL] - self.optimised

    def changed_since(self, sequence: int) -> list[Row]:
        """List the rows that messages after *sequence* changed, in the order of their last change."""
        changed = [
            row
            for rows in (self._working, self._finished)
            for row in takewhile(lambda row: row.changed > sequence, reversed(rows.values()))
        ]
        return sorted(changed, key=lambda row: row.changed)

    def times(self) -> Times | None:
        """Summarise the response times of the last answered requests; None if there are none."""
        took = self._took_ms
        if not took:
            return None
        p95 = statistics.quantiles(took, n=_QUANTILES, method="inclusive")[_P95] if len(took) > 1 else took[0]
        return Times(len(took), statistics.median(took), p95, max(took))

    def _count(self, row: Row) -> None:
        if row.final is None:
            return
        self.optimised += row.state is State.OPTIMISED
        if row.state is not State.OPTIMISED:
            self.reasons[row.final.reason or "cannot be read"] += 1
        if row.final.after_ms is not None:
            self._took_ms.append(row.final.after_ms)

    def _forget(self) -> None:
        """Drop the least recently changed row if there are too many; finished rows go first."""
        if len(self._working) + len(self._finished) > self.limit:
            (self._finished or self._working).popitem(last=False)
