"""What a sale would save by waiting, as a final event states it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum


class WaitFor(StrEnum):
    """The event that makes a later sale cheaper.

    Attributes:
        TWELVE_MONTHS: The units are then held for 12 months.
        NEXT_YEAR: The sale is then of the next financial year.
    """

    TWELVE_MONTHS = "twelve_months"
    NEXT_YEAR = "next_year"


@dataclass(frozen=True, slots=True)
class Wait:
    """Units of a parcel that the orders sell, and whose sale within 60 days would cost less tax.

    Attributes:
        ticker: The ETF.
        acquired: Day of the purchase.
        units: Units that the orders sell of the parcel.
        day: The first day of the cheaper sale.
        waits_for: The event of that day.
        saves_aud: Tax that is saved if these units alone are sold on that day, at the price of today, AUD. The law is
            that of the day, other income stays as it is, and losses that this year leaves are used then.
    """

    ticker: str
    acquired: date
    units: float
    day: date
    waits_for: WaitFor
    saves_aud: float
