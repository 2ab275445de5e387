"""Tie the orders of an ETF that is owned to who holds it afterwards.

With one owner an ETF, one of these happens: nobody holds it, and all is sold; or a pod holds it and sells a part, buys
more, or leaves it alone. The rows here are implied where every switch is on or off; relaxations, which hold and trade
a part of everything, would miss them (disjunctive programming; Balas 1979).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

    from portfolio.conic.program import Builder

# An order of less than this share of the capital is none.
LEAST_ORDER = 1e-6


class Order(NamedTuple):
    """An order: its amount, a variable that is one if there is an order and else zero, and its switch."""

    amount: int
    on: int
    z: int


class Owner(NamedTuple):
    """A pod that may hold an ETF: its part, a variable that is one if it holds it, and weights of the portfolio.

    Attributes:
        u: Its holding, as a share of the pod.
        y: One if it holds the ETF, else zero.
        share: The pod's share of the capital.
        most: The largest weight that it may hold.
    """

    u: int
    y: int
    share: float
    most: float


def declare(build: Builder, least: float, most: float) -> Order:
    """Declare an order, from *least* to *most*."""
    amount, on = build.variable(upper=most), build.variable(upper=1.0)
    build.at_most({amount: 1.0, on: -most}, 0.0)
    build.at_most({amount: -1.0, on: least}, 0.0)
    return Order(amount, on, build.switch(on, floor=1.0))


def sell_for_owners(build: Builder, sale: Order, owners: Sequence[Owner], owned: float, least: float) -> None:
    """Sell all where nobody holds an ETF, else as much as the owner must and no more than it may.

    Args:
        build: Collects the rows.
        sale: The sale.
        owners: Who may hold the ETF.
        owned: How much there is, as a weight.
        least: The least weight that may be held.
    """
    held = {owner.y: 1.0 for owner in owners}
    # Who cannot hold all of it sells, too.
    room_for_all = {o.y: 1.0 for o in owners if o.most >= owned - LEAST_ORDER}
    build.at_least({sale.on: 1.0, **room_for_all}, 1.0)
    build.at_least({sale.amount: 1.0, **{o.y: min(o.most, owned) for o in owners}}, owned)
    # What is sold of a position that is kept leaves the least that may be held.
    kept = min(least, owned)
    build.at_most({sale.amount: 1.0, sale.on: kept - owned, **dict.fromkeys(held, kept)}, kept)


def buy_for_owners(build: Builder, purchase: Order | None, owners: Sequence[Owner], owned: float) -> None:
    """Buy no more than the owner may hold, and let nobody hold more than what is owned and bought."""
    if purchase is None:
        for owner in owners:
            build.at_most({owner.u: owner.share, owner.y: -owned}, 0.0)
        return
    build.at_most({purchase.amount: 1.0, **{o.y: -max(o.most - owned, 0.0) for o in owners}}, 0.0)
    for owner in owners:
        if owner.most > owned:
            build.at_most({owner.u: owner.share, owner.y: -owned, purchase.amount: -1.0}, 0.0)
