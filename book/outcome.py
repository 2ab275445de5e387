"""Judge what became of an account: the outcome, the amounts, and why a person must look. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from bus.language.messages import BadMessageError, MasterPortfolioFailed, parse_final
from bus.language.plain_text import printable
from portfolio.plain_text import is_plain, shown
from portfolio.published.order import Side
from report.facts.getting_there import cost_of

if TYPE_CHECKING:
    from book.requests import Account
    from bus.language.messages import FinalEvent, MasterPortfolioOptimized
    from portfolio.published.order import Order
    from portfolio.published.trading import Trading

_LONGEST = 600


class Outcome(StrEnum):
    """What became of an account: every account of a book has one outcome."""

    ORDERED = "ordered"
    MODEL = "model"
    NOTHING_TO_DO = "nothing_to_do"
    DOES_NOT_PAY = "does_not_pay"
    REFUSED = "refused"
    NOT_ASKED = "not_asked"

    @property
    def words(self) -> str:
        """Say it to people."""
        return _WORDS[self]


_WORDS = {
    Outcome.ORDERED: "ordered",
    Outcome.MODEL: "model portfolio, without an account",
    Outcome.NOTHING_TO_DO: "nothing to do",
    Outcome.DOES_NOT_PAY: "does not pay",
    Outcome.REFUSED: "refused",
    Outcome.NOT_ASKED: "not asked: a fault in the book",
}


@dataclass(frozen=True, slots=True)
class Row:
    """One account of a run's report.

    Attributes:
        place: The line or the file of the book.
        customer_id: The customer's key; empty where the line names none.
        outcome: What became of the account.
        request_id: The last request; empty where none was asked.
        market: The market of the portfolio; empty without one.
        reason: Why there is no portfolio, for programs; empty with one.
        field: The field of a fault in the book.
        why: Why there is no portfolio or no order, and the mend, for people; empty where there are orders.
        orders: Number of orders.
        bought_aud: Value of the units that are bought, AUD.
        sold_aud: Value of the units that are sold, AUD.
        cost_aud: Brokerage, half the spread and tax of the orders, AUD, as the customer's report tells it.
        tax_aud: Tax on the capital gains of the orders, AUD.
        gave_way: Targets that the portfolio does not meet.
        person: Why a person must look, for people; empty where no person must.
    """

    place: str
    customer_id: str
    outcome: Outcome
    request_id: str = ""
    market: str = ""
    reason: str = ""
    field: str = ""
    why: str = ""
    orders: int = 0
    bought_aud: float = 0.0
    sold_aud: float = 0.0
    cost_aud: float = 0.0
    tax_aud: float = 0.0
    gave_way: tuple[str, ...] = ()
    person: str = ""


def not_asked(account: Account, fault: str) -> Row:
    """Judge a line that could not be asked."""
    told = printable(fault, longest=_LONGEST)
    # The key is as the book has it; a spreadsheet must not take it for a formula.
    named = account.customer_id
    customer_id = named if is_plain(named) or not named else shown(named)
    return Row(account.place, customer_id, Outcome.NOT_ASKED, field=account.field, why=told, person=told)


def judge(account: Account, request_id: str, final: bytes) -> tuple[Row, FinalEvent | None]:
    """Judge the final event of an account; also returns the event, None if it cannot be read."""
    try:
        event = parse_final(final)
    except BadMessageError as error:
        told = printable(f"the final event cannot be read ({error}): see that this podfolio is as new as the others")
        row = Row(
            account.place, account.customer_id, Outcome.REFUSED, request_id, reason="unreadable", why=told, person=told
        )
        return row, None
    if isinstance(event, MasterPortfolioFailed):
        told = printable(event.message, longest=_LONGEST)
        reason = event.reason.value
        row = Row(account.place, account.customer_id, Outcome.REFUSED, request_id, reason=reason, why=told, person=told)
        return row, event
    return _with_portfolio(account, request_id, event), event


def _with_portfolio(account: Account, request_id: str, event: MasterPortfolioOptimized) -> Row:
    trading = event.trading
    orders = () if trading is None else trading.orders
    outcome, why = _outcome(trading)
    return Row(
        account.place,
        account.customer_id,
        outcome,
        request_id,
        market=event.market.id,
        why=why,
        orders=len(orders),
        bought_aud=_value(orders, Side.BUY),
        sold_aud=_value(orders, Side.SELL),
        cost_aud=0.0 if trading is None else cost_of(event).total_aud,
        tax_aud=0.0 if trading is None else cost_of(event).tax_aud,
        gave_way=_gave_way(event),
        person="; ".join(_for_a_person(event)),
    )


def _outcome(trading: Trading | None) -> tuple[Outcome, str]:
    if trading is None:
        return Outcome.MODEL, "the request has no account, so there are no orders"
    if trading.orders:
        return Outcome.ORDERED, ""
    reason = trading.does_not_pay
    if reason is not None and reason.cost_aud > 0:
        return Outcome.DOES_NOT_PAY, f"the best orders cost {reason.cost_aud:,.2f} AUD, more than they gain"
    return Outcome.NOTHING_TO_DO, "the account is as the suggestion is"


def _value(orders: tuple[Order, ...], side: Side) -> float:
    return _cents(*(order.value_aud for order in orders if order.side is side))


def _cents(*amounts_aud: float) -> float:
    """Add amounts, to the cent."""
    return round(math.fsum(amounts_aud), 2)


def _gave_way(event: MasterPortfolioOptimized) -> tuple[str, ...]:
    further = () if event.trading is None else event.trading.gave_way
    return tuple(dict.fromkeys([*(goal.name for goal in event.goals if not goal.met), *further]))


def _for_a_person(event: MasterPortfolioOptimized) -> list[str]:
    told = []
    if event.trading is not None:
        told += [
            f"{pair.sold} is sold at a loss while {pair.bought} is bought, which moves alike: review the pair"
            " (TR 2008/1)"
            for pair in event.trading.losses_replaced
        ]
    if not event.certificate.certified:
        gap = event.certificate.gap
        told.append(f"the search ended before its proof (gap {gap:.1e}): ask again with a longer deadline_s")
    return told
