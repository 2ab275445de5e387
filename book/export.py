"""The orders of final events as a broker takes them: limits, waves and ids of our own. Pure.

Sales come first. Purchases of an account with sales wait for the day on which the money of the sales is there.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import TYPE_CHECKING

from bus.language.messages import BadMessageError, MasterPortfolioOptimized, parse_final
from portfolio.errors import DataError
from portfolio.market.settlement import settles_on
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.plain_text import is_plain, shown
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import date

    from book.lines import Line
    from portfolio.published.order import Order

# ASX, Pricing information, price steps of equities: up to 10 cents, up to 2 AUD, and from 2 AUD on.
_STEPS = ((Decimal("0.1"), Decimal("0.001")), (Decimal(2), Decimal("0.005")))
_STEP = Decimal("0.01")
LIMIT, DAY = "limit", "day"
# As of an amount in a request: more is a typing error, and breaks the arithmetic.
MOST = 1e10


@dataclass(frozen=True, slots=True)
class Instruction:
    """One order for a broker.

    Attributes:
        order_id: Our id of the order: the request's id, the side and the code. One per account, side and code.
        account: The customer's key.
        side: Whether units are bought or sold.
        code: The ETF's code.
        units: Whole units.
        order_type: Always a limit.
        limit_aud: The worst price of a unit, AUD, on the exchange's price steps.
        time_in_force: Until the end of the day.
        wave: 1 for sales, and purchases that need no sale; 2 for other purchases.
        not_before: The first day on which the order may be placed.
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

    @classmethod
    def columns(cls) -> list[str]:
        """Name the columns of a table of orders."""
        return [one.name for one in fields(cls)]

    def cells(self) -> list[object]:
        """Return the cells of a row."""
        return list(asdict(self).values())


def portfolios(lines: Iterable[Line]) -> Iterator[MasterPortfolioOptimized]:
    """Read the events of a run that have a portfolio.

    Raises:
        DataError: If a line is no final event, or one with orders that no coordinator writes; the message names the
            line.
    """
    for line in lines:
        try:
            event = parse_final(line.body)
        except BadMessageError as error:
            message = f"{line.place} is no final event ({error}): give events.jsonl of a run"
            raise DataError(message) from None
        if isinstance(event, MasterPortfolioOptimized):
            if fault := _fault_of(event):
                message = f"{line.place} has orders that no coordinator writes ({fault}): give events.jsonl of a run"
                raise DataError(message)
            yield event


def _fault_of(event: MasterPortfolioOptimized) -> str:
    """Name a text that a spreadsheet would obey, or a day or number that breaks arithmetic; empty if there is none."""
    orders = () if event.trading is None else event.trading.orders
    for text in (event.customer_id, *(order.ticker for order in orders)):
        if not is_plain(text):
            return shown(text)
    if event.terms.owned is not None and not FIRST_DAY <= event.terms.owned.as_of <= LAST_DAY:
        return f"{event.terms.owned.as_of}"
    numbers = [number for order in orders for number in (order.units, order.price_aud)]
    numbers += [parcel.units for order in orders for parcel in order.parcels]
    left = () if event.trading is None else (event.trading.cash_left_aud, event.trading.spread_aud)
    wrong = (one for one in (*numbers, *left) if not abs(one) <= MOST or (one < 0 and one not in left))
    return next((f"{one:g}" for one in wrong), "")


def instructions(event: MasterPortfolioOptimized, *, tolerance: float) -> Iterator[Instruction]:
    """List the orders of an event, sales first; none without an account.

    Args:
        event: The event.
        tolerance: How far a limit may be from the last price, as a fraction of the price.
    """
    if event.trading is None or event.terms.owned is None:
        return
    day = event.terms.owned.as_of
    sells = any(order.side is Side.SELL for order in event.trading.orders)
    for order in event.trading.orders:
        waits = sells and order.side is Side.BUY
        yield Instruction(
            order_id=order_id(event, order),
            account=event.customer_id,
            side=order.side.value,
            code=order.ticker,
            units=round(order.units),
            order_type=LIMIT,
            limit_aud=limit_aud(order, tolerance),
            time_in_force=DAY,
            wave=2 if waits else 1,
            not_before=settles_on(day) if waits else day,
        )


def order_id(event: MasterPortfolioOptimized, order: Order) -> str:
    """Make our id of an order: no two orders of a stream share one, since an event has one order per side and code."""
    return f"{event.request_id}.{order.side.value[0].upper()}.{order.ticker}"


def limit_aud(order: Order, tolerance: float) -> Decimal:
    """Return the limit of an order: never further from the last price than *tolerance*, and on a price step."""
    price, part = Decimal(repr(order.price_aud)), Decimal(repr(tolerance))
    worst = price * (1 + part if order.side is Side.BUY else 1 - part)
    step = next((step for below, step in _STEPS if worst < below), _STEP)
    towards = ROUND_FLOOR if order.side is Side.BUY else ROUND_CEILING
    return (worst / step).to_integral_value(towards) * step


def missing_aud(event: MasterPortfolioOptimized, *, tolerance: float) -> Decimal:
    """Return the money that an account lacks if every order is filled at the limit; 0 where the money is enough."""
    if event.trading is None:
        return Decimal(0)
    worse = Decimal(0)
    for order in event.trading.orders:
        off = limit_aud(order, tolerance) - Decimal(repr(order.price_aud))
        worse += (off if order.side is Side.BUY else -off) * round(order.units)
    # The spread is in the plan already.
    left = Decimal(repr(event.trading.cash_left_aud)) + Decimal(repr(event.trading.spread_aud))
    return max(worse - left, Decimal(0)).quantize(_STEP, ROUND_CEILING)
