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

# An owner who lacks less than this share of the capital for all of an ETF may hold it.
_ROOM = 1e-6


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


def sell_for_owners(
    build: Builder, sale: Order, owners: Sequence[Owner], owned: float, *, least: float, alone: bool
) -> None:
    """Sell all where nobody holds an ETF, else as much as its owners must and no more than they may.

    Args:
        build: Collects the rows.
        sale: The sale.
        owners: Who may hold the ETF.
        owned: How much there is, as a weight.
        least: The least weight that may be held.
        alone: Whether only one of them may hold it.
    """
    # One who cannot hold all of it sells, too.
    roomy = [o.y for o in owners if not alone or o.most >= owned - _ROOM]
    build.at_least({sale.on: 1.0, **dict.fromkeys(roomy, 1.0)}, 1.0)
    build.at_least({sale.amount: 1.0, **{o.y: min(o.most, owned) for o in owners}}, owned)
    if alone:
        # A sale of what is kept leaves the least that may be held.
        kept = min(least, owned)
        build.at_most({sale.amount: 1.0, sale.on: kept - owned, **{o.y: kept for o in owners}}, kept)


def buy_for_owners(
    build: Builder, purchase: Order | None, owners: Sequence[Owner], owned: float, *, alone: bool
) -> None:
    """Buy no more than the owner may hold, and let nobody hold more than what is owned and bought."""
    bought = {} if purchase is None else {purchase.amount: -1.0}
    for owner in owners:
        if owner.most > owned:
            build.at_most({owner.u: owner.share, owner.y: -owned, **bought}, 0.0)
    if purchase is not None and alone:
        build.at_most({purchase.amount: 1.0, **{o.y: min(owned - o.most, 0.0) for o in owners}}, 0.0)
