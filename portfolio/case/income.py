"""A year's income of a whole portfolio, with the tax on it: the distributions of the ETFs and the interest on cash."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from portfolio.market.figures import untaxed_yields
from portfolio.tax.income import Distributions, after_tax_income
from portfolio.tax.taxpayer import Taxpayer

if TYPE_CHECKING:
    from portfolio import Vector
    from portfolio.market.snapshot import Market
    from portfolio.tax.income import Income
    from portfolio.terms.rules import Terms


def cash_share(terms: Terms, w: Vector) -> float:
    """Compute the share of the capital that is held as cash: without an account, that of the pods in cash.

    The costs of the trades of an account are paid from it.
    """
    return max(1.0 - float(w.sum()), 0.0) if terms.has_cash else 0.0


def income_of(market: Market, terms: Terms, w: Vector, cash: float) -> Income:
    """Compute a year's income of the weights *w*, shape (n,), and of *cash*, a share of the capital as they are."""
    paid = Distributions(
        np.append(market.column("distribution_yield"), terms.cash_rate),
        np.append(market.column("franked_share"), 0.0),
        untaxed_yields=np.append(untaxed_yields(market, terms.gains_counted), 0.0),
    )
    holdings_aud = np.maximum(np.append(w, cash), 0.0) * terms.total_capital_aud
    # Credits of this amount find as much tax on other income, if there is other income.
    other_tax_aud = float(paid.franking_credits @ holdings_aud) if terms.other_income_uses_credits else 0.0
    # The rate of a partly exempt fund follows from the fund's own and the exempt share.
    rate = None if terms.exempt_share else terms.marginal_tax_rate
    payer = Taxpayer(terms.entity, rate, exempt_share=terms.exempt_share)
    return after_tax_income(payer, paid, holdings_aud, other_tax_aud=other_tax_aud)
