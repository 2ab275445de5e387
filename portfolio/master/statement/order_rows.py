"""Rows that link the orders of an ETF that the customer owns to the pods that hold the ETF afterwards.

With one owner per ETF there are two cases: no pod holds the ETF, and all units are sold; or one pod holds the ETF, and
sells a part, buys more, or does not trade. The rows here are redundant where every switch is on or off. They tighten
relaxations, which hold and trade a part of every ETF (disjunctive programming; Balas 1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.conic.program import Builder

# A pod may hold the whole position if the pod's limit is lower by at most this share of the capital.
_ROOM = 1e-6


class OrderVariables(NamedTuple):
    """An order: the variable *amount*, the variable *on* (one if there is an order, else zero), and the switch *z*."""

    amount: int
    on: int
    z: int


class Owner(NamedTuple):
    """A pod that may hold an ETF.

    Attributes:
        u: Variable of the holding, as a share of the pod.
        y: Variable that is one if the pod holds the ETF, else zero.
        share: The pod's share of the capital.
        most: The largest weight that the pod may hold, as a share of the capital.
    """

    u: int
    y: int
    share: float
    most: float


def declare(build: Builder, least: float, most: float) -> OrderVariables:
    """Declare an order with an amount of zero or between *least* and *most*."""
    amount, on = build.variable(upper=most), build.variable(upper=1.0)
    build.at_most({amount: 1.0, on: -most}, 0.0)
    build.at_most({amount: -1.0, on: least}, 0.0)
    return OrderVariables(amount, on, build.switch(on, floor=1.0))


def sell_for_owners(
    build: Builder, sale: OrderVariables, owners: Sequence[Owner], today: float, *, least: float, alone: bool
) -> None:
    """Sell all units where no pod holds the ETF; else bound the sale by the owners' limits.

    Args:
        build: The builder that collects the rows.
        sale: The sale of the ETF.
        owners: The pods that may hold the ETF.
        today: The weight owned today.
        least: The smallest weight that may be held.
        alone: Whether only one pod may hold the ETF.
    """
    # An owner that cannot hold the whole position must sell, too.
    roomy = [o.y for o in owners if not alone or o.most >= today - _ROOM]
    build.at_least({sale.on: 1.0, **dict.fromkeys(roomy, 1.0)}, 1.0)
    build.at_least({sale.amount: 1.0, **{o.y: min(o.most, today) for o in owners}}, today)
    if alone:
        # A partial sale leaves at least the smallest weight that may be held.
        rest = min(least, today)
        build.at_most({sale.amount: 1.0, sale.on: rest - today, **{o.y: rest for o in owners}}, rest)


def buy_for_owners(
    build: Builder, purchase: OrderVariables | None, owners: Sequence[Owner], today: float, *, alone: bool
) -> None:
    """Limit the purchase by the owner's limit, and each owner's holding to the weight owned plus the weight bought."""
    term = {} if purchase is None else {purchase.amount: -1.0}
    for owner in owners:
        if owner.most > today:
            build.at_most({owner.u: owner.share, owner.y: -today, **term}, 0.0)
    if purchase is not None and alone:
        build.at_most({purchase.amount: 1.0, **{o.y: min(today - o.most, 0.0) for o in owners}}, 0.0)
