"""Decide whose turn comes next, and refuse requests that could only be answered late.

The decisions use the waiting requests and the recent durations of similar requests. Normally one request is computed at
a time; while a long request runs, shorter requests run beside it, so that easy work passes hard work. The module is
pure except for its record of durations: it never sleeps, publishes or reads a clock; *now* is a time in seconds of any
monotonic clock.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from bus.language.messages import Reason
from coordinator.budget import waited_too_long
from coordinator.finals import failure
from portfolio.market import snapshot as markets
from portfolio.terms.rules import Explain

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioFailed, OptimizationRequest

# No other request passes a request that has run for less than this time: most requests take a tenth of a second and are
# done by then.
QUICK_S = 2.0
# A request may run beside longer requests only if it takes at most this part of the time of each.
_SHORTER = 0.5
# The most requests computed at a time, each in a separate process. The last place is only for requests of a known
# duration, and for requests that are smaller than all that run.
MOST = 3
# The estimate for a size uses at most this number of the latest durations, none older than this number of seconds.
_LATEST, _FRESH_S = 20, 600.0
# Estimates are cached for this time: every turn goes through a queue of hundreds.
_REMEMBERED_S = 1.0
# Plans use this part of the remaining time: half of the durations behind a mean exceed it.
_PLANNED = 0.8
# A blocking request blocks for at least this time.
_HAIR_S = 1e-3
# A request that would wait longer than this here may start sooner elsewhere.
_SOON_S = 10.0


class Size(NamedTuple):
    """The quantities that determine a request's work, as bit lengths (powers of two)."""

    weights: int
    parcels: int
    explained: int

    def within(self, other: Size) -> bool:
        """Return whether no quantity exceeds the other size's quantity."""
        return all(a <= b for a, b in zip(self, other, strict=True))


def size_of(request: OptimizationRequest) -> Size:
    """Measure a request whose market is on this machine."""
    weights = len(markets.load(request.market).etfs) * len(request.asked())
    parcels = sum(len(holding.parcels) for holding in request.account.holdings) if request.account else 0
    return Size(weights.bit_length(), parcels.bit_length(), int(request.explain is Explain.ALL))


@dataclass(slots=True)
class Measured:
    """The durations of requests, by size."""

    _durations: dict[Size, deque[tuple[float, float]]] = field(default_factory=dict)
    _estimates: dict[Size, tuple[float, float]] = field(default_factory=dict)

    def note(self, size: Size, seconds: float, now: float) -> None:
        """Record the duration of a request that was computed to its end."""
        self._durations.setdefault(size, deque(maxlen=_LATEST)).append((now, seconds))
        self._estimates.clear()

    def expected_s(self, size: Size, now: float) -> float:
        """Return the expected seconds (or a lower bound) of a request of this size; 0 while no duration is known.

        A size without recent durations takes at least as long as the smaller sizes.
        """
        at, estimate_s = self._estimates.get(size, (-math.inf, 0.0))
        if now - at > _REMEMBERED_S:
            own = [size] if self.knows(size, now) else [other for other in self._durations if other.within(size)]
            estimate_s = max((_mean(self._fresh(each, now)) for each in own), default=0.0)
            self._estimates[size] = now, estimate_s
        return estimate_s

    def knows(self, size: Size, now: float) -> bool:
        """Return whether at least two recent durations of this size are known."""
        return len(self._fresh(size, now)) > 1

    def _fresh(self, size: Size, now: float) -> list[float]:
        return [seconds for at, seconds in self._durations.get(size, ()) if now - at <= _FRESH_S]


def _mean(seconds: list[float]) -> float:
    """Average all durations except the longest, which is more likely an outage or a process's first compilation."""
    counted = sorted(seconds)[:-1]
    return sum(counted) / len(counted) if counted else 0.0


@dataclass(slots=True)
class Work:
    """A request whose results are complete.

    Attributes:
        request_id: The request's id.
        size: The request's size.
        by: When the answer must be found.
        began: When the request's turn came; infinite before.
        came: When the request came to this coordinator; long ago by default.
    """

    request_id: str
    size: Size
    by: float
    began: float = math.inf
    came: float = -math.inf

    def elapsed_s(self, now: float) -> float:
        """Return the seconds since the computation began."""
        return max(0.0, now - self.began)


