"""Payments into and out of an account, as a final event states them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portfolio.tax.pension import Minimum


@dataclass(frozen=True, slots=True)
class PaymentsAccount:
    """The payments around the orders, and their sources.

    Attributes:
        contribution_aud: Money that comes in, AUD. It must be in the account when the purchases settle.
        withdrawal_aud: Money that is paid out, AUD.
        paid_by: The last day of the withdrawal; None without one.
        from_cash_aud: The part of the withdrawal that cash and contribution pay, AUD.
        from_sales_aud: The part of the withdrawal that the sales must raise, AUD.
        settles_on: The day on which the money of the sales is there: two trading days of ASX after the trades.
        last_sale_day: The last trading day whose sales settle by ``paid_by``; None without a withdrawal.
        tax_aside_aud: Tax on the gains of the orders that stays in the account as cash, AUD; 0 unless asked.
        pension: The year's least payments of the pension; None without a pension.
        pension_to_draw_aud: The rest of that minimum after the withdrawal, AUD; None without a pension.
    """

    contribution_aud: float
    withdrawal_aud: float
    paid_by: date | None
    from_cash_aud: float
    from_sales_aud: float
    settles_on: date
    last_sale_day: date | None
    tax_aside_aud: float
    pension: Minimum | None = None
    pension_to_draw_aud: float | None = None
