"""Divide the time for one answer between the search and the later steps.

The later steps (the proof's second check, whole units, the check of the event) take time that grows with the search and
with the size of the request. So the budget keeps a part of the time for these steps, and also the duration of the
longest search step so far: the search asks only between steps, and the next step may begin just before the search's
end.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

from bus.language.messages import Reason, StoppedBy
from coordinator.finals import failure

if TYPE_CHECKING:
    from collections.abc import Callable

    from bus.language.messages import MasterPortfolioFailed, OptimizationRequest
    from portfolio.master.goal_programming import OnProgress

# Less than this part of the deadline is no full search: time was the fault, not the request.
_FULL = 0.5

# Parts of the whole time: for the proof's check, the account and the event's check; and, if the customer owns units,
# also for the orders in whole units, which need their own search.
_KEPT, _KEPT_FOR_ORDERS = 0.15, 0.3

# A further round of the search begins where this many times the time of the last round is left.
_AGAIN = 2.0


@dataclass(slots=True)
class Budget:
    """The remaining time for an answer.

    Attributes:
        seconds: The time for the answer, from now.
        by: The reason for this limit.
        clock: Returns the seconds of a monotonic clock.
        also: A further condition that ends the search.
        explains: Whether to explain what forces sales, which changes no order.
        cut: Whether a search ended for lack of time.
    """

    seconds: float = math.inf
    by: StoppedBy = StoppedBy.DEADLINE
    clock: Callable[[], float] = perf_counter
    also: Callable[[], bool] = lambda: False
    explains: bool = True
    cut: bool = False
    _began: float = field(init=False)
    _last_poll: float = field(init=False)
    _reserve_s: float = 0.0
    _longest_s: float = 0.0
    _has_portfolio: bool = False
    _round_began: float = 0.0

    def __post_init__(self) -> None:
        """Start the clock."""
        self._began = self._last_poll = self.clock()

    def left_s(self) -> float:
        """Return the seconds left of the whole time."""
        return self.seconds - (self.clock() - self._began)

    def begin_search(self, *, orders: bool) -> None:
        """Begin the search; *orders* says whether a search for orders in whole units follows."""
        self._last_poll = self._round_began = self.clock()
        self._reserve_s = self._share(_KEPT_FOR_ORDERS if orders else _KEPT)

    def stop(self) -> bool:
        """Return whether the search must end, to keep the remaining time for the later steps."""
        now = self.clock()
        self._longest_s, self._last_poll = max(self._longest_s, now - self._last_poll), now
        # Without a portfolio, no later step is possible: one more search step may find the first portfolio.
        reserve_s = self._reserve_s + self._longest_s if self._has_portfolio else self._share(_KEPT)
        over = self.left_s() <= reserve_s or self.also()
        self.cut |= over
        return over

    def has_time_again(self) -> bool:
        """Return whether there is time for the search once more, should it take twice as long as the last time."""
        began, self._round_began = self._round_began, self.clock()
        over = self.left_s() - self._reserve_s <= _AGAIN * (self._round_began - began)
        self.cut |= over
        return not (self.stop() or over)

    def wrap_progress(self, on_progress: OnProgress | None) -> OnProgress:
        """Wrap *on_progress*: note from the reported gap whether a portfolio exists, and pass the report on.

        Each round counts its searches from 1; the report counts on.
        """
        before, last = 0, 0

        def report(search: int, gap: float) -> None:
            nonlocal before, last
            self._has_portfolio |= math.isfinite(gap)
            before, last = before + (last if search < last else 0), search
            if on_progress is not None:
                on_progress(before + search, gap)

        return report

    def for_orders_s(self) -> float:
        """Return the seconds left for the search for orders."""
        return self.left_s() - self._share(_KEPT)

    def _share(self, part: float) -> float:
        return part * self.seconds if math.isfinite(self.seconds) else 0.0


def out_of_time(request: OptimizationRequest, budget: Budget) -> MasterPortfolioFailed:
    """Report that the time was too short to find a portfolio, and suggest remedies.

    Whether the request asks for too much is known only if the search had most of the request's time.
    """
    if budget.by is StoppedBy.DEADLINE and budget.seconds < _FULL * request.deadline_s:
        return waited_too_long(request, budget.seconds)
    mend = "allow it more time (deadline_s)"
    if budget.by is StoppedBy.SEARCH_LIMIT:
        mend = "its coordinators search no longer for one request (--solver-seconds): allow them more time"
    message = (
        f"no portfolio was found and checked within the {budget.seconds:.3g} s that were left for the search: "
        f"{mend}, or ask for less: fewer parcels, a smaller market, explain = unmet"
    )
    return failure(request, Reason.SOLVER_FAILED, message)


def waited_too_long(request: OptimizationRequest, left_s: float) -> MasterPortfolioFailed:
    """Report that the time passed before the search, and that *left_s* seconds were left for the search."""
    message = (
        f"most of the deadline of {request.deadline_s:g} s passed while the request waited for its pods, for its turn, "
        f"or for servers and processes that were away; {left_s:.3g} s were left for the search, too few for a "
        "portfolio: ask again under a new request_id, and if this happens again, allow more time (deadline_s) or run "
        "more coordinators"
    )
    return failure(request, Reason.DEADLINE_EXCEEDED, message)
