"""Say whose turn it is, and refuse what could only be answered late: from what waits, and what its like took of late.

One request is computed at a time; but beside one that takes long, shorter ones are, so that easy work passes hard work.
Pure but for its memory: never sleeps, publishes or reads a clock; *now* is a moment of any clock that runs evenly, in
seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.messages import MasterPortfolioFailed, Reason
from portfolio.market import snapshot as markets
from portfolio.terms.rules import Explain

if TYPE_CHECKING:
    from bus.messages import OptimizationRequest

# Nothing is passed before it has had so long: most take a tenth of a second, and are done by then.
QUICK_S = 2.0
# What is computed beside others takes at most this part of what each of them takes.
_SHORTER = 0.5
# So many are computed at a time, at most, each in a process of its own; the last is for what is known to be shorter.
MOST = 3
# So many of the latest of a size tell what the next takes, and none that is older.
_LATEST, _FRESH_S = 20, 600.0
# What was said is said again for so long: a queue of hundreds is gone through at every turn.
_REMEMBERED_S = 1.0
# Of the time that is left, so much is planned with: a mean is exceeded by half of what it is made of.
_PLANNED = 0.8
# What blocks does so for some time.
_HAIR_S = 1e-3
# What would wait longer here may be sooner elsewhere.
_SOON_S = 10.0


@dataclass(frozen=True, slots=True)
class Size:
    """What a request's work grows with, each in powers of two."""

    weights: int
    parcels: int
    explained: int

    def within(self, other: Size) -> bool:
        """Whether nothing of it is more than another's."""
        mine, its = (self.weights, self.parcels, self.explained), (other.weights, other.parcels, other.explained)
        return all(a <= b for a, b in zip(mine, its, strict=True))


def size_of(request: OptimizationRequest) -> Size:
    """Measure a request, whose market is here."""
    market = markets.load(request.market)
    weights = len(market.etfs) * len(request.shares(market.risk_free))
    parcels = sum(len(holding.parcels) for holding in request.account.holdings) if request.account else 0
    return Size(weights.bit_length(), parcels.bit_length(), int(request.explain is Explain.ALL))


@dataclass(slots=True)
class Measured:
    """What requests took, by their size."""

    _taken: dict[Size, deque[tuple[float, float]]] = field(default_factory=dict)
    _said: dict[Size, tuple[float, float]] = field(default_factory=dict)

    def note(self, size: Size, seconds: float, now: float) -> None:
        """Learn what one took that was computed to its end."""
        self._taken.setdefault(size, deque(maxlen=_LATEST)).append((now, seconds))
        self._said.clear()

    def expected_s(self, size: Size, now: float) -> float:
        """Say what one of a size takes, or at least; zero as long as nothing is known.

        Of a size that was not seen lately it is known that it takes what smaller ones take.
        """
        at, said = self._said.get(size, (-math.inf, 0.0))
        if now - at > _REMEMBERED_S:
            own = [size] if self.knows(size, now) else [other for other in self._taken if other.within(size)]
            said = max((_mean(self._fresh(each, now)) for each in own), default=0.0)
            self._said[size] = now, said
        return said

    def knows(self, size: Size, now: float) -> bool:
        """Whether it was seen lately what one of this size takes."""
        return len(self._fresh(size, now)) > 1

    def _fresh(self, size: Size, now: float) -> list[float]:
        return [seconds for at, seconds in self._taken.get(size, ()) if now - at <= _FRESH_S]


def _mean(taken: list[float]) -> float:
    """Leave the longest out: it was sooner an outage, or the first of a process that compiles, than a request."""
    counted = sorted(taken)[:-1]
    return sum(counted) / len(counted) if counted else 0.0


@dataclass(slots=True)
class Work:
    """A request whose results are complete.

    Attributes:
        request_id: Its id.
        size: Its size.
        by: When its answer must be found.
        began: When its turn came; infinite before.
    """

    request_id: str
    size: Size
    by: float
    began: float = math.inf

    def taken_s(self, now: float) -> float:
        """Say how long it has been computed."""
        return max(0.0, now - self.began)


