"""Native PowerPoint charts: the file contains the numbers, so that a reader of the slides can inspect and edit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pptx.chart.data import CategoryChartData
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION
from pptx.oxml.ns import qn
from pptx.util import Pt

from report.charts.palette import LIGHT
from report.slides.layout import BOTTOM, FONT, LEFT, ROOM, TOP, rgb, write

if TYPE_CHECKING:
    from pptx.chart.axis import CategoryAxis
    from pptx.chart.chart import Chart
    from pptx.slide import Slide

    from report.facts.series import Bars, Part, Rows

# Letters that fit on the longest row.
_LETTERS = 110


def bars(slide: Slide, shown: Bars, *, height: int | None = None) -> None:
    """Draw bars side by side."""
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
        series.format.fill.fore_color.rgb = rgb(colour)


def stacked(slide: Slide, shown: Rows) -> None:
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
        series.format.fill.fore_color.rgb = rgb(LIGHT.after)
        series.format.line.color.rgb = rgb(LIGHT.paper)
        for row, own in enumerate(held):
            if i < len(own):
                label = series.points[row].data_label.text_frame
                write(label, [_fitting(shown, own[i])], size=9, colour=LIGHT.on_after)


def _fitting(shown: Rows, part: Part) -> str:
    """Return the longest label that fits into a part of a row: name and value, the name, or a space."""
    longest = max(sum(part.value for part in shown.parts if part.row == row) for row in shown.rows)
    full = f"{part.label} {shown.pattern.format(part.value)}"
    return next((text for text in (full, part.label) if len(text) <= _LETTERS * part.value / longest), " ")


def _chart(slide: Slide, kind: XL_CHART_TYPE, data: CategoryChartData, alt: str, height: int | None) -> Chart:
    frame = slide.shapes.add_chart(kind, LEFT, TOP, ROOM, height or BOTTOM - TOP, data)
    frame._element.nvGraphicFramePr.cNvPr.set("descr", alt)  # noqa: SLF001 - the library has no other way
    chart = frame.chart
    chart.font.size, chart.font.name = Pt(12), FONT
    chart.font.color.rgb = rgb(LIGHT.ink)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    # The first category is on top, as in the tables.
    chart.category_axis.reverse_order = True
    chart.category_axis.tick_labels.font.size = Pt(11)
    _name_all(chart.category_axis)
    chart.category_axis.format.line.color.rgb = rgb(LIGHT.line)
    chart.value_axis.visible = False
    chart.value_axis.has_major_gridlines = False
    return chart


def _name_all(axis: CategoryAxis) -> None:
    """Show the name of every category; python-pptx has no setting for this."""
    element = axis._element  # noqa: SLF001
    skip = element.makeelement(qn("c:tickLblSkip"), {"val": "1"})
    element.find(qn("c:noMultiLvlLbl")).addprevious(skip)
