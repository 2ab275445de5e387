"""A story as one self-contained page of HTML: no script, no external resources, laid out for printing on A4."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from types import MappingProxyType
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bus.language.messages import MasterPortfolioOptimized
from bus.language.plain_text import printable
from report.charts.pictures import charts
from report.facts.series import all_series
from report.story.chart_tables import as_table
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from bus.language.messages import Challenge, FinalEvent
    from report.story.document import Story

_NONE: Mapping[str, object] = MappingProxyType({})


def page(event: FinalEvent, *, checked: tuple[str, ...] = (), challenge: Challenge | None = None) -> str:
    """Write the report of *event*; *checked* lists the checks made before, one sentence per check."""
    story = tell(event, checked=checked, challenge=challenge)
    if not isinstance(event, MasterPortfolioOptimized):
        return write(story)
    light, dark = (charts(event, theme=theme) for theme in ("light", "dark"))
    return write(story, light, dark, {name: as_table(one) for name, one in all_series(event).items()})


def write(
    story: Story,
    light: Mapping[str, object] = _NONE,
    dark: Mapping[str, object] = _NONE,
    instead: Mapping[str, object] = _NONE,
) -> str:
    """Write a story as a page.

    Args:
        story: The story. All of its content is escaped as text; none becomes markup.
        light: The charts that the story names, by name.
        dark: The same charts for a dark screen.
        instead: Tables in place of charts on a narrow screen, by the name of the chart.
    """
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("report.page"), finalize=_shown
    )
    style = (resources.files("report.page") / "templates" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        story=story,
        charts=light,
        dark=dark,
        instead=instead,
        style=Markup(style),  # noqa: S704 - our own style sheet
        style_hash=f"sha256-{digest}",
    )


def _shown(value: object) -> object:
    return value if isinstance(value, Markup) else printable(str(value))
