"""Say whose turn it is, and refuse what could only be answered late: from what waits, and what its like took of late.

There are two lanes: one for what is quick, and one for what is long, so that easy work passes hard work. Pure but for
its memory: never sleeps, publishes or reads a clock; *now* is a moment of any clock that runs evenly, in seconds.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, field
from enum import Enum
from statistics import median
from typing import TYPE_CHECKING

from bus.messages import MasterPortfolioFailed, Reason
from portfolio import market as markets
from portfolio.rules import Explain

if TYPE_CHECKING:
    from bus.messages import OptimizationRequest

# What takes longer is long: it makes way for what is quick. Most take a tenth of a second.
QUICK_S = 2.0
# So many of the latest of a size tell what the next takes, and none that is older.
_LATEST, _FRESH_S = 20, 600.0
# What was said is said again for so long: a queue of hundreds is gone through at every turn.
_REMEMBERED_S = 1.0
# Of the time that is left, so much is planned with: a mean is exceeded by half of what it is made of.
_PLANNED = 0.8
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


@dataclass(frozen=True, slots=True)
class Expected:
    """What a request takes, as far as is known.

    Attributes:
        seconds: On average.
        is_long: Whether most take longer than what is quick.
    """

    seconds: float = 0.0
    is_long: bool = False


@dataclass(slots=True)
class Measured:
    """What requests took, by their size."""

    _taken: dict[Size, deque[tuple[float, float]]] = field(default_factory=dict)
    _said: dict[Size, tuple[float, Expected]] = field(default_factory=dict)

    def note(self, size: Size, seconds: float, now: float) -> None:
        """Learn what one took: one that was computed to its end, or that is at it and may go on for so long."""
        self._taken.setdefault(size, deque(maxlen=_LATEST)).append((now, seconds))
        self._said.clear()

    def expected(self, size: Size, now: float) -> Expected:
        """Say what one of a size takes, or at least; zero as long as nothing is known.

        Of a size that was not seen lately it is known that it takes what smaller ones take.
        """
        at, said = self._said.get(size, (-math.inf, Expected()))
        if now - at > _REMEMBERED_S:
            own = [size] if self._fresh(size, now) else [other for other in self._taken if other.within(size)]
            found = [_expected(self._fresh(each, now)) for each in own]
            said = max(found, key=lambda each: each.seconds, default=Expected())
            self._said[size] = now, said
        return said

    def _fresh(self, size: Size, now: float) -> list[float]:
        return [seconds for at, seconds in self._taken.get(size, ()) if now - at <= _FRESH_S]


def _expected(taken: list[float]) -> Expected:
    """Leave the longest out: it was sooner an outage, or the first of a process that compiles, than a request."""
    counted = sorted(taken)[:-1]
    if not counted:
        return Expected()
    return Expected(sum(counted) / len(counted), median(counted) > QUICK_S)


class Lane(Enum):
    """What is computed beside each other."""

    QUICK = "quick"
    LONG = "long"


@dataclass(slots=True)
class Work:
    """A request whose results are complete.

    Attributes:
        request_id: Its id.
        size: Its size.
        by: When its answer must be found.
        began: When its turn came, if it has.
        is_long: Whether it was found to be, when it had its turn.
    """

    request_id: str
    size: Size
    by: float
    began: float | None = None
    is_long: bool = False


@dataclass(slots=True)
class Load:
    """What one coordinator has before it.

    Attributes:
        waiting: What waits for its turn, by request.
        running: What each lane computes.
        measured: What requests took.
    """

    waiting: dict[str, Work] = field(default_factory=dict)
    running: dict[Lane, Work] = field(default_factory=dict)
    measured: Measured = field(default_factory=Measured)

    def has(self, request_id: str) -> bool:
        """Whether it waits or is computed."""
        return request_id in self.waiting or self.is_running(request_id)

    def is_running(self, request_id: str) -> bool:
        """Whether it is computed."""
        return any(work.request_id == request_id for work in self.running.values())

    def expected_s(self, work: Work, now: float) -> float:
        """Say what it takes, as far as is known."""
        known = self.measured.expected(work.size, now).seconds
        return max(known, QUICK_S) if work.is_long else known

    def lane_of(self, work: Work, now: float) -> Lane:
        """Say where it belongs."""
        return Lane.LONG if work.is_long or self.measured.expected(work.size, now).is_long else Lane.QUICK

    def begin(self, now: float) -> list[Work]:
        """Give free lanes to who waits for them, the least deadline first; returns whose turn it is."""
        begun = []
        for lane in Lane:
            mine = [work for work in self.waiting.values() if self.lane_of(work, now) is lane]
            if lane not in self.running and mine:
                work = min(mine, key=lambda work: work.by)
                del self.waiting[work.request_id]
                work.began = now
                self.running[lane] = work
                begun.append(work)
        return begun

    def make_way(self, now: float) -> str:
        """See that what turns out to be long does not keep what is quick waiting.

        It goes on in the lane of what is long. If that is taken, it has to be ended, and begun again there: returns its
        request's id; else nothing.
        """
        slow = self.running.get(Lane.QUICK)
        if slow is None or self.left_of_quick_s(now) > 0:
            return ""
        if not slow.is_long:
            self.measured.note(slow.size, 2 * QUICK_S, now)  # half of what takes so long takes as long again
        slow.is_long = True
        if Lane.LONG in self.running:
            return slow.request_id
        self.running[Lane.LONG] = self.running.pop(Lane.QUICK)
        return ""

    def left_of_quick_s(self, now: float) -> float:
        """Say how long what is computed as quick may go on; for ever while nothing quick waits."""
        slow = self.running.get(Lane.QUICK)
        others = any(self.lane_of(work, now) is Lane.QUICK for work in self.waiting.values())
        if slow is None or slow.began is None or not others:
            return math.inf
        return slow.began + QUICK_S - now

    def put_back(self, work: Work) -> None:
        """Have what was ended to make way wait again."""
        self.leave(work.request_id)
        self.waiting[work.request_id] = work

    def leave(self, request_id: str) -> None:
        """Forget a request that waits or is computed."""
        self.waiting.pop(request_id, None)
        self.running = {lane: work for lane, work in self.running.items() if work.request_id != request_id}

    def ahead_s(self, work: Work, now: float) -> float:
        """Say how long it would wait here, as far as is known."""
        lane = self.lane_of(work, now)
        before = [other for other in self.waiting.values() if other.by <= work.by and self.lane_of(other, now) is lane]
        at_it = self._left_s(self.running[lane], lane, now) if lane in self.running else 0.0
        return at_it + sum(self.expected_s(other, now) for other in before if other is not work)

    def _left_s(self, work: Work, lane: Lane, now: float) -> float:
        """Say how long what is computed goes on: what is beyond what its like take goes on for as long again."""
        taken = now - (work.began if work.began is not None else now)
        expected = self.expected_s(work, now)
        left = expected - taken if taken < expected else taken
        return min(left, max(work.by - now, 0.0), QUICK_S if lane is Lane.QUICK else left)

    def is_sooner_elsewhere(self, work: Work, now: float) -> bool:
        """Whether another coordinator, if one has nothing to do, should have it."""
        ahead = self.ahead_s(work, now)
        return ahead > _SOON_S or self.is_too_much(work, now)

    def is_too_much(self, work: Work, now: float) -> bool:
        """Whether those before it leave too little of its time; what need not wait is always tried."""
        ahead = self.ahead_s(work, now)
        waits = self.lane_of(work, now) in self.running
        return waits and ahead + self.expected_s(work, now) > _PLANNED * (work.by - now)

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
