"""The tax on the gains of sales, as rows of stage 2, in shares of the capital.

Losses reduce the kinds of gain in the law's order. If this order is the cheapest, as under the law of today, the
program may use losses freely, and the rows are linear. Indexed gains bear the highest rate and come last: a switch then
decides between the two cases that the law allows. Either no losses reduce indexed gains, or losses have reduced all
other gains to zero.

Where the year has gains before the sales, or an individual's brackets tax the gain, a variable is at least each linear
part of the tax (``portfolio.tax.brackets``). That is exact, since less tax is always better.

Of several owners, each has these rows for the owner's share, and the tax is the sum.
"""

from __future__ import annotations

import math
from collections import defaultdict
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from portfolio.tax.brackets import pieces
from portfolio.tax.gains import assess, so_far
from portfolio.tax.kinds import GAINS, Kind, effective_rate, inclusion

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from portfolio.case.inventory import Inventory
    from portfolio.conic.program import Builder
    from portfolio.tax.taxpayer import Taxpayer

# Branch on this switch first: a relaxation of both cases gives a weak bound.
_URGENCY = 16.0


class TaxRow(NamedTuple):
    """The tax that the sales add, as a share of the capital: ``row.x + constant``.

    Attributes:
        row: See above.
        constant: See above; zero unless the year has gains before the sales.
        value: Value of the losses that the sales leave for later years, as a row; empty where losses have no value.
        value_constant: The constant of this value.
        orders: The switches between the two cases, one per owner that needs one.
    """

    row: dict[int, float]
    constant: float = 0.0
    orders: tuple[int, ...] = ()
    value: Mapping[int, float] = MappingProxyType({})
    value_constant: float = 0.0


def tax_gains(build: Builder, stock: Inventory, of: Mapping[Kind, Mapping[int, float]]) -> TaxRow:
    """Tax the gains, less the losses used.

    Args:
        build: The builder that collects the rows.
        stock: The holdings of today.
        of: The gains and losses of all sales, as rows, by kind.
    """
    rows = [
        _of_owner(build, stock, alone, {kind: {x: share * a for x, a in row.items()} for kind, row in of.items()})
        for share, alone in stock.taxpayer.each
    ]
    return rows[0] if len(rows) == 1 else _sum(rows)


def _sum(rows: Sequence[TaxRow]) -> TaxRow:
    row: dict[int, float] = defaultdict(float)
    value: dict[int, float] = defaultdict(float)
    for one in rows:
        _add(row, one.row, 1.0)
        _add(value, one.value, 1.0)
    return TaxRow(
        row,
        math.fsum(one.constant for one in rows),
        tuple(order for one in rows for order in one.orders),
        value,
        math.fsum(one.value_constant for one in rows),
    )


def _of_owner(build: Builder, stock: Inventory, payer: Taxpayer, of: dict[Kind, dict[int, float]]) -> TaxRow:
    """Tax one owner: *of* has the owner's gains and losses per dollar sold, by kind."""
    before = so_far(payer)
    losses, carried = of.pop(Kind.LOSS, {}), (payer.carried_losses_aud + before[Kind.LOSS]) / stock.capital_aud
    by_year = payer.taxable_income_aud is not None or any(before[kind] for kind in GAINS)
    if by_year or (payer.loss_value and (losses or carried)):
        return _of_the_year(build, stock, payer, of, losses)
    rates = {kind: effective_rate(kind, payer) for kind in stock.rates}
    gains = {kind: of[kind] for kind in rates if kind in of}
    tax: dict[int, float] = defaultdict(float)
    if not gains or not (losses or carried):
        for kind, row in gains.items():
            _add(tax, row, rates[kind])
        return TaxRow(tax)
    remaining = {kind: _part(build, row) for kind, row in gains.items() if kind is not Kind.INDEXED}
    used: dict[int, float] = defaultdict(float)
    orders: tuple[int, ...] = ()
    for kind, x in remaining.items():
        tax[x] += rates[kind]
        _add(used, gains[kind], 1.0)
        used[x] = -1.0
    if indexed := gains.get(Kind.INDEXED):
        against = _part(build, indexed)
        _add(tax, indexed, rates[Kind.INDEXED])
        tax[against] -= rates[Kind.INDEXED]
        used[against] = 1.0
        # The law's order costs tax where a loss would save most tax on the gains that come last.
        if remaining and min(rates.values()) < rates[Kind.INDEXED]:
            most = carried + _most(build, losses)
            orders = (_keep_order(build, list(remaining.values()), against, most=most),)
    _add(used, losses, -1.0)
    build.at_most(used, carried)
    return TaxRow(tax, orders=orders)


def _of_the_year(
    build: Builder,
    stock: Inventory,
    payer: Taxpayer,
    of: Mapping[Kind, dict[int, float]],
    losses: dict[int, float],
) -> TaxRow:
    """Tax the gains of the sales with those of the year so far, by brackets or at one rate."""
    year = so_far(payer)
    before = {kind: year[kind] / stock.capital_aud for kind in GAINS}
    at_hand = (payer.carried_losses_aud + year[Kind.LOSS]) / stock.capital_aud
    kinds = [kind for kind in stock.rates if kind is not Kind.INDEXED]
    remaining = {kind: _part(build, of.get(kind, {}), before[kind]) for kind in kinds}
    used: dict[int, float] = defaultdict(float, dict.fromkeys(remaining.values(), -1.0))
    for kind in kinds:
        _add(used, of.get(kind, {}), 1.0)
    _add(used, losses, -1.0)
    indexed = defaultdict(float, of.get(Kind.INDEXED, {}))
    orders: tuple[int, ...] = ()
    # Losses beyond all gains are never used.
    most = sum(before.values()) + math.fsum(_most(build, row) for row in of.values())
    spare = min(at_hand, most)
    if Kind.INDEXED in stock.rates:
        against = _part(build, of.get(Kind.INDEXED, {}), before[Kind.INDEXED])
        indexed[against] -= 1.0
        used[against] = 1.0
        if remaining:
            orders = (_keep_order(build, list(remaining.values()), against, most=spare + _most(build, losses)),)
    build.at_most(used, spare - sum(before[kind] for kind in kinds))
    # Without the sales, losses that are spare reduce the gains that there are.
    value = {x: -payer.loss_value * a for x, a in used.items()} if payer.loss_value else {}
    idle = min(at_hand, sum(before.values())) - sum(before[kind] for kind in kinds)
    parts = pieces(payer)
    tax = build.variable(upper=max((part.early + part.indexed) for part in parts) * most)
    for part in parts:
        row: dict[int, float] = defaultdict(float, {tax: -1.0})
        for kind, x in remaining.items():
            row[x] += part.early * inclusion(kind, payer.entity)
        _add(row, indexed, part.indexed)
        build.at_most(row, part.less / stock.capital_aud - part.indexed * before[Kind.INDEXED])
    so_far_aud = assess(payer, {}).tax_so_far_aud
    return TaxRow({tax: 1.0}, -so_far_aud / stock.capital_aud, orders, value, payer.loss_value * idle)


def _part(build: Builder, gains: Mapping[int, float], before: float = 0.0) -> int:
    """Declare a part of the gains of one kind, with those *before* the sales: from zero to all gains of this kind."""
    part = build.variable(upper=_most(build, gains) + before)
    build.at_most({part: 1.0, **{x: -a for x, a in gains.items()}}, before)
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
