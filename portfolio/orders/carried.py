"""The parcels that are owned after orders: those sold in part keep their day and their cost per unit."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from portfolio.published.order import Side
from portfolio.tax.parcels import Parcel

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from portfolio.published.order import Order, ParcelSold


def units_sold_of(parcels: Sequence[Parcel], orders: Iterable[Order]) -> tuple[int, ...]:
    """Return the units that the orders sell of each parcel, in the order of *parcels*."""
    sold = [0] * len(parcels)
    for order in orders:
        for part in order.parcels if order.side is Side.SELL else ():
            sold[_place(parcels, sold, order.ticker, part)] += round(part.units)
    return tuple(sold)


def carry(parcels: Sequence[Parcel], orders: Sequence[Order], day: date) -> tuple[Parcel, ...]:
    """Return the parcels after the orders; purchases are new parcels of *day*, with their costs in the cost base."""
    kept = without(parcels, units_sold_of(parcels, orders))
    bought = (
        Parcel(order.ticker, round(order.units), day, order.value_aud + order.spread_aud + order.brokerage_aud)
        for order in orders
        if order.side is Side.BUY
    )
    return (*kept, *bought)


def without(parcels: Sequence[Parcel], sold: Sequence[float]) -> tuple[Parcel, ...]:
    """Return the parcels less the units sold of each, in the order of *parcels*."""
    left = ((parcel, parcel.units - units) for parcel, units in zip(parcels, sold, strict=True))
    return tuple(
        replace(parcel, units=units, cost_base_aud=parcel.cost_base_aud * units / parcel.units)
        for parcel, units in left
        if units > 0
    )


def _place(parcels: Sequence[Parcel], sold: Sequence[int], ticker: str, part: ParcelSold) -> int:
    """Find the parcel of the part's day whose cost per unit is nearest to that of the part."""
    units = round(part.units)
    same_day = [
        i
        for i, parcel in enumerate(parcels)
        if (parcel.ticker, parcel.acquired) == (ticker, part.acquired) and parcel.units - sold[i] >= units
    ]
    return min(same_day, key=lambda i: abs(parcels[i].unit_cost_aud - part.cost_base_aud / part.units))
