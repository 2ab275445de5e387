"""Parcels (units bought together) and the gain per unit sold."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import date
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.tax.kinds import Kind
from portfolio.tax.regime import (
    DISCOUNTS,
    DISREGARDED,
    EARLIEST_PURCHASE,
    REFORM_STARTS,
    first_long_term_day,
    first_of_quarter,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from portfolio.tax.regime import Regime
    from portfolio.tax.taxpayer import Taxpayer


@dataclass(frozen=True, slots=True)
class Parcel:
    """Units of one ETF bought on one day.

    Attributes:
        ticker: The ETF.
        units: Number of units, above 0.
        acquired: Day of the contract to buy (s 109-5(2)), not of its settlement.
        cost_base_aud: Cost base of the whole parcel, brokerage included (s 110-25(2) and (3); s 110-35(2)), adjusted by
            the fund's yearly statements (s 104-107B); 0 if statements or returns of capital have reduced it to nil.
    """

    ticker: str
    units: float
    acquired: date
    cost_base_aud: float

    def __post_init__(self) -> None:
        """Refuse values that no purchase can have."""
        if not (math.isfinite(self.units) and self.units > 0):
            message = f"the units of {self} must be above 0"
            raise DataError(message)
        if not (math.isfinite(self.cost_base_aud) and self.cost_base_aud >= 0):
            message = f"the cost base of {self} must not be below 0"
            raise DataError(message)
        if self.acquired < EARLIEST_PURCHASE:
            message = (
                f"{self} was bought before {EARLIEST_PURCHASE}; the law for such parcels is not modelled: leave it out"
            )
            raise DataError(message)

    def __str__(self) -> str:
        return f"the parcel of {self.units} {self.ticker} bought on {self.acquired} for {self.cost_base_aud:,.2f} AUD"

    @property
    def unit_cost_aud(self) -> float:
        """Cost base of one unit."""
        return self.cost_base_aud / self.units

    @property
    def is_whole(self) -> bool:
        """Whether the parcel has a whole number of units; such units cannot be split."""
        return float(self.units).is_integer()


def refuse_future(parcels: Iterable[Parcel], as_of: date) -> None:
    """Check that all *parcels* had been bought on *as_of*.

    Raises:
        DataError: If a parcel was bought later.
    """
    if later := [str(parcel) for parcel in parcels if parcel.acquired > as_of]:
        message = f"not yet bought on {as_of}: {', '.join(later)}"
        raise DataError(message)


@dataclass(frozen=True, slots=True)
class Quotes:
    """Sale prices and selling costs per unit of each ETF on one day.

    Attributes:
        on: Day of the contract to sell (s 104-10(3)), not of its settlement.
        prices_aud: Price received, by ticker: the bid, or the mid price less half the spread.
        incidental_aud: Cost of selling per unit, by ticker, such as brokerage (s 110-35(2)); zero if absent.
    """

    on: date
    prices_aud: Mapping[str, float]
    incidental_aud: Mapping[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Refuse a price or a cost that is negative or not finite."""
        for what, values in (("price", self.prices_aud), ("incidental cost", self.incidental_aud)):
            for ticker, value in values.items():
                if not (math.isfinite(value) and value >= 0):
                    message = f"the {what} of {ticker} is {value} AUD; it must not be negative"
                    raise DataError(message)

    def net_aud(self, ticker: str) -> float:
        """Return the price per unit less the costs of selling.

        Raises:
            DataError: If the ETF has no price.
        """
        if ticker not in self.prices_aud:
            message = f"there is no price of {ticker}; there are those of {', '.join(self.prices_aud) or 'nothing'}"
            raise DataError(message)
        return self.prices_aud[ticker] - self.incidental_aud.get(ticker, 0.0)

    def with_brokerage(self, brokerage_aud: float, units_sold: Mapping[str, float]) -> Quotes:
        """Spread the fixed brokerage of one order per ETF over the units that are sold (s 110-35(2)).

        The brokerage is part of the cost bases of the units in the proportion of their number.
        """
        fixed = {ticker: brokerage_aud / units for ticker, units in units_sold.items() if units > 0}
        incidental = {t: self.incidental_aud.get(t, 0.0) + aud for t, aud in fixed.items()}
        return replace(self, incidental_aud={**self.incidental_aud, **incidental})


