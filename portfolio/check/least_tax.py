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
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from portfolio.check.tax import Payer

    Results = Sequence[Mapping[str, float]]
    Held = Sequence[Sequence[tuple[int, float]]]

# Steps of the ternary search for the best multiplier; each step keeps two thirds of the range.
_STEPS = 80
# Most doublings of the range of the unbounded multiplier ``m``.
_DOUBLINGS = 60
# Rounding error of a sum, relative to the terms.
_ROUNDING = 1e-12


def least_tax(payer: Payer, results: Results, held: Held, asked: Sequence[float]) -> float:
    """Compute a lower bound on the tax on selling *asked* units of each ETF, over all choices of parcels.

    Args:
        payer: The taxpayer.
        results: Gain or loss per unit of each parcel, by kind.
        held: Per ETF: the parcels, each as (index, units).
        asked: Per ETF: units to sell.
    """

    def cheapest(cost_of: Callable[[Mapping[str, float]], float]) -> float:
        """Sum the cost of selling the units with the least cost."""
        total = 0.0
        for parcels, wanted in zip(held, asked, strict=True):
            left = wanted
            for cost, units in sorted((cost_of(results[k]), units) for k, units in parcels):
                taken = min(left, units)
                total += cost * taken
                left -= taken
        return total

    bound = _spared(payer, cheapest)
    if bound > 0 and any("indexed" in results[k] for parcels in held for k, _ in parcels):
        bound = min(bound, _covered(payer, cheapest))
    return bound


def _spared(payer: Payer, cheapest: Callable[[Callable[[Mapping[str, float]], float]], float]) -> float:
    """Bound the tax in the case that no losses reduce indexed gains."""

    def bound(value: float) -> float:
        worth = {"loss": -value, "indexed": payer.tax_of("indexed")}
        worth |= {kind: min(payer.tax_of(kind), value) for kind in ("undiscounted", "discountable")}
        return cheapest(lambda result: _sum(worth, result)) - value * payer.carried_aud

    return _largest(bound, payer.tax_of("undiscounted"), also=payer.tax_of("discountable"))


def _covered(payer: Payer, cheapest: Callable[[Callable[[Mapping[str, float]], float]], float]) -> float:
    """Bound the tax in the case that losses cover all other gains; infinite if they cannot."""
    rate = payer.tax_of("indexed")
    size = payer.carried_aud - cheapest(lambda result: -sum(result.values()))

    def bound(more: float) -> float:
        early = rate + more
        worth = {"loss": -early, "undiscounted": early, "discountable": early, "indexed": rate}
        return cheapest(lambda result: _sum(worth, result)) - early * payer.carried_aud

    worth = {"loss": -1.0, "undiscounted": 1.0, "discountable": 1.0, "indexed": 0.0}
    if cheapest(lambda result: _sum(worth, result)) - payer.carried_aud > _ROUNDING * size:
        return math.inf
    high = rate
    for _ in range(_DOUBLINGS):
        if bound(2 * high) <= bound(high):
            break
        high *= 2
    return max(0.0, _largest(bound, 2 * high, also=rate))


def _sum(worth: Mapping[str, float], result: Mapping[str, float]) -> float:
    return sum(worth[kind] * aud for kind, aud in result.items())


def _largest(bound: Callable[[float], float], high: float, *, also: float) -> float:
    """Maximise a concave bound from zero to *high*; also try the likely maximum *also*."""
    low = 0.0
    best = max(bound(low), bound(high), bound(also))
    for _ in range(_STEPS):
        a, b = low + (high - low) / 3, high - (high - low) / 3
        at_a, at_b = bound(a), bound(b)
        best = max(best, at_a, at_b)
        low, high = (a, high) if at_a < at_b else (low, b)
    return best
