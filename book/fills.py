"""Make the next book from the fills of a broker: cash, and parcels with day of contract, units and cost base. Pure.

The cost base of a purchase is the price paid and the brokerage that was really paid (ITAA 1997, s 110-25(2) and (3),
s 110-35(2)), and its day that of the contract (s 109-5(2)). A sale takes the parcels that the event's order names, in
that order; the rest of a parcel keeps day and cost per unit. Realised gains are not added to ``account.realised``.
"""

from __future__ import annotations

import csv
import json
from dataclasses import dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from book.export import MOST, order_id
from bus.language.messages import BadMessageError, change_request, glance, parse_request
from portfolio.errors import DataError
from portfolio.market.trading_days import FIRST_DAY, LAST_DAY
from portfolio.names import doubted
from portfolio.plain_text import shown
from portfolio.published.order import Side

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from book.lines import Line
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order

COLUMNS = ("order_id", "day", "units", "price_aud", "brokerage_aud")
_CENT = Decimal("0.01")
# The line of a book needs no id of a request.
_ANY_ID = "fills"


@dataclass(frozen=True, slots=True)
class Fill:
    """One contract of a broker.

    Attributes:
        place: The line of the file, for people.
        order_id: Our id of the order.
        day: Day of the contract.
        units: Units; 0 for an order that was rejected.
        price_aud: Price of a unit, AUD.
        brokerage_aud: Brokerage of the contract, AUD.
    """

    place: str
    order_id: str
    day: date
    units: int
    price_aud: Decimal
    brokerage_aud: Decimal

    @property
    def value_aud(self) -> Decimal:
        """Units times price."""
        return self.units * self.price_aud


@dataclass(frozen=True, slots=True)
class Unfilled:
    """The rest of an order that was not filled, or not wholly.

    Attributes:
        order_id: Our id of the order.
        account: The customer's key.
        side: Whether units were to be bought or sold.
        code: The ETF's code.
        units: Units that were not filled.
        ordered: Units of the order.
    """

    order_id: str
    account: str
    side: str
    code: str
    units: int
    ordered: int

    @property
    def words(self) -> str:
        """Say it to people."""
        verb = "sold" if self.side == Side.SELL.value else "bought"
        return f"{self.account}: {self.units} of {self.ordered} {self.code} are not {verb} ({self.order_id})"


def read(text: str) -> list[Fill]:
    """Read a table of fills.

    Raises:
        DataError: If a column is missing or a cell is wrong; the message names the line.
    """
    rows = csv.DictReader(text.splitlines(), restval="")
    try:
        if missing := [name for name in COLUMNS if name not in (rows.fieldnames or ())]:
            message = f"the fills have no column {', '.join(missing)}: give {', '.join(COLUMNS)}"
            raise DataError(message)
        return [_fill(row, f"line {number}") for number, row in enumerate(rows, start=2)]
    except csv.Error as error:
        message = f"line {rows.line_num + 1} is no line of a table ({error}): give the columns {', '.join(COLUMNS)}"
        raise DataError(message) from None


def _fill(row: Mapping[str, str], place: str) -> Fill:
    try:
        day = date.fromisoformat(row["day"])
    except ValueError:
        day = date.min
    if not FIRST_DAY <= day <= LAST_DAY:
        message = f"{place}: day is {shown(row['day'])}: give the day of the contract, such as 2025-11-10"
        raise DataError(message)
    units = _number(row, "units", place)
    if units != units.to_integral_value():
        message = f"{place}: units is {shown(row['units'])}: give whole units"
        raise DataError(message)
    price, brokerage = (_number(row, name, place) for name in ("price_aud", "brokerage_aud"))
    return Fill(place, row["order_id"], day, int(units), price, brokerage)


def _number(row: Mapping[str, str], name: str, place: str) -> Decimal:
    try:
        value = Decimal(row[name])
    except InvalidOperation:
        value = Decimal("NaN")
    if not (value.is_finite() and 0 <= value <= MOST):
        message = f"{place}: {name} is {shown(row[name])}: give a number from 0 to {MOST:.0f}"
        raise DataError(message)
    return value


