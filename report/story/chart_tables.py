"""The figures of wide charts as tables: a phone shows the table, since nobody could read the chart there. Pure."""

from __future__ import annotations

from itertools import combinations
from typing import TYPE_CHECKING

from report.facts.series import Bars, Goals, Grid, Rows
from report.story.document import Table

if TYPE_CHECKING:
    from report.facts.series import Shown


def as_table(shown: Shown) -> Table | None:
    """Write the figures of a chart as a table; None for a chart that fits on a phone."""
    if isinstance(shown, Bars):
        return None if shown.narrow else _bars(shown)
    if isinstance(shown, Rows):
        return _rows(shown)
    if isinstance(shown, Goals):
        rows = tuple((goal.label, goal.said, "yes" if goal.met else "no") for goal in shown.goals)
        return Table(shown.name, shown.title, ("Target", "Figure", "Met"), frozenset(), rows)
    if isinstance(shown, Grid):
        return _grid(shown)
    return None


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
