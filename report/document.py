"""What a report is made of: sentences, tables and the names of charts, whatever shows them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts that are ready to be shown.

    Attributes:
        name: Stable, for anchors and tests.
        columns: Headings.
        numbers: Which columns hold numbers, to be aligned on the right.
        rows: Cells.
        strong: Rows that add up others.
        note: What is to be known of it.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    numbers: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()
    note: str = ""


def without_empty(table: Table) -> Table:
    """Leave out the columns in which no row says anything."""
    kept = [i for i in range(len(table.columns)) if any(row[i] for row in table.rows)]
    return replace(
        table,
        columns=tuple(table.columns[i] for i in kept),
        numbers=frozenset(new for new, old in enumerate(kept) if old in table.numbers),
        rows=tuple(tuple(row[i] for i in kept) for row in table.rows),
    )


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the report.

    Attributes:
        lead: Paragraphs that come first.
        charts: Names of charts (``series``), after the lead.
        tables: Then these.
        points: Sentences, each a point of its own, at the end.
    """

    name: str
    title: str
    lead: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A whole report.

    Attributes:
        about: Facts under the title: a name and a value each.
        summary: The whole in plain sentences.
        figures: The few numbers that matter most: what each is and its text.
        disclaimer: What this is not.
    """

    title: str
    about: tuple[tuple[str, str], ...]
    summary: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    sections: tuple[Section, ...]
    disclaimer: tuple[str, ...] = field(
        default=(
            "Expected figures are assumptions, with their sources in this report. None is promised.",
            "Nothing here is advice. A program worked it out from facts and rules; a person is to look at it first.",
        )
    )
