"""Vega-Lite specifications of the charts, with the numbers included.

Pure. The only URL in a specification is that of the language's schema, and no program fetches that URL.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from report.charts import lines
from report.facts.courses import Courses, Weights
from report.facts.fans import Fan
from report.facts.frontier import Frontier
from report.facts.series import Bars, Columns, Goals, Rows

if TYPE_CHECKING:
    from report.charts.palette import Palette
    from report.facts.series import Grid, Part, Shown

Spec = dict[str, Any]

# A machine uses the first font installed. All but DejaVu Sans are as wide as Arial; charts have room for DejaVu Sans.
FONTS = "Arial, Helvetica, 'Liberation Sans', 'DejaVu Sans', sans-serif"
_WIDTH = 430
# Beside two other charts.
_NARROW = 130
_SIZE = 12
_BAR = 16
# The thinner bars of charts with many categories, which then fit on half a page.
_THIN, _MANY = 14, 10
# Axis length over the longest bar: leaves room for the number after the bar.
_ROOM, _NARROW_ROOM = 1.3, 1.45
# The width of a letter within a bar, in the widest font; a part too narrow for the ticker has no label.
_LETTER = 8.5
# The renderer measures text in this machine's font; the reader's font may be wider, by this much per letter.
_WIDER = 1.1
# Up to this many pods, the names above the grid fit horizontally.
_NAMED = 4
# Bars of goals are cut at this ratio; the text beside a bar has the true figures.
_LONGEST = 2.0


def specification(shown: Shown, palette: Palette) -> Spec:
    """Make the Vega-Lite specification of a chart."""
    if isinstance(shown, Columns):
        made = lines.columns(shown, palette)
    elif isinstance(shown, Courses):
        made = lines.courses(shown, palette)
    elif isinstance(shown, Weights):
        made = lines.weights(shown, palette)
    elif isinstance(shown, Bars):
        made = _bars(shown, palette)
    elif isinstance(shown, Rows):
        made = _rows(shown, palette)
    elif isinstance(shown, Goals):
        made = _goals(shown, palette)
    elif isinstance(shown, Fan):
        made = lines.fan(shown, palette)
    elif isinstance(shown, Frontier):
        made = lines.frontier(shown, palette)
    else:
        made = _grid(shown, palette)
    schema = "https://vega.github.io/schema/vega-lite/v5.json"
    return {"$schema": schema, "config": _config(palette, _longest_label(shown))} | made


def _longest_label(shown: Shown) -> int:
    labels: tuple[str, ...]
    if isinstance(shown, Fan | Frontier | Columns | Courses):
        labels = ("",)
    elif isinstance(shown, Bars):
        labels = shown.categories
    elif isinstance(shown, Rows | Weights):
        labels = shown.rows
    elif isinstance(shown, Goals):
        labels = tuple(goal.label for goal in shown.goals)
    else:
        labels = shown.labels
    return max(map(len, labels), default=0)


def _config(palette: Palette, letters: int) -> Spec:
    text = {"labelColor": palette.ink, "titleColor": palette.ink, "labelFontSize": _SIZE, "titleFontSize": _SIZE}
    return {
        "font": FONTS,
        "background": palette.paper,
        "padding": {"left": 8 + _WIDER * letters, "right": 24, "top": 6, "bottom": 6},
        "view": {"stroke": None},
        "axis": text | {"domain": False, "ticks": False, "grid": False, "labelLimit": 260, "labelPadding": 6},
        "legend": text
        | {"orient": "top", "title": None, "symbolType": "square", "labelLimit": 260, "columnPadding": 28},
        "text": {"color": palette.ink, "fontSize": _SIZE - 1},
    }


def _bars(shown: Bars, palette: Palette) -> Spec:
    names = list(shown.series)
    values = [
        {"category": category, "series": name, "value": value, "said": shown.pattern.format(value)}
        for name, column in shown.series.items()
        for category, value in zip(shown.categories, column, strict=True)
    ]
    longest = max((value for column in shown.series.values() for value in column), default=1.0) or 1.0
    y = {"field": "category", "type": "nominal", "sort": None, "title": None, "scale": {"paddingInner": 0.3}}
    room = _NARROW_ROOM if shown.narrow else _ROOM
    x = {"field": "value", "type": "quantitative", "axis": None, "scale": {"domain": [0, longest * room]}}
    offset = {"field": "series", "sort": names}
    colour = lines.series_colour(names, palette)
    return {
        "width": _NARROW if shown.narrow else _WIDTH,
        "height": {"step": _BAR if len(shown.categories) <= _MANY and not shown.narrow else _THIN},
        "data": {"values": values},
        "encoding": {"y": y, "x": x, "yOffset": offset},
        "layer": [
            {"mark": {"type": "bar"}, "encoding": {"color": colour}},
            {
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"text": {"field": "said"}},
            },
        ],
    }


def _rows(shown: Rows, palette: Palette) -> Spec:
    values, longest = [], max(sum(p.value for p in shown.parts if p.row == row) for row in shown.rows)
    for row in shown.rows:
        start = 0.0
        for part in (part for part in shown.parts if part.row == row):
            middle, label = start + part.value / 2, part.label if _fits(part, longest) else ""
            values.append({"row": row, "from": start, "to": start + part.value, "middle": middle, "label": label})
            start += part.value
    sums = [
        {"row": row, "to": (total := sum(p.value for p in shown.parts if p.row == row)), "said": _said(shown, total)}
        for row in shown.rows
    ]
    y = {"field": "row", "type": "nominal", "sort": None, "title": None, "scale": {"paddingInner": 0.3}}
    scale = {"domain": [0, longest * _ROOM]}
    x = {"field": "from", "type": "quantitative", "axis": None, "scale": scale}
    return {
        "width": _WIDTH,
        "height": {"step": _BAR * 2.4},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar", "color": palette.after, "stroke": palette.paper, "strokeWidth": 1.5},
                "encoding": {"x": x, "x2": {"field": "to"}},
            },
            {
                "mark": {"type": "text", "color": palette.on_after},
                "encoding": {"x": {"field": "middle", "type": "quantitative"}, "text": {"field": "label"}},
            },
            {
                "data": {"values": sums},
                "mark": {"type": "text", "align": "left", "dx": 4},
                "encoding": {"x": {"field": "to", "type": "quantitative"}, "text": {"field": "said"}},
            },
        ],
    }


def _fits(part: Part, longest: float) -> bool:
    return part.value / (longest * _ROOM) * _WIDTH >= _LETTER * len(part.label)


def _said(shown: Rows, total: float) -> str:
    return shown.pattern.format(total)


def _goals(shown: Goals, palette: Palette) -> Spec:
    values = [
        {
            "goal": goal.label,
            "ratio": min(max(goal.ratio, 0.0), _LONGEST),
            "met": "met" if goal.met else "not met",
            "said": goal.said if goal.met else f"{goal.said}: not met",
            "end": _LONGEST + 0.04,
        }
        for goal in shown.goals
    ]
    y = {"field": "goal", "type": "nominal", "sort": None, "title": None, "scale": {"paddingInner": 0.35}}
    x = {"field": "ratio", "type": "quantitative", "axis": None, "scale": {"domain": [0, _LONGEST * 1.7]}}
    range_ = {"domain": ["met", "not met"], "range": [palette.after, palette.missed]}
    return {
        "width": _WIDTH,
        "height": {"step": _BAR * 1.6},
        "data": {"values": values},
        "encoding": {"y": y},
        "layer": [
            {
                "mark": {"type": "bar"},
                "encoding": {"x": x, "color": {"field": "met", "type": "nominal", "scale": range_}},
            },
            {
                "mark": {"type": "text", "align": "left", "fontSize": _SIZE},
                "encoding": {"x": x | {"field": "end"}, "text": {"field": "said"}},
            },
            {
                "data": {"values": [{"line": 1.0}]},
                "mark": {"type": "rule", "color": palette.ink, "strokeDash": [4, 3], "strokeWidth": 1.5},
                "encoding": {
                    "x": {"field": "line", "type": "quantitative"},
                    "y": {"value": 0},
                    "y2": {"value": "height"},
                },
            },
        ],
    }


def _grid(shown: Grid, palette: Palette) -> Spec:
    values = [
        {"row": row, "column": column, "value": value, "said": f"{value:.2f}"}
        for row, line in zip(shown.labels, shown.values, strict=True)
        for column, value in zip(shown.labels, line, strict=True)
    ]
    axis = {"type": "nominal", "sort": None, "title": None}
    angle, step = (0, 118) if len(shown.labels) <= _NAMED else (-40, 44)
    colours = {"domain": [-1, 0, 1], "range": [palette.negative, palette.zero, palette.positive], "interpolate": "rgb"}
    return {
        "width": {"step": step},
        "height": {"step": 34},
        "data": {"values": values},
        "encoding": {
            "x": axis | {"field": "column", "axis": {"orient": "top", "labelAngle": angle}},
            "y": axis | {"field": "row"},
        },
        "layer": [
            {
                "mark": {"type": "rect", "stroke": palette.quiet, "strokeWidth": 0.5},
                "encoding": {
                    "color": {"field": "value", "type": "quantitative", "scale": colours, "legend": None},
                },
            },
            {
                "mark": {"type": "text", "color": palette.on_cell, "fontSize": _SIZE},
                "encoding": {"text": {"field": "said"}},
            },
        ],
    }