@dataclass(slots=True)
class Load:
    """What one coordinator has before it.

    Attributes:
        waiting: What waits for its turn, by request.
        running: What is computed, by request.
        measured: What requests took.
    """

    waiting: dict[str, Work] = field(default_factory=dict)
    running: dict[str, Work] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)

    def has(self, request_id: str) -> bool:
        """Whether it waits or is computed."""
        return request_id in self.waiting or request_id in self.running

    def leave(self, request_id: str) -> None:
        """Forget a request that waits or is computed."""
        self.waiting.pop(request_id, None)
        self.running.pop(request_id, None)

    def expected_s(self, work: Work, now: float) -> float:
        """Say what it takes, as far as is known."""
        return self.measured.expected_s(work.size, now)

    def begin(self, now: float) -> list[Work]:
        """Begin what may be begun, the least deadline first; returns whose turn it is."""
        begun = []
        for work in sorted(self.waiting.values(), key=lambda work: work.by):
            if any(self._is_short(other, now) for other in self.running.values()):
                break  # for all who wait
            if self.may_begin(work, now):
                del self.waiting[work.request_id]
                work.began = now
                self.running[work.request_id] = work
                begun.append(work)
        return begun

    def _is_short(self, other: Work, now: float) -> bool:
        return max(other.taken_s(now), self.expected_s(other, now)) < QUICK_S

    def may_begin(self, work: Work, now: float) -> bool:
        """Whether nothing is computed, or only what takes much longer."""
        return not self._is_full(work, now) and not any(self._blocks_s(other, work, now) for other in self._at_it(work))

    def _is_full(self, work: Work, now: float) -> bool:
        """Whether all places are taken; the last is for what is known, or smaller than all that is computed."""
        sizes = [other.size for other in self.running.values()]
        fits = self.measured.knows(work.size, now) or all(work.size != s and work.size.within(s) for s in sizes)
        return len(sizes) >= (MOST if fits else MOST - 1)

    def _at_it(self, work: Work) -> list[Work]:
        return [other for other in self.running.values() if other is not work]

    def _blocks_s(self, other: Work, work: Work, now: float) -> float:
        """Say how long, as far as is known, *work* has to wait for *other*, which is computed."""
        taken, window_s = other.taken_s(now), self._window_s(work, now)
        if max(taken, self.expected_s(other, now)) >= window_s:
            return 0.0
        return min(window_s - taken, self._left_s(other, now)) or _HAIR_S

    def _window_s(self, work: Work, now: float) -> float:
        return max(QUICK_S, self.expected_s(work, now) / _SHORTER)

    def _left_s(self, work: Work, now: float) -> float:
        """Say how long what is computed goes on: what is beyond what its like take goes on for as long again."""
        taken, expected = work.taken_s(now), self.expected_s(work, now)
        left = expected - taken if taken < expected else taken
        return min(left, max(work.by - now, 0.0))

    def ahead_s(self, work: Work, now: float) -> float:
        """Say how long it would wait here, as far as is known."""
        waits = sum(self.expected_s(other, now) for other in self._before(work, now))
        at_it = [self._blocks_s(other, work, now) for other in self._at_it(work)]
        if self._is_full(work, now):
            waits += min(self._left_s(other, now) for other in self.running.values())
        return waits + max(at_it, default=0.0)

    def _before(self, work: Work, now: float) -> list[Work]:
        """List what waits and would be begun before, but for what takes much longer, which is passed."""
        window_s = self._window_s(work, now)
        earlier = [other for other in self.waiting.values() if other.by <= work.by and other is not work]
        return [other for other in earlier if self.expected_s(other, now) < window_s]

    def is_sooner_elsewhere(self, work: Work, now: float) -> bool:
        """Whether another coordinator, if one has nothing to do, should have it."""
        return self._is_full(work, now) or self.ahead_s(work, now) > _SOON_S or self.is_too_much(work, now)

    def is_too_much(self, work: Work, now: float) -> bool:
        """Whether those before it leave too little of its time; what need not wait is always tried."""
        if self.may_begin(work, now) and not self._before(work, now):
            return False
        return self.ahead_s(work, now) + self.expected_s(work, now) > _PLANNED * (work.by - now)

    def refusal(self, request: OptimizationRequest, work: Work, now: float) -> MasterPortfolioFailed:
        """Say how long the queue is, how much time was left, and what to do."""
        left_s = work.by - now
        left = f"{left_s:.3g} s of its {request.deadline_s:g} s are left" if left_s > 0 else "no time is left"
        there = len(self.waiting.keys() - {request.request_id}) + len(self.running)
        message = (
            f"too much is asked of this system at once: this coordinator's queue is {there} long, what is before this "
            f"request takes {self.ahead_s(work, now):.2g} s, its like took {self.expected_s(work, now):.2g} s of late, "
            f"and {left}; ask again later under a new request_id, allow more time (deadline_s), or run more "
            "coordinators"
        )
        return MasterPortfolioFailed(
            request_id=request.request_id,
            customer_id=request.customer.customer_id,
            reason=Reason.OVERLOADED,
            message=message,
        )
