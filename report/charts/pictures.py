"""Pictures of a final event as SVG: Vega-Lite specifications with the numbers included, drawn without a network.

``charts(event)`` makes the pictures for one theme, each with a text alternative. An ``<img>`` may show the pictures
under a content security policy that allows neither scripts nor styles.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import TYPE_CHECKING

import vl_convert

from report.charts.palette import THEMES
from report.charts.vega import specification
from report.facts.fans import Fan
from report.facts.frontier import Frontier
from report.facts.percentages import NO_BREAK_SPACE, spaced
from report.facts.series import Bars, all_series

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from report.charts.vega import Spec
    from report.facts.series import Shown

# The Vega-Lite version, one of those bundled with the library.
_VERSION = "5.21"
# English numbers as d3 writes them by default, and percentages as in sentences; for the axes.
_LOCALE = {
    "decimal": ".",
    "thousands": ",",
    "grouping": [3],
    "currency": ["$", ""],
    "percent": f"{NO_BREAK_SPACE}%",
}


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture.

    Attributes:
        svg: One SVG document that loads no other file.
        narrow: Whether another chart fits beside this one.
        alt: The text alternative.
    """

    name: str
    title: str
    svg: str
    alt: str
    narrow: bool = False

    @property
    def url(self) -> str:
        """The picture as a data URL."""
        return f"data:image/svg+xml;base64,{base64.b64encode(self.svg.encode()).decode()}"


def charts(event: MasterPortfolioOptimized, *, theme: str = "light") -> dict[str, Chart]:
    """Draw every chart of *event*, by name; *theme* is ``light`` or ``dark``."""
    return {name: draw(shown, theme=theme) for name, shown in all_series(event).items()}


def draw(shown: Shown, *, theme: str = "light") -> Chart:
    """Draw one chart."""
    spec = _with_spaced_rows(specification(shown, THEMES[theme]))
    svg = vl_convert.vegalite_to_svg(spec, vl_version=_VERSION, allowed_base_urls=[], format_locale=_LOCALE)
    narrow = isinstance(shown, Fan | Frontier) or (isinstance(shown, Bars) and shown.narrow)
    return Chart(shown.name, shown.title, svg, spaced(shown.alt), narrow)


def _with_spaced_rows(spec: Spec) -> Spec:
    """Space the percentages in the rows of data, which a chart writes beside bars and points."""
    if "values" in spec.get("data", {}):
        rows = [
            {name: spaced(x) if isinstance(x, str) else x for name, x in row.items()} for row in spec["data"]["values"]
        ]
        spec = spec | {"data": {"values": rows}}
    if "layer" in spec:
        spec = spec | {"layer": [_with_spaced_rows(layer) for layer in spec["layer"]]}
    return spec
