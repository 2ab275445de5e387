"""The data of the charts, as numbers and words: one source for pictures in a page and charts in slides.

Pure. Every number is from the event, or is a sum or a ratio of the event's numbers; labels are as in the tables.
"""

from __future__ import annotations

import calendar
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from report.facts.courses import Courses, Weights
from report.facts.fans import Fan, fans
from report.facts.frontier import Frontier, frontiers
from report.facts.getting_there import cost_of, cost_of_separate_pods
from report.facts.labels import asked, goal_label, of_pods, pod_label, show
from report.facts.positions import by_class, positions
from report.facts.rounding import adding_up
from report.facts.snapshot import described
from report.facts.standings import SEPARATE, SUGGESTED, TODAY

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized

# The parts of the cost of getting to a portfolio.
COSTS = ("Brokerage", "Half the spread", "Tax on capital gains")


@dataclass(frozen=True, slots=True)
class Bars:
    """Bars side by side: per category, one value of each series.

    Attributes:
        name: Stable, for file names and anchors.
        categories: From top to bottom.
        series: Values by the series' name; the baseline stands first.
        pattern: The format of a value.
        alt: The text alternative.
        narrow: Whether another chart stands beside this one.
    """

    name: str
    title: str
    categories: tuple[str, ...]
    series: dict[str, tuple[float, ...]]
    pattern: str
    alt: str
    narrow: bool = False


@dataclass(frozen=True, slots=True)
class Columns(Bars):
    """Upright bars from left to right, beside other charts; a scale instead of a number for each bar."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a row: an ETF of a pod."""

    row: str
    label: str
    value: float


@dataclass(frozen=True, slots=True)
class Rows:
    """Rows made of parts, side by side."""

    name: str
    title: str
    rows: tuple[str, ...]
    parts: tuple[Part, ...]
    pattern: str
    alt: str


@dataclass(frozen=True, slots=True)
class Reached:
    """A goal: the delivered figure as a share of the figure asked.

    Attributes:
        ratio: Delivered divided by asked.
        cap: Whether the ratio should be at most 1; else at least 1.
        said: Both figures as text.
    """

    label: str
    ratio: float
    cap: bool
    met: bool
    said: str


@dataclass(frozen=True, slots=True)
class Goals:
    """The goals for which a share of the figure asked is meaningful.

    Excludes correlations and goals of the whole portfolio.
    """

    name: str
    title: str
    goals: tuple[Reached, ...]
    alt: str


@dataclass(frozen=True, slots=True)
class Grid:
    """A square of numbers from -1 to 1."""

    name: str
    title: str
    labels: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    alt: str


Shown = Bars | Rows | Goals | Grid | Fan | Frontier | Courses | Weights


def all_series(event: MasterPortfolioOptimized) -> dict[str, Shown]:
    """Collect the charts of *event*, by name, without empty ones."""
    made: list[Shown] = [asset_classes(event), etfs(event), owners(event), costs(event), *fans(event)]
    if (reached := goals(event)).goals:
        made.append(reached)
    if event.correlations:
        made.append(correlations(event))
    if (by_month := months(event)) is not None:
        made.append(by_month)
    made += frontiers(event)
    return {one.name: one for one in made}


def asset_classes(event: MasterPortfolioOptimized) -> Bars:
    """Compare the values of the asset classes today and as suggested; a model portfolio has no today."""
    sums = {name.capitalize(): values for name, values in by_class(positions(event)).items()}
    return replace(_valued(event, "asset-classes", "By asset class, AUD", sums), narrow=bool(fans(event)))


def etfs(event: MasterPortfolioOptimized) -> Bars:
    """Compare the values of the ETFs today and as suggested; a model portfolio has no today."""
    found = {one.label: (one.before_aud, one.after_aud) for one in positions(event)}
    return _valued(event, "etfs", "By ETF, AUD", found)


def months(event: MasterPortfolioOptimized) -> Columns | None:
    """Compare the distributions by month, in the order of the year, if the months of each ETF that pays are known."""
    told = described(event.market)
    sums = dict.fromkeys(calendar.month_abbr[1:], (0.0, 0.0))
    for one in positions(event):
        if one.ticker is None or not (one.before_aud or one.after_aud):
            continue
        if (etf := told.get(one.ticker)) is None or (etf.distribution_yield and not etf.paid_in):
            return None
        for name, share in zip(sums, etf.paid_in, strict=False):
            before, after = sums[name]
            paid = etf.distribution_yield * share
            sums[name] = before + one.before_aud * paid, after + one.after_aud * paid
    if not any(map(any, sums.values())):
        return None
    bars = _valued(event, "months", "Distributions by month, AUD", sums)
    return Columns(bars.name, bars.title, bars.categories, bars.series, bars.pattern, bars.alt, narrow=True)


