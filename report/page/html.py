"""A story as one self-contained page of HTML: no script, no external resources, laid out for printing on A4."""

from __future__ import annotations

import base64
import hashlib
from importlib import resources
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from bus.language.messages import MasterPortfolioOptimized
from bus.language.plain_text import printable
from report.charts.palette import THEMES
from report.charts.pictures import charts, draw
from report.facts.backtest import courses, weights
from report.facts.percentages import spaced
from report.facts.series import all_series
from report.story.backtest import tell as tell_backtest
from report.story.chart_tables import as_table
from report.story.compose import tell

if TYPE_CHECKING:
    from collections.abc import Mapping

    from backtest.path import Walk
    from backtest.result import Result
    from bus.language.messages import Challenge, FinalEvent
    from report.charts.pictures import Chart
    from report.facts.series import Shown
    from report.story.document import Story


def page(event: FinalEvent, *, checked: tuple[str, ...] = (), challenge: Challenge | None = None) -> str:
    """Write the report of *event*; *checked* lists the checks made before, one sentence per check."""
    story = tell(event, checked=checked, challenge=challenge)
    if not isinstance(event, MasterPortfolioOptimized):
        return write(story)
    return write(story, all_series(event), {theme: charts(event, theme=theme) for theme in THEMES})


def backtest_page(walk: Walk, result: Result) -> str:
    """Write the report of a backtest: *result* is that of *walk*."""
    shown: dict[str, Shown] = {each.name: each for each in (*courses(walk), weights(walk.paths[0]))}
    drawn = {theme: {name: draw(one, theme=theme) for name, one in shown.items()} for theme in THEMES}
    return write(tell_backtest(result), shown, drawn)


def write(
    story: Story, shown: Mapping[str, Shown] | None = None, drawn: Mapping[str, Mapping[str, Chart]] | None = None
) -> str:
    """Write a story as a page.

    Args:
        story: The story. All of its content is escaped as text; none becomes markup.
        shown: The figures of the charts that the story names, by name: tables in place of charts on a narrow screen.
        drawn: The charts by theme and name.
    """
    shown, drawn = shown or {}, drawn or {}
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("report.page"), finalize=_shown
    )
    style = (resources.files("report.page") / "templates" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html").render(
        story=story,
        charts=drawn.get("light", {}),
        dark=drawn.get("dark", {}),
        instead={name: as_table(one) for name, one in shown.items()},
        style=Markup(style),  # noqa: S704 - our own style sheet
        style_hash=f"sha256-{digest}",
    )


def _shown(value: object) -> object:
    return value if isinstance(value, Markup) else spaced(printable(str(value)))
