"""Labels and formats of figures, goals and pods: the same on a terminal, in a report and on a slide."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.measure import Measure

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.account import ComparisonRow, GoalAccount, IncomeAccount

# Relative changes below this show as 0.0%.
_SHOWN = 5e-4

METRICS = {
    "etfs": ("ETFs", "{:.0f}"),
    "positions": ("Positions (an ETF in a pod)", "{:.0f}"),
    "duplicated_etfs": ("Duplicated ETFs", "{:.0f}"),
    "largest_position": ("Largest position", "{:.2%}"),
    "trading_cost_aud": ("Cost of getting there, AUD", "{:,.2f}"),
    "brokerage_aud": ("  Brokerage", "{:,.2f}"),
    "spread_aud": ("  Half the spread", "{:,.2f}"),
    "capital_gains_tax_aud": ("  Tax on capital gains", "{:,.2f}"),
    "tax_efficiency": ("Tax efficiency, of 10", "{:.3f}"),
    "sharpe_ratio": ("Sharpe ratio", "{:.3f}"),
    "expected_return": ("Expected return a year", "{:.2%}"),
    "volatility": ("Volatility a year", "{:.2%}"),
    "net_tax_aud": ("Tax on income after credits a year, AUD", "{:,.2f}"),
    "management_fees_aud": ("Management fees a year, AUD", "{:,.2f}"),
}

# The label and the format of each goal's figure.
FIGURES = {measure.value: (measure.label, measure.show) for measure in Measure} | {
    metric: (label.split(",")[0], pattern.format)
    for metric, (label, pattern) in METRICS.items()
    if metric not in set(Measure)
}
FIGURES["correlation"] = ("Correlation", "{:.2f}".format)


def income_lines(income: IncomeAccount) -> tuple[tuple[str, str], ...]:
    """Format a year's income, line by line: distributions less the tax after credits are what is left, to the cent."""
    paid, tax = round(income.distributions_aud, 2), round(income.net_tax_aud, 2)
    return (
        ("Distributions, AUD", f"{paid:,.2f}"),
        ("Franking credits, AUD", f"{income.franking_credits_aud:,.2f}"),
        ("Tax after credits, AUD", f"{tax:,.2f}"),
        ("Income after tax, AUD", f"{paid - tax:,.2f}"),
        ("Distribution yield", f"{income.distribution_yield:.2%}"),
        ("Grossed-up yield", f"{income.grossed_up_yield:.2%}"),
        ("After-tax yield", f"{income.after_tax_yield:.2%}"),
    )


def compared(row: ComparisonRow) -> tuple[str, str, str, str, str]:
    """Format a comparison: label, separate pods, coordinated portfolio, change and verdict."""
    label, pattern = METRICS.get(row.metric, (row.metric, "{:.4g}"))
    naive, master = (pattern.format(value) if value is not None else "none" for value in (row.naive, row.master))
    return label, naive, master, _change(row), _verdict(row, naive, master)


def _change(row: ComparisonRow) -> str:
    if row.naive is None or row.master is None or row.naive == 0:
        return ""
    change = (row.master - row.naive) / abs(row.naive)
    return f"{change:+.1%}" if abs(change) >= _SHOWN else "0.0%"


def _verdict(row: ComparisonRow, naive: str, master: str) -> str:
    """Compare the digits shown: better, equal or worse.

    If the row is allowed to get worse, return higher or lower instead of worse.
    """
    if row.naive is None or row.master is None or naive == master:
        return "equal"
    if (row.master < row.naive) == (row.better == "lower"):
        return "better"
    return "worse" if row.never_worse else "higher" if row.better == "lower" else "lower"


def show(figure: str, value: float) -> str:
    """Format a figure of a goal."""
    return FIGURES[figure][1](value)


def in_a_sentence(label: str) -> str:
    """Adapt a label to the middle of a sentence: only names keep their capitals."""
    return label if label in ("ETFs", "Sharpe ratio") else label[0].lower() + label[1:]


def goal_label(goal: GoalAccount) -> str:
    """Name a goal's figure within a sentence."""
    return in_a_sentence(FIGURES[goal.figure][0])


def asked(goal: GoalAccount) -> str:
    """State the figure that a goal asks."""
    return f"{'at most' if goal.better == 'lower' else 'at least'} {show(goal.figure, goal.asked)}"


def pod_label(event: MasterPortfolioOptimized, pod: str) -> str:
    """Name a pod as a customer knows the pod: by the word before the colon in the pod's purpose, if there is one."""
    account = event.pods.get(pod)
    word, colon, _ = account.mandate.purpose.partition(":") if account else ("", "", "")
    return f"{word} ({pod})" if colon and word else pod


def of_pods(event: MasterPortfolioOptimized, pods: Sequence[str]) -> str:
    """Name several pods, or the whole portfolio."""
    return " and ".join(pod_label(event, pod) for pod in pods) or "The whole portfolio"
