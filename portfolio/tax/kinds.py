"""The kinds of capital gain, and the tax rate of each kind."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

from portfolio.tax.regime import DISCOUNTS, DISREGARDED, MEDICARE_LEVY, MINIMUM_RATE
from portfolio.tax.taxpayer import Entity

if TYPE_CHECKING:
    from portfolio.tax.taxpayer import Taxpayer


class Kind(StrEnum):
    """The legal treatment of a part of a sale's gain or loss.

    Attributes:
        LOSS: Reduces gains of this year or of a later year; never income.
        UNDISCOUNTED: Taxed in full: held for less than 12 months, or by a company.
        DISCOUNTABLE: Held for 12 months, by a taxpayer with a discount (Div 115).
        INDEXED: A gain of an individual from 1 July 2027: over an indexed cost base where held for 12 months, else over
            the plain cost base; the minimum rate applies in both cases (s 119-5).
    """

    LOSS = "loss"
    UNDISCOUNTED = "undiscounted"
    DISCOUNTABLE = "discountable"
    INDEXED = "indexed"


# Amounts in AUD by kind, never negative: a loss is stated as a positive amount.
Amounts: TypeAlias = Mapping[Kind, float]

# The kinds of gain, in the order in which losses reduce them. Without indexed gains, this order is the taxpayer's best
# choice (s 102-5(1), step 1): a loss saves most tax on gains without a discount. Indexed gains come last by law,
# although their rate is the highest (s 102-5(1), step 1, with the categories of s 102-6).
GAINS = (Kind.UNDISCOUNTED, Kind.DISCOUNTABLE, Kind.INDEXED)


def inclusion(kind: Kind, entity: Entity) -> float:
    """Return the fraction of a gain, after losses, that counts as net capital gain (s 102-5(1); s 118-320)."""
    if entity in DISREGARDED:
        return 0.0
    return 1 - DISCOUNTS[entity] if kind is Kind.DISCOUNTABLE else 1.0


def effective_rate(kind: Kind, taxpayer: Taxpayer) -> float:
    """Compute the tax on one more dollar of a gain of *kind*, before losses and discount.

    The minimum tax raises income tax on indexed gains to 30 % and does not change the Medicare levy (s 119-10(2)
    compares basic income tax liabilities). The taxpayer's rate includes levies; 2 % of income, or the whole rate if
    smaller, counts as the levy. Recipients of a listed income support payment bear no minimum tax. Of several owners,
    the rate is that of one more dollar that all share.
    """
    if taxpayer.owners:
        return sum(share * effective_rate(kind, alone) for share, alone in taxpayer.each)
    rate = taxpayer.rate * inclusion(kind, taxpayer.entity)
    if kind is Kind.INDEXED and taxpayer.entity is Entity.INDIVIDUAL and not taxpayer.minimum_tax_exempt:
        return max(rate, MINIMUM_RATE + min(rate, MEDICARE_LEVY))
    return rate
