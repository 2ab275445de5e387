"""The tax on a year's capital gains, after losses and discount (s 102-5)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.tax.kinds import GAINS, Amounts, Kind, effective_rate, inclusion
from portfolio.tax.regime import DISREGARDED

if TYPE_CHECKING:
    from portfolio.tax.taxpayer import Taxpayer


# Rounding error, relative to the gains.
_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Assessment:
    """The totals of a year's gains and losses, and the tax on them, in AUD.

    Attributes:
        gains_aud: Gains by kind, before losses and discount.
        losses_used_aud: Losses used, by the kind of gain that they reduced: this year's losses first, then those of
            earlier years.
        net_capital_gain_aud: Gains after losses and discount: the amount added to taxable income.
        tax_aud: Tax on the net capital gain, minimum tax included.
        losses_carried_aud: Losses carried to later years; these reduce gains only, never other income (s 102-10).
    """

    gains_aud: Amounts
    losses_used_aud: Amounts
    net_capital_gain_aud: float
    tax_aud: float
    losses_carried_aud: float


def assess(taxpayer: Taxpayer, realised_aud: Amounts) -> Assessment:
    """Tax the gains and losses realised in one year.

    This year's losses and the carried losses reduce the gains in the order of ``GAINS``, in full, before any
    discount (s 102-5(1), steps 1 and 2). Without indexed gains, this order gives the least tax over all uses of the
    losses::

        min  sum_k r[k] (G[k] - l[k])    subject to    0 <= l[k] <= G[k],   sum_k l[k] <= L

    with the gains ``G``, the losses ``L`` and the rates ``r`` (``effective_rate``). An optimiser that minimises the
    gains can use these linear rows. With indexed gains, this minimum is only a lower bound: by law, losses reduce
    discountable gains first, so the tax is not convex in the units sold. An optimiser then has to compare the two
    cases that ``sale`` solves.

    Args:
        taxpayer: The taxpayer, with carried losses.
        realised_aud: Totals of the year by kind; a missing kind counts as 0.

    Raises:
        DataError: If an amount is negative or not finite.
    """
    refuse_amounts(realised_aud)
    if taxpayer.entity in DISREGARDED:
        nothing = dict.fromkeys(GAINS, 0.0)
        return Assessment(nothing, nothing, 0.0, 0.0, taxpayer.carried_losses_aud)
    gains = {kind: realised_aud.get(kind, 0.0) for kind in GAINS}
    losses = realised_aud.get(Kind.LOSS, 0.0) + taxpayer.carried_losses_aud
    used = {}
    for kind in GAINS:
        used[kind] = min(gains[kind], losses)
        losses -= used[kind]
    taxable = {kind: gains[kind] - used[kind] for kind in GAINS}
    # If losses cover the gains, a remainder can only be a rounding error of sums in another order: set to zero.
    taxable = {kind: amount if amount > _ROUNDING * gains[kind] else 0.0 for kind, amount in taxable.items()}
    return Assessment(
        gains_aud=gains,
        losses_used_aud=used,
        net_capital_gain_aud=sum(inclusion(kind, taxpayer.entity) * taxable[kind] for kind in GAINS),
        tax_aud=sum(effective_rate(kind, taxpayer) * taxable[kind] for kind in GAINS),
        losses_carried_aud=losses,
    )


def refuse_amounts(amounts: Amounts) -> None:
    """Check that *amounts* can be totals of gains and losses.

    Raises:
        DataError: If an amount is negative or not finite.
    """
    if wrong := {kind.value: x for kind, x in amounts.items() if not (math.isfinite(x) and x >= 0)}:
        message = f"totals of gains and losses are amounts from 0, losses too; these are not: {wrong}"
        raise DataError(message)
