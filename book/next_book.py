"""Make the next book from the contracts so far: cash, parcels, gains of the year. Pure.

The cost base of a purchase is the price paid and the brokerage that was really paid (ITAA 1997, s 110-25(2) and (3),
s 110-35(2)), and its day that of the contract (s 109-5(2)). A sale takes the parcels that the event's order names, in
that order; the rest of a parcel keeps day and cost per unit.

The book is always the one that was asked, and the fills are all fills so far: a book that has fills already is refused.
"""

from __future__ import annotations

import json
from collections import Counter, defaultdict
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from book.export import orders_of, unfilled
from book.fills import CENT
from book.realised import Sold, after
from bus.language.messages import BadMessageError, change_request, glance, parse_request
from portfolio.errors import DataError
from portfolio.published.order import Side
from portfolio.tax.regime import income_year

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from book.fills import Contract
    from book.lines import Line
    from bus.language.messages import MasterPortfolioOptimized
    from portfolio.published.order import Order
    from portfolio.terms.owned import Owned

_LONGEST = 300
# A run gives each line an id of its own.
_ID = "next"


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


@dataclass(frozen=True, slots=True)
class Next:
    """The next line of an account.

    Attributes:
        line: The request.
        unfilled: The rests of the orders.
        person: Points that a person must look at, in words.
    """

    line: bytes
    unfilled: tuple[Unfilled, ...] = ()
    person: tuple[str, ...] = ()


def next_book(
    lines: Iterable[Line],
    events: Mapping[str, MasterPortfolioOptimized],
    done: Iterable[Contract],
    *,
    on: date | None = None,
) -> Iterator[Next]:
    """Make the next line of each account; a line without orders stays as it is, unless a day is given.

    Args:
        lines: The book that was asked.
        events: The final events with a portfolio, by the customer's key.
        done: The contracts so far, by day.
        on: The day of the next requests; None for the day of each account's last contract.

    Raises:
        DataError: If a line is not the one that the event was asked with, a contract is before the event's trades, or
            no line is a valid request.
    """
    by_order: dict[str, list[Contract]] = defaultdict(list)
    for one in done:
        by_order[one.order_id].append(one)
    first, is_valid = "", False
    for line in lines:
        if not is_valid:
            fault = _fault(line.body)
            first, is_valid = first or f"{line.place}: {fault}", not fault
        body = glance(line.body)
        customer = body.get("customer")
        event = events.get(str(customer.get("customer_id"))) if isinstance(customer, dict) else None
        if event is None or not isinstance(body.get("account"), dict) or not (orders_of(event) or on):
            yield Next(line.body.strip())
            continue
        yield _next(line, body, event, by_order, on)
    if not is_valid:
        message = f"the book has no valid request, so there is no next one: correct it; {first}"
        raise DataError(message)


def _next(
    line: Line,
    body: Mapping[str, Any],
    event: MasterPortfolioOptimized,
    by_order: Mapping[str, Sequence[Contract]],
    on: date | None,
) -> Next:
    orders = orders_of(event)
    # Contracts of one day in the order of the event: sales first.
    done = sorted((one for key in orders for one in by_order.get(key, ())), key=lambda one: one.day)
    assert event.terms.owned is not None  # noqa: S101 - the event of a request with an account
    if fault := _fault(line.body):
        raise DataError(f"{line.place}: {fault}")
    _refuse_other(line, body["account"], event.terms.owned)
    for one in done:
        if one.day < event.terms.owned.as_of:
            as_of = event.terms.owned.as_of
            message = f"{one.place}: day is {one.day}, and the trades are those of {as_of}: correct it"
            raise DataError(message)
    ledger = _Ledger(line.place, body["account"], event.terms.owned, on or event.terms.owned.as_of)
    for one in done:
        ledger.book(orders[one.order_id], one)
    try:
        changed = after(body, ledger.account(), event.terms.owned, ledger.sold, ledger.as_of)
    except DataError as error:
        raise DataError(f"{line.place}: {error}") from None
    written = json.dumps({**body, **changed}).encode()
    left = unfilled(orders, done)
    return Next(
        written,
        tuple(
            Unfilled(key, event.customer_id, order.side.value, order.ticker, left[key], round(order.units))
            for key, order in orders.items()
            if left[key]
        ),
        tuple(f"{event.customer_id}: {words}" for words in (*ledger.told(), *_told(_fault(written)))),
    )


