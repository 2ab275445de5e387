"""Vega-Lite specifications of charts with axes: fans of money goals, efficient frontiers, upright bars, courses.

Pure.
"""

from __future__ import annotations

from itertools import cycle, islice
from typing import TYPE_CHECKING, Any

from report.facts.fans import PERCENTILES
from report.facts.standings import SEPARATE, SUGGESTED, TODAY

if TYPE_CHECKING:
    from report.charts.palette import Palette
    from report.facts.courses import Courses, Weights
    from report.facts.fans import Fan
    from report.facts.frontier import Frontier
    from report.facts.series import Columns

Spec = dict[str, Any]

# Three charts stand side by side on a page.
_SHAPE = {"width": 190, "height": 140}
_SIZE = 12
# Of the light and the dark band.
_OPACITY = (0.22, 0.4)
_FAR_FROM_ZERO = 0.5
# Of the courses over time, beside the first one, which is solid and thick: told apart without a colour.
_DASHES = ([6, 3], [2, 2], [9, 3, 2, 3], [1, 0], [12, 4], [4, 4, 1, 4])
_WIDE = {"width": 560, "height": 210}
_ROW = 17
# Above the highest number, and below the lowest.
_ROOM = 0.1


def axis(palette: Palette, **more: object) -> Spec:
    """Describe an axis with a few quiet lines."""
    return {"grid": True, "gridColor": palette.line, "gridOpacity": 0.6, "tickCount": 4, "domain": False} | more


def fan(shown: Fan, palette: Palette) -> Spec:
    """Draw the bands, the median and the amount wanted."""
    rows = [
        {"year": year, **{f"p{int(100 * each)}": shown.bands[each][i] for each in PERCENTILES}}
        for i, year in enumerate(shown.years)
    ]
    most = max(shown.wanted_aud, *shown.bands[PERCENTILES[-1]])
    least = min(shown.wanted_aud, *shown.bands[PERCENTILES[0]])
    # Amounts that hardly move would be a stripe at the top of an axis that begins at zero.
    least = 0.0 if least < _FAR_FROM_ZERO * most else least - _ROOM * (most - least)
    is_above = shown.bands[PERCENTILES[2]][0] > shown.wanted_aud
    money = axis(palette, format="~s" if most >= 10_000 else ",.0f", title=None)  # noqa: PLR2004 - 12k reads better
    x = {"field": "year", "type": "quantitative", "axis": axis(palette, title="Years from today", grid=False)}
    y = {
        "type": "quantitative",
        "axis": money,
        "scale": {"domain": [least, most + _ROOM * (most - least)], "nice": False},
    }
    bands = [
        {
            "mark": {"type": "area", "color": palette.after, "opacity": opacity},
            "encoding": {"x": x, "y": y | {"field": low}, "y2": {"field": high}},
        }
        for (low, high), opacity in zip((("p5", "p95"), ("p25", "p75")), _OPACITY, strict=True)
    ]
    median = {
        "mark": {"type": "line", "color": palette.after, "strokeWidth": 2},
        "encoding": {"x": x, "y": y | {"field": "p50"}},
    }
    wanted = {"data": {"values": [{"wanted": shown.wanted_aud, "said": f"wanted {shown.wanted_aud:,.0f}"}]}}
    line = {
        "mark": {"type": "rule", "color": palette.missed, "strokeDash": [5, 4], "strokeWidth": 1.8},
        "encoding": {"y": y | {"field": "wanted"}},
    }
    name = {
        "mark": {
            "type": "text",
            "color": palette.missed,
            "align": "left",
            "dx": 4,
            "dy": 10 if is_above else -7,
            "fontSize": _SIZE,
        },
        "encoding": {"x": {"value": 0}, "y": y | {"field": "wanted"}, "text": {"field": "said"}},
    }
    return _SHAPE | {"data": {"values": rows}, "layer": [*bands, median, wanted | line, wanted | name]}


def series_colour(names: list[str], palette: Palette) -> Spec:
    """Colour the series: the baseline and what is suggested, or that alone and then without a legend."""
    scale = {"domain": names, "range": [palette.before, palette.after][-len(names) :]}
    colour: Spec = {"field": "series", "type": "nominal", "scale": scale}
    return colour | ({"legend": None} if len(names) == 1 else {})


def columns(shown: Columns, palette: Palette) -> Spec:
    """Draw upright bars, those of a category side by side."""
    names = list(shown.series)
    rows = [
        {"category": category, "series": name, "value": value}
        for name, column in shown.series.items()
        for category, value in zip(shown.categories, column, strict=True)
    ]
    colour = series_colour(names, palette)
    x = {"field": "category", "type": "nominal", "sort": None, "title": None, "axis": {"labelAngle": -90}}
    y = {"field": "value", "type": "quantitative", "axis": axis(palette, format=",.0f", title=None)}
    encoding = {"x": x, "y": y, "xOffset": {"field": "series", "sort": names}, "color": colour}
    return _SHAPE | {"data": {"values": rows}, "mark": {"type": "bar"}, "encoding": encoding}


