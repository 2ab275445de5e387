"""Tables for people: ruled in a terminal, plain text in a pipe, and a list where the page is too narrow for columns.

No cell is ever cut. Numbers stay on one line, and text wraps between words. Where the columns need more room than the
page has, each row becomes an entry of a list, with the heading before each value.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rich import box
from rich.cells import cell_len
from rich.console import Group
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from report.facts.percentages import PERCENTAGES

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from rich.console import Console, ConsoleOptions, RenderableType

# Stands for a space at which no line may break; of the private use area, and replaced when a segment is shown.
GLUE = "\ue000"
# Text wraps no narrower than this, so that it stays readable.
_NARROWEST = 16
# Blanks on the left and on the right of a cell: the first for which the columns fit.
_PADDINGS = ((1, 1), (0, 1))
# Between the values of an entry.
_GAP = "   "
_STYLES = {
    "better": "green",
    "worse": "bold red",
    "yes": "green",
    "no": "bold red",
    "within": "green",
    "above": "yellow",
}


@dataclass(slots=True)
class FittingTable:
    """A table that becomes a list on a narrow page.

    Attributes:
        columns: Headings.
        right: Indices of the columns of numbers.
        is_ruled: Whether lines are drawn for a terminal; with letters otherwise.
        rows: Cells.
        caption: A remark below.
    """

    title: str
    columns: tuple[str, ...]
    right: frozenset[int]
    is_ruled: bool
    rows: list[tuple[Text, ...]] = field(default_factory=list)
    caption: str = ""

    def add_row(self, *cells: str | Text, strong: bool = False) -> None:
        """Add a row; omitted cells are empty, and a strong row is a total."""
        given = (*cells, *[""] * (len(self.columns) - len(cells)))
        self.rows.append(tuple(_styled(cell, strong=strong) for cell in given))

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> Iterator[RenderableType]:
        """Draw columns if they fit, and a list otherwise."""
        if self.title:
            yield Text(self.title, style="bold")
        yield self._body(options.max_width)
        if self.caption:
            yield Text(self.caption, style="dim italic")

    def _body(self, width: int) -> RenderableType:
        for left, right in _PADDINGS:
            between = len(self.columns) - 1 if self.is_ruled else len(self.columns) + 1
            beside = between + len(self.columns) * (left + right)
            if (widths := self._widths(width - beside)) is not None:
                return self._as_columns(widths, (0, right, 0, left))
        return Group(*self._as_list(width))

    def _widths(self, room: int) -> list[int] | None:
        """Share *room* among the columns; None if they need more.

        Columns of text give way, the widest first, as far as their words allow.
        """
        needed = [self._needed(i) for i in range(len(self.columns))]
        least, widths = [narrow for narrow, _ in needed], [natural for _, natural in needed]
        while sum(widths) > room:
            shrinkable = [i for i, width in enumerate(widths) if width > least[i]]
            if not shrinkable:
                return None
            widths[max(shrinkable, key=lambda i: widths[i])] -= 1
        return widths

    def _needed(self, i: int) -> tuple[int, int]:
        """Return the least and the natural width of a column; headings always may wrap."""
        cells = [row[i].plain for row in self.rows]
        lines = _longest(line for cell in cells for line in cell.split("\n"))
        words = _longest(word for cell in cells for word in cell.split())
        least = lines if i in self.right else min(lines, max(words, _NARROWEST))
        return max(least, _longest(self.columns[i].split())), max(lines, cell_len(self.columns[i]))

    def _as_columns(self, widths: list[int], padding: tuple[int, int, int, int]) -> Table:
        table = Table(
            box=box.SIMPLE_HEAD if self.is_ruled else box.ASCII2,
            show_edge=not self.is_ruled,
            header_style="bold",
            padding=padding,
        )
        for i, (column, width) in enumerate(zip(self.columns, widths, strict=True)):
            table.add_column(column, justify="right" if i in self.right else "left", width=width)
        for row in self.rows:
            table.add_row(*row)
        return table

    def _as_list(self, width: int) -> Iterator[RenderableType]:
        for row in self.rows:
            yield Text("- ").append_text(row[0])
            for line in self._flowing(row[1:], width - 2):
                yield Padding(line, (0, 0, 0, 2))

    def _flowing(self, cells: tuple[Text, ...], width: int) -> Iterator[Text]:
        """Fill lines with the values of a row, each after its heading; a line breaks between values where it can."""
        line = Text()
        for column, cell in zip(self.columns[1:], cells, strict=True):
            if not cell:
                continue
            value = Text(f"{column}: ", style="dim").append_text(cell) if column else cell
            if line and line.cell_len + len(_GAP) + value.cell_len > width:
                yield line
                line = Text()
            line = line.append(_GAP).append_text(value) if line else value
        if line:
            yield line


def make_table(
    console: Console, title: str, *columns: str, right: tuple[int, ...] | frozenset[int] = ()
) -> FittingTable:
    """Make an empty table; *right* are the columns of numbers."""
    return FittingTable(title, columns, frozenset(right), is_ruled=console.is_terminal)


def glued(text: Text) -> Text:
    """Copy *text* with its percentages spaced by the glue; styles stay."""
    pieces, at = [], 0
    for percentage in PERCENTAGES.finditer(text.plain):
        pieces += [text[at : percentage.start()], Text(GLUE)]
        at = percentage.end() - 1
    return text.blank_copy().join([*pieces, text[at:]]) if pieces else text.copy()


def _styled(cell: str | Text, *, strong: bool) -> Text:
    text = glued(Text(cell, style=_STYLES.get(cell, "")) if isinstance(cell, str) else cell)
    if strong:
        text.stylize("bold")
    return text


def _longest(parts: Iterable[str]) -> int:
    return max(map(cell_len, parts), default=0)
