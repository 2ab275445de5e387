"""One order, as a final event states it, with the parcels that it sells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from portfolio.tax.kinds import Kind


class Side(StrEnum):
    """The direction of an order."""

    SELL = "sell"
    BUY = "buy"


@dataclass(frozen=True, slots=True)
class UnderReform:
    """How the reform of capital gains measures units that an individual sells from 1 July 2027.

    Attributes:
        value_aud: Market value of the units just before that day, AUD: the earlier gain or loss ends at this value, and
            the later one begins; None where the units were bought since.
        index_factor: Factor that indexes the cost of the later part.
        indexed_cost_aud: Indexed cost, AUD: the later gain is the part of the proceeds above this cost. A loss is
            measured from the cost before indexing.
        proceeds_aud: Proceeds of the units, after half the spread and brokerage, AUD.
    """

    value_aud: float | None
    index_factor: float
    indexed_cost_aud: float
    proceeds_aud: float


@dataclass(frozen=True, slots=True)
class ParcelSold:
    """Units sold of one parcel.

    Attributes:
        acquired: Day of the purchase.
        units: Units that are sold of the parcel.
        cost_base_aud: Cost base of these units, AUD.
        realised_aud: Gain or loss of these units, AUD, by kind, after half the spread and brokerage; fixed brokerage
            is divided by units.
        reform: The measure of the gain under the reform; None where the reform does not govern the sale.
    """

    acquired: date
    units: float
    cost_base_aud: float
    realised_aud: Mapping[Kind, float]
    reform: UnderReform | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """One order, at the last price.

    Attributes:
        side: Whether units are bought or sold.
        ticker: The ETF.
        units: Whole units.
        price_aud: The last price of a unit, AUD.
        value_aud: Units times price, AUD.
        brokerage_aud: Brokerage of the order, AUD.
        spread_aud: Half the spread of the order, AUD.
        pods: The pods that hold the ETF afterwards.
        parcels: For a sale: the units that are sold, by parcel.
        tax_aud: For a sale: reduction of the tax if this order alone were not made, AUD; 0 for a purchase.
        why: The reason, in words.
    """

    side: Side
    ticker: str
    units: float
    price_aud: float
    value_aud: float
    brokerage_aud: float
    spread_aud: float
    pods: tuple[str, ...]
    parcels: tuple[ParcelSold, ...]
    tax_aud: float
    why: str
