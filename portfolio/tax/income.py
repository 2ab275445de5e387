"""Distributions after tax, with franking credits; vectorised over ETFs.

For an individual with a long enough holding period, ``franking_credits``, ``grossed_up_yields`` and ``net_tax`` in
``portfolio.market.figures`` equal the definitions here. That module may import this one, never the reverse.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from portfolio.errors import DataError
from portfolio.tax.regime import COMPANY_TAX, HOLDING_DAYS, REFUNDED, SMALL_SHAREHOLDER_CREDITS_AUD
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from datetime import date

    from portfolio import Vector
    from portfolio.tax.taxpayer import Taxpayer


@dataclass(frozen=True, slots=True, eq=False)
class Distributions:
    """Distributions of *n* ETFs in a year; each vector has shape (n,).

    Attributes:
        cash_yields: Cash, as a fraction of the price.
        franked_shares: Franked fraction of the cash, 0 to 1.
        entitled: 1 where the holder keeps the franking credits, 0 where the holding-period rule denies them;
            None for all ones.
        untaxed_yields: Cash that is not taxed when it is paid, as a fraction of the price: tax-deferred amounts, and
            the discount on capital gains that the fund distributes; None for none.
    """

    cash_yields: Vector
    franked_shares: Vector
    entitled: Vector | None = None
    untaxed_yields: Vector | None = None

    def __post_init__(self) -> None:
        """Refuse values that no distribution can have."""
        if self.cash_yields.shape != self.franked_shares.shape:
            message = f"there are {self.cash_yields.size} cash yields, and {self.franked_shares.size} franked shares"
            raise DataError(message)
        if self.entitled is not None and self.entitled.shape != self.cash_yields.shape:
            message = f"there are {self.cash_yields.size} cash yields, and {self.entitled.size} entitlements"
            raise DataError(message)
        if not (np.isfinite(self.cash_yields).all() and (self.cash_yields >= 0).all()):
            message = f"cash yields are shares of the price from 0; these are {self.cash_yields}"
            raise DataError(message)
        for what, shares in (("franked shares", self.franked_shares), ("entitlements", self.entitled)):
            if shares is not None and not ((shares >= 0) & (shares <= 1)).all():
                message = f"{what} are from 0 to 1; these are {shares}"
                raise DataError(message)

    @property
    def franking_credits(self) -> Vector:
        """Credits that count, as a fraction of the price: franked cash times 30/70 (s 202-60).

        A credit that the holding-period rule denies is neither income nor an offset (s 207-145(1)(e) and (f)).
        """
        credits_attached = self.cash_yields * self.franked_shares * (COMPANY_TAX / (1 - COMPANY_TAX))
        return credits_attached if self.entitled is None else credits_attached * self.entitled

    @property
    def grossed_up_yields(self) -> Vector:
        """Taxable income, as a fraction of the price: cash plus credits (s 207-20(1))."""
        return self.cash_yields + self.franking_credits


def after_tax_yields(taxpayer: Taxpayer, distributions: Distributions) -> Vector:
    """Compute the cash from each ETF's distributions after tax, as a fraction of the price, shape (n,).

    Where credits are refunded, the yields are exact for each ETF and so for any portfolio. For a company, each yield
    assumes that the ETF is held alone. A portfolio of several ETFs can yield more, since excess credits of one ETF pay
    tax on another; ``after_tax_income`` is exact.
    """
    tax = taxpayer.rate * distributions.grossed_up_yields - distributions.franking_credits
    return distributions.cash_yields - (tax if taxpayer.entity in REFUNDED else np.maximum(tax, 0.0))


@dataclass(frozen=True, slots=True)
class Income:
    """A year's distributions and the tax on them, in AUD.

    Attributes:
        cash_aud: Cash distributions.
        credits_aud: Franking credits to which the owner is entitled.
        untaxed_aud: The part of the cash that is not taxed now.
        tax_aud: Tax on the rest and on credits, before credits pay any tax.
        refund_aud: Refund of credits in excess of all tax.
        unused_credits_aud: A company's credits in excess of all tax. The credits are not refunded: they become a
            tax loss for later years (s 36-55), which is not valued here.
        after_tax_aud: Cash after tax.
    """

    cash_aud: float
    credits_aud: float
    untaxed_aud: float
    tax_aud: float
    refund_aud: float
    unused_credits_aud: float
    after_tax_aud: float

    @property
    def gross_aud(self) -> float:
        """Cash and credits."""
        return self.cash_aud + self.credits_aud

    @property
    def net_tax_aud(self) -> float:
        """Tax after the credits, AUD; negative where they are refunded, or pay tax on other income."""
        return self.cash_aud - self.after_tax_aud


def after_tax_income(
    taxpayer: Taxpayer, distributions: Distributions, holdings_aud: Vector, *, other_tax_aud: float = 0.0
) -> Income:
    """Tax the distributions of a whole portfolio.

    A company can use credits up to the company's tax on *all* income of the year; the rest are excess offsets
    (s 36-55(1)(b)). This limit applies to the taxpayer's total, never per ETF. So credits pay tax on these
    distributions first and then *other_tax_aud*; the portfolio's after-tax cash includes this saving. At a company's
    full rate the limit cannot bind, since credits are at most 30 % of grossed-up income; at 25 % the limit can bind.

    Args:
        taxpayer: The holder.
        distributions: Distributions of n ETFs.
        holdings_aud: Value of each holding, shape (n,).
        other_tax_aud: Tax of the same year on other income and on gains, before franking credits.

    Raises:
        DataError: If the shapes disagree, or a holding or the other tax is negative.
    """
    if holdings_aud.shape != distributions.cash_yields.shape:
        message = f"there are {holdings_aud.size} holdings, and distributions of {distributions.cash_yields.size}"
        raise DataError(message)
    if not (np.isfinite(holdings_aud).all() and (holdings_aud >= 0).all()):
        message = f"holdings are amounts from 0; these are {holdings_aud}"
        raise DataError(message)
    if not (np.isfinite(other_tax_aud) and other_tax_aud >= 0):
        message = f"other tax is {other_tax_aud} AUD; it must not be negative"
        raise DataError(message)
    cash = float(distributions.cash_yields @ holdings_aud)
    credits_aud = float(distributions.franking_credits @ holdings_aud)
    untaxed = 0.0 if distributions.untaxed_yields is None else float(distributions.untaxed_yields @ holdings_aud)
    tax = taxpayer.rate * (cash - untaxed + credits_aud)
    excess = max(credits_aud - tax - other_tax_aud, 0.0)
    refunded = taxpayer.entity in REFUNDED
    return Income(
        cash_aud=cash,
        credits_aud=credits_aud,
        untaxed_aud=untaxed,
        tax_aud=tax,
        refund_aud=excess if refunded else 0.0,
        unused_credits_aud=0.0 if refunded else excess,
        after_tax_aud=cash + credits_aud - tax - (0.0 if refunded else excess),
    )


def days_at_risk(acquired: date, sale_day: date) -> int:
    """Count the days held, without the days of purchase and of sale (former ITAA 1936, s 160APHO(2)).

    For these days, units bought last count as sold first (former s 160APHI), whichever parcel is chosen for capital
    gains.
    """
    return max((sale_day - acquired).days - 1, 0)


def must_hold(entity: Entity, credits_aud: float) -> bool:
    """Whether franking credits require 45 days of holding (former ITAA 1936, s 160APHO).

    An individual with at most 5,000 AUD of credits in the year from all sources is exempt (s 160APHT). Above this
    limit, every distribution requires the days, not only the excess. Funds and companies always need the days.

    Args:
        entity: The holder's entity.
        credits_aud: All credits of the year, including those in question.
    """
    return entity is not Entity.INDIVIDUAL or credits_aud > SMALL_SHAREHOLDER_CREDITS_AUD


def keeps_credits(entity: Entity, credits_aud: float, *, held_days: int) -> bool:
    """Whether the holder is entitled to a distribution's credits after *held_days* days at risk."""
    return held_days >= HOLDING_DAYS or not must_hold(entity, credits_aud)
