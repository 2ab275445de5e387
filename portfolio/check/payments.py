"""Check payments into and out of an account: the amounts, the days of the money, and a pension's least payments."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING

from portfolio.check.exchange_days import moved
from portfolio.check.facts import differing
from portfolio.check.pension import least, year_ends

if TYPE_CHECKING:
    from collections.abc import Iterator

    from portfolio.check.facts import Event
    from portfolio.check.orders import Orders
    from portfolio.check.portfolio import Portfolio


def payments(portfolio: Portfolio, orders: Orders) -> Iterator[str]:
    """Check the payments of the event, and whether the event must have any."""
    told, owned = portfolio.event.get("payments"), orders.owned
    pension = owned.paid.get("pension")
    asked = bool(owned.contribution or owned.withdrawal or owned.keeps_tax or pension or owned.paid.get("withdraw_by"))
    if told is None or not asked:
        if asked or told is not None:
            yield "payments are told that nobody asked for, or not told"
        return
    if min(owned.contribution, owned.withdrawal, float(owned.paid["withdraw_aud"])) < 0:
        yield "a payment is negative"
    cash = float(owned.told["cash_aud"]) + owned.contribution
    amounts = {
        "contribution_aud": owned.contribution,
        "withdrawal_aud": owned.withdrawal,
        "from_cash_aud": min(cash, owned.withdrawal),
        "from_sales_aud": max(owned.withdrawal - cash, 0.0),
        "tax_aside_aud": max(orders.gains.tax_aud, 0.0) if owned.keeps_tax else 0.0,
    }
    size = portfolio.terms["total_capital_aud"]
    yield from (f"of the payments, {w}" for w in differing({name: told[name] for name in amounts}, amounts, size=size))
    yield from _days(told, owned.paid, owned.as_of, owned.withdrawal, early=owned.withdrawal > owned.told["cash_aud"])
    yield from _pension(told, pension, owned.as_of, owned.withdrawal)


def _days(told: Event, paid: Event, day: date, amount: float, *, early: bool) -> Iterator[str]:
    by = date.fromisoformat(paid["withdraw_by"]) if paid["withdraw_by"] else year_ends(day)
    last = moved(by, -2)
    settled = moved(day, 2)
    days = {
        "settles_on": settled,
        "paid_by": by if amount else None,
        "last_sale_day": last if amount else None,
    }
    for name, computed in days.items():
        if told[name] != (None if computed is None else computed.isoformat()):
            yield f"of the payments, {name} is {computed}, not {told[name]}"
    if amount and early and by < settled:
        yield f"sales of {day} are to pay by {by}, and their money is there on {settled}"


def _pension(told: Event, pension: Event | None, day: date, amount: float) -> Iterator[str]:
    if pension is None or told["pension"] is None:
        if pension is not None or told["pension"] is not None or told["pension_to_draw_aud"] is not None:
            yield "a pension is told that nobody has, or not told"
        return
    due = least(pension, day)
    if told["pension"]["year_ends"] != year_ends(day).isoformat():
        yield f"the pension's year ends on {year_ends(day)}, not on {told['pension']['year_ends']}"
    numbers = {name: value for name, value in told["pension"].items() if name != "year_ends"}
    yield from (f"of the pension, {words}" for words in differing(numbers, due))
    left = max(due["to_draw_aud"] - amount, 0.0)
    yield from differing(
        {"pension_to_draw_aud": told["pension_to_draw_aud"]}, {"pension_to_draw_aud": left}, size=amount
    )
