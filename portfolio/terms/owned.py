"""The customer's account: cash, and parcels of units with the day and the cost of their purchase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from portfolio.market.age import StalePrices
from portfolio.tax.adjustments import Adjusted
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import Reform, Regime
from portfolio.tax.taxpayer import Taxpayer
from portfolio.terms.payments import Payments


class Outside(StrEnum):
    """The treatment of holdings that are in no pod's universe."""

    SELL = "sell"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """A holding that is not traded, with the reason; its value counts in the totals, and in no return or risk.

    Attributes:
        ticker: The ETF.
        units: Units that are kept.
        why: The reason, for people.
        value_aud: Value of the units, AUD: at the last price of the market, or from the request; None where neither
            gives a value.
    """

    ticker: str
    units: float
    why: str
    value_aud: float | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """Cash and holdings of a customer on the day of the trades.

    Attributes:
        as_of: The day of the trades; the age of a parcel is measured on this day.
        cash_aud: Money to invest, AUD.
        parcels: Units that were bought together, of all ETFs.
        taxpayer: The person or entity that pays the tax on gains.
        outside: The treatment of holdings that are in no pod's universe.
        brokerage_share: Cost of an order as a share of its value, on top of the fixed cost.
        cash_rate: Interest on money that is not invested, per year, as a fraction.
        cash_floor_aud: Least money that stays uninvested, after the orders and their costs, AUD.
        min_cash_share: The same as a share of the capital; the larger amount counts.
        kept: Holdings that are not traded, and count in the totals alone.
        values_aud: Value of holdings without a price in the market, AUD, by ticker, from the request.
        reform: Facts for the tax on an individual's sales from 1 July 2027.
        stale_prices: Whether prices far from the day of the trades are accepted.
        payments: Money that comes into the account and money that is paid out of it.
        adjusted: Yearly adjustments of cost bases by the funds; ``parcels`` are after these.
    """

    as_of: date
    cash_aud: float
    parcels: tuple[Parcel, ...]
    taxpayer: Taxpayer
    outside: Outside = Outside.SELL
    brokerage_share: float = 0.0
    cash_rate: float = 0.0
    cash_floor_aud: float = 0.0
    min_cash_share: float = 0.0
    kept: tuple[Kept, ...] = ()
    values_aud: Mapping[str, float] = field(default_factory=dict)
    reform: Reform = field(default_factory=Reform)
    stale_prices: StalePrices = StalePrices.REFUSE
    payments: Payments = field(default_factory=Payments)
    adjusted: tuple[Adjusted, ...] = ()

    @property
    def law(self) -> Regime:
        """The law of capital gains, with the facts that it needs."""
        return Regime(self.reform)

    @property
    def withdrawal_aud(self) -> float:
        """Money that is paid out, AUD."""
        return self.payments.withdrawal_aud(self.as_of)

    @property
    def money_aud(self) -> float:
        """Money for the orders, AUD: the cash and the contribution less the withdrawal; negative if sales must pay."""
        return self.cash_aud + self.payments.contribution_aud - self.withdrawal_aud
