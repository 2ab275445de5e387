"""The limits of a report: what it takes as given, and what it does not consider. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts import given
from report.story.document import Section

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized


def taken_as_given(event: MasterPortfolioOptimized) -> Section:
    """List the statements that nobody has checked."""
    return Section("given", "What was taken as given", points=given.taken_as_given(event))


def not_considered(event: MasterPortfolioOptimized) -> Section:
    """List the matters that no figure of the report considers."""
    return Section("not-considered", "What was not considered", points=given.not_considered(event))
