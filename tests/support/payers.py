"""A taxpayer of the product, as the check reads the same taxpayer from an event."""

from __future__ import annotations

from typing import TYPE_CHECKING

from portfolio.check.tax import Payer
from portfolio.tax.gains import so_far

if TYPE_CHECKING:
    from portfolio.tax.taxpayer import Taxpayer


def payer_of(taxpayer: Taxpayer) -> Payer:
    """The same taxpayer, as the check reads it."""
    before = {kind.value: aud for kind, aud in so_far(taxpayer).items()}
    return Payer(
        taxpayer.entity.value,
        taxpayer.rate,
        taxpayer.carried_losses_aud,
        before,
        taxpayer.taxable_income_aud,
        taxpayer.income_year,
        taxpayer.loss_value,
        taxpayer.minimum_tax_exempt,
        tuple((share, payer_of(alone)) for share, alone in taxpayer.each) if taxpayer.owners else (),
    )
