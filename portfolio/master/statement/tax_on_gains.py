"""The tax on the gains of sales, as rows of stage 2, in shares of the capital.

Losses reduce the kinds of gain in the law's order. If this order is the cheapest, as under the law of today, the
program may use losses freely, and the rows are linear. Indexed gains bear the highest rate and come last: a switch then
decides between the two cases that the law allows. Either no losses reduce indexed gains, or losses have reduced all
other gains to zero.
"""

from __future__ import annotations

import math
from collections import defaultdict
from typing import TYPE_CHECKING

from portfolio.tax.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.case.inventory import Inventory, Lot
    from portfolio.conic.program import Builder

# Branch on this switch first: a relaxation of both cases gives a weak bound.
_URGENCY = 16.0


def tax_gains(
    build: Builder, stock: Inventory, sales: Sequence[tuple[Lot, int]]
) -> tuple[dict[int, float], int | None]:
    """Tax the gains, less the losses used.

    Args:
        build: The builder that collects the rows.
        stock: The holdings of today.
        sales: Parcels, each with the variable of the amount sold.

    Returns:
        The tax, as a row, and the switch between the two cases; None if the program needs no switch.
    """
    of: dict[Kind, dict[int, float]] = defaultdict(dict)
    for lot, x in sales:
        for kind, aud in lot.gains.items():
            # Gain per dollar sold.
            of[kind][x] = aud / float(stock.prices[lot.j])
    losses, carried = of.pop(Kind.LOSS, {}), stock.losses_aud / stock.capital_aud
    gains = {kind: of[kind] for kind in stock.rates if kind in of}
    tax: dict[int, float] = defaultdict(float)
    if not gains or not (losses or carried):
        for kind, row in gains.items():
            _add(tax, row, stock.rates[kind])
        return tax, None
    remaining = {kind: _part(build, row) for kind, row in gains.items() if kind is not Kind.INDEXED}
    used: dict[int, float] = defaultdict(float)
    order = None
    for kind, x in remaining.items():
        tax[x] += stock.rates[kind]
        _add(used, gains[kind], 1.0)
        used[x] = -1.0
    if indexed := gains.get(Kind.INDEXED):
        against = _part(build, indexed)
        _add(tax, indexed, stock.rates[Kind.INDEXED])
        tax[against] -= stock.rates[Kind.INDEXED]
        used[against] = 1.0
        if remaining and stock.order_binds:
            order = _keep_order(build, list(remaining.values()), against, most=carried + _most(build, losses))
    _add(used, losses, -1.0)
    build.at_most(used, carried)
    return tax, order


def _part(build: Builder, gains: Mapping[int, float]) -> int:
    """Declare a part of the gains of one kind: from zero to all gains of this kind."""
    part = build.variable(upper=_most(build, gains))
    build.at_most({part: 1.0, **{x: -a for x, a in gains.items()}}, 0.0)
    return part


def _keep_order(build: Builder, remaining: Sequence[int], against: int, *, most: float) -> int:
    """Allow losses *against* indexed gains, at most *most*, only without *remaining* other gains; return the switch."""
    last = build.variable(upper=1.0)
    switch = build.switch(last, floor=1.0, urgency=_URGENCY)
    build.at_most({against: 1.0, last: -min(most, build.upper_of(against))}, 0.0)
    for x in remaining:
        build.at_most({x: 1.0, last: build.upper_of(x)}, build.upper_of(x))
    return switch


def _most(build: Builder, row: Mapping[int, float]) -> float:
    return math.fsum(a * build.upper_of(x) for x, a in row.items())


def _add(row: dict[int, float], more: Mapping[int, float], times: float) -> None:
    for x, a in more.items():
        row[x] += times * a
