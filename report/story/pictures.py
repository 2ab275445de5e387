"""The charts of the customer's second page, with a sentence for each on how to read it. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts.fans import fans
from report.facts.series import months
from report.story.document import Section

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bus.language.messages import MasterPortfolioOptimized

# Fans on the customer's page; the appendix has the others.
FEW = 4


def pictures(event: MasterPortfolioOptimized) -> Section:
    """Choose the charts."""
    shown = ["asset-classes", "risk", *(fan.name for fan in fans(event)[:FEW])]
    if months(event) is not None:
        shown.append("months")
    return Section("pictures", "In pictures", tuple(_how_to_read(event)), tuple(shown))


def _how_to_read(event: MasterPortfolioOptimized) -> Iterator[str]:
    yield (
        "Risk and return: the line has the mixes of the market's ETFs with the least volatility for their return,"
        " without any of your rules, targets and costs; each point is a portfolio with them."
    )
    if months(event) is not None:
        yield (
            "Distributions by month: before tax, at the market's yields, by the months in which each ETF went"
            " ex-distribution in its last year; the cash arrives some days or weeks later."
        )
    if event.money_goals:
        yield (
            "A goal's chart: the line is the middle outcome, the dark band holds half of all outcomes, the light band"
            " nine of ten; the dashed line is the amount that you want."
        )
