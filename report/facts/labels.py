"""Labels and formats of figures, goals and pods: the same on a terminal, in a report and on a slide."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from portfolio.market.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import ComparisonRow, GoalAccount

# Relative changes below this show as 0.0%.
_SHOWN = 5e-4
# A chance is told as under this, or above the rest: no model is surer.
_LEAST_CHANCE = 0.01
# Odds such as 3 in 4 stand for chances this near.
_NEAR_ODDS = 0.025
# From this standard error on, the second decimal of a Sharpe ratio says nothing.
_COARSE = 0.05

METRICS = {
    "etfs": ("ETFs", "{:.0f}"),
    "positions": ("Positions (an ETF in a pod)", "{:.0f}"),
    "duplicated_etfs": ("Duplicated ETFs", "{:.0f}"),
    "economic_duplicates": ("Pairs of ETFs that behave alike", "{:.0f}"),
    "effective_holdings": ("Effective holdings", "{:.2f}"),
    "largest_position": ("Largest position", "{:.2%}"),
    "trading_cost_aud": ("Cost of getting there, AUD", "{:,.2f}"),
    "brokerage_aud": ("  Brokerage", "{:,.2f}"),
    "spread_aud": ("  Half the spread", "{:,.2f}"),
    "capital_gains_tax_aud": ("  Tax on capital gains", "{:,.2f}"),
    "tax_efficiency": ("Tax efficiency, of 10", "{:.3f}"),
    "sharpe_ratio": ("Sharpe ratio", "{:.2f}"),
    "expected_return": ("Return a year", "{:.2%}"),
    "volatility": ("Volatility a year", "{:.2%}"),
    "net_tax_aud": ("Tax on income after credits a year, AUD", "{:,.2f}"),
    "income_after_tax_aud": ("Income after tax a year, AUD", "{:,.2f}"),
    "management_fees_aud": ("Management fees a year, AUD", "{:,.2f}"),
}

# The label and the format of each goal's figure.
FIGURES = {measure.value: (measure.label, measure.show) for measure in Measure} | {
    metric: (label.split(",")[0], f"{pattern}{' AUD' if metric.endswith('_aud') else ''}".format)
    for metric, (label, pattern) in METRICS.items()
    if metric not in set(Measure)
}
FIGURES["correlation"] = ("Correlation", "{:.2f}".format)


def metric_label(event: MasterPortfolioOptimized, metric: str) -> str:
    """Name a metric; only an outlook's return is called expected."""
    return event.market.basis.label if metric == "expected_return" else METRICS.get(metric, (metric, ""))[0]


def sharpe(ratio: float, error: float | None) -> str:
    """Format a Sharpe ratio with the digits that it has: 2.6 +/- 0.7 of a history, 0.21 where no error is known.

    Args:
        ratio: The annual ratio.
        error: Its standard error (``event.market.basis.sharpe_standard_error``); None if unknown.
    """
    if error is None:
        return f"{ratio:z.2f}"
    digits = 1 if error >= _COARSE else 2
    return f"{ratio:z.{digits}f} +/- {error:.{digits}f}"


def chance(probability: float, *, known: bool = False) -> str:
    """Format a chance without decimals, and without a certainty that no model has.

    Args:
        probability: 0 to 1.
        known: Whether the outcome is known today, so that the chance may be 0% or 100%.
    """
    if not known and probability < _LEAST_CHANCE:
        return "under 1%"
    if not known and probability > 1 - _LEAST_CHANCE:
        return "above 99%"
    return f"{probability:.0%}"


def chance_in_words(probability: float) -> str:
    """Say a chance in a sentence: about 3 in 4."""
    if not _LEAST_CHANCE <= probability <= 1 - _LEAST_CHANCE:
        return chance(probability)
    # The simplest odds that are within two points and a half, or else so many in a hundred.
    odds = ((n, of) for of in (2, 3, 4, 5, 10, 20) for n in range(1, of) if abs(n / of - probability) <= _NEAR_ODDS)
    n, of = next(odds, (round(100 * probability), 100))
    return f"about {n} in {of}"


