"""Native PowerPoint charts: the file contains the numbers, so that a reader of the slides can inspect and edit them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pptx.chart.data import CategoryChartData, XyChartData
from pptx.enum.chart import XL_CHART_TYPE, XL_LABEL_POSITION, XL_LEGEND_POSITION, XL_MARKER_STYLE
from pptx.enum.dml import MSO_LINE_DASH_STYLE
from pptx.oxml.ns import qn
from pptx.util import Inches, Pt

from report.charts.palette import LIGHT
from report.facts.percentages import spaced
from report.facts.standings import SEPARATE, SUGGESTED, TODAY
from report.slides.layout import BOTTOM, FONT, LEFT, ROOM, TOP, rgb, write

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from pptx.chart.axis import CategoryAxis
    from pptx.chart.chart import Chart
    from pptx.shapes.graphfrm import GraphicFrame
    from pptx.slide import Slide

    from report.facts.fans import Fan
    from report.facts.frontier import Frontier
    from report.facts.series import Bars

_MEDIAN = 0.50
_LEGEND = Inches(0.35)
# As in sentences, with a space before the sign.
_PERCENT = "0.0 %"
_PERCENTILES = {
    0.05: "5 of 100 below",
    0.25: "25 of 100 below",
    0.50: "Middle",
    0.75: "25 of 100 above",
    0.95: "5 of 100 above",
}


def bars(slide: Slide, shown: Bars) -> None:
    """Draw bars side by side."""
    data = CategoryChartData(number_format="#,##0.00")
    data.categories = shown.categories
    for name, values in shown.series.items():
        data.add_series(name, values)
    chart = _chart(slide, XL_CHART_TYPE.BAR_CLUSTERED, data, shown.alt)
    # Some programs turn a chart's own legend around, with the axis: today comes first, as in time.
    chart.has_legend = False
    _legend(slide, list(shown.series))
    plot = chart.plots[0]
    plot.gap_width, plot.overlap = 45, 0
    plot.has_data_labels = True
    plot.data_labels.font.size = Pt(10)
    plot.data_labels.number_format, plot.data_labels.number_format_is_linked = "#,##0", False
    plot.data_labels.position = XL_LABEL_POSITION.OUTSIDE_END
    for series, colour in zip(plot.series, (LIGHT.before, LIGHT.after)[-len(shown.series) :], strict=True):
        series.format.fill.solid()
        series.format.fill.fore_color.rgb = rgb(colour)


def _legend(slide: Slide, names: Sequence[str]) -> None:
    frame = slide.shapes.add_textbox(LEFT, TOP - _LEGEND, ROOM, _LEGEND).text_frame
    paragraph = frame.paragraphs[0]
    for name, colour in zip(names, (LIGHT.before, LIGHT.after)[-len(names) :], strict=True):
        for text, shade in (("\u25a0 ", colour), (f"{name}      ", LIGHT.ink)):
            run = paragraph.add_run()
            run.text = text
            run.font.size, run.font.name, run.font.color.rgb = Pt(12), FONT, rgb(shade)


def fan(slide: Slide, shown: Fan, *, left: int, width: int) -> None:
    """Draw the percentiles of a money goal over the years, and the amount wanted."""
    data = XyChartData(number_format="#,##0")
    for each, amounts in shown.bands.items():
        _add(data, _PERCENTILES[each], zip(shown.years, amounts, strict=True))
    _add(data, "Wanted", ((year, shown.wanted_aud) for year in (shown.years[0], shown.years[-1])))
    title = slide.shapes.add_textbox(left, Inches(1.9), width, Inches(0.4))
    write(title.text_frame, [shown.title], size=14, bold=True)
    chart = _lines(slide, data, shown.alt, (left, Inches(2.3), width, BOTTOM - Inches(2.3)))
    # Else a program that draws slides begins some years before today.
    chart.category_axis.minimum_scale, chart.category_axis.maximum_scale = shown.years[0], shown.years[-1]
    *bands, wanted = chart.plots[0].series
    for series, percentile in zip(bands, shown.bands, strict=True):
        is_median = percentile == _MEDIAN
        series.format.line.color.rgb = rgb(LIGHT.after if is_median else LIGHT.before)
        series.format.line.width = Pt(2.5 if is_median else 1.25)
    wanted.format.line.color.rgb, wanted.format.line.width = rgb(LIGHT.missed), Pt(2)
    wanted.format.line.dash_style = MSO_LINE_DASH_STYLE.DASH


def frontier(slide: Slide, shown: Frontier) -> None:
    """Draw the efficient frontier, and the portfolios as points."""
    data = XyChartData(number_format=_PERCENT)
    _add(data, "Efficient frontier", shown.line)
    for one in shown.placed:
        _add(data, one.label, ((one.volatility, one.expected_return),))
    chart = _lines(slide, data, shown.alt, (LEFT, TOP, ROOM, BOTTOM - TOP))
    for axis, name in ((chart.category_axis, "Volatility a year"), (chart.value_axis, shown.returns)):
        axis.has_title = True
        write(axis.axis_title.text_frame, [name], size=12)
        axis.tick_labels.number_format, axis.tick_labels.number_format_is_linked = _PERCENT, False
    colours = {TODAY: LIGHT.before, SEPARATE: LIGHT.missed, SUGGESTED: LIGHT.after}
    line, *points = chart.plots[0].series
    line.format.line.color.rgb, line.format.line.width = rgb(LIGHT.quiet), Pt(2)
    for series in points:
        series.format.line.fill.background()
        series.marker.style, series.marker.size = XL_MARKER_STYLE.CIRCLE, 14
        series.marker.format.fill.solid()
        series.marker.format.fill.fore_color.rgb = rgb(colours[series.name])


def _add(data: XyChartData, name: str, points: Iterable[tuple[float, float]]) -> None:
    series = data.add_series(name)
    for x, y in points:
        series.add_data_point(x, y)


def _lines(slide: Slide, data: XyChartData, alt: str, where: tuple[int, int, int, int]) -> Chart:
    frame = slide.shapes.add_chart(XL_CHART_TYPE.XY_SCATTER_LINES_NO_MARKERS, *where, data)
    chart = _described(frame, alt)
    for series in chart.plots[0].series:
        series.smooth = False
    for axis in (chart.category_axis, chart.value_axis):
        axis.tick_labels.font.size = Pt(11)
        axis.has_major_gridlines = axis is chart.value_axis
    chart.value_axis.major_gridlines.format.line.color.rgb = rgb(LIGHT.line)
    return chart


def _chart(slide: Slide, kind: XL_CHART_TYPE, data: CategoryChartData, alt: str) -> Chart:
    chart = _described(slide.shapes.add_chart(kind, LEFT, TOP, ROOM, BOTTOM - TOP, data), alt)
    # The first category is on top, as in the tables.
    chart.category_axis.reverse_order = True
    chart.category_axis.tick_labels.font.size = Pt(11)
    _name_all(chart.category_axis)
    chart.category_axis.format.line.color.rgb = rgb(LIGHT.line)
    chart.value_axis.visible = False
    chart.value_axis.has_major_gridlines = False
    return chart


def _described(frame: GraphicFrame, alt: str) -> Chart:
    """Give a chart its text alternative, its font and its legend."""
    frame._element.nvGraphicFramePr.cNvPr.set("descr", spaced(alt))  # noqa: SLF001 - the library has no other way
    chart = frame.chart
    chart.has_title = False
    chart.font.size, chart.font.name = Pt(12), FONT
    chart.font.color.rgb = rgb(LIGHT.ink)
    chart.has_legend = True
    chart.legend.position, chart.legend.include_in_layout = XL_LEGEND_POSITION.TOP, False
    return chart


def _name_all(axis: CategoryAxis) -> None:
    """Show the name of every category; python-pptx has no setting for this."""
    element = axis._element  # noqa: SLF001
    skip = element.makeelement(qn("c:tickLblSkip"), {"val": "1"})
    element.find(qn("c:noMultiLvlLbl")).addprevious(skip)
