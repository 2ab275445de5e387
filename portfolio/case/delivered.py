"""The pods' money as it is invested: before the orders, after the orders, or without an account."""

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
    after = X.sum(axis=0)
    money = 1 - cash_floor(terms.owned, terms.rules, capital) - float(after.sum()) - fees_aud / capital
    return Delivered(_growths(case, pods_money(X, after, money, _shares(case))), part_left(case, fees_aud + tax_aud))


def part_left(case: Case, cost_aud: float) -> float:
    """Compute the part of the money to invest that trades at this cost leave."""
    owned, capital = case.terms.owned, case.terms.total_capital_aud
    floor = 0.0 if owned is None else cash_floor(owned, case.terms.rules, capital)
    return max(1 - cost_aud / ((1 - floor) * capital), LEAST_LEFT)


def before_the_orders(case: Case, X: Matrix) -> Delivered:
    """Describe the same pods before the orders that lead to the holdings *X*, shape (pods, n)."""
    stock = case.stock
    assert stock is not None  # noqa: S101 - the caller looked
    rows = pods_money(X, stock.weights, stock.cash - stock.cash_floor, _shares(case))
    return Delivered(_growths(case, rows))


def pods_money(X: Matrix, held: Vector, money: float, shares: Vector) -> Matrix:
    """Divide holdings and money over the pods.

    A pod has the units of its ETFs that it holds in *X*, or its part of them where fewer are held. The rest (units that
    no pod keeps, and money) fills the pods up to their shares, in proportion to what each lacks.

    Args:
        X: Holdings of the pods after the orders, shape (pods, n).
        held: Holdings to divide, shape (n,); the same as the sum of *X* after the orders.
        money: Money to divide; less than none counts as none.
        shares: The pods' shares, shape (pods,). All of these are shares of one capital.

    Returns:
        Each pod's holdings as parts of its money, shape (pods, n); the rest of a pod is money.
    """
    after = X.sum(axis=0)
    kept = X * np.minimum(np.divide(held, after, out=np.zeros_like(after), where=after > 0), 1.0)
    lacks = np.maximum(shares - kept.sum(axis=1), 0.0)
    rest, money = held - kept.sum(axis=0), max(money, 0.0)
    if lacks.sum() > 0:
        parts = lacks / lacks.sum()
        kept = kept + np.outer(parts, np.maximum(rest, 0.0))
        totals = kept.sum(axis=1) + parts * money
    else:
        totals = kept.sum(axis=1)
    rows: Matrix = np.divide(kept, totals[:, None], out=np.zeros_like(kept), where=totals[:, None] > 0)
    return rows


def _shares(case: Case) -> Vector:
    return np.array([sleeve.share for sleeve in case.sleeves])


def _growths(case: Case, rows: Matrix) -> dict[str, Growth]:
    rate, interest = case.terms.marginal_tax_rate, case.terms.cash_rate
    return {
        sleeve.mandate.pod: growth_of(case.market, row, rate, counted=case.terms.gains_counted, cash_rate=interest)
        for sleeve, row in zip(case.sleeves, rows, strict=True)
    }
