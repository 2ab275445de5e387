"""A story as slides: the same sentences and figures, with charts that the slides' reader can open and change."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

from pptx import Presentation
from pptx.chart.data import CategoryChartData
from pptx.dml.color import RGBColor
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION
from pptx.enum.text import PP_ALIGN
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from bus.messages import MasterPortfolioOptimized
from report.document import printable
from report.palette import LIGHT
from report.series import Bars, Rows, all_series
from report.story import tell

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pptx.chart.axis import CategoryAxis
    from pptx.chart.chart import Chart
    from pptx.slide import Slide
    from pptx.text.text import TextFrame

    from bus.messages import FinalEvent
    from report.document import Section, Story, Table
    from report.series import Part

_WIDE, _HIGH = Inches(13.333), Inches(7.5)
_LEFT, _TOP, _ROOM = Inches(0.6), Inches(1.25), Inches(12.1)
_BOTTOM = Inches(6.85)
_FONT = "Arial"
# Rows of a table that fit on a slide.
_ROWS = 15
# The width of a letter in a table in the widest font that may stand in, and the margins of a cell.
_LETTER, _MARGIN = Inches(0.115), Inches(0.22)
# Letters that fit on the longest of the rows made of parts.
_LETTERS = 110
# Letters of a slide's sentences up to which they are written that large.
_SIZES = ((900, 16), (1_500, 14), (2_300, 12))


class Deck:
    """Slides, made one after the other."""

    def __init__(self, title: str, foot: str) -> None:
        self.presentation = Presentation()
        self.presentation.core_properties.title = title
        self.presentation.core_properties.author = "Podfolio"
        self.presentation.slide_width, self.presentation.slide_height = _WIDE, _HIGH
        self._foot = foot

    def slide(self, title: str) -> Slide:
        """Add a slide with its title, its number, and what it is not."""
        slide = self.presentation.slides.add_slide(self.presentation.slide_layouts[5])
        heading = slide.shapes.title
        heading.left, heading.top, heading.width, heading.height = _LEFT, Inches(0.35), _ROOM, Inches(0.8)
        _write(heading.text_frame, [title], size=28, bold=True, colour=LIGHT.after)
        number = len(self.presentation.slides)
        foot = slide.shapes.add_textbox(_LEFT, Inches(7.0), _ROOM, Inches(0.35))
        _write(foot.text_frame, [f"{number}    {self._foot}"], size=10, colour=LIGHT.quiet)
        return slide

    def data(self) -> bytes:
        """Give the file's content."""
        file = io.BytesIO()
        self.presentation.save(file)
        return file.getvalue()


def slides(event: FinalEvent, *, checked: tuple[str, ...] = ()) -> bytes:
    """Make the slides of *event*, as a .pptx file; *checked* says what was checked of it before, a sentence each."""
    story = tell(event, checked=checked)
    deck = Deck(story.title, "Expected figures are assumptions. Nothing here is advice.")
    _opening(deck, story)
    sections = {section.name: section for section in story.sections}
    if isinstance(event, MasterPortfolioOptimized):
        _portfolio(deck, event, sections)
    else:
        for section in story.sections:
            _said(deck, section)
    return deck.data()


def _portfolio(deck: Deck, event: MasterPortfolioOptimized, sections: dict[str, Section]) -> None:
    series = all_series(event)
    tables = {table.name: table for section in sections.values() for table in section.tables}
    suggested = sections["suggest"]
    _tabled(deck, sections["own"].title, tables.get("owned") or tables["parts"], sections["own"].lead)
    _tabled(deck, suggested.title, tables.get("orders") or tables.get("bought"), suggested.lead)
    for name in ("asset-classes", "etfs"):
        shown = series[name]
        assert isinstance(shown, Bars)  # noqa: S101 - it is made so
        _bars(deck.slide(f"{sections['change'].title}: {shown.title[0].lower()}{shown.title[1:]}"), shown)
    parts = series["owners"]
    assert isinstance(parts, Rows)  # noqa: S101 - it is made so
    _stacked(deck.slide(parts.title), parts)
    _tabled(deck, sections["goals"].title, tables["goals"], ())
    costs = series["costs"]
    assert isinstance(costs, Bars)  # noqa: S101 - it is made so
    slide = deck.slide(sections["costs"].title)
    _bars(slide, costs, height=Inches(3.6))
    _box(slide, (*sections["costs"].lead, *sections["costs"].points), size=13, top=Inches(4.95))
    _said(deck, sections["unreachable"])
    both = (sections["assumptions"], sections["checks"])
    lines = [line for section in both for line in (*section.lead, *section.points)]
    _box(deck.slide("Assumptions, and how to check this"), lines, size=min(14, _size(lines)))


