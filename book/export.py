"""The orders of final events as a broker takes them: limits, waves, rests after fills, and no more than the money.

Sales come first. Purchases of an account with sales wait for the day on which the money of the sales is there. Pure.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from fractions import Fraction
from math import floor
from typing import TYPE_CHECKING

from book.instruction import DAY, LIMIT, Instruction
from bus.language.messages import BadMessageError, MasterPortfolioOptimized, parse_final
from portfolio.case.inventory import cash_floor
from portfolio.errors import DataError
from portfolio.market.settlement import settles_on
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.plain_text import is_plain, shown
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import date

    from book.fills import Contract
    from book.lines import Line
    from portfolio.published.order import Order
    from portfolio.terms.owned import Owned

# ASX, Pricing information, price steps of equities: up to 10 cents, up to 2 AUD, and from 2 AUD on.
_STEPS = ((Decimal("0.1"), Decimal("0.001")), (Decimal(2), Decimal("0.005")))
_STEP = Decimal("0.01")
FIRST, SECOND = 1, 2
# Brokerage of 10 AUD buys 500 AUD.
REST_COST = 0.02
# As of an amount in a request: more is a typing error, and breaks the arithmetic.
MOST = 1e10


@dataclass(frozen=True, slots=True)
class Placing:
    """How orders are placed.

    Attributes:
        tolerance: How far a limit may be from the last price, as a fraction of the price.
        wave: The wave to place.
        day: The day of the orders; None for the day of each event, before any fill.
        rest_cost: The most that the planned brokerage of a rest may be, as a fraction of the value of the rest.
    """

    tolerance: float
    wave: int = FIRST
    day: date | None = None
    rest_cost: float = REST_COST


@dataclass(frozen=True, slots=True)
class Placed:
    """The orders of an event.

    Attributes:
        orders: The orders of the wave, sales first.
        waiting: Number of purchases that wait for the second wave.
        cut: Purchases of fewer units than planned, in words.
        too_small: Number of rests that are left out, since brokerage would be too large a part of them.
    """

    orders: tuple[Instruction, ...] = ()
    waiting: int = 0
    cut: tuple[str, ...] = ()
    too_small: int = 0


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


def orders_of(event: MasterPortfolioOptimized) -> dict[str, Order]:
    """Return the orders of an event by our ids, sales first; none without an account."""
    return {} if event.trading is None else {order_id(event, order): order for order in event.trading.orders}


def order_id(event: MasterPortfolioOptimized, order: Order) -> str:
    """Make our id of an order: no two orders of a stream share one, since an event has one order per side and code."""
    return f"{event.request_id}.{order.side.value[0].upper()}.{order.ticker}"


def place(event: MasterPortfolioOptimized, placing: Placing, done: Sequence[Contract] = ()) -> Placed:
    """List the orders of an event for a wave, less the units that are filled.

    A purchase never takes more than the money that is there on the day, at the limit and with the planned brokerage.
    Where the money is not enough for all purchases, each is cut by the same factor to whole units; units that the
    rest of the money still buys go to the largest remainders.

    Args:
        event: The event.
        placing: Which orders to list, and how.
        done: The contracts so far, of orders of this event.

    Raises:
        DataError: If the day is before that of the event.
    """
    owned = event.terms.owned
    if event.trading is None or owned is None or not event.trading.orders:
        return Placed()
    day = placing.day or owned.as_of
    if day < owned.as_of:
        raise DataError(f"{event.request_id}: the day is {day}, and the trades are those of {owned.as_of}: correct it")
    planned = orders_of(event)
    sells = any(order.side is Side.SELL for order in planned.values())
    waves = {key: SECOND if sells and order.side is Side.BUY else FIRST for key, order in planned.items()}
    left = {key: units for key, units in unfilled(planned, done).items() if units}
    too_small = {
        key
        for key, units in left.items()
        if units < round(planned[key].units)
        and event.terms.brokerage_aud > placing.rest_cost * units * planned[key].price_aud
    }
    made = [
        _instruction(key, event.customer_id, planned[key], units, replace(placing, day=day))
        for key, units in left.items()
        if waves[key] == placing.wave and key not in too_small
    ]
    money = _money_aud(event, owned, day, done)
    affordable = _affordable(event, [one for one in made if one.side == Side.BUY.value], money)
    orders = (replace(one, units=affordable.get(one.order_id, one.units)) for one in made)
    return Placed(
        tuple(one for one in orders if one.units),
        waiting=sum(waves[key] > placing.wave for key in left),
        cut=tuple(
            f"{one.account}: {affordable[one.order_id]} of {one.units} {one.code} are ordered: the money there on {day}"
            f" buys no more at the limit ({one.order_id})"
            for one in made
            if affordable.get(one.order_id, one.units) < one.units
        ),
        too_small=sum(waves[key] == placing.wave for key in too_small),
    )


def unfilled(orders: Mapping[str, Order], done: Iterable[Contract]) -> dict[str, int]:
    """Return the units of each order that are not filled yet, by our ids."""
    filled: dict[str, int] = defaultdict(int)
    for one in done:
        filled[one.order_id] += one.units
    return {key: round(order.units) - filled[key] for key, order in orders.items()}


def _instruction(key: str, account: str, order: Order, units: int, placing: Placing) -> Instruction:
    assert placing.day is not None  # noqa: S101 - the caller gives it
    return Instruction(
        order_id=key,
        account=account,
        side=order.side.value,
        code=order.ticker,
        units=units,
        order_type=LIMIT,
        limit_aud=limit_aud(order, placing.tolerance),
        time_in_force=DAY,
        wave=placing.wave,
        not_before=placing.day,
        last_aud=Decimal(repr(order.price_aud)),
    )


def limit_aud(order: Order, tolerance: float) -> Decimal:
    """Return the limit of an order: never further from the last price than *tolerance*, and on a price step."""
    price, part = Decimal(repr(order.price_aud)), Decimal(repr(tolerance))
    worst = price * (1 + part if order.side is Side.BUY else 1 - part)
    step = next((step for below, step in _STEPS if worst < below), _STEP)
    towards = ROUND_FLOOR if order.side is Side.BUY else ROUND_CEILING
    return (worst / step).to_integral_value(towards) * step


def _money_aud(event: MasterPortfolioOptimized, owned: Owned, day: date, done: Iterable[Contract]) -> Decimal:
    """Return the money for purchases on a day, without the cash that the plan keeps and money that has not settled.

    Args:
        event: The event, with orders.
        owned: The account before the orders.
        day: The day of the purchases.
        done: The contracts so far, of orders of this event.
    """
    assert event.trading is not None  # noqa: S101 - the caller looked
    stays = cash_floor(event.terms) * event.terms.total_capital_aud
    if event.payments is not None:
        stays += event.payments.tax_aside_aud
    # With a step, the plan itself leaves less than the least cash.
    stays = min(stays, max(event.trading.cash_left_aud, 0.0))
    money = Decimal(repr(owned.money_aud)) - Decimal(repr(stays))
    planned = orders_of(event)
    for one in done:
        if planned[one.order_id].side is Side.BUY:
            money -= one.value_aud + one.brokerage_aud
        elif settles_on(one.day) <= day:
            money += one.value_aud - one.brokerage_aud
    return money.quantize(_STEP, ROUND_FLOOR)


def _affordable(
    event: MasterPortfolioOptimized, purchases: Sequence[Instruction], money_aud: Decimal
) -> Mapping[str, int]:
    """Return the units of each purchase that the money is enough for, at the limit and with the planned brokerage."""
    assert event.terms.owned is not None  # noqa: S101 - the caller looked
    share, fixed = Fraction(repr(event.terms.owned.brokerage_share)), Fraction(repr(event.terms.brokerage_aud))
    cost = {one.order_id: Fraction(one.limit_aud) * (1 + share) for one in purchases}
    wanted = {one.order_id: one.units for one in purchases}
    money = Fraction(money_aud)
    in_units = sum(cost[key] * units for key, units in wanted.items())
    if in_units + fixed * len(wanted) <= money:
        return wanted
    factor = max((money - fixed * len(wanted)) / in_units, Fraction(0))
    exact = {key: factor * units for key, units in wanted.items()}
    units = {key: floor(part) for key, part in exact.items()}
    rest = money - sum(cost[key] * n + (fixed if n else 0) for key, n in units.items())
    for key in sorted(exact, key=lambda key: (units[key] - exact[key], key)):
        more = cost[key] + (0 if units[key] else fixed)
        if units[key] < wanted[key] and more <= rest:
            units[key], rest = units[key] + 1, rest - more
    return units
