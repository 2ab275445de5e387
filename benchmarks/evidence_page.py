"""The document of the evidence: differences over simulated histories, and over one public history, with intervals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from scipy import stats

from backtest.bootstrap import LEVEL
from report.facts.backtest import MEASURES, judged, show, show_difference, show_interval
from report.story.backtest import sentences

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from backtest.result import Result


@dataclass(frozen=True, slots=True)
class Over:
    """A difference over independent histories.

    Attributes:
        mean: Mean difference, coordinated less rival.
        low: Lower end of Student's interval of the mean.
        high: Upper end.
        higher: Share of the histories in which the difference is positive.
    """

    rival: str
    measure: str
    mean: float
    low: float
    high: float
    higher: float

    @property
    def verdict(self) -> str:
        """Whether the mean difference is better or worse for the customer, or within its interval."""
        if self.low <= 0 <= self.high:
            return "within"
        return "better" if (MEASURES[self.measure].better == "higher") == (self.mean > 0) else "worse"


def over(results: Sequence[Result]) -> list[Over]:
    """Compute the mean of each difference over *results*, with Student's interval; no interval of one history."""
    found = []
    for place, each in enumerate(results[0].differences):
        values = np.array([result.differences[place].difference for result in results])
        mean, reach = float(values.mean()), math.inf
        if len(values) > 1:
            error = float(values.std(ddof=1)) / math.sqrt(len(values))
            reach = float(stats.t.ppf((1 + LEVEL) / 2, len(values) - 1)) * error
        found.append(Over(each.rival, each.measure, mean, mean - reach, mean + reach, float(np.mean(values > 0))))
    return found


def findings(rows: Sequence[Over]) -> Iterator[str]:
    """Say per rival what is better, what is worse and what is within its interval."""
    for rival in dict.fromkeys(row.rival for row in rows):
        own = [row for row in rows if row.rival == rival]
        parts = []
        for verdict in ("better", "worse"):
            said = [f"{_name(row)} {show_difference(row.measure, row.mean)}" for row in own if row.verdict == verdict]
            if said:
                parts.append(f"{verdict}: {', '.join(said)}")
        within = [_name(row) for row in own if row.verdict == "within"]
        if within:
            parts.append(f"within its interval: {', '.join(within)}")
        yield f"- Against **{rival}**: {'; '.join(parts)}."


def _name(row: Over) -> str:
    label = MEASURES[row.measure].label.removesuffix(", AUD")
    return label if label.startswith(("ETF", "Sharpe")) else f"{label[:1].lower()}{label[1:]}"


def simulated_tables(results: Sequence[Result]) -> Iterator[str]:
    """Write the means of all strategies, and the differences from each rival."""
    names = [each.strategy for each in results[0].strategies]
    yield _table(
        ("mean of a history", *names),
        [
            (
                told.label,
                *(
                    show(measure, float(np.mean([getattr(r.strategies[i], measure) for r in results])))
                    for i in range(len(names))
                ),
            )
            for measure, told in MEASURES.items()
        ],
    )
    refused = [sum(result.strategies[i].refused for result in results) for i in range(len(names))]
    dates = sum(result.decisions for result in results)
    told = ", ".join(f"{name} {count}" for name, count in zip(names, refused, strict=True) if count)
    if told:
        yield f"Dates of orders without an answer, of {dates} (what is held then stays): {told}.\n"
    rows = over(results)
    for rival in dict.fromkeys(row.rival for row in rows):
        yield f"### Coordinated less {rival}\n"
        yield _table(
            ("figure", "mean difference", "95 % interval", "higher in", "is"),
            [
                (
                    MEASURES[row.measure].label,
                    show_difference(row.measure, row.mean),
                    _ends(row),
                    f"{row.higher:.0%} of histories",
                    row.verdict,
                )
                for row in rows
                if row.rival == rival
            ],
        )


def _ends(row: Over) -> str:
    told = MEASURES[row.measure]
    scale, form = (100 if told.points else 1), told.apart.split(" ", 1)[0]
    return f"{form.format(scale * row.low + 0.0)} to {form.format(scale * row.high + 0.0)}"


def public_tables(result: Result) -> Iterator[str]:
    """Write the sentences of one history, its figures and its differences."""
    yield "\n".join(f"- {sentence}" for sentence in sentences(result)) + "\n"
    yield _table(
        ("figure", *(each.strategy for each in result.strategies)),
        [
            (told.label, *(show(measure, getattr(each, measure)) for each in result.strategies))
            for measure, told in MEASURES.items()
        ],
    )
    yield _table(
        ("coordinated less", "figure", "difference", "95 % interval", "is"),
        [
            (
                each.rival,
                MEASURES[each.measure].label,
                show_difference(each.measure, each.difference),
                show_interval(each),
                judged(each),
            )
            for each in result.differences
        ],
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (header, ["---"] * len(header), *rows)]
    return "\n".join(lines) + "\n"


def document(results: Sequence[Result], public: Result | None, told: str) -> str:
    return ""