def _opening(deck: Deck, story: Story) -> None:
    slide = deck.slide(story.title)
    about = "    ".join(f"{name}: {value}" for name, value in story.about)
    _box(slide, (about,), size=12, colour=LIGHT.quiet, top=Inches(1.1))
    width = _ROOM // max(len(story.figures), 1)
    for i, (what, figure) in enumerate(story.figures):
        left = _LEFT + i * width
        box = slide.shapes.add_textbox(left, Inches(1.6), width, Inches(0.6))
        _write(box.text_frame, [figure], size=26, bold=True)
        box = slide.shapes.add_textbox(left, Inches(2.1), width, Inches(0.4))
        _write(box.text_frame, [what], size=13, colour=LIGHT.quiet)
    _box(slide, story.summary, top=Inches(2.9 if story.figures else 1.8))


def _said(deck: Deck, section: Section) -> None:
    """Make a slide of a section's sentences, and one of each of its tables."""
    if lines := (*section.lead, *section.points):
        _box(deck.slide(section.title), lines, size=_size(lines))
    for table in section.tables:
        _tabled(deck, section.title, table, ())


def _tabled(deck: Deck, title: str, table: Table | None, lead: Sequence[str]) -> None:
    """Make a slide of a table with sentences above it; what does not fit is told to be in the report."""
    slide = deck.slide(title)
    if lead:
        _box(slide, lead, size=13)
    if table is None:
        return
    rows = list(table.rows)
    left_out = max(0, len(rows) - _ROWS)
    rows = rows[:_ROWS]
    top = _TOP + (Inches(0.75) if lead else 0)
    size = 11 if len(rows) > _ROWS - 4 else 12
    height = Inches(0.33)
    frame = slide.shapes.add_table(len(rows) + 1, len(table.columns), _LEFT, top, _ROOM, height * (len(rows) + 1))
    frame.name = table.name
    grid = frame.table
    for i, width in enumerate(_widths(table)):
        grid.columns[i].width = width
    for y, row in enumerate([table.columns, *rows]):
        for x, text in enumerate(row):
            cell = grid.cell(y, x)
            cell.margin_top = cell.margin_bottom = Inches(0.02)
            cell.margin_left = cell.margin_right = Inches(0.08)
            cell.fill.solid()
            cell.fill.fore_color.rgb = _colour(LIGHT.after if y == 0 else LIGHT.paper)
            ink = LIGHT.on_after if y == 0 else LIGHT.ink
            bold = y == 0 or y - 1 in table.strong
            _write(cell.text_frame, [text], size=size, bold=bold, colour=ink)
            if x in table.numbers:
                cell.text_frame.paragraphs[0].alignment = PP_ALIGN.RIGHT
    if left_out:
        _box(slide, (f"{left_out} more rows are in the report.",), size=11, top=Inches(6.6))


def _widths(table: Table) -> list[int]:
    """Give columns of numbers what their longest needs, and share the rest by the longest texts of the others."""
    longest = [max(len(text) for text in column) for column in zip(table.columns, *table.rows, strict=True)]
    fixed = {
        i: _MARGIN + _LETTER * max(len(text) for text in (*table.columns[i].split(), *(row[i] for row in table.rows)))
        for i in table.numbers
    }
    shared = {i: min(max(letters, 6), 48) for i, letters in enumerate(longest) if i not in fixed}
    rest = (_ROOM - sum(fixed.values())) / sum(shared.values())
    return [int(fixed[i] if i in fixed else shared[i] * rest) for i in range(len(longest))]


