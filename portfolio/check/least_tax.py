"""A lower bound on the tax over all choices of parcels; only the check uses this module.

With ``G[k]`` the gains of a kind, taxed at ``r[k]``, and ``L`` all losses, the tax is linear in the units of each
parcel, except for the use of the losses. The law allows two cases (ss 102-5 and 102-6), and the least tax is the
smaller of the two:

- No losses reduce indexed gains. Then a dollar of loss is worth some ``v`` in ``[0, max r]``, and the tax is
  ``max over v of r[indexed] G[indexed] + sum of min(r[k], v) G[k] over the others - v L``.
- Losses cover all other gains, ``E = sum of G[k] over the others - L <= 0``. Then the tax is
  ``max(0, r[indexed] (G[indexed] + E))``, and for any ``m >= 0`` at least ``r[indexed] (G[indexed] + E) + m E``.

The bound exchanges minimum and maximum (linear programming duality): for any ``v`` or ``m``, selling the cheapest units
of each ETF, sorted by cost per unit, gives a lower bound. The bound is concave in ``v`` or ``m``. The largest bound is
the least tax of the case, except for the cost of whole units.

By brackets, the tax is the largest of a few lines ``a E + b I - c`` in the net gains. Any mix of the lines is at most
the tax, and a mix has the form above with the rates ``a`` and ``b``. The bound is the largest over the lines and, where
that is not enough, over mixes of neighbours. Gains and losses of the year so far count like units that have to be sold.
"""

from __future__ import annotations

import math
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portfolio import Vector
    from portfolio.check.tax import Payer

    Line = tuple[float, float, float]
    Results = Sequence[Mapping[str, float]]
    Held = Sequence[Sequence[tuple[int, float]]]
    Cheapest = Callable[[Mapping[str, float]], float]

# Steps of the ternary search for the best multiplier; each step keeps two thirds of the range.
_STEPS = 80
# Most doublings of the range of the unbounded multiplier ``m``.
_DOUBLINGS = 60
# Rounding error of a sum, relative to the terms.
_ROUNDING = 1e-12


def least_tax(payer: Payer, results: Results, held: Held, asked: Sequence[float], *, enough: float = math.inf) -> float:
    """Compute a lower bound on the year's tax when *asked* units of each ETF are sold, over all choices of parcels.

    Args:
        payer: The taxpayer.
        results: Gain or loss per unit of each parcel, by kind.
        held: Per ETF: the parcels, each as (index, units).
        asked: Per ETF: units to sell.
        enough: A bound that proves what is to be proven: no better one is then looked for.
    """
    so_far = {kind: aud for kind, aud in payer.so_far.items() if aud}
    mine = [[dict(results[k]) for k, _ in parcels] for parcels in held]
    kinds = sorted({kind for result in (so_far, *chain(*mine)) for kind in result})
    due = _row(so_far, kinds)
    lots = [
        (np.array([_row(result, kinds) for result in gains]), np.array([units for _, units in parcels]), wanted)
        for gains, parcels, wanted in zip(mine, held, asked, strict=True)
        if parcels
    ]

    def cheapest(worth: Mapping[str, float]) -> float:
        """Sum the cost of selling the units with the least cost, given the cost of a dollar of each kind."""
        per_dollar = _row(worth, kinds)
        total = float(due @ per_dollar)
        for gains, units, wanted in lots:
            costs = gains @ per_dollar
            order = np.argsort(costs)
            before = np.cumsum(units[order]) - units[order]
            total += float(costs[order] @ np.clip(wanted - before, 0.0, units[order]))
        return total

    bound = _over_mixes(payer, lambda line: _spared(payer, line, cheapest, enough), enough)
    if bound > 0 and "indexed" in kinds:
        bound = min(bound, _over_mixes(payer, lambda line: _covered(payer, line, cheapest, enough), enough))
    return bound


def _over_mixes(payer: Payer, bound: Callable[[Line], float], enough: float) -> float:
    """Maximise a concave bound over the lines of the tax, and over mixes of the best one with its neighbours."""
    lines = payer.lines()
    bounds = [bound(line) for line in lines]
    best = max(bounds)
    if len(lines) == 1 or best >= enough:
        return best
    k = bounds.index(best)
    for one, two in ((k - 1, k), (k, k + 1)):
        if one >= 0 and two < len(lines):
            mixed = partial(_mix, lines[one], lines[two])
            best = max(best, _largest(lambda part, mixed=mixed: bound(mixed(part)), 1.0, also=0.5, enough=enough))  # type: ignore[misc]
    return best


def _mix(one: Line, two: Line, part: float) -> Line:
    a, b, less = (x + (y - x) * part for x, y in zip(one, two, strict=True))
    return a, b, less


def _spared(payer: Payer, line: Line, cheapest: Cheapest, enough: float) -> float:
    """Bound the tax in the case that no losses reduce indexed gains."""
    rate, on_indexed, less = line
    taxed = {kind: rate * payer.part_taxed(kind) for kind in ("undiscounted", "discountable")}

    def bound(value: float) -> float:
        worth = {"loss": -value, "indexed": on_indexed}
        worth |= {kind: min(tax, value) for kind, tax in taxed.items()}
        return cheapest(worth) - value * payer.carried_aud - less

    return _largest(bound, taxed["undiscounted"], also=taxed["discountable"], enough=enough)


def _covered(payer: Payer, line: Line, cheapest: Cheapest, enough: float) -> float:
    """Bound the tax in the case that losses cover all other gains; infinite if they cannot."""
    _, rate, less = line

    def bound(more: float) -> float:
        early = rate + more
        worth = {"loss": -early, "undiscounted": early, "discountable": early, "indexed": rate}
        return cheapest(worth) - early * payer.carried_aud - less

    worth = {"loss": -1.0, "undiscounted": 1.0, "discountable": 1.0, "indexed": 0.0}
    size = payer.carried_aud - cheapest(dict.fromkeys(worth, -1.0))
    if cheapest(worth) - payer.carried_aud > _ROUNDING * size:
        return math.inf
    high = rate
    for _ in range(_DOUBLINGS):
        if bound(2 * high) <= bound(high):
            break
        high *= 2
    return max(0.0, _largest(bound, 2 * high, also=rate, enough=enough))


def _row(amounts: Mapping[str, float], kinds: Sequence[str]) -> Vector:
    return np.array([amounts.get(kind, 0.0) for kind in kinds])


def _largest(bound: Callable[[float], float], high: float, *, also: float, enough: float) -> float:
    """Maximise a concave bound from zero to *high*, or until it is *enough*; also try the likely maximum *also*."""
    low = 0.0
    best = max(bound(low), bound(high), bound(also))
    for _ in range(_STEPS):
        if best >= enough:
            break
        a, b = low + (high - low) / 3, high - (high - low) / 3
        at_a, at_b = bound(a), bound(b)
        best = max(best, at_a, at_b)
        low, high = (a, high) if at_a < at_b else (low, b)
    return best
