"""What a portfolio is asked to reach, and in which order goals give way where not all can be met.

Hard rules (``rules``) are kept or there is no portfolio. Goals are served one after the other, in the
order that ``ranked`` gives: each as well as the rules and the goals before it allow.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import combinations
from typing import TYPE_CHECKING

from portfolio.figures import figures, tax_drags
from portfolio.mandate import MET_WITHIN, Measure
from portfolio.naive import overview, put_side_by_side
from portfolio.rules import Correlations, Duplicates

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from portfolio import Matrix
    from portfolio.mandate import Mandate
    from portfolio.market import Market
    from portfolio.naive import Overview
    from portfolio.rules import Terms
    from portfolio.sleeve import Sleeve


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
            Row.ETFS: f"no more ETFs than the naive portfolio's {value:.0f}",
            Row.DUPLICATED_ETFS: f"no more duplicated ETFs than the naive portfolio's {value:.0f}",
            Row.LARGEST_POSITION: f"no position above the naive portfolio's {value:.2%}",
            Row.SHARPE_RATIO: f"no lower Sharpe ratio than the naive portfolio's {value:.3f}",
            Row.TAX_EFFICIENCY: f"no lower tax efficiency than the naive portfolio's {value:.3f}",
            Row.TRADING_COST: f"no higher trading cost than the naive portfolio's {value:,.2f} AUD",
        }[self]


# Priorities where the request names none, 1 first: the risk a customer was promised not to exceed, then
# being able to sell, then what each pod is for, then that coordination does no harm, then how the pods
# move together.
DEFAULT_PRIORITIES: Mapping[Measure, int] = {
    Measure.VOLATILITY: 1,
    Measure.LIQUIDITY: 2,
    Measure.YIELD: 3,
    Measure.SHARPE: 3,
    Measure.RETURN: 3,
}
NEVER_WORSE_PRIORITY = 4
# Limits on correlations come last whatever a request says: what is found for them is not proven, and
# what comes after is to stand on what is.
CORRELATION_PRIORITY = 10

# Of a pod that no rank was given.
LAST_RANK = 10

# A goal that cannot be met is held this part of its size below the best there is: the programs after it
# need room for an interior point.
HELD_WITHIN = 1e-6


@dataclass(frozen=True, slots=True)
class Goal:
    """One goal.

    Attributes:
        name: ``gamma.sharpe_ratio``, ``never_worse.trading_cost_aud`` or ``correlation.alpha-beta``.
        pods: Whose sleeve it is about; two pods for a correlation; none for the whole portfolio.
        figure: What it is about.
        asked: The figure asked: a cap or a floor.
        priority: 1 is served first.
        words: What is asked, in words.
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

    def met(self, delivered: float | None) -> bool:
        """Whether a figure meets the goal; none does not."""
        return delivered is not None and self.shortfall(delivered) <= MET_WITHIN * max(1.0, abs(self.asked))

    def shortfall(self, delivered: float) -> float:
        """How far a figure is from the goal, in its own unit; zero within it."""
        return max(0.0, delivered - self.asked if self.lower_is_better else self.asked - delivered)

    def better(self, figure: float, other: float) -> bool:
        """Whether a figure is better than another."""
        return figure < other if self.lower_is_better else figure > other

    def eased(self, figure: float, part: float) -> float:
        """Step back from a figure by a part of its size."""
        return figure + (1 if self.lower_is_better else -1) * part * max(1.0, abs(figure))


def delivered(goal: Goal, market: Market, sleeves: Sequence[Sleeve], terms: Terms, X: Matrix) -> float | None:
    """Compute a goal's figure from holdings *X*, shape (pods, n); None where it is not defined."""
    names = [sleeve.mandate.pod for sleeve in sleeves]
    if isinstance(goal.figure, Measure):
        p = names.index(goal.pods[0])
        return figures(market, X[p] / sleeves[p].share).of(goal.figure)
    if isinstance(goal.figure, Row):
        value = getattr(overview(market, X, terms), goal.figure.value)
        return None if value is None else float(value)
    a, b = (names.index(pod) for pod in goal.pods)
    return correlation(market, X, a, b)


def correlation(market: Market, X: Matrix, a: int, b: int) -> float:
    """Correlation of the returns of two pods' sleeves."""
    covariance = X[[a, b]] @ market.Sigma @ X[[a, b]].T
    return float(covariance[0, 1] / (covariance[0, 0] * covariance[1, 1]) ** 0.5)


def ranked(market: Market, sleeves: Sequence[Sleeve], terms: Terms) -> list[Goal]:
    """List all goals in the order in which they are served.

    By priority; within one, the goals of pods before the rows of the whole portfolio; of the pods, the one
    with the better rank first, then that with the larger share.
    """
    pods = {s.mandate.pod: (terms.pod_ranks.get(s.mandate.pod, LAST_RANK), -s.share) for s in sleeves}
    goals = [
        *(goal for sleeve in sleeves for goal in pod_goals(sleeve.mandate, terms.priorities)),
        *_never_worse(market, sleeves, terms),
        *(_correlations(sleeves, terms) if terms.correlations is Correlations.LIMIT else ()),
    ]
    rank = {Measure: 0, Row: 1, type(None): 2}
    order = {goal.name: i for i, goal in enumerate(goals)}
    return sorted(
        goals,
        key=lambda g: (g.priority, rank[type(g.figure)], min((pods[pod] for pod in g.pods), default=()), order[g.name]),
    )


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


def _never_worse(market: Market, sleeves: Sequence[Sleeve], terms: Terms) -> Iterator[Goal]:
    naive = overview(market, put_side_by_side(sleeves), terms)
    for row in Row:
        if _says_something(row, market, naive, terms):
            name, asked = f"never_worse.{row.value}", float(getattr(naive, row.value))
            priority = terms.priorities.get(name, NEVER_WORSE_PRIORITY)
            yield Goal(name, (), row, asked, priority, row.words(asked))


def _says_something(row: Row, market: Market, naive: Overview, terms: Terms) -> bool:
    """Whether a row can be worse at all."""
    if row is Row.TRADING_COST:
        return naive.trading_cost_aud > 0
    if row is Row.TAX_EFFICIENCY:
        return naive.tax_efficiency is not None and bool(tax_drags(market, terms.marginal_tax_rate).any())
    # One owner an ETF is a rule of its own, and stronger.
    return row is not Row.DUPLICATED_ETFS or terms.rules.duplicates is Duplicates.PENALISE


def _correlations(sleeves: Sequence[Sleeve], terms: Terms) -> Iterator[Goal]:
    for first, second in combinations(sleeves, 2):
        limit = correlation_limit(first.mandate, second.mandate, terms)
        if limit is not None:
            a, b = first.mandate.pod, second.mandate.pod
            name = f"correlation.{a}-{b}"
            words = f"correlation of {a} and {b} at most {limit:.2f}"
            yield Goal(name, (a, b), None, limit, CORRELATION_PRIORITY, words)


def correlation_limit(first: Mandate, second: Mandate, terms: Terms) -> float | None:
    """Find the limit for two pods: the request's, or that of either mandate."""
    a, b = first.pod, second.pod
    for limits, name in (
        (terms.correlation_limits, f"{a}-{b}"),
        (terms.correlation_limits, f"{b}-{a}"),
        (first.correlation_targets, b),
        (second.correlation_targets, a),
    ):
        if name in limits:
            return limits[name]
    return None
