"""The portfolio of the separate pods: the result for a customer without coordination. The code calls this *naive*."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.income import cash_share, income_of
from portfolio.market.figures import economic_duplicates, effective_holdings, figures, spread_cost_aud, tax_efficiency

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio import Matrix
    from portfolio.market.snapshot import Market
    from portfolio.pod.sleeve import Sleeve
    from portfolio.published.trading import Move
    from portfolio.terms.rules import Terms


@dataclass(frozen=True, slots=True)
class Overview:
    """The figures that compare two portfolios of the same capital.

    Attributes:
        etfs: Different ETFs held.
        positions: Holdings, counted once per pod and ETF: each is a trade.
        duplicated_etfs: ETFs that more than one pod holds.
        economic_duplicates: Pairs of ETFs that behave alike.
        effective_holdings: Number of equal holdings with the same spread.
        largest_position: Largest share of the capital in one ETF.
        trading_cost_aud: Cost of the trades: brokerage, spread, and tax on capital gains.
        brokerage_aud: The part of the trading cost that is brokerage.
        spread_aud: The part of the trading cost that is half the spread on the amounts traded.
        losses_value_aud: Value of the losses that the sales leave for later years; no part of the trading cost.
        capital_gains_tax_aud: The part of the trading cost that is tax on the gains of sales.
        buying_cost_aud: Cost of buying the whole portfolio from cash.
        net_tax_aud: Tax on a year's income that franking credits do not pay; negative where they are refunded.
        income_after_tax_aud: A year's distributions and interest less that tax.
        gross_income_aud: A year's taxable income: distributions, interest and franking credits.
        management_fees_aud: The funds' fees in a year.
        tax_efficiency: Ten times the part of the expected return that net tax leaves; None where none is expected.
        volatility: Per year, as a fraction.
        expected_return: Per year, as a fraction, after fees.
        sharpe_ratio: Expected return above cash, per unit of volatility.
    """

    etfs: int
    positions: int
    duplicated_etfs: int
    economic_duplicates: int
    effective_holdings: float
    largest_position: float
    trading_cost_aud: float
    brokerage_aud: float
    spread_aud: float
    capital_gains_tax_aud: float
    losses_value_aud: float
    buying_cost_aud: float
    net_tax_aud: float
    income_after_tax_aud: float
    gross_income_aud: float
    management_fees_aud: float
    tax_efficiency: float | None
    volatility: float
    expected_return: float
    sharpe_ratio: float


def put_side_by_side(sleeves: Sequence[Sleeve]) -> Matrix:
    """Return the holdings of the separate pods, shape (pods, n), sum 1."""
    return np.array([sleeve.share * sleeve.weights for sleeve in sleeves])


def extra_owners(X: Matrix) -> int:
    """Count the owners after the first owner of each ETF, summed over the holdings *X*, shape (pods, n)."""
    return int(np.maximum((X > 0).sum(axis=0) - 1, 0).sum())


def overview(market: Market, X: Matrix, terms: Terms, move: Move | None) -> Overview:
    """Compute the figures of the holdings *X*, shape (pods, n); an ETF with a weight above zero is held.

    If the customer owns holdings today, *move* has the trades from these holdings to *X*.
    """
    w = X.sum(axis=0)
    owners = (X > 0).sum(axis=0)
    cash = cash_share(terms, w)
    whole = figures(market, w, cash=cash, cash_rate=terms.cash_rate)
    capital, brokerage = terms.total_capital_aud, terms.brokerage_aud * int(owners.sum())
    spread, gains_tax = spread_cost_aud(market, w, capital), 0.0
    buying = brokerage + spread
    if terms.owned is not None and move is not None:
        buying += terms.owned.brokerage_share * capital * float(w.sum())
        brokerage, spread, gains_tax = move.brokerage_aud, move.spread_aud, move.gains.tax_aud
    income = income_of(market, terms, w, cash)
    return Overview(
        etfs=int((owners > 0).sum()),
        positions=int(owners.sum()),
        duplicated_etfs=int((owners > 1).sum()),
        economic_duplicates=len(economic_duplicates(market, w)),
        effective_holdings=effective_holdings(w),
        largest_position=float(w.max()),
        trading_cost_aud=brokerage + spread + gains_tax,
        brokerage_aud=brokerage,
        spread_aud=spread,
        capital_gains_tax_aud=gains_tax,
        losses_value_aud=0.0 if move is None else move.gains.losses_value_aud,
        buying_cost_aud=buying,
        net_tax_aud=income.net_tax_aud,
        income_after_tax_aud=income.after_tax_aud,
        gross_income_aud=income.gross_aud,
        management_fees_aud=capital * float(market.column("management_fee") @ w),
        tax_efficiency=tax_efficiency(whole.expected_return, income.net_tax_aud / capital),
        volatility=whole.volatility,
        expected_return=whole.expected_return,
        sharpe_ratio=whole.sharpe_ratio,
    )