@dataclass(frozen=True, slots=True)
class Rebased:
    """The values from which the reform measures the later part of a unit's gain.

    Attributes:
        value_aud: Market value just before 1 July 2027; None if the unit was bought later.
        index_factor: Index factor on the cost (this value or, if None, the purchase cost); one if the unit was held
            for less than 12 months.
    """

    value_aud: float | None
    index_factor: float


def rebase(parcel: Parcel, sale_day: date, taxpayer: Taxpayer, regime: Regime) -> Rebased | None:
    """Return the values from which the reform measures a unit of *parcel*; None if the reform does not govern the sale.

    Raises:
        DataError: If a price or an index that the reform needs is missing.
    """
    if (reform := regime.reform_for(taxpayer.entity, sale_day)) is None:
        return None
    value = reform.market_value_aud(parcel.ticker) if parcel.acquired < REFORM_STARTS else None
    long_term = sale_day >= first_long_term_day(parcel.acquired)
    return Rebased(value, reform.index_factor(max(parcel.acquired, REFORM_STARTS), sale_day) if long_term else 1.0)


def missing_facts(parcels: Iterable[Parcel], sale_day: date, taxpayer: Taxpayer, regime: Regime) -> list[str]:
    """List, in words, all missing facts that the reform needs to tax *parcels*."""
    if (reform := regime.reform_for(taxpayer.entity, sale_day)) is None:
        return []
    tickers: set[str] = set()
    quarters: set[date] = set()
    for parcel in parcels:
        if parcel.acquired < REFORM_STARTS:
            tickers.add(parcel.ticker)
        ends = {first_of_quarter(max(parcel.acquired, REFORM_STARTS)), first_of_quarter(sale_day)}
        if len(ends) > 1 and sale_day >= first_long_term_day(parcel.acquired):
            quarters |= ends
    words = []
    if values := sorted(tickers - set(reform.values_aud)):
        words.append(f"values_aud of {', '.join(values)} (the price of a unit just before {REFORM_STARTS})")
    if cpi := sorted(quarters - set(reform.cpi)):
        words.append(f"cpi of the quarters from {', '.join(map(str, cpi))}")
    return words


def gain_per_unit(parcel: Parcel, quotes: Quotes, taxpayer: Taxpayer, regime: Regime) -> dict[Kind, float]:
    """Split the gain or loss per unit of *parcel* sold into kinds.

    Returns:
        AUD per unit by kind, only amounts above 0. A parcel bought before 1 July 2027 and sold later can lose before
        that day and gain after, or the reverse; both amounts count.

    Raises:
        DataError: If the parcel was bought after the sale, the ETF has no price, or a price or an index that the
            reform needs is missing.
    """
    refuse_future([parcel], quotes.on)
    net = quotes.net_aud(parcel.ticker)
    if taxpayer.entity in DISREGARDED:
        return {}
    long_term = quotes.on >= first_long_term_day(parcel.acquired)
    taxed_as = Kind.DISCOUNTABLE if long_term and DISCOUNTS[taxpayer.entity] else Kind.UNDISCOUNTED
    cost = parcel.unit_cost_aud
    if (rebased := rebase(parcel, quotes.on, taxpayer, regime)) is None:
        return _sum(_part(taxed_as, net, cost=cost))
    until = {} if rebased.value_aud is None else _part(taxed_as, rebased.value_aud, cost=cost)
    cost = cost if rebased.value_aud is None else rebased.value_aud
    return _sum(until, _part(Kind.INDEXED, net, cost=cost, indexed=cost * rebased.index_factor))


def _part(kind: Kind, proceeds: float, *, cost: float, indexed: float | None = None) -> dict[Kind, float]:
    """Measure a gain from the *indexed* cost and a loss from the plain cost; zero or less means none (s 110-55)."""
    return {kind: proceeds - (cost if indexed is None else indexed), Kind.LOSS: cost - proceeds}


def _sum(*parts: Mapping[Kind, float]) -> dict[Kind, float]:
    total: dict[Kind, float] = {}
    for part in parts:
        for kind, amount in part.items():
            if amount > 0:
                total[kind] = total.get(kind, 0.0) + amount
    return total