def before_after(event: MasterPortfolioOptimized) -> tuple[str, str]:
    """Name the two sides: today and suggested or, for a model portfolio, separate pods and suggested."""
    return (TODAY if event.trading else SEPARATE), SUGGESTED


def _valued(event: MasterPortfolioOptimized, name: str, title: str, found: dict[str, tuple[float, float]]) -> Bars:
    if event.trading is None:
        found = {label: values for label, values in found.items() if values[1] > 0}
    after = tuple(adding_up([after for _, after in found.values()]))
    if event.trading is None:
        return _bars(name, title, tuple(found), {SUGGESTED: after}, "{:,.0f}")
    before = tuple(adding_up([before for before, _ in found.values()]))
    return _bars(name, title, tuple(found), {TODAY: before, SUGGESTED: after}, "{:,.0f}")


def _bars(
    name: str, title: str, categories: tuple[str, ...], series: dict[str, tuple[float, ...]], pattern: str
) -> Bars:
    told = (
        f"{category}: {', '.join(f'{of.lower()} {pattern.format(v)}' for of, v in zip(series, values, strict=True))}"
        for category, *values in zip(categories, *series.values(), strict=True)
    )
    return Bars(name, title, categories, series, pattern, f"Bars. {title}. {'; '.join(told)}.")


def owners(event: MasterPortfolioOptimized) -> Rows:
    """Show which pod holds which ETFs afterwards."""
    held = event.trading.pods if event.trading else _amounts(event)
    labels = {pod: pod_label(event, pod) for pod in held}
    parts = tuple(Part(labels[pod], etf, value) for pod, own in held.items() for etf, value in own.items())
    pattern, title = "{:,.2f}", "What each pod holds, AUD"
    said = (
        f"{labels[pod]}: {', '.join(f'{etf} {pattern.format(value)}' for etf, value in own.items())}"
        for pod, own in held.items()
    )
    return Rows("owners", title, tuple(labels.values()), parts, pattern, f"Bars. {title}. {'; '.join(said)}.")


def _amounts(event: MasterPortfolioOptimized) -> dict[str, dict[str, float]]:
    capital = event.terms.total_capital_aud
    return {pod: {t: w * capital for t, w in account.weights.items()} for pod, account in event.pods.items()}


def goals(event: MasterPortfolioOptimized) -> Goals:
    """Show the pods' goals: the delivered figure as a share of the figure asked."""
    found = []
    whole = {goal.name: goal for goal in event.trading.goals} if event.trading else {}
    for goal in event.goals:
        last = whole.get(goal.name, goal)
        if not goal.pods or goal.figure == "correlation" or last.delivered is None or goal.asked <= 0:
            continue
        label = f"{of_pods(event, goal.pods)}: {goal_label(goal)}"
        said = f"{show(goal.figure, last.delivered)} of {asked(goal)}"
        found.append(Reached(label, last.delivered / goal.asked, goal.better == "lower", last.met, said))
    title = "What each target gets, as a share of the figure asked"
    told = (f"{one.label}: {one.said}, {'met' if one.met else 'not met'}" for one in found)
    return Goals("goals", title, tuple(found), f"Bars. {title}. {'; '.join(told)}.")


def correlations(event: MasterPortfolioOptimized) -> Grid:
    """Show the correlations between the pods."""
    matrix = event.correlation_matrix
    labels = tuple(pod_label(event, pod) for pod in matrix)
    values = tuple(tuple(row[pod] for pod in matrix) for row in matrix.values())
    told = (
        f"{' and '.join(pod_label(event, pod) for pod in row.pods)} {row.correlation:.2f}" for row in event.correlations
    )
    title = "How the pods move together: correlations, from -1 to 1"
    return Grid("correlations", title, labels, values, f"Table of colours. {title}. {'; '.join(told)}.")


def costs(event: MasterPortfolioOptimized) -> Bars:
    """Compare the cost of getting to the suggestion with that of the separate pods."""
    labels, separate, suggested = zip(*cost_rows(event), strict=True)
    return _bars("costs", "Cost of getting there, AUD", labels, {SEPARATE: separate, SUGGESTED: suggested}, "{:,.2f}")


def cost_rows(event: MasterPortfolioOptimized) -> list[tuple[str, float, float]]:
    """List each part of the cost of getting there: of the separate pods and of the suggestion."""
    both = cost_of_separate_pods(event).parts, cost_of(event).parts
    return [row for row in zip(COSTS, *both, strict=True) if event.trading or row[0] != COSTS[-1]]
