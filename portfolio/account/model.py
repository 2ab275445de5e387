"""Describe a portfolio without an account as a model portfolio."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.case.inventory import FIRST_PURCHASE_AUD
from portfolio.published.model import ModelPortfolio, TooSmall

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix
    from portfolio.case.case import Case
    from portfolio.published.account import Holding


def model_portfolio(case: Case, X: Matrix, holdings: Sequence[Holding]) -> ModelPortfolio | None:
    """Say what buying *holdings* costs, and which of them are too small; None where there is an account.

    Args:
        case: The customer's case.
        X: The holdings, shape (pods, n), as shares of the capital.
        holdings: The same, by ETF.
    """
    if case.terms.owned is not None:
        return None
    prices = {etf.ticker: etf.price_aud or 0.0 for etf in case.market.etfs}
    needs = {each.ticker: max(FIRST_PURCHASE_AUD, prices[each.ticker]) for each in holdings}
    return ModelPortfolio(
        cost_aud=case.overview(X).trading_cost_aud,
        too_small=tuple(
            TooSmall(each.ticker, each.amount_aud, needs[each.ticker])
            for each in holdings
            if each.amount_aud < needs[each.ticker]
        ),
    )
