"""The parcels of one ETF in stage 2: the gain of selling an amount, by the best choice of parcels.

Among parcels that gain in one kind alone, the one with the least gain is best sold first: less gain of a kind never
costs more tax. So the gain is a convex, piecewise linear function of the amount sold, and one variable that is at least
each linear part stands for all of these parcels. Losses are the mirror image: the parcel that loses most is sold first.
A parcel with several kinds at once has no such order, and keeps a variable of its own.

Each part has a term for the variable that says whether there is a sale (its perspective), so that a relaxation that
half sells counts half of the gain of a whole sale. The rows are the projection of those with a variable per parcel.
"""

from __future__ import annotations

import math
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from portfolio.tax.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from portfolio.case.inventory import Lot
    from portfolio.conic.program import Builder
    from portfolio.master.statement.order_rows import OrderVariables


class _Parcel(NamedTuple):
    """A parcel that may be sold: the amount, as a share of the capital, and the gains per dollar sold, by kind."""

    amount: float
    gains: Mapping[Kind, float]


def sell_parcels(
    build: Builder,
    sale: OrderVariables,
    lots: Iterable[Lot],
    *,
    price_aud: float,
    capital_aud: float,
    gains: Mapping[Kind, dict[int, float]],
) -> list[int]:
    """Sell from parcels of one ETF, and add their gains.

    Args:
        build: The builder that collects the rows.
        sale: The sale of the ETF.
        lots: The parcels that may be sold.
        price_aud: Price of a unit.
        capital_aud: The capital.
        gains: The gains of all sales as rows, by kind; this sale's are added.

    Returns:
        The variables of the amounts that add up to the sale.
    """
    parcels = [
        _Parcel(lot.units * price_aud / capital_aud, {kind: aud / price_aud for kind, aud in lot.gains.items()})
        for lot in lots
    ]
    amounts = []
    for group in _groups(parcels):
        most = math.fsum(parcel.amount for parcel in group)
        x = build.variable(upper=most)
        build.at_most({x: 1.0, sale.on: -most}, 0.0)
        amounts.append(x)
        for kind in group[0].gains:
            rates = {parcel.gains[kind] for parcel in group}
            if len(rates) == 1:
                gains[kind][x] = rates.pop()
            else:
                gains[kind][_gain(build, sale, group, x, kind)] = 1.0
    build.equal({sale.amount: 1.0, **dict.fromkeys(amounts, -1.0)}, 0.0)
    return amounts


def _groups(parcels: Iterable[_Parcel]) -> Iterator[list[_Parcel]]:
    """Group the parcels whose best order is known: those of one kind, the best first; any other is alone."""
    ordered = sorted(parcels, key=lambda parcel: (sorted(parcel.gains), *sorted(parcel.gains.values())))
    for kinds, group in groupby(ordered, key=lambda parcel: tuple(parcel.gains)):
        if len(kinds) > 1:
            yield from ([parcel] for parcel in group)
        else:
            yield list(group)[:: -1 if kinds == (Kind.LOSS,) else 1]


def _gain(build: Builder, sale: OrderVariables, group: Sequence[_Parcel], x: int, kind: Kind) -> int:
    """Declare the gain or loss of selling *x* of a group: at the best, the first parcels of the group are sold."""
    total = math.fsum(parcel.amount * parcel.gains[kind] for parcel in group)
    gain = build.variable(upper=total)
    sign = -1.0 if kind is Kind.LOSS else 1.0
    if kind is not Kind.LOSS:
        build.at_most({gain: 1.0, sale.on: -total}, 0.0)
    before = so_far = 0.0
    for rate, same in groupby(group, key=lambda parcel: parcel.gains[kind]):
        # After the parcels before, which gain *so_far* in sum, each further dollar gains *rate*.
        build.at_most({gain: -sign, x: sign * rate, sale.on: sign * (so_far - rate * before)}, 0.0)
        amount = math.fsum(parcel.amount for parcel in same)
        before, so_far = before + amount, so_far + rate * amount
    return gain
