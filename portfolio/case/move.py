"""The cost of the trades from the customer's holdings to a portfolio: brokerage, spread, and tax on capital gains."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.published.trading import Move

if TYPE_CHECKING:
    from portfolio import Matrix
    from portfolio.case.inventory import Inventory
    from portfolio.market.snapshot import Market
    from portfolio.terms.rules import Terms

# A difference below this fraction of the capital counts as zero: weights are as exact as the solver.
_NOTHING = 1e-9


def move_to(market: Market, X: Matrix, terms: Terms, stock: Inventory, *, pooled: bool) -> Move:
    """Find the cheapest trades to the holdings *X*, shape (pods, n): sell the parcels with the least tax.

    Args:
        market: The market's figures.
        X: Shares of the capital.
        terms: The customer's terms, with the parcels owned.
        stock: The same parcels, in the order of the market's ETFs.
        pooled: Whether there is one order per ETF. If not, and more units of an ETF are needed, every pod that holds
            the ETF places a separate purchase.
    """
    assert terms.owned is not None  # noqa: S101 - the case has holdings of today
    owners = (X > 0).sum(axis=0)
    buyers = np.ones_like(owners) if pooled else owners
    change = X.sum(axis=0) - stock.weights
    change[abs(change) <= _NOTHING] = 0.0
    bought, sold = np.maximum(change, 0.0) * stock.capital_aud, np.maximum(-change, 0.0) * stock.capital_aud
    orders = int((sold > 0).sum() + np.where(bought > 0, np.maximum(buyers, 1), 0).sum())
    traded = float(bought.sum() + sold.sum())
    units = {
        market.tickers[j]: min(float(sold[j] / stock.prices[j]), float(stock.units[j]))
        for j in np.flatnonzero(sold).tolist()
    }
    sale = stock.sell(terms.owned, units, stock.quotes)
    return Move(
        orders=orders,
        bought_aud=float(bought.sum()),
        sold_aud=float(sold.sum()),
        brokerage_aud=terms.brokerage_aud * orders + terms.owned.brokerage_share * traded,
        spread_aud=float(market.column("half_spread") @ (bought + sold)),
        sales=sale.units,
        gains=sale.assessment,
    )