def _refuse_other(line: Line, account: Mapping[str, Any], owned: Owned) -> None:
    """Refuse a line that is not the one that was asked: the same fills would count twice.

    Raises:
        DataError: If the day, the cash or the parcels differ from those of the event.
    """
    mend = "give the book that was asked, and all fills so far"
    for name, asked in (("as_of", owned.as_of.isoformat()), ("cash_aud", owned.cash_aud)):
        if account[name] != asked:
            raise DataError(f"{line.place}: account.{name} is {account[name]}, and {asked} was asked: {mend}")
    there = Counter(
        (holding["ticker"], parcel["acquired"], float(parcel["units"]))
        for holding in account.get("holdings", ())
        for parcel in holding["parcels"]
    )
    # Holdings that are not traded are in the line alone.
    missing = Counter((one.ticker, one.acquired.isoformat(), one.units) for one in owned.parcels) - there
    for ticker, acquired, units in missing:
        raise DataError(f"{line.place}: account.holdings has no parcel of {units:g} {ticker} of {acquired}: {mend}")


def _fault(line: bytes) -> str:
    """Say why a line cannot be asked, and the mend; empty where it can be."""
    try:
        parse_request(change_request(line, {"request_id": _ID}), _ID)
    except BadMessageError as error:
        return str(error)[:_LONGEST]
    return ""


def _told(fault: str) -> tuple[str, ...]:
    return (f"the next request cannot be asked: {fault}",) if fault else ()


