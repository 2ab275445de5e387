"""The proof of a portfolio: a section of the appendix. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from report.facts.sentences import what_rounding_costs
from report.story.assumptions import proof
from report.story.document import Section, Table

if TYPE_CHECKING:
    from bus.language.messages import MasterPortfolioOptimized

_COLUMNS = ("Objective", "Bound", "Gap", "Gap wanted", "Nodes", "Parts proven")


def section(event: MasterPortfolioOptimized) -> Section:
    """Show the measure that was maximised, and the numbers of the proof."""
    certificate = event.certificate
    row = (
        f"{certificate.objective:.6f}",
        f"{certificate.bound:.6f}",
        f"{certificate.gap:.2%}",
        f"{certificate.target_gap:.2%}",
        f"{certificate.nodes:,}",
        f"{certificate.leaves:,}",
    )
    caption = "The proof, of the portfolio before units are made whole" if event.trading else "The proof"
    table = Table("proof", caption, _COLUMNS, frozenset(range(len(_COLUMNS))), (row,))
    points = (what_rounding_costs(event.trading),) if event.trading else ()
    return Section("proof", "What was maximised, and the proof", (_measure(event), proof(event)), (), (table,), points)


def _measure(event: MasterPortfolioOptimized) -> str:
    weigh = event.terms.preferences
    worst = "" if event.terms.robust is None else " The scores are those of the worst case that the request asks for."
    return (
        "The objective, the measure that was made as large as possible, weighs the score of each pod"
        f" ({weigh.pod_score:.2f}), ETFs that several pods own ({weigh.duplication:.2f}), the cost of getting there"
        f" ({weigh.trading_cost:.2f}) and tax on income ({weigh.tax_efficiency:.2f}).{worst}"
    )
