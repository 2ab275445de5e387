"""Rules that are targets, since a budget lets no portfolio keep them (``orders.step``)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from portfolio import Matrix
    from portfolio.conic.bound import States


@dataclass(frozen=True, slots=True, eq=False)
class Targets:
    """The rules that are targets, since a budget lets no portfolio keep them.

    Attributes:
        allowed: By rule: how far the portfolio may be from the rule; zero where the rule is kept. Of a budget that
            gives way: how far above the budget.
        today: The pods' holdings of today, shape (pods, n), as shares of the capital: the assignment that is nearest to
            the rules.
        bounds: By rule: no portfolio within the budgets that is as near to the rules before is nearer than this.
        start: The switches of a portfolio that is as near as ``allowed``; None where only the holdings of today are
            known to be.
    """

    allowed: dict[str, float]
    today: Matrix
    bounds: dict[str, float] = field(default_factory=dict)
    start: States | None = None