@dataclass(slots=True)
class Load:
    """The requests that one coordinator has to compute.

    Attributes:
        waiting: The requests that wait for their turn, by id.
        running: The requests that are being computed, by id.
        measured: The durations of past requests.
    """

    waiting: dict[str, Work] = field(default_factory=dict)
    running: dict[str, Work] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)

    def has(self, request_id: str) -> bool:
        """Return whether the request waits or runs."""
        return request_id in self.waiting or request_id in self.running

    def leave(self, request_id: str) -> None:
        """Forget a request that waits or runs."""
        self.waiting.pop(request_id, None)
        self.running.pop(request_id, None)

    def expected_s(self, work: Work, now: float) -> float:
        """Return the request's expected duration, as far as is known."""
        return self.measured.expected_s(work.size, now)

    def begin(self, now: float) -> list[Work]:
        """Begin all requests that may begin, the earliest deadline first; return the begun requests."""
        begun = []
        for work in sorted(self.waiting.values(), key=lambda work: work.by):
            if any(self._is_short(other, now) for other in self.running.values()):
                break  # a short request runs: every waiting request waits for its end
            if self.may_begin(work, now):
                del self.waiting[work.request_id]
                work.began = now
                self.running[work.request_id] = work
                begun.append(work)
        return begun

    def _is_short(self, other: Work, now: float) -> bool:
        return max(other.elapsed_s(now), self.expected_s(other, now)) < QUICK_S

    def may_begin(self, work: Work, now: float) -> bool:
        """Return whether no request runs, or only requests that take much longer."""
        return not self._is_full(work, now) and not any(self._blocks_s(other, work, now) for other in self._at_it(work))

    def _is_full(self, work: Work, now: float) -> bool:
        """Return whether all places are taken.

        The last place is for a request whose size is known, or smaller than every running request.
        """
        sizes = [other.size for other in self.running.values()]
        fits = self.measured.knows(work.size, now) or all(work.size != s and work.size.within(s) for s in sizes)
        return len(sizes) >= (MOST if fits else MOST - 1)

    def _at_it(self, work: Work) -> list[Work]:
        return [other for other in self.running.values() if other is not work]

    def _blocks_s(self, other: Work, work: Work, now: float) -> float:
        """Return how long *work* has to wait for *other*, which is running, as far as is known."""
        elapsed_s, window_s = other.elapsed_s(now), self._window_s(work, now)
        if max(elapsed_s, self.expected_s(other, now)) >= window_s:
            return 0.0
        return min(window_s - elapsed_s, self._left_s(other, now)) or _HAIR_S

    def _window_s(self, work: Work, now: float) -> float:
        return max(QUICK_S, self.expected_s(work, now) / _SHORTER)

    def _left_s(self, work: Work, now: float) -> float:
        """Return the remaining seconds of a running request.

        A request that has exceeded the expected duration is assumed to run for as long again.
        """
        elapsed_s, expected_s = work.elapsed_s(now), self.expected_s(work, now)
        remaining_s = expected_s - elapsed_s if elapsed_s < expected_s else elapsed_s
        return min(remaining_s, max(work.by - now, 0.0))

    def ahead_s(self, work: Work, now: float) -> float:
        """Return how long the request would wait here, as far as is known."""
        before = self._before(work, now)
        waits = sum(number * self.measured.expected_s(size, now) for size, number in before.items())
        at_it = [self._blocks_s(other, work, now) for other in self._at_it(work)]
        if self._is_full(work, now):
            waits += min(self._left_s(other, now) for other in self.running.values())
        return waits + max(at_it, default=0.0)

    def _before(self, work: Work, now: float) -> dict[Size, int]:
        """Count the waiting requests that would begin earlier by size, except much longer ones, which this one passes.

        Every request asks, so that the cost of each other one counts: hundreds may wait, of very few sizes.
        """
        window_s, by = self._window_s(work, now), work.by
        earlier = Counter([other.size for other in self.waiting.values() if other.by <= by and other is not work])
        return {size: number for size, number in earlier.items() if self.measured.expected_s(size, now) < window_s}

    def is_sooner_elsewhere(self, work: Work, now: float) -> bool:
        """Return whether an idle coordinator, if there is one, should take the request."""
        return self._is_full(work, now) or self.ahead_s(work, now) > _SOON_S or self.is_too_much(work, now)

    def is_too_much(self, work: Work, now: float) -> bool:
        """Return whether earlier requests leave too little time; always False if the request need not wait."""
        if self.may_begin(work, now) and not self._before(work, now):
            return False
        return self.ahead_s(work, now) + self.expected_s(work, now) > _PLANNED * (work.by - now)

    def refusal(self, request: OptimizationRequest, work: Work, now: float) -> MasterPortfolioFailed:
        """Make the failure event: the queue's length, the remaining time in seconds, and the mend.

        If no time is left and less than half of the deadline is for this coordinator's queue, the system was not
        overloaded: the event says that the time passed before.
        """
        left_s = work.by - now
        here_s = now - work.came + self.ahead_s(work, now) + self.expected_s(work, now)
        if left_s <= 0 and here_s < request.deadline_s / 2:
            return waited_too_long(request, 0.0)
        time_left = f"{left_s:.3g} s of its {request.deadline_s:g} s are left" if left_s > 0 else "no time is left"
        there = len(self.waiting.keys() - {request.request_id}) + len(self.running)
        message = (
            f"too much is asked of this system at once: this coordinator's queue is {there} long, what is before this "
            f"request takes {self.ahead_s(work, now):.2g} s, its like took {self.expected_s(work, now):.2g} s of late, "
            f"and {time_left}; ask again later under a new request_id, allow more time (deadline_s), or run more "
            "coordinators"
        )
        return failure(request, Reason.OVERLOADED, message)
