"""What distributions leave after tax, franking credits included; vectorised over ETFs.

The definitions that ``portfolio.market.figures`` has (``franking_credits``, ``grossed_up_yields``, ``tax_drags``) are
the ones here for an individual who holds long enough; that module can call this one, and never the reverse.
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
    """What *n* ETFs pay out in a year, each vector of shape (n,).

    Attributes:
        cash_yields: Cash, as a share of the price.
        franked_shares: Share of the cash that is franked, 0 to 1.
        entitled: 1 where the holder keeps the franking credits, 0 where the holding-period rule takes them;
            None for all ones.
    """

    cash_yields: Vector
    franked_shares: Vector
    entitled: Vector | None = None

    def __post_init__(self) -> None:
        """Refuse what no fund pays out."""
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
        """Credits that count, as a share of the price: franked cash times 30/70 (s 202-60).

        A credit that the holding-period rule takes is neither income nor an offset (s 207-145(1)(e) and (f)).
        """
        credits_attached = self.cash_yields * self.franked_shares * (COMPANY_TAX / (1 - COMPANY_TAX))
        return credits_attached if self.entitled is None else credits_attached * self.entitled

    @property
    def grossed_up_yields(self) -> Vector:
        """Income as the law counts it, as a share of the price: cash and credits (s 207-20(1))."""
        return self.cash_yields + self.franking_credits


def after_tax_yields(taxpayer: Taxpayer, distributions: Distributions) -> Vector:
    """Cash that is left of each ETF's distributions after tax, as a share of the price, shape (n,).

    Exact one by one, and so for any portfolio, where credits are refunded. Of a company it is what each ETF would
    leave if it were held alone; a portfolio of several can leave more, since credits of one that exceed its
    own tax pay tax on another: ``after_tax_income`` is exact.
    """
    tax = taxpayer.rate * distributions.grossed_up_yields - distributions.franking_credits
    return distributions.cash_yields - (tax if taxpayer.entity in REFUNDED else np.maximum(tax, 0.0))


@dataclass(frozen=True, slots=True)
class Income:
    """A year's distributions and the tax on them, AUD.

    Attributes:
        cash_aud: Distributions.
        credits_aud: Franking credits that count.
        tax_aud: Tax on both, before credits pay any of it.
        refund_aud: Credits paid out, having exceeded all tax.
        unused_credits_aud: A company's credits that exceeded all tax. They are not refunded; they become a tax loss
            for later years (s 36-55), which is not valued here.
        after_tax_aud: Cash that is left.
    """

    cash_aud: float
    credits_aud: float
    tax_aud: float
    refund_aud: float
    unused_credits_aud: float
    after_tax_aud: float


def after_tax_income(
    taxpayer: Taxpayer, distributions: Distributions, holdings_aud: Vector, *, other_tax_aud: float = 0.0
) -> Income:
    """Tax the distributions of a whole portfolio.

    A company's credits can be used up to its tax on *all* income of the year, and the rest are excess offsets
    (s 36-55(1)(b)): the limit binds on the taxpayer's total, never ETF by ETF. So credits pay tax on these
    distributions first and then *other_tax_aud*; what they save there counts as left by the portfolio. At a company's
    full rate the limit cannot bind, since credits are at most 30 % of grossed-up income; at 25 % it can.

    Args:
        taxpayer: Who holds them.
        distributions: What n ETFs pay out.
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
    tax = taxpayer.rate * (cash + credits_aud)
    excess = max(credits_aud - tax - other_tax_aud, 0.0)
    refunded = taxpayer.entity in REFUNDED
    return Income(
        cash_aud=cash,
        credits_aud=credits_aud,
        tax_aud=tax,
        refund_aud=excess if refunded else 0.0,
        unused_credits_aud=0.0 if refunded else excess,
        after_tax_aud=cash + credits_aud - tax - (0.0 if refunded else excess),
    )


def days_at_risk(acquired: date, sold: date) -> int:
    """Count the days held, those of purchase and of sale not among them (former ITAA 1936, s 160APHO(2)).

    Of units bought at different times, the last bought count as the first sold (former s 160APHI), whichever parcel
    is chosen for capital gains.
    """
    return max((sold - acquired).days - 1, 0)


def must_hold(entity: Entity, credits_aud: float) -> bool:
    """Say whether franking credits take 45 days of holding (former ITAA 1936, s 160APHO).

    Not for an individual with no more than 5,000 AUD of credits in the year from all sources (s 160APHT). It is
    all or nothing: with a dollar more, every distribution needs its days. Funds and companies always need them.

    Args:
        entity: Who holds.
        credits_aud: Credits of the year, those in question included.
    """
    return entity is not Entity.INDIVIDUAL or credits_aud > SMALL_SHAREHOLDER_CREDITS_AUD


def keeps_credits(entity: Entity, credits_aud: float, *, held_days: int) -> bool:
    """Say whether the holder is entitled to a distribution's credits, having held for *held_days* at risk."""
    return held_days >= HOLDING_DAYS or not must_hold(entity, credits_aud)
