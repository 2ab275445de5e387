"""The figures of a backtest in words, and its courses over time: one source for the page, the tables and the charts.

Pure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from backtest.path import CASH
from backtest.statistics import drawdowns, weekly_returns
from report.facts.courses import Courses, Weights

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.path import Path, Walk
    from backtest.result import Difference


@dataclass(frozen=True, slots=True)
class Measured:
    """The name of a figure, its form, and the interest of a customer in it.

    Attributes:
        label: In a table.
        pattern: The format of a value.
        apart: The format of a difference, with its sign.
        points: Whether a difference is told in percentage points: as the hundredfold of the value.
        better: Whether a customer wants more or less of it; blank where that is a matter of taste.
    """

    label: str
    pattern: str
    apart: str
    points: bool = False
    better: str = ""


_AUD = "{:+,.0f} AUD"
MEASURES: Mapping[str, Measured] = {
    "wealth_aud": Measured("Wealth at the end, AUD", "{:,.0f}", _AUD, better="higher"),
    "growth": Measured("Return per year", "{:.2%}", "{:+.2f} points", points=True, better="higher"),
    "volatility": Measured("Volatility per year", "{:.2%}", "{:+.2f} points", points=True, better="lower"),
    "sharpe_ratio": Measured("Sharpe ratio", "{:.2f}", "{:+.2f}", better="higher"),
    "deepest_loss": Measured("Deepest loss", "{:.1%}", "{:+.1f} points", points=True, better="lower"),
    "turnover": Measured("Turnover per year", "{:.1%}", "{:+.1f} points", points=True, better="lower"),
    "brokerage_aud": Measured("Brokerage, AUD", "{:,.0f}", _AUD, better="lower"),
    "spread_aud": Measured("Half the spread, AUD", "{:,.0f}", _AUD, better="lower"),
    "tax_aud": Measured("Tax paid, AUD", "{:,.0f}", _AUD, better="lower"),
    "orders": Measured("Orders", "{:,.0f}", "{:+,.0f}", better="lower"),
    "etfs": Measured("ETFs held, on average", "{:.1f}", "{:+.1f}"),
}


def show(measure: str, value: float) -> str:
    """Write the value of a measure; zero has no sign."""
    return MEASURES[measure].pattern.format(value + 0.0)


def show_difference(measure: str, value: float) -> str:
    """Write a difference with its sign and unit."""
    told = MEASURES[measure]
    return told.apart.format((100 if told.points else 1) * value + 0.0)


def show_interval(found: Difference) -> str:
    """Write the interval of a difference; blank where there is none."""
    if found.low is None or found.high is None:
        return ""
    told = MEASURES[found.measure]
    scale, form = (100 if told.points else 1), told.apart.split(" ", 1)[0]
    return f"{form.format(scale * found.low + 0.0)} to {form.format(scale * found.high + 0.0)}"


def judged(found: Difference) -> str:
    """Say whether a difference is better or worse for the customer, or within its interval."""
    if found.low is None:
        return "no interval"
    return verdict(found.measure, found.difference) if found.beyond else "within"


def verdict(measure: str, difference: float) -> str:
    """Say whether a difference is better or worse for the customer; higher or lower where that is a matter of taste."""
    told, higher = MEASURES[measure], difference > 0
    if difference == 0:
        return "equal"
    if not told.better:
        return "higher" if higher else "lower"
    return "better" if (told.better == "higher") == higher else "worse"


def courses(walk: Walk) -> tuple[Courses, Courses]:
    """Show wealth and the fall from the earlier peak over time, of all strategies."""
    first = walk.paths[0]
    dates = tuple(day.isoformat() for day in first.dates)
    wealth = {path.strategy: path.wealth_aud for path in walk.paths}
    falls = {path.strategy: (0.0, *(-fall for fall in drawdowns(weekly_returns(path)))) for path in walk.paths}
    told = _every_year(first)
    return (
        Courses(
            "wealth",
            "Wealth after tax and costs, AUD",
            dates,
            wealth,
            "{:,.0f}",
            "~s",
            _ends("Wealth after tax and costs on the last date", wealth, "{:,.0f} AUD"),
            told,
        ),
        Courses(
            "falls",
            "Fall from the earlier peak",
            dates,
            falls,
            "{:.1%}",
            ".0%",
            _deepest(falls),
            told,
        ),
    )


def _every_year(path: Path) -> tuple[int, ...]:
    """Choose the last date of each calendar year, and the last of all."""
    last = {day.year: i for i, day in enumerate(path.dates)}
    return tuple(last.values())


def _ends(what: str, lines: Mapping[str, tuple[float, ...]], pattern: str) -> str:
    told = ", ".join(f"{name} {pattern.format(values[-1])}" for name, values in lines.items())
    return f"Lines over time. {what}: {told}."


def _deepest(lines: Mapping[str, tuple[float, ...]]) -> str:
    told = ", ".join(f"{name} {-min(values):.1%}" for name, values in lines.items())
    return f"Lines over time. The deepest fall from an earlier peak: {told}."


def weights(path: Path) -> Weights:
    """Show the weights after each decision of one strategy; ETFs that are never held are left out."""
    columns = tuple(decision.date.isoformat() for decision in path.decisions)
    known = {ticker for decision in path.decisions for ticker, weight in decision.weights.items() if weight > 0}
    values = {t: tuple(decision.weights.get(t, 0.0) for decision in path.decisions) for t in known}
    rows = sorted(known, key=lambda ticker: (ticker == CASH, -float(np.mean(values[ticker])), ticker))
    told = ", ".join(f"{ticker} {np.mean(values[ticker]):.1%}" for ticker in rows)
    return Weights(
        "weights",
        f"Weights after each decision: {path.strategy}",
        tuple(rows),
        columns,
        tuple(values[ticker] for ticker in rows),
        f"Table of colours. Mean weights: {told}.",
    )
