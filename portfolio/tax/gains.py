"""The tax on a year's capital gains, after losses and discount (s 102-5)."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from portfolio.errors import DataError
from portfolio.tax.brackets import pieces, tax_on
from portfolio.tax.kinds import GAINS, Amounts, Kind, inclusion
from portfolio.tax.regime import DISREGARDED

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.tax.taxpayer import Taxpayer


# Rounding error, relative to the gains.
_ROUNDING = 1e-13


@dataclass(frozen=True, slots=True)
class Assessment:
    """The totals of a year's gains and losses, those realised before the sales included, and the tax, in AUD.

    Attributes:
        gains_aud: Gains by kind, before losses and discount.
        losses_used_aud: Losses used, by the kind of gain that they reduced: this year's losses first, then those of
            earlier years.
        net_capital_gain_aud: Gains after losses and discount: the amount added to taxable income.
        tax_aud: Tax that the sales add, minimum tax included: that on the net capital gain less ``tax_so_far_aud``;
            negative where losses of the sales save tax on gains of this year.
        losses_carried_aud: Losses carried to later years; these reduce gains only, never other income (s 102-10).
        tax_so_far_aud: Tax on the gains that this year has without the sales.
        losses_value_aud: Value of the losses carried to later years that the sales add, at the taxpayer's
            ``loss_value``; negative where the sales use up losses.
    """

    gains_aud: Amounts
    losses_used_aud: Amounts
    net_capital_gain_aud: float
    tax_aud: float
    losses_carried_aud: float
    tax_so_far_aud: float = 0.0
    losses_value_aud: float = 0.0

    @property
    def net_cost_aud(self) -> float:
        """Tax less the value of the losses that the sales leave for later years: the cost that is optimised."""
        return self.tax_aud - self.losses_value_aud


def so_far(taxpayer: Taxpayer) -> dict[Kind, float]:
    """Return the gains and losses that the year has without the sales, by kind, AUD."""
    realised = taxpayer.realised
    return {
        Kind.LOSS: realised.losses_aud,
        Kind.UNDISCOUNTED: realised.undiscounted_aud,
        Kind.DISCOUNTABLE: realised.discountable_aud,
        Kind.INDEXED: realised.indexed_aud,
    }


def most_per_dollar(taxpayer: Taxpayer, most_aud: Amounts) -> dict[Kind, float]:
    """Bound the tax that one more dollar of gain of each kind adds to a year, whatever losses there are.

    The tax is convex, so the dearest dollar is the last one of the most that may be sold. A dollar of an earlier kind
    may also take a loss away from the indexed gains that the year has so far.

    Args:
        taxpayer: The taxpayer.
        most_aud: The gains of selling everything, by kind.
    """
    most = dict.fromkeys(GAINS, 0.0)
    for share, alone in taxpayer.each:
        before, entity = so_far(alone), alone.entity
        gains = {kind: before[kind] + share * most_aud.get(kind, 0.0) for kind in GAINS}
        early = sum(inclusion(kind, entity) * gains[kind] for kind in GAINS if kind is not Kind.INDEXED)
        last = max(pieces(alone), key=lambda one: one.early * early + one.indexed * gains[Kind.INDEXED] - one.less)
        displaced = last.indexed if before[Kind.INDEXED] else 0.0
        for kind in GAINS:
            own = last.indexed if kind is Kind.INDEXED else last.early * inclusion(kind, entity)
            most[kind] += share * max(own, displaced)
    return most


def assess(taxpayer: Taxpayer, realised_aud: Amounts) -> Assessment:
    """Tax the gains and losses of sales, with those that the year has so far.

    This year's losses and the carried losses reduce the gains in the order of ``GAINS``, in full, before any
    discount (s 102-5(1), steps 1 and 2). Without indexed gains, this order gives the least tax over all uses of the
    losses::

        min  sum_k r[k] (G[k] - l[k])    subject to    0 <= l[k] <= G[k],   sum_k l[k] <= L

    with the gains ``G``, the losses ``L`` and the rates ``r`` (``effective_rate``). An optimiser that minimises the
    gains can use these linear rows. With indexed gains, this minimum is only a lower bound: by law, losses reduce
    discountable gains first, so the tax is not convex in the units sold. An optimiser then has to compare the two
    cases that ``sale`` solves.

    Of several owners, each is taxed on the owner's share, with the owner's own losses; the amounts are their sums.

    Args:
        taxpayer: The taxpayer, with carried losses and the year so far.
        realised_aud: Totals of the sales by kind; a missing kind counts as 0.

    Raises:
        DataError: If an amount is negative or not finite.
    """
    refuse_amounts(realised_aud)
    parts = assess_each(taxpayer, realised_aud)
    return parts[0] if len(parts) == 1 else _together(parts)


def assess_each(taxpayer: Taxpayer, realised_aud: Amounts) -> list[Assessment]:
    """Tax the share of each owner in the gains and losses of sales, in the order of ``taxpayer.each``."""
    return [
        _assess_alone(alone, {kind: share * aud for kind, aud in realised_aud.items()})
        for share, alone in taxpayer.each
    ]


def _together(parts: Sequence[Assessment]) -> Assessment:
    """Add up the assessments of all owners."""
    return Assessment(
        gains_aud={kind: sum(part.gains_aud[kind] for part in parts) for kind in GAINS},
        losses_used_aud={kind: sum(part.losses_used_aud[kind] for part in parts) for kind in GAINS},
        net_capital_gain_aud=sum(part.net_capital_gain_aud for part in parts),
        tax_aud=sum(part.tax_aud for part in parts),
        losses_carried_aud=sum(part.losses_carried_aud for part in parts),
        tax_so_far_aud=sum(part.tax_so_far_aud for part in parts),
        losses_value_aud=sum(part.losses_value_aud for part in parts),
    )


def _assess_alone(taxpayer: Taxpayer, realised_aud: Amounts) -> Assessment:
    """Tax the gains and losses of one owner."""
    if taxpayer.entity in DISREGARDED:
        nothing = dict.fromkeys(GAINS, 0.0)
        return Assessment(nothing, nothing, 0.0, 0.0, taxpayer.carried_losses_aud)
    if not (taxpayer.realised.is_any or taxpayer.loss_value):
        return _of_year(taxpayer, realised_aud)
    before = so_far(taxpayer)
    whole = _of_year(taxpayer, {kind: before[kind] + realised_aud.get(kind, 0.0) for kind in before})
    without = _of_year(taxpayer, before)
    return replace(
        whole,
        tax_aud=whole.tax_aud - without.tax_aud,
        tax_so_far_aud=without.tax_aud,
        losses_value_aud=taxpayer.loss_value * (whole.losses_carried_aud - without.losses_carried_aud),
    )


def _of_year(taxpayer: Taxpayer, realised_aud: Amounts) -> Assessment:
    """Tax the gains and losses of a whole year."""
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
        tax_aud=tax_on(taxpayer, taxable),
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
