"""The holdings of stage 2, and the trades from the customer's holdings of today."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any

import numpy as np

from portfolio.conic.bound import ON
from portfolio.master.statement.holdings import Caps, Holdings
from portfolio.master.statement.trade_rows import Trades

if TYPE_CHECKING:
    from collections.abc import Collection

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.conic.solution import Solution


# Attributes that rows of goals add to.
_GROW = ("build", "restricted", "risk_cones", "_risks")


class Structure(Holdings):
    """Holdings, and trades where the customer owns ETFs; see ``Holdings``.

    Attributes:
        trades: The variables and rows of the trades; None where the capital is cash.
        weaker: Whether a weaker row stands in for one that is not convex, in place of a stronger one.
    """

    weaker: bool = False

    def __init__(self, case: Case, without: Collection[str], caps: Caps) -> None:
        super().__init__(case, without, caps)
        self.trades = Trades(self, self.stock) if self.stock else None

    def copied(self) -> dict[str, Any]:
        """Copy the attributes for a program that adds rows: of them, only the builder and what it notes change."""
        added = {name: value.copy() for name, value in vars(self).items() if name in _GROW}
        return vars(self) | added

    def weights(self, solution: Solution) -> Matrix:
        """Read the holdings *X*, shape (pods, n), from a solution; exactly zero where a switch is off."""
        X = np.zeros((len(self.sleeves), len(self.market.etfs)))
        if solution.x is None or solution.states is None:
            return X
        for h in self.holdings:
            if solution.states[h.z] == ON:
                # A point may be below a bound by as much as the solver's accuracy.
                X[h.p, h.j] = self.sleeves[h.p].share * max(solution.x[h.u], 0.0)
        if self.trades is not None and self.stock is not None:
            # A position that is not traded keeps exactly the weight owned.
            for j in self.trades.untouched(solution):
                X[:, j] *= self.stock.weights[j] / X[:, j].sum()
        return X

    def trading_costs(self, *, with_losses: bool = False) -> tuple[dict[int, float], float]:
        """Write the cost of trading as a row and a constant, as shares of the cost of buying the separate pods'.

        *with_losses* takes off the value of the losses that the sales leave for later years.
        """
        naive = self.naive.buying_cost_aud
        if self.trades is not None:
            total: dict[int, float] = defaultdict(float)
            constant = self.trades.tax.constant
            for row in (self.trades.costs, self.trades.tax.row):
                for x, cost in row.items():
                    total[x] += cost * self.terms.total_capital_aud / naive
            if with_losses:
                for x, value in self.trades.tax.value.items():
                    total[x] -= value * self.terms.total_capital_aud / naive
                constant -= self.trades.tax.value_constant
            return total, constant * self.terms.total_capital_aud / naive
        spread = self.whole(self.terms.total_capital_aud * self.market.column("half_spread") / naive)
        return spread | dict.fromkeys(self.counts, self.terms.brokerage_aud / naive), 0.0
