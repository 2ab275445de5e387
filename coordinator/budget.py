"""The time that one answer may take, shared out: how long to search, and what to keep for all that follows.

What follows the search, its proof checked again, whole units, the check of the event, grows with the search and with
the size of the request. So a part of the time is kept for it, and what the longest step so far took: the search asks
only between steps, and the next may begin just before its end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from bus.messages import MasterPortfolioFailed, Reason, StoppedBy

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.messages import OptimizationRequest
    from portfolio.master.goal_programming import Watch

# Of all time, for the proof's check, the account and the event's check; and where something is owned for the orders in
# whole units as well, which are a search of their own.
_KEPT, _KEPT_FOR_ORDERS = 0.15, 0.3


@dataclass(slots=True)
class Budget:
    """What is left of an answer's time.

    Attributes:
        seconds: What the answer may take from now.
        by: What sets them.
        clock: Seconds of a clock that runs evenly.
        also: Ends the search, too, where it says so.
        cut: Whether a search was ended for want of time.
    """

    seconds: float = math.inf
    by: StoppedBy = StoppedBy.DEADLINE
    clock: Callable[[], float] = perf_counter
    also: Callable[[], bool] = lambda: False
    cut: bool = False
    _began: float = field(init=False)
    _asked: float = field(init=False)
    _kept_s: float = 0.0
    _longest_s: float = 0.0
    _found: bool = False

    def __post_init__(self) -> None:
        """Begin now."""
        self._began = self._asked = self.clock()

    def left_s(self) -> float:
        """Count the seconds that are left of all time."""
        return self.seconds - (self.clock() - self._began)

    def begin_search(self, *, orders: bool) -> None:
        """Begin the search; *orders* in whole units are to follow it, or not."""
        self._asked = self.clock()
        self._kept_s = self._share(_KEPT_FOR_ORDERS if orders else _KEPT)

    def stop(self) -> bool:
        """Say whether the search is to end: what is left is kept for what follows it."""
        now = self.clock()
        self._longest_s, self._asked = max(self._longest_s, now - self._asked), now
        # As long as there is no portfolio, nothing could follow: one more step may find the first.
        kept_s = self._kept_s + self._longest_s if self._found else self._share(_KEPT)
        over = self.left_s() <= kept_s or self.also()
        self.cut |= over
        return over

    def watching(self, watch: Watch | None) -> Watch:
        """Learn from how far the search is whether there is a portfolio, and pass it on."""

        def told(search: int, gap: float) -> None:
            self._found |= math.isfinite(gap)
            if watch is not None:
                watch(search, gap)

        return told

    def for_orders_s(self) -> float:
        """Count the seconds that the search for orders has left."""
        return self.left_s() - self._share(_KEPT)

    def _share(self, part: float) -> float:
        return part * self.seconds if math.isfinite(self.seconds) else 0.0


def out_of_time(request: OptimizationRequest, budget: Budget) -> MasterPortfolioFailed:
    """Say that the time was not enough for any portfolio, and what to do."""
    mend = "allow it more time (deadline_s)"
    if budget.by is StoppedBy.SEARCH_LIMIT:
        mend = "its coordinators search no longer for one request (--solver-seconds): allow them more time"
    return MasterPortfolioFailed(
        request_id=request.request_id,
        customer_id=request.customer.customer_id,
        reason=Reason.SOLVER_FAILED,
        message=(
            f"no portfolio was found and checked within the {budget.seconds:.3g} s that were left for the search: "
            f"{mend}, or ask for less: fewer parcels, a smaller market, explain = unmet"
        ),
    )