def _bars(slide: Slide, shown: Bars, *, height: int | None = None) -> None:
    data = CategoryChartData(number_format="#,##0.00")
    data.categories = shown.categories
    for name, values in shown.series.items():
        data.add_series(name, values)
    chart = _chart(slide, XL_CHART_TYPE.BAR_CLUSTERED, data, shown.alt, height)
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 45, 0
    plot.has_data_labels = True
    plot.data_labels.font.size = Pt(10)
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "#,##0.00", False
    plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
    for series, colour in zip(plot.series, (LIGHT.before, LIGHT.after), strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = _colour(colour)


def _stacked(slide: Slide, shown: Rows) -> None:
    """Draw rows made of parts: the first parts of all rows are one series, and so on."""
    held = [[part for part in shown.parts if part.row == row] for row in shown.rows]
    data = CategoryChartData(number_format="#,##0.00")
    data.categories = shown.rows
    for i in range(max(map(len, held))):
        data.add_series(str(i + 1), [own[i].value if i < len(own) else None for own in held])
    chart = _chart(slide, XL_CHART_TYPE.BAR_STACKED, data, shown.alt, None)
    chart.has_legend = False
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 45, 100
    for i, series in enumerate(plot.series):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = _colour(LIGHT.after)
        series.format.line.color.rgb = _colour(LIGHT.paper)
        for row, own in enumerate(held):
            if i < len(own):
                label = series.points[row].data_label.text_frame
                _write(label, [_fitting(shown, own[i])], size=9, colour=LIGHT.on_after)


def _fitting(shown: Rows, part: Part) -> str:
    """Write what fits into a part of a row: its name and its value, its name, or nothing (a space)."""
    longest = max(sum(part.value for part in shown.parts if part.row == row) for row in shown.rows)
    full = f"{part.label} {shown.pattern.format(part.value)}"
    return next((text for text in (full, part.label) if len(text) <= _LETTERS * part.value / longest), " ")


def _chart(slide: Slide, kind: XL_CHART_TYPE, data: CategoryChartData, alt: str, height: int | None) -> Chart:
    frame = slide.shapes.add_chart(kind, _LEFT, _TOP, _ROOM, height or _BOTTOM - _TOP, data)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", alt)  # noqa: SLF001 - the library has no other way
    chart = frame.chart
    chart.font.size, chart.font.name = Pt(12), _FONT
    chart.font.color.rgb = _colour(LIGHT.ink)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    # As in the tables, the first category stands on top.
    chart.category_axis.reverse_order = True
    chart.category_axis.tick_labels.font.size = Pt(11)
    _name_all(chart.category_axis)
    chart.category_axis.format.line.color.rgb = _colour(LIGHT.line)
    chart.value_axis.visible = False
    chart.value_axis.has_major_gridlines = False
    return chart


def _name_all(axis: CategoryAxis) -> None:
    """Have no category left without its name; the library has no word for it."""
    element = axis._element  # noqa: SLF001
    skip = element.makeelement(qn("c:tickLblSkip"), {"val": "1"})
    element.find(qn("c:noMultiLvlLbl")).addprevious(skip)


def _size(lines: Sequence[str]) -> int:
    letters = sum(map(len, lines))
    return next((size for most, size in _SIZES if letters <= most), 10)


def _box(slide: Slide, lines: Iterable[str], *, size: int = 16, colour: str = LIGHT.ink, top: int = _TOP) -> None:
    box = slide.shapes.add_textbox(_LEFT, top, _ROOM, max(_BOTTOM - top, Inches(0.4)))
    _write(box.text_frame, list(lines), size=size, colour=colour)


def _write(frame: TextFrame, lines: Sequence[str], *, size: int, colour: str = LIGHT.ink, bold: bool = False) -> None:
    """Write a paragraph for each line, over what is there."""
    frame.word_wrap = True
    for i, line in enumerate(lines):
        paragraph = frame.add_paragraph() if i else frame.paragraphs[0]
        run = paragraph.add_run()
        run.text = printable(line)
        run.font.size, run.font.bold, run.font.name = Pt(size), bold, _FONT
        run.font.color.rgb = _colour(colour)
        paragraph.alignment = PP_ALIGN.LEFT
        if len(lines) > 1:
            paragraph.space_after = Pt(size / 2)


def _colour(code: str) -> RGBColor:
    return RGBColor.from_string(code[1:].upper())
