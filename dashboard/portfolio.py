"""The charts of a final event: those of a report, and the separate pods beside the suggestion. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import separate
from report.facts.series import all_series
from report.facts.standings import SEPARATE, TODAY

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized
    from report.facts.series import Shown


def series(event: MasterPortfolioOptimized) -> dict[str, Shown]:
    """Collect the data of all charts, by name."""
    found = all_series(event) | {"separate-owners": separate.owners(event)}
    if event.suggested is None:
        return found
    for name, label, before in (("today", TODAY, event.today), ("separate", SEPARATE, event.separate)):
        if before is not None:
            bars = separate.classes(event, f"{name}-classes", before, event.suggested, label)
            found[bars.name] = bars
    return found
