"""Slides with titles, sentences and tables, in one layout; independent of events."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pptx import Presentation
from pptx.dml.color import RGBColor
from pptx.enum.text import PP_ALIGN
from pptx.util import Inches, Pt

from bus.language.plain_text import printable
from portfolio.counted import counted
from report.charts.palette import LIGHT
from report.facts.percentages import spaced

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pptx.slide import Slide
    from pptx.table import _Cell as Cell
    from pptx.text.text import TextFrame

    from report.story.document import Section, Table

WIDE, HIGH = Inches(13.333), Inches(7.5)
LEFT, TOP, ROOM = Inches(0.6), Inches(1.25), Inches(12.1)
BOTTOM = Inches(6.85)
FONT = "Arial"
# Rows of a table that fit on a slide, and their height; with more columns the letters are smaller.
_ROWS, _ROW, _MANY = 15, Inches(0.33), 7
# Sentences above a table, in points.
_SMALL = 13
# The width of a letter in the widest substitute font, as a part of the size.
_WIDE_LETTER = 0.6
# The width of a letter in the widest substitute font of a table, and the margins of a cell.
_LETTER, _MARGIN = Inches(0.115), Inches(0.22)
# Number of letters on a slide, and the largest font size (points) for up to that many.
_SIZES = ((900, 16), (1_500, 14), (2_300, 12))


class Deck:
    """Slides, made one after the other."""

    def __init__(self, title: str, foot: str) -> None:
        self.presentation = Presentation()
        self.presentation.core_properties.title = title
        self.presentation.core_properties.author = "Podfolio"
        self.presentation.slide_width, self.presentation.slide_height = WIDE, HIGH
        self._foot = foot

    def slide(self, title: str) -> Slide:
        """Add a slide with a title, and a foot with the slide's number and the notice."""
        slide = self.presentation.slides.add_slide(self.presentation.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = LEFT, Inches(0.35), ROOM, Inches(0.8)
        write(heading.text_frame, [title], size=28, bold=True, colour=LIGHT.after)
        number = len(self.presentation.slides)
        foot = slide.shapes.add_textbox(LEFT, Inches(7.0), ROOM, Inches(0.35))
        write(foot.text_frame, [f"{number}    {self._foot}"], size=10, colour=LIGHT.quiet)
        return slide

    def data(self) -> bytes:
        """Return the content of the file."""
        file = io.BytesIO()
        self.presentation.save(file)
        return file.getvalue()


def told(deck: Deck, section: Section) -> None:
    """Tell a section: sentences, with the first table below where there is room, and one slide per further table."""
    lines, tables = [*section.lead, *section.points], list(section.tables)
    if tables and lines:
        below = TOP + _height(lines, _SMALL) + Inches(0.1)
        if below + _ROW * (len(tables[0].rows) + 1) <= BOTTOM:
            slide = deck.slide(section.title)
            sentences(slide, lines, size=_SMALL)
            tabled(slide, tables.pop(0), top=below)
            lines = []
    if lines:
        sentences(deck.slide(section.title), lines, size=fitting_size(lines))
    for table in tables:
        tabled(deck.slide(section.title), table)


def _height(lines: Sequence[str], size: int) -> int:
    """Estimate the height of sentences in the widest substitute font."""
    letters = int(ROOM / (Pt(size) * _WIDE_LETTER))
    return sum(-(-len(line) // letters) * Pt(size * 1.25) + Pt(size / 2) for line in lines)


def tabled(slide: Slide, table: Table, *, top: int = TOP) -> None:
    """Add a table; a last line counts the rows that do not fit."""
    rows = table.rows[:_ROWS]
    frame = slide.shapes.add_table(len(rows) + 1, len(table.columns), LEFT, top, ROOM, _ROW * (len(rows) + 1))
    frame.name = table.name
    for i, width in enumerate(_widths(table)):
        frame.table.columns[i].width = width
    size = 11 if len(rows) > _ROWS - 4 or len(table.columns) > _MANY else 12
    for y, row in enumerate([table.columns, *rows]):
        for x, text in enumerate(row):
            cell = frame.table.cell(y, x)
            _fill(cell, text, size, heading=y == 0, strong=y - 1 in table.strong)
            if x in table.numbers:
                cell.text_frame.paragraphs[0].alignment = PP_ALIGN.RIGHT
    if left_out := len(table.rows) - len(rows):
        sentences(
            slide, (f"{counted(left_out, 'more row is', 'more rows are')} in the report.",), size=11, top=Inches(6.65)
        )


def _fill(cell: Cell, text: str, size: int, *, heading: bool, strong: bool) -> None:
    cell.margin_top = cell.margin_bottom = Inches(0.02)
    cell.margin_left = cell.margin_right = Inches(0.08)
    cell.fill.solid()
    cell.fill.fore_color.rgb = rgb(LIGHT.after if heading else LIGHT.paper)
    ink = LIGHT.on_after if heading else LIGHT.ink
    write(cell.text_frame, [text], size=size, bold=heading or strong, colour=ink)


def _widths(table: Table) -> list[int]:
    """Fit columns of numbers to their longest text; divide the remaining width among the others by text length."""
    longest = [max(len(text) for text in column) for column in zip(table.columns, *table.rows, strict=True)]
    fixed = {
        i: _MARGIN + _LETTER * max(len(text) for text in (*table.columns[i].split(), *(row[i] for row in table.rows)))
        for i in table.numbers
    }
    shared = {i: min(max(letters, 6), 48) for i, letters in enumerate(longest) if i not in fixed}
    rest = (ROOM - sum(fixed.values())) / sum(shared.values())
    return [int(fixed[i] if i in fixed else shared[i] * rest) for i in range(len(longest))]


def fitting_size(lines: Sequence[str]) -> int:
    """Choose the font size for sentences, in points."""
    letters = sum(map(len, lines))
    return next((size for most, size in _SIZES if letters <= most), 10)


def sentences(slide: Slide, lines: Iterable[str], *, size: int = 16, colour: str = LIGHT.ink, top: int = TOP) -> None:
    """Write sentences below one another, from *top* on."""
    box = slide.shapes.add_textbox(LEFT, top, ROOM, max(BOTTOM - top, Inches(0.4)))
    write(box.text_frame, list(lines), size=size, colour=colour)


def write(frame: TextFrame, lines: Sequence[str], *, size: int, colour: str = LIGHT.ink, bold: bool = False) -> None:
    """Write one paragraph per line into a frame."""
    frame.word_wrap = True
    for i, line in enumerate(lines):
        paragraph = frame.add_paragraph() if i else frame.paragraphs[0]
        run = paragraph.add_run()
        run.text = spaced(printable(line))
        run.font.size, run.font.bold, run.font.name = Pt(size), bold, FONT
        run.font.color.rgb = rgb(colour)
        paragraph.alignment = PP_ALIGN.LEFT
        if len(lines) > 1:
            paragraph.space_after = Pt(size / 2)


def rgb(code: str) -> RGBColor:
    """Read a colour of the palette."""
    return RGBColor.from_string(code[1:].upper())
