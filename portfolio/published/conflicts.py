"""Why there is no portfolio: the requirements that contradict each other, and the changes that would do."""

from __future__ import annotations

from dataclasses import dataclass

from portfolio.market.measure import Measure


@dataclass(frozen=True, slots=True)
class Conflict:
    """One of the requirements that cannot be kept together.

    Attributes:
        requirement: Name of the requirement, such as ``max_etfs`` or ``gamma.sharpe_ratio``.
        words: The requirement, in words.
        asked: For a goal: the figure asked.
        best_alone: For a goal of a pod: best figure that the pod can reach with this goal alone.
        best_together: For a goal: best figure while all other requirements are kept or, where these cannot be kept
            together, the other requirements of this set; None if not proven.
    """

    requirement: str
    words: str
    asked: float | None = None
    best_alone: float | None = None
    best_together: float | None = None


@dataclass(frozen=True, slots=True)
class Repair:
    """A change of a single rule after which the rules can be kept together; no smaller change is enough.

    Attributes:
        rule: Name of the rule.
        words: The change, in words.
        now: Present value of the rule.
        to: Value that the rule would need; shares to a hundredth of a percent.
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
        measure: The figure that the goal limits.
        asked: The figure asked.
        best_alone: Best figure that the pod can reach with this goal alone.
        best_together: Best figure that the pod can reach while all its other goals are kept; None where those are not
            the obstacle.
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
