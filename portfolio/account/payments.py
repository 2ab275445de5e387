"""Account for the payments into and out of an account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.market.settlement import last_sale_day, settles_on
from portfolio.published.payments import PaymentsAccount
from portfolio.tax.pension import minimum
from portfolio.terms.payments import Payments

if TYPE_CHECKING:
    from portfolio.published.trading import Trading
    from portfolio.terms.rules import Terms


def payments_account(terms: Terms, trading: Trading | None) -> PaymentsAccount | None:
    """Describe the payments; None if there are none, and no tax is set aside."""
    owned = terms.owned
    if owned is None or trading is None or owned.payments == Payments():
        return None
    paid, day = owned.payments, owned.as_of
    withdrawal, by = owned.withdrawal_aud, paid.paid_by(day)
    from_cash = min(withdrawal, owned.cash_aud + paid.contribution_aud)
    least = None if paid.pension is None else minimum(paid.pension, day)
    return PaymentsAccount(
        contribution_aud=paid.contribution_aud,
        withdrawal_aud=withdrawal,
        paid_by=by,
        from_cash_aud=from_cash,
        from_sales_aud=withdrawal - from_cash,
        settles_on=settles_on(day),
        last_sale_day=None if by is None else last_sale_day(by),
        tax_aside_aud=paid.aside_aud(trading.gains.tax_aud),
        pension=least,
        pension_to_draw_aud=None if least is None else max(least.to_draw_aud - withdrawal, 0.0),
    )