def frontier(shown: Frontier, palette: Palette) -> Spec:
    """Draw the line, and the portfolios as points with their names."""
    line = [{"volatility": risk, "return": earned} for risk, earned in shown.line]
    most = max(row["volatility"] for row in (*line, *({"volatility": one.volatility} for one in shown.placed)))
    points = [{"volatility": one.volatility, "return": one.expected_return, "label": one.label} for one in shown.placed]
    percent = {"format": ".1~%"}
    x = {
        "field": "volatility",
        "type": "quantitative",
        "axis": axis(palette, title="Volatility a year", grid=False, **percent),
        "scale": {"domain": [0, 1.05 * most], "nice": False},
    }
    y = {
        "field": "return",
        "type": "quantitative",
        "axis": axis(palette, title=shown.returns, titlePadding=14, **percent),
        "scale": {"zero": False},
    }
    names = [one.label for one in shown.placed]
    colours = {TODAY: palette.before, SEPARATE: palette.missed, SUGGESTED: palette.after}
    shapes = {TODAY: "circle", SEPARATE: "square", SUGGESTED: "triangle-up"}
    colour = {
        "field": "label",
        "type": "nominal",
        "scale": {"domain": names, "range": [colours[name] for name in names]},
    }
    return _SHAPE | {
        "encoding": {"x": x, "y": y},
        "layer": [
            {"data": {"values": line}, "mark": {"type": "line", "color": palette.quiet, "strokeWidth": 2}},
            {
                "data": {"values": points},
                "mark": {"type": "point", "filled": True, "size": 160, "opacity": 1, "stroke": palette.paper},
                "encoding": {
                    "color": colour,
                    "shape": {
                        "field": "label",
                        "type": "nominal",
                        "scale": {"domain": names, "range": [shapes[name] for name in names]},
                    },
                },
            },
        ],
    }


def courses(shown: Courses, palette: Palette) -> Spec:
    """Draw one line per strategy over time: the first one thick, the others by dashes and colours."""
    names = list(shown.lines)
    rows = [
        {"date": day, "strategy": name, "value": value}
        for name, values in shown.lines.items()
        for day, value in zip(shown.dates, values, strict=True)
    ]
    rivals = names[1:]
    colours = [palette.after, *islice(cycle((palette.missed, palette.ink, palette.before)), len(rivals))]
    dashes = [[1, 0], *islice(cycle(_DASHES), len(rivals))]
    domain: Spec = {"domain": names}
    colour = {"field": "strategy", "type": "nominal", "scale": domain | {"range": colours}}
    dash = {"field": "strategy", "type": "nominal", "scale": domain | {"range": dashes}}
    width = {
        "field": "strategy",
        "type": "nominal",
        "scale": domain | {"range": [2.6, *[1.4] * len(rivals)]},
        "legend": None,
    }
    legend = {"symbolType": "stroke", "symbolSize": 500, "columns": 3}
    x = {
        "field": "date",
        "type": "temporal",
        "axis": axis(palette, title=None, grid=False, format="%Y", tickCount="year"),
    }
    y = {
        "field": "value",
        "type": "quantitative",
        "axis": axis(palette, format=shown.axis, title=None),
        "scale": {"zero": False},
    }
    return _WIDE | {
        "data": {"values": rows},
        "mark": {"type": "line"},
        "encoding": {
            "x": x,
            "y": y,
            "color": colour | {"legend": legend},
            "strokeDash": dash | {"legend": legend},
            "strokeWidth": width,
        },
    }


def weights(shown: Weights, palette: Palette) -> Spec:
    """Draw a cell per ETF and decision, the darker the larger the weight."""
    rows = [
        {"etf": etf, "date": day, "weight": weight}
        for etf, values in zip(shown.rows, shown.values, strict=True)
        for day, weight in zip(shown.columns, values, strict=True)
    ]
    most = max((max(values) for values in shown.values), default=1.0)
    colour = {"domain": [0, most], "range": [palette.paper, palette.after], "interpolate": "rgb"}
    legend = {"format": ".0%", "title": "weight", "orient": "right", "gradientLength": 90}
    # The first decision of each year is named.
    firsts = sorted({day[:4]: day for day in reversed(shown.columns)}.values())
    x = {"field": "date", "type": "ordinal", "axis": {"title": None, "values": firsts, "labelAngle": 0}}
    return {
        "width": _WIDE["width"] - 60,
        "height": {"step": _ROW},
        "data": {"values": rows},
        "mark": {"type": "rect", "stroke": palette.line, "strokeWidth": 0.5},
        "encoding": {
            "x": x,
            "y": {"field": "etf", "type": "nominal", "sort": list(shown.rows), "title": None},
            "color": {"field": "weight", "type": "quantitative", "scale": colour, "legend": legend},
        },
    }
