"""Why there is no portfolio: the requirements that contradict each other, and the changes that would do."""

from __future__ import annotations

from dataclasses import dataclass

from portfolio.market.measure import Measure


@dataclass(frozen=True, slots=True)
class Conflict:
    """One of the requirements that cannot be kept together.

    Attributes:
        requirement: Its name, such as ``max_etfs`` or ``gamma.sharpe_ratio``.
        words: What it asks.
        asked: For a goal: the figure asked.
        best_alone: For a goal of a pod: the best the pod could do with this goal alone.
        best_together: For a goal: the best there is while all other requirements are kept or, where even that
            is too much, the others of this set; None if not proven.
    """

    requirement: str
    words: str
    asked: float | None = None
    best_alone: float | None = None
    best_together: float | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of a single rule after which the rules can be kept together; nothing smaller will do.

    Attributes:
        rule: Its name.
        words: The change, as a person would say it.
        now: What the rule says.
        to: What it would have to say; shares to a hundredth of a percent.
    """

    rule: str
    words: str
    now: float | str
    to: float | str


@dataclass(frozen=True, slots=True)
class Shortfall:
    """A goal that a pod cannot keep.

    Attributes:
        pod: The pod.
        measure: What the goal is about.
        asked: The figure asked.
        best_alone: The best the pod can do with this goal alone.
        best_together: The best it can do while it keeps its other goals, where those are what hinders it.
    """

    pod: str
    measure: Measure
    asked: float
    best_alone: float
    best_together: float | None = None

    @property
    def reachable(self) -> bool:
        """Whether the goal can be met where no other goal competes."""
        return self.measure.can_be_kept(self.asked, self.best_alone)
