"""Today, the separate pods and the suggestion in the worst case that the customer asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.basis import History
from portfolio.market.worst_case import errors_of_returns
from portfolio.published.worst_case import ErrorsFrom, WorstCase, WorstFigures

if TYPE_CHECKING:
    from portfolio.account.standing import Standings
    from portfolio.case.case import Case
    from portfolio.published.standing import Standing


def worst_case_of(case: Case, stand: Standings) -> WorstCase | None:
    """Compute the portfolios' figures in the worst case; None where the terms ask for none."""
    if case.terms.robust is None:
        return None
    errors, market = errors_of_returns(case.market), case.market
    universe = {t for sleeve in case.sleeves for t in sleeve.mandate.universe if t in market.tickers}
    told = {} if errors is None else dict(zip(market.tickers, errors.tolist(), strict=True))
    source = ErrorsFrom.HISTORY if isinstance(market.basis, History) else ErrorsFrom.RANGES
    return WorstCase(
        errors_from=ErrorsFrom.NONE if errors is None else source,
        errors={ticker: error for ticker, error in told.items() if ticker in universe},
        today=None if stand.today is None else _worst(case, stand.today),
        separate=_worst(case, stand.separate),
        suggested=_worst(case, stand.suggested),
    )


def _worst(case: Case, standing: Standing) -> WorstFigures:
    """Move a portfolio's figures from the market into the worst case; the tax on income stays."""
    w = np.zeros(len(case.market.etfs))
    w[case.market.positions(standing.weights)] = list(standing.weights.values())
    lost = float((case.market.expected_returns - case.aimed.expected_returns) @ w)
    whole_aud = standing.etfs_aud / float(w.sum()) if w.any() else 0.0
    return WorstFigures(
        expected_return=standing.expected_return - lost,
        return_after_tax_aud=standing.return_after_tax_aud - lost * whole_aud,
        volatility=float(np.sqrt(w @ case.aimed.Sigma @ w)),
    )
