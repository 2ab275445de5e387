"""Money as it is invested: the account of today, and the pods after the orders or without an account."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.case.inventory import cash_floor
from portfolio.funding.growth import growth_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from portfolio import Matrix, Vector
    from portfolio.case.case import Case
    from portfolio.funding.growth import Growth

# Trades that cost nearly all of the capital leave at least this part: a need before the costs must be finite.
LEAST_LEFT = 0.01


@dataclass(frozen=True, slots=True)
class Delivered:
    """The pods as they are invested.

    Attributes:
        growths: Growth of each pod's money, by pod.
        left: Part of the capital that the cost of the trades leaves: brokerage, half the spread, and tax on gains.
    """

    growths: Mapping[str, Growth]
    left: float = 1.0


def delivered(case: Case, X: Matrix, *, fees_aud: float = 0.0, tax_aud: float = 0.0) -> Delivered:
    """Describe the pods after the orders.

    Args:
        case: The customer's case.
        X: The pods' holdings, shape (pods, n), as shares of the capital.
        fees_aud: Brokerage and half the spread of the trades, which the account pays.
        tax_aud: Tax on the gains of the trades, which is due later.
    """
    terms, capital = case.terms, case.terms.total_capital_aud
    if terms.owned is None:
        return Delivered(_growths(case, X / X.sum(axis=1)[:, None]))
    money = 1 - cash_floor(terms) - float(X.sum()) - fees_aud / capital
    return Delivered(_growths(case, pods_money(X, money, _shares(case))), part_left(case, fees_aud + tax_aud))


def part_left(case: Case, cost_aud: float) -> float:
    """Compute the part of the money to invest that trades at this cost leave."""
    to_invest_aud = (1 - cash_floor(case.terms)) * case.terms.total_capital_aud
    return max(1 - cost_aud / to_invest_aud, LEAST_LEFT)


def before_the_orders(case: Case) -> Growth:
    """Find how the account above the floor of cash grows as it is: in one purse, since no pod owns a unit yet."""
    stock = case.stock
    assert stock is not None  # noqa: S101 - the caller looked
    whole = float(stock.weights.sum()) + max(stock.cash - stock.cash_floor, 0.0)
    return _growth(case, stock.weights / whole)


def pods_money(X: Matrix, money: float, shares: Vector) -> Matrix:
    """Divide the money over the pods: it fills them up to their shares, in proportion to what each lacks.

    Args:
        X: Holdings of the pods, shape (pods, n).
        money: Money to divide; less than none counts as none.
        shares: The pods' shares, shape (pods,). All of these are shares of one capital.

    Returns:
        Each pod's holdings as parts of what it has, shape (pods, n); the rest of a pod is money.
    """
    lacks = np.maximum(shares - X.sum(axis=1), 0.0)
    parts = lacks / lacks.sum() if lacks.sum() > 0 else lacks
    totals = X.sum(axis=1) + parts * max(money, 0.0)
    rows: Matrix = np.divide(X, totals[:, None], out=np.zeros_like(X), where=totals[:, None] > 0)
    return rows


def _shares(case: Case) -> Vector:
    return np.array([sleeve.share for sleeve in case.sleeves])


def _growths(case: Case, rows: Matrix) -> dict[str, Growth]:
    return {sleeve.mandate.pod: _growth(case, row) for sleeve, row in zip(case.sleeves, rows, strict=True)}


def _growth(case: Case, w: Vector) -> Growth:
    terms = case.terms
    return growth_of(case.market, w, terms.marginal_tax_rate, counted=terms.gains_counted, cash_rate=terms.cash_rate)
