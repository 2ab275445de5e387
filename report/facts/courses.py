"""The data of charts over time: one line per strategy, and weights by ETF and date. Data only."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Courses:
    """One line per strategy over time; the first is emphasised.

    Attributes:
        name: Stable, for file names and anchors.
        dates: In ISO form, in ascending order.
        lines: Values by strategy, one per date.
        pattern: The format of a value, in the table for a phone.
        axis: The format of the axis, in the notation of d3-format.
        alt: The text alternative.
        told: Indices of the dates that the table for a phone tells.
    """

    name: str
    title: str
    dates: tuple[str, ...]
    lines: dict[str, tuple[float, ...]]
    pattern: str
    axis: str
    alt: str
    told: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Weights:
    """The weight of each ETF at each decision, from 0 to 1.

    Attributes:
        rows: ETFs, the largest mean weight first.
        columns: Dates of the decisions, in ISO form.
        values: Weights by row and column.
    """

    name: str
    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    values: tuple[tuple[float, ...], ...]
    alt: str
