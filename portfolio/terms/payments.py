"""Money that comes into an account and money that is paid out of it, around the trades of one day."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from portfolio.tax.pension import Pension, minimum


@dataclass(frozen=True, slots=True)
class Payments:
    """Payments into and out of the account.

    Attributes:
        contribution_aud: Money that comes in and is invested with the cash, AUD.
        withdraw_aud: Money that is paid out, AUD.
        withdraw_by: The last day of the payment; None without a withdrawal.
        keep_tax_aside: Whether the tax that the sales add stays in the account as cash.
        pension: The pension that is paid from the account; None without a pension.
    """

    contribution_aud: float = 0.0
    withdraw_aud: float = 0.0
    withdraw_by: date | None = None
    keep_tax_aside: bool = False
    pension: Pension | None = None

    def withdrawal_aud(self, day: date) -> float:
        """Return the money to be paid out, AUD: the amount asked, or the rest of a pension's minimum, if that is more.

        Args:
            day: The day of the trades.
        """
        if self.pension is None or not self.pension.withdraw_minimum:
            return self.withdraw_aud
        return max(self.withdraw_aud, minimum(self.pension, day).to_draw_aud)

    def aside_aud(self, tax_aud: float) -> float:
        """Return the part of the tax that the sales add which stays as cash; where they save tax, there is none."""
        return max(tax_aud, 0.0) if self.keep_tax_aside else 0.0

    def paid_by(self, day: date) -> date | None:
        """Return the last day of the withdrawal: the request's, or the end of the pension's year; None without one."""
        if not self.withdrawal_aud(day):
            return None
        if self.withdraw_by is None and self.pension is not None:
            return minimum(self.pension, day).year_ends
        return self.withdraw_by
