"""Refuse what could only be answered late: from who waits for the solver, and what requests took of late.

Pure but for its memory: never sleeps, publishes or reads a clock.
"""

from __future__ import annotations

from collections import Counter, deque
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from bus.messages import MasterPortfolioFailed, Reason

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.messages import OptimizationRequest

# So many of the latest tell what a request takes: a change of what is asked counts after ten of them.
_LATEST = 20
# Of the time that is left, so much is planned with: a mean is exceeded by half of what it is made of.
_PLANNED = 0.8


@dataclass(slots=True)
class Load:
    """What one coordinator's solver has before it.

    Attributes:
        running: The request that is being optimised; empty if none is.
        waiting: Requests that wait or are being optimised, each with how many messages ask for it.
        held_up_s: How long each of the latest held up those behind it.
    """

    running: str = ""
    waiting: Counter[str] = field(default_factory=Counter)
    held_up_s: deque[float] = field(default_factory=lambda: deque(maxlen=_LATEST))

    @property
    def typical_s(self) -> float:
        """How long one holds up those behind it; zero before the first.

        The longest of several is left out: it was sooner an outage, or a process that was stopped, than a request,
        which says nothing of the next.
        """
        counted = sorted(self.held_up_s)[:-1] or self.held_up_s
        return sum(counted) / len(counted) if counted else 0.0

    @contextmanager
    def waits(self, request_id: str) -> Iterator[None]:
        """Count a request while it waits and is optimised."""
        self.waiting[request_id] += 1
        try:
            yield
        finally:
            self.waiting[request_id] -= 1
            if not self.waiting[request_id]:
                del self.waiting[request_id]

    def refuse(self, request: OptimizationRequest, *, left_s: float) -> MasterPortfolioFailed | None:
        """Refuse a request if those before it leave too little of its time; one that need not wait is always tried.

        One that is being optimised is left to that, and one that waits keeps its place while it has time left: their
        messages may come twice.

        Args:
            request: What was asked.
            left_s: Time until it has to be answered.
        """
        has_place = request.request_id in self.waiting and left_s > 0
        if not self.waiting or has_place or request.request_id == self.running:
            return None
        needed_s = (len(self.waiting) + 1) * self.typical_s
        return self.refusal(request, left_s=left_s) if needed_s > _PLANNED * left_s else None

    def refusal(self, request: OptimizationRequest, *, left_s: float) -> MasterPortfolioFailed:
        """Say how long the queue is, how much time was left, and what to do."""
        left = f"{left_s:.3g} s of its {request.deadline_s:g} s are left" if left_s > 0 else "no time is left"
        message = (
            f"too much is asked of this system at once: this coordinator's queue is {len(self.waiting)} long, each "
            f"request took {self.typical_s:.2g} s of late, and {left}; ask again later under a new request_id, allow "
            "more time (deadline_s), or run more coordinators"
        )
        return MasterPortfolioFailed(
            request_id=request.request_id,
            customer_id=request.customer.customer_id,
            reason=Reason.OVERLOADED,
            message=message,
        )