def next_book(
    lines: Iterable[Line], events: Mapping[str, MasterPortfolioOptimized], fills: Sequence[Fill]
) -> Iterator[tuple[bytes, list[Unfilled]]]:
    """Make the next line of each account, and tell the rests of its orders; a line without orders stays as it is.

    Args:
        lines: The book that was asked.
        events: The final events with a portfolio, by the customer's key.
        fills: All fills.

    Raises:
        DataError: If a fill is of no order, or more than the order, or a line with orders is no request; the message
            names the line.
    """
    orders = {order_id(event, order): order for event in events.values() for order in _orders(event)}
    by_order: dict[str, list[Fill]] = {}
    for fill in fills:
        if fill.order_id not in orders:
            known = doubted([fill.order_id], orders)
            message = f"{fill.place}: order_id {known} is of no order: give an id of podfolio orders export"
            raise DataError(message)
        by_order.setdefault(fill.order_id, []).append(fill)
        filled, ordered = sum(one.units for one in by_order[fill.order_id]), round(orders[fill.order_id].units)
        if filled > ordered:
            message = (
                f"{fill.place}: units of {fill.order_id} add up to {filled}, and {ordered} were ordered: correct it"
            )
            raise DataError(message)
    for line in lines:
        body = glance(line.body)
        customer = body.get("customer")
        event = events.get(str(customer.get("customer_id"))) if isinstance(customer, dict) else None
        account = body.get("account")
        if event is None or not _orders(event) or not isinstance(account, dict):
            yield line.body.strip(), []
            continue
        _check(line)
        mine = {order_id(event, order): order for order in _orders(event)}
        done = [(order, fill) for key, order in mine.items() for fill in by_order.get(key, []) if fill.units]
        yield (
            json.dumps({**body, "account": _next(line.place, account, done)}).encode(),
            [
                Unfilled(key, event.customer_id, order.side.value, order.ticker, left, round(order.units))
                for key, order in mine.items()
                if (left := round(order.units) - sum(fill.units for fill in by_order.get(key, [])))
            ],
        )


def _check(line: Line) -> None:
    """Check that the line of a book is a request.

    Raises:
        DataError: If it is none; the message gives the mend.
    """
    try:
        parse_request(change_request(line.body, {"request_id": _ANY_ID}), _ANY_ID)
    except BadMessageError as error:
        message = f"{line.place}: {error}"
        raise DataError(message) from None


def _orders(event: MasterPortfolioOptimized) -> tuple[Order, ...]:
    return () if event.trading is None else event.trading.orders


def _next(place: str, account: dict[str, Any], done: Sequence[tuple[Order, Fill]]) -> dict[str, Any]:
    if done and account.get("cost_base_adjustments"):
        message = (
            f"{place}: account.cost_base_adjustments are of the parcels before the trades: put them into the cost"
            " bases, and leave them out"
        )
        raise DataError(message)
    cash = _aud(account["cash_aud"]) + _aud(account.get("contribution_aud", 0))
    owned = {
        holding["ticker"]: [{**one, "units": int(one["units"])} for one in holding["parcels"]]
        for holding in account.get("holdings", [])
    }
    values = {
        one["ticker"]: one["value_aud"] for one in account.get("holdings", []) if one.get("value_aud") is not None
    }
    for order, fill in done:
        if order.side is Side.SELL:
            cash += fill.value_aud - fill.brokerage_aud
        else:
            cash -= fill.value_aud + fill.brokerage_aud
            _buy(owned.setdefault(order.ticker, []), fill)
    for ticker, parcels in owned.items():
        sold = [(order, fill) for order, fill in done if order.side is Side.SELL and order.ticker == ticker]
        if sold:
            _sell(place, parcels, sold[0][0], sum(fill.units for _, fill in sold))
    left = {ticker: [one for one in parcels if one["units"]] for ticker, parcels in owned.items()}
    holdings = [
        {"ticker": ticker, "units": sum(one["units"] for one in parcels), "parcels": parcels}
        | ({"value_aud": values[ticker]} if ticker in values else {})
        for ticker, parcels in left.items()
        if parcels
    ]
    days = [account["as_of"], *(fill.day.isoformat() for _, fill in done)]
    rest = {name: value for name, value in account.items() if name != "contribution_aud"}
    return {**rest, "as_of": max(days), "cash_aud": float(cash.quantize(_CENT)), "holdings": holdings}


def _buy(parcels: list[dict[str, Any]], fill: Fill) -> None:
    """Add a purchase; contracts of one day are one parcel."""
    day, cost = fill.day.isoformat(), fill.value_aud + fill.brokerage_aud
    for parcel in parcels:
        if parcel["acquired"] == day:
            parcel["units"] += fill.units
            parcel["cost_base_aud"] = float(_aud(parcel["cost_base_aud"]) + cost)
            return
    parcels.append({"acquired": day, "units": fill.units, "cost_base_aud": float(cost)})


def _sell(place: str, parcels: list[dict[str, Any]], order: Order, units: int) -> None:
    """Take *units* from the parcels that the order names, in that order.

    Raises:
        DataError: If the account does not have them.
    """
    for named in order.parcels:
        wanted = min(round(named.units), units)
        for parcel in parcels:
            if parcel["acquired"] != named.acquired.isoformat() or not wanted:
                continue
            taken = min(wanted, parcel["units"])
            kept = parcel["units"] - taken
            cost = _aud(parcel["cost_base_aud"]) * kept / parcel["units"]
            parcel["units"], parcel["cost_base_aud"] = kept, float(cost.quantize(_CENT))
            wanted, units = wanted - taken, units - taken
    if units:
        message = f"{place}: {units} {order.ticker} that were sold are in no parcel: give the book that was asked"
        raise DataError(message)


def _aud(amount: float) -> Decimal:
    return Decimal(repr(amount))
