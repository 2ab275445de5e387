"""One order as a broker takes it."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from decimal import Decimal

LIMIT, CROSS, DAY = "limit", "cross", "day"


@dataclass(frozen=True, slots=True)
class Instruction:
    """One order for a broker.

    Attributes:
        order_id: Our id of the order: the request's id, the side and the code. One per account, side and code.
        account: The customer's key.
        side: Whether units are bought or sold.
        code: The ETF's code.
        units: Whole units.
        order_type: A limit, or a cross in pooled custody.
        limit_aud: The worst price of a unit, AUD, on the exchange's price steps; of a cross, the price.
        time_in_force: Until the end of the day.
        wave: 1 for sales, and purchases that need no sale; 2 for other purchases.
        not_before: The first day on which the order may be placed.
        last_aud: The last price of a unit, AUD.
        block_id: The id of the block; empty for an order that is placed by itself.
        block_units: Units of the block; None for an order that is placed by itself.
    """

    order_id: str
    account: str
    side: str
    code: str
    units: int
    order_type: str
    limit_aud: Decimal
    time_in_force: str
    wave: int
    not_before: date
    last_aud: Decimal
    block_id: str = ""
    block_units: int | None = None

    @classmethod
    def columns(cls) -> list[str]:
        """Name the columns of a table of orders."""
        return [one.name for one in fields(cls)]

    def cells(self) -> list[object]:
        """Return the cells of a row."""
        return list(asdict(self).values())