def compared(row: ComparisonRow, event: MasterPortfolioOptimized | None = None) -> tuple[str, str, str, str, str]:
    """Format a comparison: label, separate pods, coordinated portfolio, change and verdict.

    Args:
        row: The row.
        event: Its event, for the words and digits that its market allows; without, words that hold of every market.
    """
    label, pattern = METRICS.get(row.metric, (row.metric, "{:.4g}"))
    values = (row.naive, row.master)
    if event is not None:
        label = metric_label(event, row.metric)
    if event is not None and row.metric == "sharpe_ratio":
        basis = event.market.basis
        naive, master = ("none" if v is None else sharpe(v, basis.sharpe_standard_error(v)) for v in values)
    else:
        naive, master = ("none" if v is None else pattern.format(v) for v in values)
    return label, naive, master, _change(row), _verdict(row, naive, master)


def _change(row: ComparisonRow) -> str:
    if row.naive is None or row.master is None or row.naive == 0:
        return ""
    change = (row.master - row.naive) / abs(row.naive)
    return f"{change:+.1%}" if abs(change) >= _SHOWN else "0.0%"


def _verdict(row: ComparisonRow, naive: str, master: str) -> str:
    """Compare the digits shown: better, equal or worse; higher or lower where neither is in the person's interest."""
    if row.naive is None or row.master is None or naive == master:
        return "equal"
    change = "lower" if row.master < row.naive else "higher"
    if row.better is None:
        return change
    return "better" if change == row.better else "worse"


def show(figure: str, value: float) -> str:
    """Format a figure of a goal."""
    return FIGURES[figure][1](value)


def in_a_sentence(label: str) -> str:
    """Adapt a label to the middle of a sentence: only names keep their capitals."""
    return label if label in ("ETFs", "Sharpe ratio") else label[0].lower() + label[1:]


def goal_label(goal: GoalAccount) -> str:
    """Name a goal's figure within a sentence."""
    return in_a_sentence(FIGURES[goal.figure][0])


def listed_goals(event: MasterPortfolioOptimized, names: Iterable[str]) -> str:
    """Name several goals of an event within a sentence, by figure and pods."""
    goals = {goal.name: goal for goal in event.goals}
    of = {name: of_pods(event, goals[name].pods) if goals[name].pods else "the whole portfolio" for name in names}
    return ", ".join(f"the {goal_label(goals[name])} of {whom}" for name, whom in of.items())


def target_words(name: str) -> str:
    """Name a target by its name alone, without its event: gamma.sharpe_ratio is the Sharpe ratio of gamma."""
    of, _, figure = name.rpartition(".")
    if name.startswith("correlation."):
        return f"correlation of {figure.replace('-', ' and ')}"
    if not of or figure not in FIGURES:
        return name
    return f"{in_a_sentence(FIGURES[figure][0].strip())} of {'the whole portfolio' if of == 'never_worse' else of}"


def asked(goal: GoalAccount) -> str:
    """State the figure that a goal asks."""
    return f"{'at most' if goal.better == 'lower' else 'at least'} {show(goal.figure, goal.asked)}"


def pod_label(event: MasterPortfolioOptimized, pod: str) -> str:
    """Name a pod as a customer knows the pod: by the word before the colon in the pod's purpose, if there is one."""
    account = event.pods.get(pod) or event.in_cash.get(pod)
    word, colon, _ = account.mandate.purpose.partition(":") if account else ("", "", "")
    return f"{word} ({pod})" if colon and word else pod


def naming_pods(event: MasterPortfolioOptimized, text: str) -> str:
    """Name the pods in a text as a customer knows them."""
    return re.sub(r"[a-z0-9-]+", lambda word: pod_label(event, word[0]) if word[0] in event.pods else word[0], text)


def of_pods(event: MasterPortfolioOptimized, pods: Sequence[str]) -> str:
    """Name several pods, or the whole portfolio."""
    return " and ".join(pod_label(event, pod) for pod in pods) or "The whole portfolio"
