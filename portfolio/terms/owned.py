"""What a customer owns: cash, and parcels of units with the day and the cost of their purchase."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from portfolio.market.age import StalePrices
from portfolio.tax.parcels import Parcel
from portfolio.tax.regime import Reform, Regime
from portfolio.tax.taxpayer import Taxpayer


class Outside(StrEnum):
    """What becomes of holdings that are in no pod's universe."""

    SELL = "sell"
    KEEP = "keep"


@dataclass(frozen=True, slots=True)
class Kept:
    """A holding that is not traded, and why; it counts in the totals and in no figure of return or risk.

    Attributes:
        value_aud: At the market's last price, or as the request says; None where neither gives one.
    """

    ticker: str
    units: float
    why: str
    value_aud: float | None = None


@dataclass(frozen=True, slots=True)
class Owned:
    """What a customer owns on the day of the trades.

    Attributes:
        as_of: The day of the trades; parcels' ages count to it.
        cash_aud: Money to invest.
        parcels: Units that were bought together, of all ETFs.
        taxpayer: Who pays the tax on gains.
        outside: What becomes of holdings that are in no pod's universe.
        brokerage_share: Cost of an order as a share of its value, on top of the fixed one.
        cash_rate: Interest on money that is not invested, per year, as a fraction.
        cash_floor_aud: Least money that stays uninvested, after the orders and their costs.
        min_cash_share: The same, as a share of the capital; the larger of the two counts.
        kept: Holdings that are not traded, and count in the totals alone.
        values_aud: What holdings are worth that the market has no price for, by ticker, as the request says.
        reform: Facts that the tax on what an individual sells from 1 July 2027 needs.
        stale_prices: Whether prices of a day far from the day of the trades are taken.
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

    @property
    def law(self) -> Regime:
        """The law of capital gains, with the facts that it needs."""
        return Regime(self.reform)
