"""The return of cash in each week of a backtest, above which Sharpe ratios are computed. Pure."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from portfolio.market.snapshot import CASH

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from backtest.history import History
    from portfolio.market.snapshot import Market


def cash_returns(history: History, market: Market, dates: Sequence[date]) -> list[float]:
    """Compute the return between successive *dates* of the cash ETF, distributions included.

    Args:
        history: Prices and distributions.
        market: The first market of the walk: cash is its least volatile ETF of the class ``cash``.
        dates: The first date of orders and each trading week after it.

    Returns:
        One return per date after the first; 0 over a week without a price.
    """
    cash = [i for i, etf in enumerate(market.etfs) if etf.asset_class == CASH]
    ticker = market.tickers[min(cash, key=lambda i: market.Sigma[i, i])]
    return [_return(history, ticker, before, day) for before, day in pairwise(dates)]


def _return(history: History, ticker: str, before: date, day: date) -> float:
    # The last price known on the day: a week without a price has the price of the week before.
    first, last = (history.until(each).prices.last().get(ticker) for each in (before, day))
    if first is None or last is None:
        return 0.0
    paid = sum(each.amount_aud for each in history.paid_between(before, day).get(ticker, []))
    return (last + paid) / first - 1
