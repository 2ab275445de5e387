"""Who may hold what and what getting there costs: the holdings, and the trades from what is owned."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import numpy as np

from portfolio.conic.bound import ON
from portfolio.master.statement.holdings import Caps, Holdings
from portfolio.master.statement.trades import Trades

if TYPE_CHECKING:
    from collections.abc import Collection

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.conic.solution import Solution


class Structure(Holdings):
    """Holdings, and trades where something is owned; see ``Holdings``.

    Attributes:
        trades: The trades' variables and rows; None where the capital is cash.
    """

    def __init__(self, case: Case, without: Collection[str], caps: Caps) -> None:
        super().__init__(case, without, caps)
        self.trades = Trades(self, self.stock) if self.stock else None

    def weights(self, solution: Solution) -> Matrix:
        """Read the holdings *X*, shape (pods, n), from a solution; exactly zero where a switch is off."""
        X = np.zeros((len(self.sleeves), len(self.market.etfs)))
        if solution.x is None or solution.states is None:
            return X
        for h in self.holdings:
            if solution.states[h.z] == ON:
                X[h.p, h.j] = self.sleeves[h.p].share * solution.x[h.u]
        if self.trades is not None and self.stock is not None:
            # What is not traded stays what it is, to the last digit.
            for j in self.trades.untouched(solution):
                X[:, j] *= self.stock.weights[j] / X[:, j].sum()
        return X

    def trading_costs(self) -> dict[int, float]:
        """Cost of trading, as a share of what buying the naive portfolio costs."""
        naive = self.naive.buying_cost_aud
        if self.trades is not None:
            total: dict[int, float] = defaultdict(float)
            for row in (self.trades.costs, self.trades.tax):
                for x, cost in row.items():
                    total[x] += cost * self.terms.total_capital_aud / naive
            return total
        spread = self.whole(self.terms.total_capital_aud * self.market.column("half_spread") / naive)
        return spread | dict.fromkeys(self.counts, self.terms.brokerage_aud / naive)
