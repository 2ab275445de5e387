"""The figures of wide charts as tables: a phone shows the table, since nobody could read the chart there. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from report.facts.courses import Courses, Weights
from report.facts.series import Bars, Goals, Grid, Rows
from report.story.document import Table

if TYPE_CHECKING:
    from report.facts.series import Shown


def as_table(shown: Shown) -> Table | None:
    """Write the figures of a chart as a table; None for a chart that fits on a phone."""
    made: Table | None = None
    match shown:
        case Bars():
            made = None if shown.narrow else _bars(shown)
        case Rows():
            made = _rows(shown)
        case Goals():
            made = _goals(shown)
        case Grid():
            made = _grid(shown)
        case Courses():
            made = _courses(shown)
        case Weights():
            made = _weights(shown)
    return made


def _goals(shown: Goals) -> Table:
    rows = tuple((goal.label, goal.said, "yes" if goal.met else "no") for goal in shown.goals)
    return Table(shown.name, shown.title, ("Target", "Figure", "Met"), frozenset(), rows)


def _bars(shown: Bars) -> Table:
    rows = tuple(
        (category, *(shown.pattern.format(value) for value in values))
        for category, *values in zip(shown.categories, *shown.series.values(), strict=True)
    )
    numbers = frozenset(range(1, 1 + len(shown.series)))
    return Table(shown.name, shown.title, ("", *shown.series), numbers, rows)


def _rows(shown: Rows) -> Table:
    rows = []
    for name in shown.rows:
        parts = [part for part in shown.parts if part.row == name]
        of = ", ".join(f"{part.label} {shown.pattern.format(part.value)}" for part in parts)
        rows.append((name, of, shown.pattern.format(sum(part.value for part in parts))))
    return Table(shown.name, shown.title, ("Pod", "Holds", "In all"), frozenset({2}), tuple(rows))


def _grid(shown: Grid) -> Table:
    pairs = combinations(range(len(shown.labels)), 2)
    rows = tuple((f"{shown.labels[i]} and {shown.labels[j]}", f"{shown.values[i][j]:.2f}") for i, j in pairs)
    return Table(shown.name, shown.title, ("Pods", "Correlation"), frozenset({1}), rows)


def _courses(shown: Courses) -> Table:
    rows = tuple(
        (shown.dates[i], *(shown.pattern.format(values[i]) for values in shown.lines.values())) for i in shown.told
    )
    return Table(shown.name, shown.title, ("", *shown.lines), frozenset(range(1, 1 + len(shown.lines))), rows)


def _weights(shown: Weights) -> Table:
    rows = tuple(
        (etf, *(f"{each:.1%}" for each in (values[0], sum(values) / len(values), values[-1])))
        for etf, values in zip(shown.rows, shown.values, strict=True)
    )
    return Table(shown.name, shown.title, ("ETF", "First", "Mean", "Last"), frozenset({1, 2, 3}), rows)
