"""Vega-Lite specifications of small charts with axes: the fan of a money goal, the efficient frontier, upright bars.

Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from report.facts.fans import PERCENTILES
from report.facts.standings import SEPARATE, SUGGESTED, TODAY

if TYPE_CHECKING:
    from report.charts.palette import Palette
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
