"""The goals of a portfolio, and the order in which goals give way where not all can be met.

Hard rules (``rules``) are kept or there is no portfolio. Goals are served one after the other, in the
order that ``ranking`` gives: each as well as the rules and the goals before it allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from portfolio.market.measure import CAN_BE_KEPT, MET_WITHIN, Measure
from portfolio.names import doubted

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from portfolio.terms.mandate import Mandate


class Row(StrEnum):
    """A figure of the whole portfolio that is to be no worse than the naive portfolio's."""

    ETFS = "etfs"
    DUPLICATED_ETFS = "duplicated_etfs"
    LARGEST_POSITION = "largest_position"
    SHARPE_RATIO = "sharpe_ratio"
    TAX_EFFICIENCY = "tax_efficiency"
    TRADING_COST = "trading_cost_aud"

    @property
    def lower_is_better(self) -> bool:
        """Whether the naive portfolio's figure is a cap; else it is a floor."""
        return self not in (Row.SHARPE_RATIO, Row.TAX_EFFICIENCY)

    @property
    def counts(self) -> bool:
        """Whether it is a whole number."""
        return self in (Row.ETFS, Row.DUPLICATED_ETFS)

    def words(self, value: float) -> str:
        """Say the row as a person would."""
        return {
            Row.ETFS: f"no more ETFs than the separate pods' {value:.0f}",
            Row.DUPLICATED_ETFS: f"no more duplicated ETFs than the separate pods' {value:.0f}",
            Row.LARGEST_POSITION: f"no position above the separate pods' {value:.2%}",
            Row.SHARPE_RATIO: f"no lower Sharpe ratio than the separate pods' {value:.2f}",
            Row.TAX_EFFICIENCY: f"no lower tax efficiency than the separate pods' {value:.3f}",
            Row.TRADING_COST: f"no higher trading cost than the separate pods' {value:,.2f} AUD",
        }[self]


# Priorities where the request names none, 1 first: the limit on risk that the customer was promised, then
# liquidity, then the purpose of each pod, then no harm from coordination, then the correlations of the pods.
DEFAULT_PRIORITIES: Mapping[Measure, int] = {
    Measure.VOLATILITY: 1,
    Measure.LIQUIDITY: 2,
    Measure.YIELD: 3,
    Measure.SHARPE: 3,
    Measure.RETURN: 3,
}
NEVER_WORSE_PRIORITY = 4
# Limits on correlations come last in every request: their results are not proven, and the results of all later goals
# must rest on proven results.
CORRELATION_PRIORITY = 10

# The rank of a pod without a rank.
LAST_RANK = 10

# A goal that gives way is held below the best there is by at least this: a hundredth of a percentage point.
LEAST_TOLERANCE = 1e-4


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal.

    Attributes:
        name: Name, such as ``gamma.sharpe_ratio``, ``never_worse.trading_cost_aud`` or ``correlation.alpha-beta``.
        pods: The pod whose sleeve the goal limits; two pods for a correlation, none for the whole portfolio.
        figure: The figure that the goal limits; None for a correlation.
        asked: The figure asked: a cap or a floor.
        priority: 1 is served first.
        words: The goal, in words.
    """

    name: str
    pods: tuple[str, ...]
    figure: Measure | Row | None
    asked: float
    priority: int
    words: str

    @property
    def measure(self) -> Measure:
        """The figure, of a goal of a pod."""
        assert isinstance(self.figure, Measure)  # noqa: S101 - the caller looked
        return self.figure

    @property
    def lower_is_better(self) -> bool:
        """Whether the figure asked is a cap; else it is a floor."""
        return self.figure is None or self.figure.lower_is_better

    @property
    def counts(self) -> bool:
        """Whether the figure is a whole number."""
        return isinstance(self.figure, Row) and self.figure.counts

    def met(self, delivered: float | None) -> bool:
        """Whether a figure meets the goal; none does not."""
        return self.reaches(self.asked, delivered)

    def can_be_kept(self, best: float) -> bool:
        """Whether the goal can be kept as asked, given its best figure: with room for the solver left."""
        return self.shortfall(best) <= CAN_BE_KEPT * max(1.0, abs(self.asked))

    def reaches(self, level: float, delivered: float | None) -> bool:
        """Whether a figure is as good as a level of the goal; none is not."""
        return delivered is not None and self._short_of(level, delivered) <= MET_WITHIN * max(1.0, abs(level))

    def beats(self, level: float, delivered: float | None) -> bool:
        """Whether a figure is no worse than a level of the goal, without any tolerance; none is worse."""
        return delivered is not None and self._short_of(level, delivered) <= 0

    def shortfall(self, delivered: float) -> float:
        """How far a figure is from the goal, in its own unit; zero within it."""
        return self._short_of(self.asked, delivered)

    def _short_of(self, level: float, delivered: float) -> float:
        return max(0.0, delivered - level if self.lower_is_better else level - delivered)

    def held(self, best: float, tolerance: float) -> float:
        """Return the level at which the goal is held if it gives way: its best figure less the tolerance.

        Args:
            best: The best figure.
            tolerance: A part of the figure's size (``target_tolerance``).
        """
        return self._eased(best, max(tolerance * abs(best), LEAST_TOLERANCE))

    def with_room(self, level: float, room: float) -> float:
        """Ease a level by the room that the solver needs; a figure within the room meets the goal."""
        return level if self.counts else self._eased(level, room * max(1.0, abs(level)))

    def _eased(self, figure: float, by: float) -> float:
        return figure + (1 if self.lower_is_better else -1) * by


def pod_goals(mandate: Mandate, priorities: Mapping[str, int]) -> list[Goal]:
    """List a pod's goals in the order in which they are served."""
    goals = [
        Goal(
            name=(name := f"{mandate.pod}.{measure.value}"),
            pods=(mandate.pod,),
            figure=measure,
            asked=asked,
            priority=priorities.get(name, DEFAULT_PRIORITIES[measure]),
            words=f"{mandate.pod}: {measure.words(asked)}",
        )
        for measure, asked in mandate.goals.items()
    ]
    return sorted(goals, key=lambda goal: (goal.priority, list(Measure).index(goal.measure)))


def strange_names(
    priorities: Collection[str], limits: Collection[str], *, goals: Collection[str], pods: Sequence[str]
) -> Iterator[str]:
    """Say which names of *priorities* are no goals, and which of *limits* no pairs of pods: a typing error.

    Args:
        priorities: Names of goals that a request ranks.
        limits: Names of pairs whose correlation a request limits.
        goals: Names of the goals of the pods.
        pods: The pods of the request.
    """
    known = {*goals, *(f"never_worse.{row.value}" for row in Row)}
    if strange := sorted(set(priorities) - known):
        told = ", ".join(sorted(known))
        yield f"priorities names {doubted(strange, known)}; the goals of this request are {told}"
    pairs = {f"{a}-{b}" for a in pods for b in pods if a != b}
    if strange := sorted(set(limits) - pairs):
        named = doubted(strange, pairs)
        yield f"correlation_limits names {named}; give a pair of {', '.join(pods)}, such as alpha-beta"
