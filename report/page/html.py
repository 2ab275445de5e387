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
from report.charts.pictures import charts
from report.facts.series import all_series
from report.story.chart_tables import as_table
from report.story.compose import tell

if TYPE_CHECKING:
    from bus.language.messages import Challenge, FinalEvent


def page(event: FinalEvent, *, checked: tuple[str, ...] = (), challenge: Challenge | None = None) -> str:
    """Write the report of *event*; *checked* lists the checks made before, one sentence per check."""
    # All content of an event is escaped as text; none becomes markup.
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, loader=PackageLoader("report.page"), finalize=_shown
    )
    style = (resources.files("report.page") / "templates" / "report.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    shown = all_series(event) if isinstance(event, MasterPortfolioOptimized) else {}
    drawn = {
        theme: charts(event, theme=theme) if isinstance(event, MasterPortfolioOptimized) else {}
        for theme in ("light", "dark")
    }
    return environment.get_template("report.html").render(
        story=tell(event, checked=checked, challenge=challenge),
        charts=drawn["light"],
        dark=drawn["dark"],
        instead={name: as_table(one) for name, one in shown.items()},
        style=Markup(style),  # noqa: S704 - our own style sheet
        style_hash=f"sha256-{digest}",
    )


def _shown(value: object) -> object:
    return value if isinstance(value, Markup) else printable(str(value))
