"""The account of a customer as the archive knows it: the last request, and what a broker filled of its orders. Pure.

Nothing else is known of the account. So the assumption is that no money came in or went out since, distributions
included. Where even the fills are not known, there is no account to ask for.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from typing import TYPE_CHECKING

from book.export import orders_of
from book.fills import CENT, Contract
from book.lines import Line
from book.next_book import next_book
from bus.language.messages import OrderFilled, glance
from portfolio.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order

# Orders are good for a day, and purchases wait for the money of sales: after this time the rest of an order that was
# filled in part is not filled any more.
OPEN_FOR = timedelta(days=7)


class Skip(StrEnum):
    """The reason why a customer is not asked for, although the rules may say that he is due."""

    NO_REQUEST = "no_request"
    REFUSED = "refused"
    FILLS_UNKNOWN = "fills_unknown"
    FILLS_OPEN = "fills_open"
    PERSON = "person"
    STALE = "stale"
    FAULT = "fault"


class SkippedError(Exception):
    """The account of a customer is not known well enough.

    Args:
        reason: The reason, for programs.
        words: The reason and the mend, for people.
    """

    def __init__(self, reason: Skip, words: str) -> None:
        super().__init__(words)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Known:
    """The messages of the archive about the last suggestion of a customer.

    Attributes:
        request: The body of the request.
        final: The body of the final event.
        fills: The bodies of the contracts.
        decision: The body of an adviser's decision; None without one.
    """

    request: bytes
    final: bytes
    fills: tuple[bytes, ...] = ()
    decision: bytes | None = None


def account_today(known: Known, event: MasterPortfolioOptimized, on: date) -> Line:
    """Return the request with the account as it is on a day.

    Args:
        known: The messages.
        event: The final event, as read.
        on: The day.

    Raises:
        SkippedError: If the account is not known, or a person must look at a point.
    """
    orders, place = orders_of(event), f"request {event.request_id}"
    declined = _is_declined(known.decision) and not known.fills
    done = [] if declined else _contracts(known.fills, orders, on, event)
    line = Line(1, place, known.request)
    try:
        (made,) = next_book([line], {event.customer_id: event}, done, on=on)
    except DataError as error:
        raise SkippedError(Skip.FAULT, str(error)) from None
    if made.person:
        raise SkippedError(Skip.PERSON, "; ".join(made.person))
    return Line(1, place, made.line)


def _is_declined(decision: bytes | None) -> bool:
    return decision is not None and glance(decision).get("type") == "PortfolioDeclined"


def _contracts(
    bodies: Iterable[bytes], orders: Mapping[str, Order], on: date, event: MasterPortfolioOptimized
) -> list[Contract]:
    """Read the contracts, by day; see that each order is filled, rejected, or can be filled no more."""
    if not orders:
        return []
    fills = [_read(body, orders) for body in bodies]
    if not fills:
        raise SkippedError(
            Skip.FILLS_UNKNOWN,
            f"the orders of {event.request_id} have no fills: podfolio fills import --publish tells of them, podfolio"
            " approve --decline that there are none",
        )
    filled: dict[str, int] = defaultdict(int)
    for one in fills:
        filled[one.order_id] += one.units
    over = [key for key, units in filled.items() if units > round(orders[key].units)]
    if over:
        raise SkippedError(Skip.FAULT, f"the fills of {over[0]} are more units than were ordered: correct them")
    rejected = {one.order_id for one in fills if not one.units}
    waits = any(filled[key] < round(order.units) and key not in rejected for key, order in orders.items())
    if waits and on < max(one.day for one in fills) + OPEN_FOR:
        raise SkippedError(Skip.FILLS_OPEN, f"orders of {event.request_id} may still be filled")
    done = [_contract(one) for one in fills if one.units]
    return sorted(done, key=lambda one: one.day)


def _read(body: bytes, orders: Mapping[str, Order]) -> OrderFilled:
    try:
        fill = OrderFilled.model_validate_json(body)
    except ValueError as error:
        raise SkippedError(Skip.FAULT, f"a fill cannot be read: {error}") from None
    if fill.order_id not in orders:
        raise SkippedError(Skip.FAULT, f"the fill {fill.fill_id} is of no order of the final event: correct it")
    return fill


def _contract(fill: OrderFilled) -> Contract:
    # For a part of a block, the price is the value by the units: the product is the value again, to the cent.
    value = (fill.units * Decimal(repr(fill.price_aud))).quantize(CENT, ROUND_HALF_UP)
    brokerage = Decimal(repr(fill.brokerage_aud)).quantize(CENT)
    return Contract(fill.fill_id, fill.order_id, fill.day, fill.units, value, brokerage)
