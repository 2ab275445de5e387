"""The contracts of a broker as messages: one per contract, under an id made of the contract. Pure."""

from __future__ import annotations

from collections import Counter
from hashlib import sha256
from typing import TYPE_CHECKING

from book.export import order_id
from bus.language.messages import OrderFilled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from decimal import Decimal

    from book.fills import Fill
    from bus.language.messages import MasterPortfolioOptimized

_DIGITS = 16


def messages(fills: Iterable[Fill], events: Iterable[MasterPortfolioOptimized]) -> Iterator[OrderFilled]:
    """Yield the message of each contract, in the order of the file.

    The id is made of the contract alone, so that the same file gives the same ids. Equal contracts of an order are told
    apart by their number within the file: they must stand in one file.

    Args:
        fills: The contracts, each of an order of the events.
        events: The final events with a portfolio.
    """
    orders = {
        order_id(event, order): (event, order)
        for event in events
        if event.trading is not None
        for order in event.trading.orders
    }
    seen: Counter[str] = Counter()
    for fill in fills:
        event, order = orders[fill.order_id]
        numbers = [str(fill.units), _plain(fill.price_aud), _plain(fill.brokerage_aud)]
        contract = " ".join([fill.order_id, fill.day.isoformat(), *numbers])
        seen[contract] += 1
        digest = sha256(f"{contract} {seen[contract]}".encode()).hexdigest()[:_DIGITS]
        yield OrderFilled(
            request_id=event.request_id,
            fill_id=f"{order.side.value[0].upper()}-{order.ticker}-{fill.day:%Y%m%d}-{digest}",
            order_id=fill.order_id,
            customer_id=event.customer_id,
            side=order.side,
            ticker=order.ticker,
            ordered_units=round(order.units),
            day=fill.day,
            units=fill.units,
            price_aud=float(fill.price_aud),
            brokerage_aud=float(fill.brokerage_aud),
        )


def _plain(amount: Decimal) -> str:
    """Write an amount in one way: 10, 10.0 and 1E+1 are one."""
    return format(amount.normalize(), "f")
