"""The contracts of a broker as messages: one per contract, and one per account and day of a block. Pure."""

from __future__ import annotations

from hashlib import sha256
from typing import TYPE_CHECKING

from book.export import orders_of
from book.fills import once
from bus.language.messages import OrderFilled

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date
    from decimal import Decimal

    from book.fills import Contract, Fill
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order

_DIGITS = 16


def messages(
    fills: Iterable[Fill], done: Iterable[Contract], events: Iterable[MasterPortfolioOptimized]
) -> Iterator[OrderFilled]:
    """Yield the message of each contract with an order, then of each account's part in the fills of a block on a day.

    The id of a contract is made of the contract, so that the same file gives the same ids. The id of a part is made of
    order, block and day alone: a part that was published before all fills of the day were there is found by its id.

    Args:
        fills: The fills, of orders and of blocks.
        done: The same, divided among the accounts.
        events: The final events with a portfolio.
    """
    orders = {key: (event, order) for event in events for key, order in orders_of(event).items()}
    for fill in once(fills):
        if fill.order_id in orders:
            numbers = [str(fill.units), _plain(fill.price_aud), _plain(fill.brokerage_aud), fill.fill_id]
            made_of = [fill.order_id, fill.day.isoformat(), *numbers]
            yield _message(*orders[fill.order_id], fill, made_of, price_aud=float(fill.price_aud))
    for part in done:
        if part.block_id:
            made_of = [part.order_id, part.day.isoformat(), part.block_id]
            yield _message(*orders[part.order_id], part, made_of, price_aud=float(part.value_aud / part.units))


def _message(
    event: MasterPortfolioOptimized, order: Order, done: Fill | Contract, made_of: Iterable[str], *, price_aud: float
) -> OrderFilled:
    digest = sha256(" ".join(made_of).encode()).hexdigest()[:_DIGITS]
    return OrderFilled(
        request_id=event.request_id,
        fill_id=_fill_id(order, done.day, digest),
        order_id=done.order_id,
        customer_id=event.customer_id,
        side=order.side,
        ticker=order.ticker,
        ordered_units=round(order.units),
        day=done.day,
        units=done.units,
        price_aud=price_aud,
        brokerage_aud=float(done.brokerage_aud),
    )


def _fill_id(order: Order, day: date, digest: str) -> str:
    return f"{order.side.value[0].upper()}-{order.ticker}-{day:%Y%m%d}-{digest}"


def _plain(amount: Decimal) -> str:
    """Write an amount in one way: 10, 10.0 and 1E+1 are one."""
    return format(amount.normalize(), "f")