class _Ledger:
    """An account while contracts are booked, in decimals."""

    def __init__(self, place: str, given: Mapping[str, Any], owned: Owned, on: date) -> None:
        self.place = place
        self.given = given
        self.owned = owned
        self.as_of = max(on, owned.as_of)
        self.cash_aud = _aud(given["cash_aud"]) + _aud(given.get("contribution_aud", 0))
        self.parcels = {
            holding["ticker"]: [
                _Parcel(one["acquired"], int(one["units"]), _aud(one["cost_base_aud"])) for one in holding["parcels"]
            ]
            for holding in given.get("holdings", ())
        }
        self.sold: list[Sold] = []
        self._named: dict[str, list[_Parcel]] = {}

    def book(self, order: Order, one: Contract) -> None:
        """Book a contract.

        Raises:
            DataError: If cost bases are still to be adjusted, or the account does not have the units.
        """
        if self.given.get("cost_base_adjustments"):
            message = (
                f"{self.place}: account.cost_base_adjustments are of the parcels before the trades: put them into the"
                " cost bases, and leave them out"
            )
            raise DataError(message)
        self.as_of = max(self.as_of, one.day)
        if order.side is Side.BUY:
            self.cash_aud -= one.value_aud + one.brokerage_aud
            self._buy(self.parcels.setdefault(order.ticker, []), one)
        else:
            self.cash_aud += one.value_aud - one.brokerage_aud
            self._sell(order, one)

    def _buy(self, parcels: list[_Parcel], one: Contract) -> None:
        """Add a purchase; contracts of one day are one parcel."""
        day, cost = one.day.isoformat(), one.value_aud + one.brokerage_aud
        for parcel in parcels:
            if parcel.acquired == day:
                parcel.units, parcel.cost_base_aud = parcel.units + one.units, parcel.cost_base_aud + cost
                return
        parcels.append(_Parcel(day, one.units, cost))

    def _sell(self, order: Order, one: Contract) -> None:
        """Take units from the parcels that the order names, in that order."""
        named = self._named.setdefault(
            one.order_id, [_Parcel(part.acquired.isoformat(), round(part.units), Decimal(0)) for part in order.parcels]
        )
        left, proceeds = one.units, one.value_aud - one.brokerage_aud
        for wanted in named:
            for parcel in self.parcels.get(order.ticker, ()):
                taken = min(wanted.units, parcel.units, left) if parcel.acquired == wanted.acquired else 0
                if not taken:
                    continue
                cost = parcel.take(taken)
                # The last part gets the rest, so that the proceeds of the parts add up.
                part = proceeds if taken == left else (proceeds * taken / left).quantize(CENT)
                day = date.fromisoformat(parcel.acquired)
                self.sold.append(Sold(order.ticker, day, taken, cost, one.day, part))
                wanted.units, left, proceeds = wanted.units - taken, left - taken, proceeds - part
        if left:
            message = (
                f"{self.place}: {left} {order.ticker} that were sold are in no parcel: give the book that was asked"
            )
            raise DataError(message)

    def account(self) -> dict[str, Any]:
        """Return the account after the contracts."""
        values = {
            one["ticker"]: one["value_aud"]
            for one in self.given.get("holdings", ())
            if one.get("value_aud") is not None
        }
        kept = {ticker: [one for one in parcels if one.units] for ticker, parcels in self.parcels.items()}
        holdings = [
            {
                "ticker": ticker,
                "units": sum(one.units for one in parcels),
                "parcels": [one.body() for one in parcels],
            }
            | ({"value_aud": values[ticker]} if ticker in values else {})
            for ticker, parcels in kept.items()
            if parcels
        ]
        paid = {"withdraw_aud", "withdraw_by"} if self._paid_aud() else set()
        rest = {name: value for name, value in self.given.items() if name not in {"contribution_aud", *paid}}
        if self._paid_aud() and rest.get("pension"):
            drawn = _aud(rest["pension"].get("drawn_aud", 0)) + self._paid_aud()
            rest["pension"] = {**rest["pension"], "drawn_aud": float(drawn)}
        cash = self.cash_aud - self._paid_aud()
        return {**rest, "as_of": self.as_of.isoformat(), "cash_aud": float(cash), "holdings": holdings}

    def _paid_aud(self) -> Decimal:
        """Return the withdrawal, AUD, where its last day is over; else 0."""
        by = self.owned.payments.paid_by(self.owned.as_of)
        if by is None or by >= self.as_of:
            return Decimal(0)
        return _aud(self.owned.withdrawal_aud)

    def told(self) -> Iterator[str]:
        """Tell the points that a person must look at."""
        if paid := self._paid_aud():
            yield f"the withdrawal of {paid:,} AUD counts as paid, since withdraw_by is before {self.as_of}"
        if income_year(self.as_of) > income_year(self.owned.as_of):
            if self.sold or any(payer.realised.is_any for _, payer in self.owned.taxpayer.each):
                yield (
                    f"the financial year of {self.owned.as_of} has ended: realised begins anew, and its losses are in"
                    " carried_losses_aud; see that they are those of the assessment"
                )
            if self.given.get("pension"):
                yield "account.pension is of the year before: give balance_aud of 1 July, and drawn_aud"


@dataclass(slots=True)
class _Parcel:
    """Units of one day while contracts are booked."""

    acquired: str
    units: int
    cost_base_aud: Decimal

    def take(self, units: int) -> Decimal:
        """Take units out; return their cost base, so that both parts add up to the cent."""
        kept = self.units - units
        cost = (self.cost_base_aud * kept / self.units).quantize(CENT)
        taken = self.cost_base_aud - cost
        self.units, self.cost_base_aud = kept, cost
        return taken

    def body(self) -> dict[str, Any]:
        """Return the member of a request."""
        return {"acquired": self.acquired, "units": self.units, "cost_base_aud": float(self.cost_base_aud)}


def _aud(amount: float) -> Decimal:
    return Decimal(repr(amount))
