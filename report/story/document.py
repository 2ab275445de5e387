"""The building blocks of a report: sentences, tables and names of charts, independent of the output format."""

from __future__ import annotations

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Table:
    """A table of texts, ready to show.

    Attributes:
        name: Stable, for anchors and tests.
        columns: Headings.
        numbers: Indices of the columns that hold numbers, which align right.
        rows: Cells.
        strong: Indices of the rows that hold totals.
        note: A remark below the table.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    numbers: frozenset[int]
    rows: tuple[tuple[str, ...], ...]
    strong: frozenset[int] = frozenset()
    note: str = ""


def without_empty(table: Table) -> Table:
    """Leave out the columns that are empty in every row."""
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
        lead: Paragraphs at the beginning.
        charts: Names of charts (``series``), after the lead.
        tables: Tables, after the charts.
        points: Bullet points at the end, one sentence each.
    """

    name: str
    title: str
    lead: tuple[str, ...] = ()
    charts: tuple[str, ...] = ()
    tables: tuple[Table, ...] = ()
    points: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Story:
    """A whole report: the customer's pages, and an appendix for the file.

    Attributes:
        about: Facts under the title, as pairs of name and value.
        notice: Who provides the report, or that nobody with a licence has reviewed it.
        figures: The most important numbers, as pairs of label and text.
        answers: The customer's questions, each with its answer: the first page.
        more: Charts, and the limits of the report: the second page.
        appendix: Everything else, for the file.
    """

    title: str
    about: tuple[tuple[str, str], ...]
    notice: tuple[str, ...]
    figures: tuple[tuple[str, str], ...]
    answers: tuple[Section, ...]
    more: tuple[Section, ...]
    appendix: tuple[Section, ...]

    @property
    def sections(self) -> tuple[Section, ...]:
        """All sections, in order."""
        return (*self.answers, *self.more, *self.appendix)
